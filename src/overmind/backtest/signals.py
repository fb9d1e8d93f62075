"""The signals of a backtest: each line of a file decoded as a live one, at the time at which it was known."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from overmind.backtest.stamps import BadStamp, Stamps, known_at
from overmind.clock.instants import iso_seconds
from overmind.config import MultiWalletConfig
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.prices.tape import Tape
from overmind.signals.decode import BadSignal, decode_signal, token_index
from overmind.text.characters import is_blank

FAULTS_SHOWN: Final = 20


class BadSignals(Exception):
    """Signals that cannot be played: each fault with its file and line, the first of them."""

    def __init__(self, faults: list[str], fix: str = "") -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.fix = fix


def read_signals(path: Path, config: MultiWalletConfig, tape: Tape, stamps: Stamps | None) -> list[Signal]:
    """In order of time. Raises BadSignals if any line is wrong."""
    tokens = token_index(config.desk.tokens.values())
    signals: list[Signal] = []
    faults: list[str] = []
    wrong = 0
    for row, line in enumerate(_lines(path), 1):
        if is_blank(line):
            continue
        signal = _signal(line, config, tokens, tape, stamps)
        if isinstance(signal, Signal):
            signals.append(signal)
            continue
        wrong += 1
        if len(faults) < FAULTS_SHOWN:
            faults.append(f"{path}, line {row}: {signal}")
    if wrong > len(faults):
        faults.append(f"{path}: {wrong - len(faults)} more lines are wrong")
    if faults:
        raise BadSignals(faults)
    return sorted(signals, key=lambda signal: signal.at_ns or 0)


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise BadSignals([f"{path}: {error.strerror}"], "name a readable file of JSON Lines") from None


def _signal(
    line: bytes, config: MultiWalletConfig, tokens: dict[str, Token], tape: Tape, stamps: Stamps | None
) -> Signal | str:
    """Or what is wrong with it."""
    try:
        signal = decode_signal(line, tokens, config.desk.quote, config.signal_fields_ignored, config.wallets)
        return _off_tape(signal, tape) or known_at(signal, stamps, tape)
    except BadSignal as error:
        return str(error)
    except BadStamp as error:
        return f"timestamp: {error}"


def _off_tape(signal: Signal, tape: Tape) -> str:
    if signal.at_ns is None:
        return "timestamp: missing. A backtest must know when the signal came"
    if not tape.start_ns <= signal.at_ns <= tape.end_ns:
        first, last = iso_seconds(tape.start_ns), iso_seconds(tape.end_ns)
        return f"timestamp: {iso_seconds(signal.at_ns)} is outside the tape, which has candles from {first} to {last}"
    return ""
