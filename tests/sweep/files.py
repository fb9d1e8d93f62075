"""A sweep's files for tests: a small tape, a few signals, and what varies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

START_S: Final = 1_743_897_600  # 2025-04-06 00:00 UTC
CANDLES: Final = 24
PRICES: Final = (100, 101, 103, 102, 104, 103)
VARY: Final = '[vary]\n"*.stop_loss_threshold" = [1, 5]\nOVERMIND_PAPER_CAPITAL_USD = [10000, 20000]\n'


def write_sweep(folder: Path, more: str = "", vary: str = VARY) -> Path:
    """`more`: keys beside the tape and the signals."""
    rows = []
    for number in range(CANDLES):
        opened, closed = PRICES[number % len(PRICES)], PRICES[(number + 1) % len(PRICES)]
        low, high = sorted((opened, closed))
        rows.append(f"{START_S + 300 * number},{opened},{high},{low},{closed},500000")
    (folder / "tape").mkdir(exist_ok=True)
    (folder / "tape" / "SOLUSDT_5m.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *rows, ""]))
    signals = [
        f'{{"signal_id": "s{number}", "strategy_type": "MomentumTrading", "action": "Buy", "symbol": "SOL",'
        f' "notional_usd": 100, "timestamp": {START_S + at_s}}}'
        for number, at_s in enumerate((1_000, 2_500, 4_600, 5_200))
    ]
    (folder / "signals.jsonl").write_text("\n".join([*signals, ""]))
    path = folder / "sweep.toml"
    path.write_text(f'tape = "tape"\nsignals = "signals.jsonl"\n{more}\n{vary}')
    return path
