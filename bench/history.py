"""Measures a backtest as an operator runs it: candles from files, signals, stops, a journal on disk, and its proof."""

from __future__ import annotations

import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

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

YEAR_CANDLES: Final = 525_600
YEAR_SIGNALS: Final = 20_000
YEAR_STEP_S: Final = 60
YEAR_S_MAX: Final = 150.0
YEAR_MB_MAX: Final = 1_000.0

HOUR_NS: Final = 3_600 * NS
EXITS: Final = (
    None,  # the stop loss of the wallet alone
    Exits(stop_loss_ppm=15_000, trailing_ppm=20_000),
    Exits(take_profit_ppm=12_000, hold_max_ns=6 * HOUR_NS),
)


def write_tape(folder: Path, prices: dict[str, float] = PRICES, candles: int = CANDLES, step_s: int = STEP_S) -> None:
    """Writes a random walk for each asset. It is the same in every run."""
    draw = np.random.default_rng(SEED)
    volatility = VOLATILITY * (step_s / STEP_S) ** 0.5
    for symbol, start in prices.items():
        closes = start * np.exp(np.cumsum(draw.normal(0.0, volatility, candles)))
        wicks = np.abs(draw.normal(0.0, volatility / 3, candles))
        opens = np.concatenate(([start], closes[:-1]))
        rows = ["timestamp,open,high,low,close,volume"]
        for number, (opened, closed) in enumerate(zip(opens, closes, strict=True)):
            low, high = sorted((opened, closed))
            low, high = low * (1 - wicks[number]), high * (1 + wicks[-number])
            told = f"{opened:.6f},{high:.6f},{low:.6f},{closed:.6f}"
            rows.append(f"{START_S + number * step_s},{told},{VOLUME_USD / closed:.3f}")
        (folder / f"{symbol}USDT_{step_s // 60}m.csv").write_text("\n".join([*rows, ""]))


def with_exits(signals: list[Signal]) -> list[Signal]:
    """Every third buy has only the wallet's stop loss. Strategies take turns, so that all eight share each kind."""
    return [
        structs.replace(signal, exits=EXITS[number // 8 % len(EXITS)]) if signal.action is TradeAction.BUY else signal
        for number, signal in enumerate(signals)
    ]


def history() -> list[Result]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return [*_ninety_days(), *process.submit(_year).result()]  # The year's memory is its own.


class Measured(NamedTuple):
    seconds: float
    candles: int
    note: str


def _ninety_days() -> list[Result]:
    found = _measured(PRICES, CANDLES, STEP_S, SIGNALS)
    name = f"backtest of {CANDLES:,} candles × {len(PRICES)} assets with {SIGNALS:,} signals, stops on"
    return [
        Result(name, "≤ 20 s", found.seconds <= PROMISED_S, found.seconds, "s", note=found.note),
        Result("the same, candles", "", None, found.candles / found.seconds, "/s"),
        Result("the same, signals", "", None, SIGNALS / found.seconds, "/s"),
    ]


def _year() -> list[Result]:
    found = _measured({"SOL": PRICES["SOL"]}, YEAR_CANDLES, YEAR_STEP_S, YEAR_SIGNALS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e6
    name = f"backtest of a year of 1-minute candles of one token with {YEAR_SIGNALS:,} signals"
    return [
        Result(name, "≤ 150 s", found.seconds <= YEAR_S_MAX, found.seconds, "s", note=found.note),
        Result("its memory", "< 1 GB", peak < YEAR_MB_MAX, peak, "MB"),
    ]


def _measured(prices: dict[str, float], candles: int, step_s: int, signals: int) -> Measured:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        (folder / "tape").mkdir()
        write_tape(folder / "tape", prices, candles, step_s)
        config = demo_config(SEED, folder)
        wall, cpu = time.perf_counter(), time.process_time()
        tape = load_tape(folder / "tape", tokens_by_symbol(config.desk))
        loaded = time.perf_counter() - wall
        played = _play(config, tape, folder, signals)
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
    return Measured(seconds, candles * len(prices), note)


def _play(config: MultiWalletConfig, tape: Tape, folder: Path, count: int) -> Played:
    signals = with_exits(demo_signals(tape, SEED, count))
    journal = SqliteJournal.open(folder / "overmind.db")
    try:
        return play(config, journal, tape, signals, SEED, lambda _: None, costs=shipped_costs())
    finally:
        journal.close()
