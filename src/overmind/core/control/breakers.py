"""Breakers: when a limit is reached, its named hold is added, with a reason. A daily limit's hold ends at midnight UTC.

They run after every outcome and every batch of marks. A hold that was lifted by hand returns when the limit is found
reached again. Loss streak and drawdown restart when their hold is lifted, the emergency stop at the reactivation.

See specification §10.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.aggregates import equity_if
from overmind.core.books.book import WalletBook
from overmind.core.books.state import State, reached
from overmind.core.books.trust import usd_text
from overmind.core.control.holds import DAY_TRADES, add_hold
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import WalletType
from overmind.core.model.events import CloseOrdered, Event, HoldAdded, HoldLifted, LiquidationOrdered
from overmind.core.model.units import DAY_NS, MICROS, PICO, PPM

DAY_LOSS, LOSS_STREAK, DRAWDOWN, EMERGENCY = "day_loss", "loss_streak", "drawdown", "emergency"
DEPEG: Final = "depeg"
CENTS: Final = 100
SINCE: Final = "since 00:00 UTC or the last reactivation"


def after_outcome(state: State, book: WalletBook, at_ns: int) -> Iterator[Event]:
    desk = state.settings
    yield from _wallet_breakers(state, desk, book, at_ns)
    yield from _portfolio_breakers(state, desk, at_ns)
    if desk.day_loss_flatten:
        yield from _flatten(state, desk)


def after_marks(state: State, at_ns: int) -> Iterator[Event]:
    """One outlier mark may stop all entries, which is harmless. Liquidation waits until a second mark confirms the
    loss.
    """
    desk = state.settings
    for book in state.wallets.values():
        yield from _wallet_breakers(state, desk, book, at_ns)
    yield from _portfolio_breakers(state, desk, at_ns)
    yield from _depeg(state, desk, at_ns)
    if desk.day_loss_flatten:
        yield from _flatten(state, desk)
    wanted = desk.emergency_liquidate and not _liquidation_is_ordered(state, desk.emergency_sweep)
    # The last check is the expensive one: it visits every position.
    if wanted and state.stop_is_reached and _is_confirmed(state):
        yield from liquidate(state, _stop_reason(state), desk.emergency_sweep)


def _depeg(state: State, desk: Desk, at_ns: int) -> Iterator[Event]:
    """Holds entries while any source shows the quote currency too far from 1 USD.

    The hold ends by itself at half that distance, so that a price at the limit does not hold and lift every second.
    """
    mark = state.marks.get(desk.quote.mint)
    if mark is None or not desk.depeg_max_ppm:
        return
    prices = (mark.price_pico, mark.price_pico if mark.witness is None else mark.witness.price_pico)
    off_ppm = max(abs(price_pico - PICO) * PPM // PICO for price_pico in prices)
    if off_ppm > desk.depeg_max_ppm:
        shown = " and ".join(usd_text(price_pico) for price_pico in dict.fromkeys(prices))
        reason = f"{desk.quote.symbol} is at {shown}, more than {desk.depeg_max_ppm / 10_000:g} % from $1"
        yield from add_hold(state, Scope(), Hold(DEPEG, reason, at_ns))
    elif DEPEG in state.holds and off_ppm * 2 <= desk.depeg_max_ppm:
        yield HoldLifted(Scope(), DEPEG, f"{desk.quote.symbol} is at {usd_text(mark.price_pico)} again")


def _flatten(state: State, desk: Desk) -> Iterator[Event]:
    """Closes what is open where two marks confirm that the day's loss has reached its limit."""
    capital = state.day_base.capital_micros(state.deposited_micros)
    everywhere = DAY_LOSS in state.holds and reached(equity_if(state, max), capital, desk.day_loss_max_ppm)
    for book in state.wallets.values():
        if everywhere or (DAY_LOSS in book.holds and _day_loss_is_confirmed(state, book)):
            hold = state.holds[DAY_LOSS] if everywhere else book.holds[DAY_LOSS]
            for mint in [mint for mint in book.positions if mint not in book.closing]:
                yield CloseOrdered(book.wallet.id, mint, f"day loss: {hold.reason}")


def _day_loss_is_confirmed(state: State, book: WalletBook) -> bool:
    """Whether the loss has reached the limit with each token at the higher of its last two marks."""
    marks, before = state.marks, state.before_pico
    held = ((one, max(before[mint], marks[mint].price_pico)) for mint, one in book.positions.items() if mint in marks)
    value = sum(position.value_micros(price_pico) for position, price_pico in held)
    loss = book.positions_micros - value - book.day_pnl_micros
    return loss > 0 and loss >= book.wallet.limits.daily_loss_max_micros


def _is_confirmed(state: State) -> bool:
    """Whether two marks confirm the loss: tokens count at the higher of their last two marks, the base at the lower."""
    capital = state.stop_confirmed_micros + state.deposited_micros - state.stop_base.deposited_micros
    return reached(equity_if(state, max), capital, state.settings.emergency_stop_ppm)


def returning(state: State, scope: Scope, at_ns: int) -> list[Hold]:
    """The holds that the next look would add to this wallet or to the portfolio: their limits are still reached."""
    book, desk = state.wallets.get(scope.wallet_id) if scope.wallet_id is not None else None, state.settings
    added = [] if book is None else [*_wallet_breakers(state, desk, book, at_ns)]
    found = [*added, *_portfolio_breakers(state, desk, at_ns)]
    return [one.hold for one in found if isinstance(one, HoldAdded) and one.scope == scope]


def stop_all(state: State, reason: str, at_ns: int) -> Iterator[Event]:
    """The emergency stop. Repeating it changes nothing."""
    for wallet_id in state.wallets:
        yield from add_hold(state, Scope(wallet_id), Hold(EMERGENCY, reason, at_ns))


def liquidate(state: State, reason: str, sweep: bool) -> Iterator[Event]:
    """Orders a liquidation of all wallets, unless it is already ordered."""
    if not _liquidation_is_ordered(state, sweep):
        yield LiquidationOrdered(reason, sweep)


def _liquidation_is_ordered(state: State, sweep: bool) -> bool:
    return all(book.liquidating and (book.sweeping or not sweep) for book in state.wallets.values())


def _wallet_breakers(state: State, desk: Desk, book: WalletBook, at_ns: int) -> Iterator[Event]:
    loss, loss_max = -book.day_pnl_micros, book.wallet.limits.daily_loss_max_micros
    if loss > 0 and loss >= loss_max and DAY_LOSS not in book.holds and book.wallet.type is not WalletType.EMERGENCY:
        reason = f"lost {_usd(loss)} since 00:00 UTC, the limit is {_usd(loss_max)}"
        yield from add_hold(state, Scope(book.wallet.id), Hold(DAY_LOSS, reason, at_ns, _day_ends_ns(state)))
    trades, trades_max = book.trades_today, book.wallet.limits.trades_per_day_max
    if _trades_exhausted(trades, trades_max, book.holds) and book.wallet.type is not WalletType.EMERGENCY:
        reason = f"{trades} trades since 00:00 UTC, the limit is {trades_max}"
        yield from add_hold(state, Scope(book.wallet.id), Hold(DAY_TRADES, reason, at_ns, _day_ends_ns(state)))
    streak_max = desk.loss_streak_max
    if streak_max and book.loss_streak >= streak_max and LOSS_STREAK not in book.holds:
        reason = f"{book.loss_streak} sales in a row lost money, the limit is {streak_max}"
        yield from add_hold(state, Scope(book.wallet.id), Hold(LOSS_STREAK, reason, at_ns, _day_ends_ns(state)))


def _portfolio_breakers(state: State, desk: Desk, at_ns: int) -> Iterator[Event]:
    holds = state.holds
    capital = state.day_base.capital_micros(state.deposited_micros)
    if DAY_LOSS not in holds and reached(state.equity_micros, capital, desk.day_loss_max_ppm):
        reason = _loss_reason(state, capital, "since 00:00 UTC", desk.day_loss_max_ppm)
        yield from add_hold(state, Scope(), Hold(DAY_LOSS, reason, at_ns, _day_ends_ns(state)))
    if desk.day_trades_max and _trades_exhausted(state.trades_today, desk.day_trades_max, holds):
        reason = f"{state.trades_today} trades of all wallets since 00:00 UTC, the limit is {desk.day_trades_max}"
        yield from add_hold(state, Scope(), Hold(DAY_TRADES, reason, at_ns, _day_ends_ns(state)))
    peak = state.peak_gain_micros + state.deposited_micros
    if DRAWDOWN not in holds and reached(state.equity_micros, peak, desk.drawdown_max_ppm):
        reason = _loss_reason(state, peak, "from the peak", desk.drawdown_max_ppm)
        yield from add_hold(state, Scope(), Hold(DRAWDOWN, reason, at_ns))
    stop_capital = state.stop_base.capital_micros(state.deposited_micros)
    if reached(state.equity_micros, stop_capital, desk.emergency_stop_ppm):
        yield from stop_all(state, _stop_reason(state), at_ns)


def _trades_exhausted(trades: int, trades_max: int, holds: dict[str, Hold]) -> bool:
    """A limit of 0 adds no hold before the first trade; the gate refuses every entry anyway."""
    return trades > 0 and trades >= trades_max and DAY_TRADES not in holds


def _loss_reason(state: State, capital_micros: int, since: str, limit_ppm: int) -> str:
    loss = capital_micros - state.equity_micros
    return f"the portfolio lost {_usd(loss)} of {_usd(capital_micros)} {since}, the limit is {limit_ppm / 10_000:g} %"


def _stop_reason(state: State) -> str:
    capital = state.stop_base.capital_micros(state.deposited_micros)
    return _loss_reason(state, capital, SINCE, state.settings.emergency_stop_ppm)


def _day_ends_ns(state: State) -> int:
    """Of the day that the books are in: its losses and trades are those that the limits count."""
    return (state.day + 1) * DAY_NS


def _usd(micros: int) -> str:
    """Rounded down to the cent."""
    whole, part = divmod(micros * CENTS // MICROS, CENTS)
    return f"${whole:,}.{part:02}"
