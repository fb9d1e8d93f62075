"""Which routes each wallet has, and what is expected of each. What would protect nothing is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.settings import Settings
from overmind.config.variables.chain import Cluster
from overmind.config.variables.relay import RELAY_TIP, RELAY_URLS
from overmind.config.variables.routing import (
    EXIT_PUBLIC_AFTER,
    RELAY_LANDING,
    RELAY_PRIORITY,
    RELAY_SLOTS,
    RELAY_TIP_EXPECTED,
    RELAY_TIP_MAX,
    ROUTING_LANDING,
    ROUTING_LATE,
    ROUTING_LEARNER,
    ROUTING_PRIORITY,
    ROUTING_SLOTS,
    TIP_DAY_MAX,
    TIP_SHARE_MAX,
    WALLET_ROUTES,
)
from overmind.config.wallets import Managed, WalletConfig
from overmind.core.model.desk_settings import Routing
from overmind.core.model.enums import MEV_PROTECTION
from overmind.core.model.ids import WalletId
from overmind.core.model.route import PUBLIC_ALONE, Expected, RouteName

RELAY_ALONE: Final = (RouteName.RELAY,)
_NAMES: Final = ", ".join(RouteName)
_SHAPE: Final = "write wallet_id:route, or wallet_id:route+route"

Routes = tuple[RouteName, ...]


def with_routes(managed: Managed, cluster: Cluster, settings: Settings, findings: Findings) -> Managed:
    """The wallets with their routes: as listed, or as their type needs them."""
    listed = _listed(settings.get(WALLET_ROUTES), managed, findings)
    if not has_relay(cluster, settings):
        _refuse_relays(listed, managed.wallets, cluster, findings)
    wallets = {
        wallet_id: msgspec.structs.replace(
            known, wallet=msgspec.structs.replace(known.wallet, routes=listed.get(wallet_id) or _usual(known))
        )
        for wallet_id, known in managed.wallets.items()
    }
    return msgspec.structs.replace(managed, wallets=wallets)


def has_relay(cluster: Cluster, settings: Settings) -> bool:
    """Paper plays one."""
    return cluster is Cluster.PAPER or bool(settings.get(RELAY_URLS))


def routing_of(cluster: Cluster, settings: Settings, wallets: Iterable[WalletConfig]) -> Routing:
    """A desk whose wallets all have the public route alone compares no routes."""
    uses_relay = has_relay(cluster, settings) and any(RouteName.RELAY in known.wallet.routes for known in wallets)
    expected = _expected(settings)  # Read in any case, so that a mistake in it is found.
    return Routing(
        learner=settings.get(ROUTING_LEARNER),
        landing_ppm=settings.get(ROUTING_LANDING),
        slots=settings.get(ROUTING_SLOTS),
        late_bps=settings.get(ROUTING_LATE),
        routes=expected if uses_relay else {},
        exit_public_after_ns=settings.get(EXIT_PUBLIC_AFTER),
        tip_share_max_ppm=settings.get(TIP_SHARE_MAX),
        tip_day_max_lamports=settings.get(TIP_DAY_MAX),
    )


def _expected(settings: Settings) -> dict[RouteName, Expected]:
    fixed, tip_max = settings.get(RELAY_TIP), settings.get(RELAY_TIP_MAX)
    tip = settings.get(RELAY_TIP_EXPECTED) if fixed is None else fixed
    public = Expected(settings.get(ROUTING_LANDING), settings.get(ROUTING_SLOTS), settings.get(ROUTING_PRIORITY))
    relay = Expected(
        landing_ppm=settings.get(RELAY_LANDING),
        slots=settings.get(RELAY_SLOTS),
        priority_lamports=settings.get(RELAY_PRIORITY),
        tip_lamports=min(tip, tip_max),
        tip_max_lamports=tip_max,
    )
    return {RouteName.PUBLIC: public, RouteName.RELAY: relay}


def _usual(known: WalletConfig) -> Routes:
    return RELAY_ALONE if known.wallet.type is MEV_PROTECTION else PUBLIC_ALONE


def _listed(text: str, managed: Managed, findings: Findings) -> dict[WalletId, Routes]:
    found: dict[WalletId, Routes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, colon, said = entry.partition(":")
        wallet_id, routes = WalletId(name.strip()), _routes(said)
        where = f"{WALLET_ROUTES.name} {shown(wallet_id)}"
        if not colon or not routes:
            findings.refuse(where, f"{shown(entry)!r} names no routes", f"{_SHAPE}; the routes are {_NAMES}")
        elif wallet_id not in managed.statuses:
            findings.refuse(where, "is not among the managed wallets", "name one of OVERMIND_MANAGED_WALLETS")
        elif wallet_id in found:
            findings.refuse(where, "is listed twice", "keep one of the entries")
        else:
            found[wallet_id] = routes
            _check_type(where, managed.wallets.get(wallet_id), routes, findings)
    return found


def _routes(said: str) -> Routes:
    """Empty: one of them is no route, or stands there twice."""
    names = [name.strip().lower() for name in said.split("+")]
    known = {route.value: route for route in RouteName}
    return tuple(known[name] for name in names) if {*names} <= {*known} and len({*names}) == len(names) else ()


def _check_type(where: str, known: WalletConfig | None, routes: Routes, findings: Findings) -> None:
    if known is not None and known.wallet.type is MEV_PROTECTION and RouteName.RELAY not in routes:
        problem = "is of the type MEVProtection and has no protected route: its entries would all be refused"
        findings.refuse(where, problem, f"add {RouteName.RELAY}, or give it another type")


def _refuse_relays(
    listed: Mapping[WalletId, Routes],
    wallets: Mapping[WalletId, WalletConfig],
    cluster: Cluster,
    findings: Findings,
) -> None:
    """A relay that was asked for by name and is not there is a mistake. A type alone is a warning, as it always was."""
    for wallet_id, routes in listed.items():
        if RouteName.RELAY in routes:
            where = f"{WALLET_ROUTES.name} {shown(wallet_id)}"
            findings.refuse(where, f"{cluster} has no relay", f"set {RELAY_URLS.name}, or take the relay out")
    for wallet_id, known in wallets.items():
        if known.wallet.type is MEV_PROTECTION and wallet_id not in listed:
            problem = f"{cluster} has no protected route, so every entry of {wallet_id} will be refused"
            findings.warn(WALLET_ROUTES.name, problem, f"set {RELAY_URLS.name}, or give the wallet another type")
