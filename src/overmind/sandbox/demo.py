"""The demo's desk and signals: the example configuration of four wallets, and signals drawn from real prices."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import structs
from solders.keypair import Keypair

from overmind.config import MultiWalletConfig
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType, TradeAction, WalletType
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS, PICO, PPM
from overmind.prices.tape import Tape

WALLETS: Final = (
    "primary_wallet:env:WALLET1_KEY:primary:medium:0.4,"
    "hft_wallet:env:WALLET2_KEY:hft:high:0.3,"
    "conservative_wallet:env:WALLET3_KEY:conservative:low:0.2,"
    "experimental_wallet:env:WALLET4_KEY:experimental:experimental:0.1"
)

# The usual size of a strategy's entry in USD, from and to.
SIZES: Final[Mapping[StrategyType, tuple[int, int]]] = {
    StrategyType.TOKEN_SNIPING: (200, 1_500),
    StrategyType.ARBITRAGE: (200, 2_500),
    StrategyType.MOMENTUM_TRADING: (100, 900),
    StrategyType.AI_DECISION: (200, 1_500),
    StrategyType.SOUL_METEOR_SNIPING: (30, 150),
    StrategyType.METEORA_DAMM: (30, 120),
    StrategyType.DEVELOPER_TRACKING: (20, 90),
    StrategyType.AXIOM_MEME_COIN: (20, 90),
}
Asked = dict[Mint, int]  # what a strategy asked to buy and not yet to sell, micro-USD; the newest last
LOOKBACK_CANDLES: Final = 12
CALM_MOVE: Final = 0.01
EXIT_ONE_IN: Final = 3
ALL_ONE_IN: Final = 4  # of the exits
SOLD_PERCENT: Final = (20, 60)  # of what was bought, from and to, by an exit that names its amount
QUANTITY_DECIMALS: Final = 5
HOLD_ONE_IN: Final = 40
OVERSIZED_ONE_IN: Final = 25
OVERSIZED_TIMES: Final = 30  # so large that every limit must stop it


def demo_config(seed: int, data_dir: Path) -> MultiWalletConfig:
    """The example desk on paper."""
    return MultiWalletConfig.from_env(demo_env(seed, data_dir), dotenv=None)


def demo_env(seed: int, data_dir: Path) -> dict[str, str]:
    """Its environment variables. Keys derive from the seed, so that the same paper run has the same journal."""
    env = {
        "OVERMIND_MANAGED_WALLETS": WALLETS,
        "OVERMIND_DEFAULT_WALLET": "primary_wallet",
        "OVERMIND_DATA_DIR": str(data_dir),
        "SNIPER_TRADING_MODE": "paper",
    }
    for number in range(1, 5):
        key = blake2b(f"overmind demo {seed} {number}".encode(), digest_size=32).digest()
        env[f"WALLET{number}_KEY"] = str(Keypair.from_seed(key))
    return env


def demo_signals(tape: Tape, seed: int, count: int) -> list[Signal]:
    """Signals of all eight strategies in turn, spread over the tape.

    An entry buys the asset with the hour's strongest move or, for arbitrage and sniping, with the widest candle. About
    one signal in three is an exit: a strategy sells a part of what it asked to buy before, or all of it. Some entries
    are far too large and some signals are of the action Hold, because a desk must answer those too.
    """
    draw = np.random.default_rng(seed)
    first_ns = tape.start_ns + (LOOKBACK_CANDLES + 1) * tape.step_ns
    # The last ones are early enough to land before the tape ends.
    times = np.sort(draw.integers(first_ns // NS, (tape.end_ns - tape.step_ns) // NS, count))
    strategies = list(StrategyType)
    asked: dict[StrategyType, Asked] = {strategy: {} for strategy in strategies}
    return [
        _signal(tape, number, int(at_s) * NS, strategy, asked[strategy], draw)
        for (number, at_s), strategy in zip(enumerate(times), cycle(strategies), strict=False)
    ]


def _signal(
    tape: Tape, number: int, at_ns: int, strategy: StrategyType, asked: Asked, draw: np.random.Generator
) -> Signal:
    mint, move = _strongest(tape, at_ns, strategy)
    notional = int(draw.integers(*SIZES[strategy])) * MICROS
    signal = Signal(
        id=SignalId(f"demo-{number:05}"),
        strategy=strategy,
        action=TradeAction.BUY,
        mint=mint,
        risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[strategy],
        confidence_ppm=min(PPM, PPM // 2 + int(abs(move) * 20 * PPM)),
        preferred_type=_preferred(strategy, move),
        at_ns=at_ns,
    )
    if draw.integers(EXIT_ONE_IN) == 0 and asked:
        return _exit(signal, tape, asked, draw)
    if draw.integers(HOLD_ONE_IN) == 0:
        return structs.replace(signal, action=TradeAction.HOLD)
    if draw.integers(OVERSIZED_ONE_IN) == 0:
        return structs.replace(signal, notional_micros=notional * OVERSIZED_TIMES)
    asked[mint] = asked.pop(mint, 0) + notional
    return structs.replace(signal, notional_micros=notional)


def _exit(signal: Signal, tape: Tape, asked: Asked, draw: np.random.Generator) -> Signal:
    """Sells of what the strategy bought last: a part in USD, a part in whole tokens, or all."""
    mint = [*asked][-1]
    sale = structs.replace(signal, action=TradeAction.SELL, mint=mint)
    part = asked[mint] * int(draw.integers(*SOLD_PERCENT)) // 100
    kind = draw.integers(ALL_ONE_IN)
    if kind == 0 or mint not in (ticks := tape.ticks(signal.at_ns or 0)):
        del asked[mint]
        return structs.replace(sale, sell_all=True)
    asked[mint] -= part
    if kind == 1:
        return structs.replace(sale, notional_micros=part)
    tokens = Decimal(part * (PICO // MICROS)) / ticks[mint].price_pico
    return structs.replace(sale, quantity=round(tokens, QUANTITY_DECIMALS))


def _preferred(strategy: StrategyType, move: float) -> WalletType | None:
    """Arbitrage prefers the HFT wallet; momentum in a calm hour prefers the conservative one."""
    if strategy is StrategyType.ARBITRAGE:
        return WalletType.HFT
    calm = strategy is StrategyType.MOMENTUM_TRADING and abs(move) < CALM_MOVE
    return WalletType.CONSERVATIVE if calm else None


def _strongest(tape: Tape, at_ns: int, strategy: StrategyType) -> tuple[Mint, float]:
    """The asset with the largest move within the hour, or with the widest candle, and its size."""
    swings = strategy in (StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING)
    now, before = tape.ticks(at_ns), tape.ticks(at_ns - LOOKBACK_CANDLES * tape.step_ns)
    moves = {
        mint: tick.range_bps / 10_000 if swings else tick.price_pico / before[mint].price_pico - 1
        for mint, tick in now.items()
        if mint in before
    }
    best = max(moves, key=lambda mint: (abs(moves[mint]), mint))
    return best, moves[best]
