"""Which wallets may take an entry: every rule, in order of precedence, in integers, failing closed.

An entry (a buy) must pass `signal_refusals` and, in one wallet, `wallet_refusals`. An exit (a sale of what is
held) is only ever stopped by facts: `core.exits.exit_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.request import EntryRequest, slippage_ceiling_bps
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import WalletType
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.signal import Signal
from overmind.core.model.units import NOTIONAL_MAX_MICROS, NS, PPM, ppm_of

FUTURE_MAX_NS: Final = 5 * NS
AMOUNT_RANGE: Final = f"1 to {NOTIONAL_MAX_MICROS} micro-USD"


def signal_refusals(state: State, ask: EntryRequest, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    """Rules that say no whichever wallet would take the entry, in order of precedence."""
    desk, signal = state.settings, ask.signal
    if state.holds:
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", ", ".join(sorted(state.holds)))
    elif state.wallets and all("emergency" in book.holds for book in state.wallets.values()):
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", "emergency")
    if paused := state.paused.get(signal.strategy):
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", f"paused: {', '.join(sorted(paused))}")
    yield from time_refusals(signal, ask.stale_at_ns, at_ns, received_at_ns)
    if at_ns - received_at_ns > desk.selection_timeout_ns:
        yield Refusal(Code.SELECTION_TIMEOUT, desk.selection_timeout_ns // 10**6, (at_ns - received_at_ns) // 10**6)
    yield from price_refusals(state, (signal.mint, SOL), at_ns)
    ceiling = slippage_ceiling_bps(desk, signal)
    if ask.slippage_max_bps > ceiling:
        yield Refusal(Code.SLIPPAGE_CEILING, ceiling, ask.slippage_max_bps)
    if ask.impact_bps > ceiling:
        yield Refusal(Code.PRICE_IMPACT, ceiling, ask.impact_bps)
    if signal.mint not in desk.tokens:
        yield Refusal(Code.MINT_NOT_ADMITTED, "a listed token", signal.mint)
    yield from mint_refusals(state, signal.mint)
    if signal.mint in desk.tokens and ask.mark_pico and not 0 < ask.notional_micros <= NOTIONAL_MAX_MICROS:
        yield Refusal(Code.AMOUNT_OUT_OF_RANGE, AMOUNT_RANGE, f"{ask.notional_micros} micro-USD")
    if desk.day_trades_max and (trades := state.trades_today + state.entries_open + 1) > desk.day_trades_max:
        yield Refusal(Code.PORTFOLIO_TRADES, desk.day_trades_max, trades)
    exposure_max = ppm_of(state.equity_micros, desk.portfolio_exposure_max_ppm)
    if state.exposure_micros + ask.notional_micros > exposure_max:
        actual = share_ppm(state.exposure_micros + ask.notional_micros, state.equity_micros)
        yield Refusal(Code.PORTFOLIO_EXPOSURE, desk.portfolio_exposure_max_ppm, actual)
    asset = state.assets.get(signal.mint, 0) + ask.notional_micros
    if asset > ppm_of(state.equity_micros, desk.asset_max_ppm):
        yield Refusal(Code.ASSET_CONCENTRATION, desk.asset_max_ppm, share_ppm(asset, state.equity_micros))
    deployed = state.strategies.get(signal.strategy, 0) + ask.notional_micros
    if deployed > ppm_of(state.equity_micros, desk.strategy_max_ppm):
        actual = share_ppm(deployed, state.equity_micros)
        yield Refusal(Code.STRATEGY_CONCENTRATION, desk.strategy_max_ppm, actual)
    if desk.positions_max and signal.mint not in state.users and len(state.users) + 1 > desk.positions_max:
        yield Refusal(Code.PORTFOLIO_POSITIONS, desk.positions_max, len(state.users) + 1)


def mint_refusals(state: State, mint: Mint) -> Iterator[Refusal]:
    """What an operator said about buying this token."""
    blocked, allowed = state.mints.blocked.get(mint), state.mints.allowed
    if blocked is not None:
        yield Refusal(Code.MINT_BLOCKED, "not blocked", f"blocked by {blocked.who}: {blocked.reason}")
    elif allowed is not None and mint not in allowed:
        yield Refusal(Code.MINT_BLOCKED, "on the allow list", f"not among the {len(allowed)} that are allowed")


def time_refusals(signal: Signal, stale_at_ns: int, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    """A signal out of its time may not be traded, in either direction."""
    if at_ns >= stale_at_ns:
        began_ns = signal.at_ns if signal.at_ns is not None else received_at_ns
        yield Refusal(Code.SIGNAL_STALE, (stale_at_ns - began_ns) // 10**6, (at_ns - began_ns) // 10**6)
    if signal.at_ns is not None and signal.at_ns > at_ns + FUTURE_MAX_NS:
        yield Refusal(Code.SIGNAL_FROM_FUTURE, FUTURE_MAX_NS // 10**6, (signal.at_ns - at_ns) // 10**6)


def price_refusals(state: State, mints: tuple[Mint, ...], at_ns: int) -> Iterator[Refusal]:
    age_max = state.settings.mark_age_max_ns
    for mint in dict.fromkeys(mints):
        mark = state.marks.get(mint)
        if mark is None:
            yield Refusal(Code.PRICE_MISSING, "a journaled mark", mint)
        elif at_ns - mark.at_ns > age_max:
            yield Refusal(Code.PRICE_STALE, age_max // 10**6, (at_ns - mark.at_ns) // 10**6)


def fresh_price_pico(state: State, mint: Mint, at_ns: int) -> int | None:
    mark = state.marks.get(mint)
    return mark.price_pico if mark is not None and at_ns - mark.at_ns <= state.settings.mark_age_max_ns else None


def share_ppm(part: int, whole: int) -> int:
    """A part of a whole in ppm, rounded up; of nothing, everything is too much."""
    return -(-part * PPM // whole) if whole > 0 else PPM * PPM


def wallet_refusals(state: State, book: WalletBook, ask: EntryRequest, at_ns: int) -> Iterator[Refusal]:
    """Rules that say no to this wallet, in order of precedence. None: it may take the entry."""
    desk, signal, wallet, limits = state.settings, ask.signal, book.wallet, book.wallet.limits
    wallet_id, strategy, notional = wallet.id, signal.strategy, ask.notional_micros
    if book.holds:
        yield Refusal(Code.WALLET_STATUS, "Active", f"{book.status}: {', '.join(sorted(book.holds))}", wallet_id)
    if wallet.type is WalletType.EMERGENCY:
        yield Refusal(Code.WALLET_TYPE, "a type that takes entries", wallet.type, wallet_id)
    if wallet_id in signal.exclude:
        yield Refusal(Code.WALLET_EXCLUDED, "not excluded", "excluded by the signal", wallet_id)
    if not desk.multi_wallet_enabled and wallet_id != desk.default_wallet:
        yield Refusal(Code.WALLET_EXCLUDED, desk.default_wallet or "no default wallet", wallet_id, wallet_id)
    share = wallet.strategies.get(strategy)
    if share is None or not share.enabled:
        actual = "disabled" if share else "not in the wallet's strategies"
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", actual, wallet_id)
    if limits.risk_level_ppm > signal.risk_tolerance_ppm:
        yield Refusal(Code.RISK_LEVEL, signal.risk_tolerance_ppm, limits.risk_level_ppm, wallet_id)
    loss = max(0, -book.day_pnl_micros)
    if loss >= limits.daily_loss_max_micros:
        yield Refusal(Code.DAILY_LOSS, limits.daily_loss_max_micros, loss, wallet_id)
    else:
        at_risk = loss + book.loss_in_flight_micros + loss_max_micros(book, ask)
        if at_risk > limits.daily_loss_max_micros:
            yield Refusal(Code.DAILY_LOSS_HEADROOM, limits.daily_loss_max_micros, at_risk, wallet_id)
    if (until_ns := book.cooldowns.get(signal.mint, 0)) > at_ns:
        since_ns = at_ns - until_ns + desk.cooldown_ns
        yield Refusal(Code.ASSET_COOLDOWN, desk.cooldown_ns // 10**6, since_ns // 10**6, wallet_id)
    trades = book.trades_today + book.entries_open + 1
    if trades > limits.trades_per_day_max:
        yield Refusal(Code.TRADES_TODAY, limits.trades_per_day_max, trades, wallet_id)
    if not book.uses(signal.mint) and book.mints_in_use + 1 > limits.positions_max:
        yield Refusal(Code.CONCURRENT_POSITIONS, limits.positions_max, book.mints_in_use + 1, wallet_id)
    price_pico = state.price_pico(signal.mint)
    position = book.used_micros(signal.mint, price_pico) + notional
    if position > limits.position_max_micros:
        yield Refusal(Code.POSITION_SIZE, limits.position_max_micros, position, wallet_id)
    if share is not None:
        position = book.used_by_micros(signal.mint, strategy, price_pico) + notional
        if position > share.position_max_micros:
            yield Refusal(Code.STRATEGY_POSITION_SIZE, share.position_max_micros, position, wallet_id)
        deployed, deployed_max = book.deployed_micros(strategy) + notional, ppm_of(book.equity_micros, share.share_ppm)
        if deployed > deployed_max:
            yield Refusal(Code.STRATEGY_SHARE, deployed_max, deployed, wallet_id)
    quote_free = state.ledger.balance(book.accounts.free, desk.quote.mint)
    if notional > quote_free:
        yield Refusal(Code.INSUFFICIENT_QUOTE, quote_free, notional, wallet_id)
    lamports = desk.costs.fee_max_lamports + rent_lamports(desk, book, signal.mint) + desk.reserve_float_lamports
    float_free = state.ledger.balance(book.accounts.sol_float, SOL)
    if lamports > float_free:
        yield Refusal(Code.INSUFFICIENT_SOL, float_free, lamports, wallet_id)
    exposure = book.positions_micros + book.entries_micros + notional
    if exposure > ppm_of(book.equity_micros, limits.exposure_max_ppm):
        actual_ppm = share_ppm(exposure, book.equity_micros)
        yield Refusal(Code.WALLET_EXPOSURE, limits.exposure_max_ppm, actual_ppm, wallet_id)
    if rate_used(desk, book, at_ns) >= desk.rate_max_per_s:
        yield Refusal(Code.RATE_LIMIT, desk.rate_max_per_s, rate_used(desk, book, at_ns) + 1, wallet_id)


def loss_max_micros(book: WalletBook, ask: EntryRequest) -> int:
    """What this order can cost the day: the stop loss on its notional, and all costs."""
    stop = -(-ask.notional_micros * entry_stop_ppm(book, ask.signal) // PPM)
    rent = 0 if ask.signal.mint in book.token_accounts else ask.rent_micros
    return stop + ask.fee_micros + rent


def entry_stop_ppm(book: WalletBook, signal: Signal) -> int:
    """How far what it buys may fall before it is sold: the wallet's stop loss, else the signal's; 0: there is none."""
    wanted = signal.exits.stop_loss_ppm if signal.exits is not None else None
    return book.wallet.limits.stop_loss_ppm or wanted or 0


def rent_lamports(desk: Desk, book: WalletBook, mint: Mint) -> int:
    return 0 if mint in book.token_accounts else desk.costs.rent_of(desk.tokens.get(mint, desk.quote))


def rate_used(desk: Desk, book: WalletBook, at_ns: int) -> int:
    """Entries placed within the last second."""
    placed = book.placed_ns
    if len(placed) < desk.rate_max_per_s:  # Not even all that we remember would break the limit.
        return 0
    return sum(1 for placed_ns in placed if at_ns - placed_ns < NS)
