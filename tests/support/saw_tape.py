"""Candles that rise and fall in turns, so that a strategy that follows the price has to buy and to sell."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

RISING = 12  # candles, and as many that fall
STEP_PERCENT = 0.4


def saw_tape(folder: Path, step_s: int = 1, rising: int = RISING, start_s: int = 1_750_000_000) -> Path:
    """A round of candles of each token; the last one ends where the first began."""
    tape = folder / "saw"
    tape.mkdir()
    up = [1 + STEP_PERCENT / 100 * number for number in range(rising + 1)]
    turns = [*up, *reversed(up[:-1])]
    for symbol, price in (("SOL", 150), ("ETH", 2_000), ("BTC", 90_000)):
        lines = [
            f"{start_s + step_s * number},{price * opened:.6f},{price * max(opened, closed):.6f},"
            f"{price * min(opened, closed):.6f},{price * closed:.6f},{10**9 // price}"
            for number, (opened, closed) in enumerate(pairwise(turns))
        ]
        (tape / f"{symbol}USDT.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *lines, ""]))
    return tape
