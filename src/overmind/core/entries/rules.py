"""Which wallets may take an entry: every rule, in order of precedence, in integers, failing closed.

An entry (a buy) must pass `signal_refusals` and, in one wallet, `wallet_refusals`. Rules without numbers are code
here; limits are rows of `limit_table`. `core.entries.gate` says only yes or no, in less time. An exit (a sale of what
is held) is only ever stopped by facts: `core.exits.exit_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.trust import doubt_text
from overmind.core.entries.admission import barred, not_admitted, unlisted_refusal
from overmind.core.entries.broken_limits import OTHER_ROWS, ROWS, broken_limits
from overmind.core.entries.limit_row import Limit, P, PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS
from overmind.core.entries.request import EntryRequest, slippage_ceiling_bps
from overmind.core.entries.routes import entry_routes, routes_told
from overmind.core.model.codes import Code, Refusal, rank_of
from overmind.core.model.controls import CLOCK
from overmind.core.model.enums import WalletType
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark
from overmind.core.model.signal import Signal
from overmind.core.model.units import NOTIONAL_MAX_MICROS, NS

FUTURE_MAX_NS: Final = 5 * NS
LISTED: Final = "a listed or admitted token"
AMOUNT_RANGE: Final = f"1 to {NOTIONAL_MAX_MICROS} micro-USD"


def signal_refusals(
    state: State,
    request: EntryRequest,
    at_ns: int,
    received_at_ns: int,
    limits: Sequence[Limit[PortfolioPlace]] = PORTFOLIO_LIMITS,
) -> Iterator[Refusal]:
    """The refusals that do not depend on the wallet, in order of precedence."""
    place = PortfolioPlace(state, request.signal.mint, request.signal.strategy)
    found = [*_signal_rules(state, request, at_ns, received_at_ns), *_limit_refusals(limits, place, request)]
    yield from sorted(found, key=rank_of)


def wallet_refusals(
    state: State,
    book: WalletBook,
    request: EntryRequest,
    at_ns: int,
    limits: Sequence[Limit[WalletPlace]] | None = None,
) -> Iterator[Refusal]:
    """The refusals of this wallet, in order of precedence. If there are none, it may take the entry.

    `limits`: the rows to look at. None: those that the entry breaks, and those that are not written out.
    """
    if limits is None:
        limits = (*(ROWS[code] for code in broken_limits(state, book, request, at_ns)), *OTHER_ROWS)
    place = WalletPlace(state, book, at_ns, request.signal.mint, request.signal.strategy)
    found = [*_wallet_rules(state, book, request, at_ns), *_limit_refusals(limits, place, request)]
    yield from sorted(found, key=rank_of)


def _limit_refusals(limits: Sequence[Limit[P]], place: P, request: EntryRequest) -> list[Refusal]:
    found = [refusal for limit in limits if (refusal := limit.refusal(place, request)) is not None]
    codes = {refusal.code for refusal in found}
    silent = {limit.code for limit in limits if limit.unless in codes}
    return [refusal for refusal in found if refusal.code not in silent]


def _signal_rules(state: State, request: EntryRequest, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    desk, signal = state.settings, request.signal
    if stops := sorted(cause for cause in state.holds if cause != CLOCK):
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", ", ".join(stops))
    elif all_in_emergency(state):
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", "emergency")
    if (doubt := state.holds.get(CLOCK)) is not None:
        yield Refusal(Code.CLOCK_JUMPED, "a clock that is believed", doubt.reason)
    if paused := state.paused.get(signal.strategy):
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", f"paused: {', '.join(sorted(paused))}")
    yield from time_refusals(signal, request.stale_at_ns, at_ns, received_at_ns)
    if at_ns - received_at_ns > desk.selection_timeout_ns:
        yield Refusal(Code.SELECTION_TIMEOUT, desk.selection_timeout_ns // 10**6, (at_ns - received_at_ns) // 10**6)
    is_known = signal.mint in desk.tokens or signal.mint in state.marks  # Otherwise MINT_NOT_ADMITTED says enough.
    yield from price_refusals(state, (signal.mint, SOL) if is_known else (SOL,), at_ns)
    ceiling = slippage_ceiling_bps(desk, signal.strategy)
    if request.slippage_max_bps > ceiling:
        yield Refusal(Code.SLIPPAGE_CEILING, ceiling, request.slippage_max_bps)
    if signal.mint not in desk.tokens:
        yield Refusal(Code.MINT_NOT_ADMITTED, LISTED, unlisted_refusal(state, signal.mint, signal.strategy))
    elif why := barred(state, signal.mint, signal.strategy):
        yield Refusal(Code.MINT_NOT_ADMITTED, LISTED, why)
    elif why := not_admitted(state, signal.mint):
        yield Refusal(Code.MINT_NOT_ADMITTED, f"admitted by the policy {desk.admission}", why)
    yield from mint_refusals(state, signal.mint)
    if signal.mint in desk.tokens and request.mark_pico and not 0 < request.notional_micros <= NOTIONAL_MAX_MICROS:
        yield Refusal(Code.AMOUNT_OUT_OF_RANGE, AMOUNT_RANGE, f"{request.notional_micros} micro-USD")


def all_in_emergency(state: State) -> bool:
    for book in state.wallets.values():
        if "emergency" not in book.holds:
            return False
    return bool(state.wallets)


def mint_refusals(state: State, mint: Mint) -> Iterator[Refusal]:
    """What an operator said about buying this token."""
    blocked, allowed = state.mints.blocked.get(mint), state.mints.allowed
    if blocked is not None:
        yield Refusal(Code.MINT_BLOCKED, "not blocked", f"blocked by {blocked.who}: {blocked.reason}")
    elif allowed is not None and mint not in allowed:
        yield Refusal(Code.MINT_BLOCKED, "on the allow list", f"not among the {len(allowed)} that are allowed")


def time_refusals(signal: Signal, stale_at_ns: int, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    """A stale signal, or one from the future, may neither buy nor sell."""
    if at_ns >= stale_at_ns:
        began_ns = signal.at_ns if signal.at_ns is not None else received_at_ns
        yield Refusal(Code.SIGNAL_STALE, (stale_at_ns - began_ns) // 10**6, (at_ns - began_ns) // 10**6)
    if signal.at_ns is not None and signal.at_ns > at_ns + FUTURE_MAX_NS:
        yield Refusal(Code.SIGNAL_FROM_FUTURE, FUTURE_MAX_NS // 10**6, (signal.at_ns - at_ns) // 10**6)


def price_refusals(state: State, mints: tuple[Mint, ...], at_ns: int) -> Iterator[Refusal]:
    """Why these tokens' prices do not do for an entry."""
    for mint in dict.fromkeys(mints):
        doubted = state.doubted.get(mint)
        if doubted is not None:
            yield Refusal(Code.PRICE_UNCONFIRMED, "a price that is believed", f"{mint}: {doubt_text(state, doubted)}")
        else:
            yield from _age_refusals(state, mint, state.marks.get(mint), at_ns)


def sale_price_refusals(state: State, mint: Mint, at_ns: int) -> Iterator[Refusal]:
    """Why a token's price does not do for a sale. A price that is not believed bounds a sale and does not stop it."""
    yield from _age_refusals(state, mint, state.doubted.get(mint) or state.marks.get(mint), at_ns)


def _age_refusals(state: State, mint: Mint, mark: Mark | None, at_ns: int) -> Iterator[Refusal]:
    age_max = state.settings.mark_age_max_ns
    if mark is None:
        yield Refusal(Code.PRICE_MISSING, "a journaled mark", mint)
    elif at_ns - mark.at_ns > age_max:
        yield Refusal(Code.PRICE_STALE, age_max // 10**6, (at_ns - mark.at_ns) // 10**6)


def _wallet_rules(state: State, book: WalletBook, request: EntryRequest, at_ns: int) -> Iterator[Refusal]:
    desk, signal, wallet = state.settings, request.signal, book.wallet
    if book.holds:
        yield Refusal(Code.WALLET_STATUS, "Active", f"{book.status}: {', '.join(sorted(book.holds))}", wallet.id)
    if wallet.type is WalletType.EMERGENCY:
        yield Refusal(Code.WALLET_TYPE, "a type that takes entries", wallet.type, wallet.id)
    if wallet.id in signal.exclude:
        yield Refusal(Code.WALLET_EXCLUDED, "not excluded", "excluded by the signal", wallet.id)
    if not desk.multi_wallet_enabled and wallet.id != desk.default_wallet:
        yield Refusal(Code.WALLET_EXCLUDED, desk.default_wallet or "no default wallet", wallet.id, wallet.id)
    share = wallet.strategies.get(signal.strategy)
    if share is None or not share.enabled:
        actual = "disabled" if share else "not in the wallet's strategies"
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", actual, wallet.id)
    if not entry_routes(state, wallet, signal):
        yield Refusal(Code.NO_PROTECTED_ROUTE, "a protected route", routes_told(state, wallet), wallet.id)
    if wallet.limits.risk_level_ppm > signal.risk_tolerance_ppm:
        yield Refusal(Code.RISK_LEVEL, signal.risk_tolerance_ppm, wallet.limits.risk_level_ppm, wallet.id)
    if (until_ns := book.cooldowns.get(signal.mint, 0)) > at_ns:
        since_ns = at_ns - until_ns + desk.cooldown_ns
        yield Refusal(Code.ASSET_COOLDOWN, desk.cooldown_ns // 10**6, since_ns // 10**6, wallet.id)
