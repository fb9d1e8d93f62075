"""The audit for look-ahead: the same signals again, each of them a second later, and a candle later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import structs

from overmind.backtest.history import Played, play
from overmind.config import MultiWalletConfig
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.journal.memory import MemoryJournal
from overmind.prices.tape import Tape
from overmind.venues.depth.classes import Costs

SECOND_NS: Final = NS


class Delayed(msgspec.Struct, frozen=True):
    """What a run earned whose signals came so much later."""

    delay_s: float
    signals: int  # a signal that comes after the end of the tape is left out
    filled: int
    refused: int
    equity_usd: float
    gain_usd: float  # realized and unrealized; what SOL kept for fees gained is in the equity alone


def result(delay_ns: int, played: Played) -> Delayed:
    whole = played.portfolio
    gain = round(whole.realized_pnl + whole.unrealized_pnl, 6)
    return Delayed(delay_ns / NS, played.signals, played.filled, played.refused, whole.total_value_usd, gain)


def audit(
    config: MultiWalletConfig,
    tape: Tape,
    signals: Sequence[Signal],
    seed: int,
    first: Played,
    on_signal: Callable[[int], None],
    detail: Tape | None = None,
    costs: Costs | None = None,
) -> list[Delayed]:
    """The first run's result, and those of the delayed ones. What lives on the first alone was look-ahead."""
    found = [result(0, first)]
    for delay_ns in (SECOND_NS, tape.longest_ns):
        later = delayed(signals, delay_ns, tape.end_ns)
        again = play(config, MemoryJournal(), tape, later, seed, on_signal, detail=detail, costs=costs)
        found.append(result(delay_ns, again))
    return found


def delayed(signals: Sequence[Signal], by_ns: int, end_ns: int) -> list[Signal]:
    later = ((signal, (signal.at_ns or 0) + by_ns) for signal in signals)
    return [structs.replace(signal, at_ns=at_ns) for signal, at_ns in later if at_ns <= end_ns]
