"""Tapes and signals for tests of backtests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import structs

from overmind.backtest.history import Played, play
from overmind.config import MultiWalletConfig
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.events import Entry, OrderClosed, OrderPlaced
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, MICROS, NS, PICO, PPM
from overmind.journal.memory import MemoryJournal
from overmind.prices.tape import Series, Tape
from overmind.sandbox.demo import demo_env
from overmind.venues.depth.classes import ClassFile, Costs
from overmind.venues.depth.quantiles import Quantiles
from overmind.venues.depth.reading import shipped_costs
from overmind.venues.paper import PERFECT, PaperModel

START_NS: Final = 1_743_897_600 * NS  # 2025-04-06 00:00 UTC
STEP_NS: Final = 300 * NS
DEPTH_MICROS: Final = 10**15  # so deep that nothing has an impact

Candle = tuple[float, ...]  # open and close, or open, high, low and close
ROOMY: Final = {
    "OVERMIND_PAPER_CAPITAL_USD": "1000000",
    "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100",
    "OVERMIND_ASSET_MAX_PERCENT": "100",
}


def tape_of(
    candles: Sequence[Candle],
    mint: Mint = SOL,
    missing: Iterable[int] = (),
    step_ns: int = STEP_NS,
    volume: float = 1.0,
    volumes: Sequence[float] | None = None,
) -> Tape:
    """Candles from START_NS on; those in `missing` are left out. `volume`: of each one, in billions of tokens."""
    volumes = volumes or [volume] * len(candles)
    kept = [number for number in range(len(candles)) if number not in set(missing)]
    return Tape(
        {
            mint: Series(
                mint=mint,
                start_ns=START_NS + kept[0] * step_ns,
                step_ns=step_ns,
                closed_at_ns=tuple(START_NS + (number + 1) * step_ns for number in kept),
                open_pico=tuple(round(candles[number][0] * PICO) for number in kept),
                high_pico=tuple(round(max(candles[number]) * PICO) for number in kept),
                low_pico=tuple(round(min(candles[number]) * PICO) for number in kept),
                close_pico=tuple(round(candles[number][-1] * PICO) for number in kept),
                depth_micros=tuple(round(DEPTH_MICROS * volumes[number] * candles[number][-1]) for number in kept),
                range_bps=tuple(range_bps(candles[number]) for number in kept),
            )
        }
    )


def range_bps(candle: Candle) -> int:
    return round((max(candle) - min(candle)) / candle[-1] * BPS)


FREE: Final[Mapping[str, int | Quantiles]] = {
    "pool_fee_bps": 0,
    "spread_bps": 0,
    "depth_floor_usd": 10**30,  # so deep that no order moves it by one unit
    "failure_percent": 0,
    "failure_rise_percent": 0,
    "expiry_percent": 0,
    "route_down_percent": 0,
    "latency_ms": (0, 0, 0, 0, 0),
    "priority_fee_lamports": (0, 0, 0, 0, 0),
}


def costs_with(**values: int | Quantiles) -> Costs:
    """The normal costs with these parameters in every class, in the units that the market computes in."""
    known = shipped_costs()
    return structs.replace(known, classes={name: _with(one, values) for name, one in known.classes.items()})


def _with(of: ClassFile, values: Mapping[str, int | Quantiles]) -> ClassFile:
    changed = {name: structs.replace(of.stated[name], value=value) for name, value in values.items()}
    return structs.replace(of, stated=of.stated | changed)


def buy(name: str, at_ns: int, dollars: int = 100) -> Signal:
    return Signal(
        id=SignalId(name),
        strategy=StrategyType.MOMENTUM_TRADING,
        action=TradeAction.BUY,
        mint=SOL,
        risk_tolerance_ppm=PPM,
        notional_micros=dollars * MICROS,
        at_ns=at_ns,
    )


def sell_all(name: str, at_ns: int) -> Signal:
    return structs.replace(buy(name, at_ns), action=TradeAction.SELL, notional_micros=None, sell_all=True)


def run(
    folder: Path,
    tape: Tape,
    signals: Sequence[Signal],
    model: PaperModel = PERFECT,
    detail: Tape | None = None,
    costs: Costs | None = None,
    **env: str,
) -> tuple[Played, list[Entry]]:
    config = MultiWalletConfig.from_env({**demo_env(1, folder), **ROOMY, **env}, dotenv=None)
    journal = MemoryJournal()
    played = play(
        config, journal, tape, sorted(signals, key=lambda one: one.at_ns or 0), 1, lambda _: None, model, detail, costs
    )
    return played, [*journal.read()]


def fills(entries: Iterable[Entry]) -> list[tuple[Order, Filled, int]]:
    """Order, fill and time of the fill."""
    orders: dict[OrderId, Order] = {}
    found: list[tuple[Order, Filled, int]] = []
    for entry in entries:
        match entry.event:
            case OrderPlaced(order=order):
                orders[order.id] = order
            case OrderClosed(order_id=order_id, outcome=Filled() as filled):
                found.append((orders[order_id], filled, entry.at_ns))
            case _:
                pass
    return found


def paid_price(order: Order, filled: Filled) -> float:
    """In USD for one SOL."""
    dollars, tokens = (filled.spent_units, filled.received_units)[:: 1 if order.is_entry else -1]
    return dollars / MICROS / (tokens / 10**9)
