"""What the charts show: equity with deposits, drawdown, candles with fills, stops and refused signals, PnL by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.triggers import stop_pico
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY
from overmind.core.model.events import OrderClosed, OrderPlaced, SignalRefused
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.outcome import Filled
from overmind.core.model.units import NS, PICO
from overmind.core.model.value import Value
from overmind.journal.bars.bar import DAY_S, FOUR_HOURS_S, MINUTE_S, QUARTER_S, Bar
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.catalogue.topics import ANY
from overmind.text.amount import Amount
from overmind.views.orders import booked_amounts

MARKERS_MAX: Final = 200  # fills and refusals of each kind
STOPS_MAX: Final = 12
WEEKS: Final = 26  # of the calendar
SHADES: Final = 4  # of a gain and of a loss


class Range(Value, frozen=True):
    """How far back a chart goes, and how long its bars are."""

    name: str
    seconds: int
    length_s: int


RANGES: Final = (  # A candle is drawn as such where no more than some hundred share the width.
    Range("4 hours", FOUR_HOURS_S, MINUTE_S),
    Range("1 day", DAY_S, QUARTER_S),
    Range("1 week", 7 * DAY_S, QUARTER_S),
    Range("1 month", 31 * DAY_S, FOUR_HOURS_S),
    Range("1 year", 366 * DAY_S, DAY_S),
    Range("all", 3_660 * DAY_S, DAY_S),
)


class Curves(Value, frozen=True):
    """Points of time in seconds and USD, or percent."""

    equity: tuple[tuple[int, float], ...]
    deposits: tuple[tuple[int, float], ...]  # net
    drawdown: tuple[tuple[int, float], ...]  # percent below the highest equity so far, deposits apart; never positive


class Marker(Value, frozen=True):
    at_s: int
    kind: str  # buy, sell or refused
    text: str


class StopLine(Value, frozen=True):
    price: float
    text: str


class DayCell(Value, frozen=True):
    """A day of the calendar, at its place in weeks from the left and days from Monday."""

    day: str
    pnl_usd: float | None  # None: there are no bars of that day
    week: int
    weekday: int
    shade: int  # 1 to SHADES; 0: nothing was gained or lost


def curves(equity: Sequence[Bar], gain: Sequence[Bar]) -> Curves:
    """Both series have a bar for each time at which the desk ran."""
    gained = {bar.start_s: bar for bar in gain}
    both = [(bar, gained[bar.start_s]) for bar in equity if bar.start_s in gained]
    peak, drawdown = None, []
    for of_equity, of_gain in both:
        peak = of_gain.high if peak is None else max(peak, of_gain.high)
        highest = of_equity.close - of_gain.close + peak  # the equity with today's deposits at the best moment
        below = (of_gain.close - peak) * 100 / highest if highest > 0 else 0.0
        drawdown.append((of_equity.start_s, below))
    return Curves(
        equity=tuple((bar.start_s, bar.close) for bar, _ in both),
        deposits=tuple((bar.start_s, bar.close - of_gain.close) for bar, of_gain in both),
        drawdown=tuple(drawdown),
    )


def calendar(pnl: Iterable[Bar], today: date, weeks: int = WEEKS) -> list[DayCell]:
    """What each day made: its last PnL less that of the day before, or less its own first one if that is unknown."""
    bars = {datetime.fromtimestamp(bar.start_s, UTC).date(): bar for bar in pnl}
    monday = today - timedelta(days=today.weekday() + 7 * (weeks - 1))
    days = [monday + timedelta(days=number) for number in range((today - monday).days + 1)]
    made = {day: _made(bars, day) for day in days}
    most = max((abs(one) for one in made.values() if one is not None), default=0.0)
    return [_cell(day, made[day], (day - monday).days, most) for day in days]


def _made(bars: dict[date, Bar], day: date) -> float | None:
    bar, before = bars.get(day), bars.get(day - timedelta(days=1))
    if bar is None:
        return None
    return bar.close - (bar.open if before is None else before.close)


def _cell(day: date, made: float | None, number: int, most: float) -> DayCell:
    shade = 0 if not made or most <= 0 else max(1, min(SHADES, ceil(abs(made) * SHADES / most)))
    return DayCell(day.isoformat(), made, number // 7, number % 7, shade)


def fills(past: Past, desk: Desk, mint: Mint, from_s: int) -> list[Marker]:
    """The newest ones, oldest first."""
    works = past.orders(Search(MARKERS_MAX, mint=mint, from_ns=from_s * NS))
    wanted, placed, found = set(works.ids), dict[OrderId, OrderPlaced](), []
    for entry in works.entries:
        match entry.event:
            case OrderPlaced(order=order):
                placed[order.id] = entry.event
            case OrderClosed(order_id=order_id, outcome=Filled() as fill) if order_id in wanted:
                order = placed[order_id].order
                price = booked_amounts(desk, order, fill)["price"]
                at = "" if price is None else f" at {Amount(price):,.6g}"
                kind = "buy" if order.side is BUY else "sell"
                found.append(Marker(entry.at_ns // NS, kind, f"{order.wallet_id}{at}"))
            case _:
                pass
    return found


def refusals(past: Past, mint: Mint, from_s: int) -> list[Marker]:
    """The newest refused signals of a token, oldest first: what no other chart shows."""
    found = []
    for entry in past.refusals(ANY, Search(2 * MARKERS_MAX, from_ns=from_s * NS)):
        event = entry.event
        if isinstance(event, SignalRefused) and event.signal.mint == mint and event.refusals:
            found.append(Marker(entry.at_ns // NS, "refused", f"{event.signal.id}: {event.refusals[0].code.value}"))
    return found[-MARKERS_MAX:]


def stops(state: State, mint: Mint) -> list[StopLine]:
    """The stop losses of open positions, the highest first: it is reached first."""
    found = []
    for book in state.wallets.values():
        position = book.positions.get(mint)
        if position is not None and (pico := stop_pico(book, position)) is not None:
            found.append(StopLine(pico / PICO, book.wallet.id))
    return sorted(found, key=lambda one: (-one.price, one.text))[:STOPS_MAX]
