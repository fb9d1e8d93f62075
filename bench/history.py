"""Measures a backtest as an operator runs it: candles from files, signals, stops, a journal on disk, and its proof."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import structs

from bench.measure import Result
from overmind.backtest.history import Played, play
from overmind.config import MultiWalletConfig
from overmind.core.model.enums import TradeAction
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.core.model.wallet import Exits
from overmind.desk.market import tokens_by_symbol
from overmind.journal.sqlite import SqliteJournal
from overmind.prices.candles import load_tape
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_config, demo_signals
from overmind.venues.depth.reading import shipped_costs
from overmind.views.verify import verify

CANDLES: Final = 26_000
SIGNALS: Final = 5_000
STEP_S: Final = 300
START_S: Final = 1_743_465_600  # 2025-04-01
SEED: Final = 1
PRICES: Final = {"SOL": 150.0, "ETH": 2_000.0, "BTC": 90_000.0}
VOLATILITY: Final = 0.003  # of a candle: about 5 % a day, so stops fire
VOLUME_USD: Final = 2_000_000.0
PROMISED_S: Final = 20.0

HOUR_NS: Final = 3_600 * NS
EXITS: Final = (
    None,  # the stop loss of the wallet alone
    Exits(stop_loss_ppm=15_000, trailing_ppm=20_000),
    Exits(take_profit_ppm=12_000, hold_max_ns=6 * HOUR_NS),
)


def write_tape(folder: Path) -> None:
    """Writes a random walk for each asset. It is the same in every run."""
    draw = np.random.default_rng(SEED)
    for symbol, start in PRICES.items():
        closes = start * np.exp(np.cumsum(draw.normal(0.0, VOLATILITY, CANDLES)))
        wicks = np.abs(draw.normal(0.0, VOLATILITY / 3, CANDLES))
        opens = np.concatenate(([start], closes[:-1]))
        rows = ["timestamp,open,high,low,close,volume"]
        for number, (opened, closed) in enumerate(zip(opens, closes, strict=True)):
            low, high = sorted((opened, closed))
            low, high = low * (1 - wicks[number]), high * (1 + wicks[-number])
            prices = f"{opened:.6f},{high:.6f},{low:.6f},{closed:.6f}"
            rows.append(f"{START_S + number * STEP_S},{prices},{VOLUME_USD / closed:.3f}")
        (folder / f"{symbol}USDT_5m.csv").write_text("\n".join([*rows, ""]))


def with_exits(signals: list[Signal]) -> list[Signal]:
    """Every third buy has only the wallet's stop loss. Strategies take turns, so that all eight share each kind."""
    return [
        structs.replace(signal, exits=EXITS[number // 8 % len(EXITS)]) if signal.action is TradeAction.BUY else signal
        for number, signal in enumerate(signals)
    ]


def history() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        (folder / "tape").mkdir()
        write_tape(folder / "tape")
        config = demo_config(SEED, folder)
        wall, cpu = time.perf_counter(), time.process_time()
        tape = load_tape(folder / "tape", tokens_by_symbol(config.desk))
        loaded = time.perf_counter() - wall
        played = _play(config, tape, folder)
        traded = time.perf_counter() - wall - loaded
        verified = verify(folder / "overmind.db")
        seconds, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    assert verified.ok, verified.problems
    assert verified.state_hash == played.state_hash
    assert played.books_equal_chain
    note = (
        f"CPU {cpu_s:.1f} s; reading the candles {loaded:.1f} s, trading {traded:.1f} s, verifying "
        f"{seconds - loaded - traded:.1f} s; {played.orders} orders, {verified.entries} entries"
    )
    name = f"backtest of {CANDLES:,} candles × {len(PRICES)} assets with {SIGNALS:,} signals, stops on"
    return [
        Result(name, "≤ 20 s", seconds <= PROMISED_S, seconds, "s", note=note),
        Result("the same, candles", "", None, CANDLES * len(PRICES) / seconds, "/s"),
        Result("the same, signals", "", None, SIGNALS / seconds, "/s"),
    ]


def _play(config: MultiWalletConfig, tape: Tape, folder: Path) -> Played:
    signals = with_exits(demo_signals(tape, SEED, SIGNALS))
    journal = SqliteJournal.open(folder / "overmind.db")
    try:
        return play(config, journal, tape, signals, SEED, lambda _: None, costs=shipped_costs())
    finally:
        journal.close()
