"""`HFTConfig`: by which relay transactions land, and within which limits. A live desk honours each field or refuses."""

from __future__ import annotations

import dataclasses
from typing import Final

from msgspec import structs

from overmind.config import MultiWalletConfig, kinds
from overmind.config.files import InvalidValue
from overmind.config.relay import REQUESTS_PER_S, relay_problems
from overmind.config.secrecy import Secret
from overmind.config.variables.relay import RELAY_URLS
from overmind.config.variables.routing import RELAY_TIP_MAX
from overmind.core.model.commands import CommandRefused, ConfigureWallet
from overmind.core.model.desk_settings import Desk
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import LAMPORTS
from overmind.desk.app import App
from overmind.desk.relaying import relay_settings
from overmind.solana.routes.relay import RelaySettings
from overmind.solana.routes.tips import TIP_MIN_LAMPORTS

LATENCY_MAX_MS: Final = 60_000
RETRIES_MAX: Final = 10


@dataclasses.dataclass(frozen=True)
class HFTConfig:
    """By which relay a live desk's transactions land. On paper nothing is sent, so it changes nothing there."""

    jito_endpoint: str | None = dataclasses.field(default=None, repr=False)  # None: OVERMIND_RELAY_URLS
    tip_lamports: int = 10_000  # of each transaction
    max_latency_ms: int = 400  # how long an answer may take before another request carries the same transaction
    retries: int = 2  # requests of one transaction beyond the first

    def __post_init__(self) -> None:
        problems = []
        if self.jito_endpoint is not None and isinstance(wrong := kinds.url().read(self.jito_endpoint), InvalidValue):
            problems.append(f"jito_endpoint: {wrong.problem}; {wrong.fix}")
        for name, low, high in (
            ("tip_lamports", TIP_MIN_LAMPORTS, LAMPORTS),
            ("max_latency_ms", 1, LATENCY_MAX_MS),
            ("retries", 0, RETRIES_MAX),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                problems.append(f"{name}: {value!r} is not a whole number from {low} to {high}")
        if problems:
            raise ValueError(". ".join(problems))


def wire_settings(hft: HFTConfig, config: MultiWalletConfig) -> RelaySettings:
    """What goes over the wire. Raises CommandRefused for what this desk cannot honour."""
    known, endpoint = relay_settings(config), hft.jito_endpoint
    if endpoint is not None:
        for problem, fix in relay_problems(config.cluster, (_secret(endpoint),)):
            raise CommandRefused(f"jito_endpoint: {problem}; {fix}")
        known = RelaySettings((endpoint,), requests_per_s=REQUESTS_PER_S if known is None else known.requests_per_s)
    if known is None:
        raise CommandRefused(f"HFTConfig needs a relay: give it a jito_endpoint, or set {RELAY_URLS.name}")
    return structs.replace(known, tip_lamports=hft.tip_lamports, max_latency_ms=hft.max_latency_ms, retries=hft.retries)


def _secret(endpoint: str) -> Secret:
    read = kinds.url().read(endpoint)
    assert isinstance(read, Secret), "the constructor has checked it"
    return read


def with_relay(hft: HFTConfig, desk: Desk, tip_max_lamports: int) -> Desk:
    """The settings with the relay as a route, and with its highest tip reserved. Raises CommandRefused for a tip above
    the cap.
    """
    routing, costs = desk.routing, desk.costs
    if hft.tip_lamports > tip_max_lamports:
        cap = f"{RELAY_TIP_MAX.name} is {tip_max_lamports}"
        raise CommandRefused(f"tip_lamports: {hft.tip_lamports} is above the cap; {cap}")
    public = routing.routes.get(RouteName.PUBLIC) or Expected(routing.landing_ppm, routing.slots)
    relay = routing.routes.get(RouteName.RELAY) or Expected(tip_max_lamports=tip_max_lamports)
    relay = structs.replace(relay, tip_lamports=hft.tip_lamports)
    wider = structs.replace(routing, routes={RouteName.PUBLIC: public, RouteName.RELAY: relay})
    fee_max = costs.fee_max_lamports - routing.tip_max_lamports + wider.tip_max_lamports
    return structs.replace(desk, routing=wider, costs=structs.replace(costs, fee_max_lamports=fee_max))


async def land_by_relay(hft: HFTConfig, app: App) -> None:
    """From now on the desk's wallets use the relay alone for entries, and for exits first. Raises CommandRefused."""
    if app.relay is None:
        return  # Paper.
    settings, desk = wire_settings(hft, app.config), with_relay(hft, app.desk, app.config.chain.tip_max_lamports)
    await app.relay.configure(settings)
    await app.configure(desk)
    for book in list(app.engine.state.wallets.values()):
        if book.wallet.id in app.config.wallets:
            await app.engine.handle(ConfigureWallet(structs.replace(book.configured, routes=(RouteName.RELAY,))))
