"""What a signal's timestamp means: the time at which it was known, or the row of candles that it was made from."""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import structs

from overmind.core.model.ids import Mint
from overmind.core.model.signal import Signal
from overmind.prices.tape import Series, Tape

MOMENT_NS: Final = 1  # before a candle closes: a signal from it fills at the next candle's opening price
STRANGE_SHOWN: Final = 5


class Stamps(enum.StrEnum):
    """Which time of its candle a signal carries."""

    OPEN = "open"
    CLOSE = "close"


class BadStamp(Exception):
    """The signal's time is not one that the sender says it carries. The message says what is wrong."""


def known_at(signal: Signal, stamps: Stamps | None, tape: Tape) -> Signal:
    """The signal at the time at which it was known. Raises BadStamp.

    A signal that was made from a candle is known when the candle closes, and fills at the price that opens the next.
    """
    if stamps is None:
        return signal
    assert signal.at_ns is not None, signal
    series = tape.series.get(signal.mint)
    if series is None:
        raise BadStamp(f"the tape has no candles of this token, so none can {stamps.value} then")
    closes_ns = signal.at_ns + (series.step_ns if stamps is Stamps.OPEN else 0)
    if not is_close(series, closes_ns):
        raise BadStamp(f"no candle of this token {stamps.value}s then, as --stamps {stamps.value} says of each signal")
    return structs.replace(signal, at_ns=closes_ns - MOMENT_NS)


def is_close(series: Series, at_ns: int) -> bool:
    """Whether a candle closes at this time."""
    place = bisect_left(series.closed_at_ns, at_ns)
    return place < len(series.closed_at_ns) and series.closed_at_ns[place] == at_ns


def doubts(signals: Sequence[Signal], tape: Tape) -> list[str]:
    """Why the times of these signals look like something else than when each was known."""
    on_edges, inside = 0, 0
    for signal in signals:
        series = tape.series.get(signal.mint)
        if series is None or signal.at_ns is None:
            continue
        if is_close(series, signal.at_ns) or is_close(series, signal.at_ns + series.step_ns):
            on_edges += 1
        elif series.opening(signal.at_ns) is not None:
            inside += 1
    found = []
    if 2 * on_edges > len(signals):
        found.append(
            f"{on_edges} of {len(signals)} signals carry the time at which a candle opens. Each fills at the opening "
            "price of the candle after it, since that of its own is not after the signal. Signals that carry the time "
            "of the row they were made from need --stamps open, or --stamps close"
        )
    if 2 * inside > len(signals):
        found.append(
            f"{inside} of {len(signals)} signals lie inside candles. The tape has no price there, so each waits for "
            f"the next candle to open, up to {tape.longest_ns / 1e9:g} s; finer candles shorten that"
        )
    return found


def unfilled(signals: Sequence[Signal], tape: Tape, symbol_of: Callable[[Mint], str]) -> list[str]:
    """Which signals nothing can fill, whatever the desk decides."""
    if not signals:
        return ["there is no signal, so nothing is traded"]
    found = []
    strange = Counter(symbol_of(one.mint) for one in signals if one.mint not in tape.series)
    if strange:
        named = ", ".join(f"{symbol} ({count})" for symbol, count in strange.most_common(STRANGE_SHOWN))
        more = ", …" if len(strange) > STRANGE_SHOWN else ""
        found.append(f"{strange.total()} signals name tokens of which the tape has no candles: {named}{more}")
    late = sum(is_late(one, tape) for one in signals)
    if late:
        found.append(f"{late} signals come when no candle of their token opens any more, so no price follows them")
    return found


def is_late(signal: Signal, tape: Tape) -> bool:
    series = tape.series.get(signal.mint)
    return series is not None and series.opens_after_ns(signal.at_ns or 0) is None
