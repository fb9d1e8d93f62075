"""By which routes an order may reach the chain. MEV protection is a hard constraint: whoever sees a transaction
before it lands can trade ahead of it, so an entry that must be protected never takes a public route.

An exit must get out. It takes a protected route first, and a public one when that has not worked for a stated time.

See specification §14.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.settle.routed import waits
from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import MEV_PROTECTION
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.route import PUBLIC_ALONE, RouteName
from overmind.core.model.signal import Signal
from overmind.core.model.units import LAMPORTS, MICROS, PICO, ppm_of
from overmind.core.model.wallet import Wallet

ROUTE_RULES: Final = 5  # the first booking rules that know routes


def is_protected(wallet: Wallet, signal: Signal) -> bool:
    return signal.mev_protected or wallet.type is MEV_PROTECTION


def entry_routes(state: State, wallet: Wallet, signal: Signal) -> tuple[RouteName, ...]:
    """Those that an entry of this wallet may take, in the wallet's order."""
    if state.settings.booking_rules < ROUTE_RULES:
        return PUBLIC_ALONE
    protected = is_protected(wallet, signal)
    return tuple(route for route in wallet.routes if (route.protects or not protected) and is_open(state, route))


def is_open(state: State, route: RouteName) -> bool:
    """Whether this desk has the route, and the day's tips leave room for one more of its tips."""
    routing = state.settings.routing
    expected = routing.routes.get(route)
    if expected is None:
        return route is RouteName.PUBLIC and not routing.routes
    return not expected.tip_max_lamports or tips_fit(state, (route,))


def tips_fit(state: State, routes: Sequence[RouteName]) -> bool:
    """Whether the day's tips leave room for one order on each of these routes."""
    routing = state.settings.routing
    if not routing.tip_day_max_lamports:
        return True
    wanted = sum(routing.routes[route].tip_max_lamports for route in routes if route in routing.routes)
    return state.tips_today_lamports + wanted <= routing.tip_day_max_lamports


def routes_told(state: State, wallet: Wallet) -> str:
    """What a wallet has instead of a route that would do."""
    desk_has = state.settings.routing.routes or PUBLIC_ALONE
    if used_up := [route for route in wallet.routes if route in desk_has and not is_open(state, route)]:
        return f"the tips of this UTC day are used up: {', '.join(used_up)}"
    return f"routes of the wallet: {', '.join(wallet.routes) or 'none'}; of the desk: {', '.join(desk_has)}"


def exit_route(state: State, book: WalletBook, mint: Mint, protected: bool, at_ns: int) -> RouteName:
    """Protected for a stated time from the first try on; then public, because an exit must get out."""
    desk, wallet = state.settings, book.wallet
    if desk.booking_rules < ROUTE_RULES or not (protected or RouteName.PUBLIC not in wallet.routes):
        return RouteName.PUBLIC
    for route in wallet.routes:
        if route.protects and is_open(state, route) and _pays_tip(state, book, route):
            waited_ns = at_ns - book.relayed_ns[mint] if waits(state, book, mint, at_ns) else 0
            return route if waited_ns < desk.routing.exit_public_after_ns else RouteName.PUBLIC
    return RouteName.PUBLIC


def _pays_tip(state: State, book: WalletBook, route: RouteName) -> bool:
    needed = fee_max_lamports(state.settings, state.settings.routing.routes[route].tip_max_lamports)
    return state.ledger.balance(book.accounts.sol_float, SOL) >= needed + state.settings.costs.rent_lamports


def tip_max_lamports(state: State, route: RouteName, notional_micros: int) -> int:
    """The cap of one order's tip: of the route, and of a share of its notional."""
    routing = state.settings.routing
    expected = routing.routes.get(route)
    if expected is None or not expected.tip_max_lamports:
        return 0
    price_pico = state.price_pico(SOL)
    if not price_pico:
        return 0
    of_notional = ppm_of(notional_micros, routing.tip_share_max_ppm) * (PICO // MICROS) * LAMPORTS // price_pico
    return min(expected.tip_max_lamports, of_notional)


def fee_max_lamports(desk: Desk, tip_lamports: int) -> int:
    """What an order reserves for its fee and for a tip of at most this much."""
    return desk.costs.fee_max_lamports - desk.routing.tip_max_lamports + tip_lamports
