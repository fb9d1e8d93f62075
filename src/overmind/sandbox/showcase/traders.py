"""The demo's traders: eight strategies that buy what their rule likes, and sell what they hold.

What they send follows from the tape, the seed and what the desk holds at that moment. Now and then something goes
wrong as it does for real senders: a zero too many, a signal that comes late, a token that no list has. A desk must
answer those too.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import numpy as np
from msgspec import structs
from solders.keypair import Keypair

from overmind.core.books.state import State
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType, TradeAction, WalletType
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS, PPM, SCALE
from overmind.prices.tape import Tape
from overmind.sandbox.demo import SIZES
from overmind.sandbox.showcase.memes import meme_mints

SNIPING, ARBITRAGE = StrategyType.TOKEN_SNIPING, StrategyType.ARBITRAGE
MOMENTUM, AI = StrategyType.MOMENTUM_TRADING, StrategyType.AI_DECISION
MEME_STRATEGIES: Final = (
    StrategyType.SOUL_METEOR_SNIPING,
    StrategyType.METEORA_DAMM,
    StrategyType.DEVELOPER_TRACKING,
    StrategyType.AXIOM_MEME_COIN,
)
# Who is next. The meme strategies are served by one small wallet with five entries a day, so they come less often.
ROUND: Final = (
    *(SNIPING, ARBITRAGE, MOMENTUM, AI, MEME_STRATEGIES[0]),
    *(ARBITRAGE, MOMENTUM, SNIPING, AI, ARBITRAGE, MEME_STRATEGIES[1]),
    *(MOMENTUM, SNIPING, AI, ARBITRAGE, MOMENTUM, MEME_STRATEGIES[2]),
    *(SNIPING, ARBITRAGE, MOMENTUM, AI, SNIPING, MEME_STRATEGIES[3]),
)
LOOKBACK_CANDLES: Final = 12
CALM_MOVE: Final = 0.01
SELLS_LOSER_ONE_IN: Final = 2
SELLS_ONE_IN: Final = 3
ZEROS: Final = 30  # how many times too large a mistyped amount is
LATE_NS: Final = 900 * NS
AFTER_CLOSE_S: Final = (15, 120)  # from and to: when a trader has read a candle


class Mishap(enum.Enum):
    MISTYPED = enum.auto()
    LATE = enum.auto()
    UNLISTED = enum.auto()


MISHAP_EVERY: Final = 60  # signals
MISHAPS: Final = {13: Mishap.MISTYPED, 33: Mishap.LATE, 53: Mishap.UNLISTED}


class Traders:
    """`tokens` by symbol. `times` has the time of each signal, in order."""

    def __init__(self, tape: Tape, tokens: Mapping[str, Token], seed: int, count: int) -> None:
        self._tape = tape
        self._seed = seed
        self._memes = meme_mints(tokens)
        self._majors = tuple(mint for mint in tape.series if mint not in self._memes)
        self.times = _times(tape, seed, count)
        self.unlisted = unlisted_mint(seed)

    def signal(self, number: int, state: State) -> Signal:
        """What is sent at `times[number]`, by what the desk holds then."""
        draw, at_ns = np.random.default_rng((self._seed, number)), self.times[number]
        strategy, mishap = ROUND[number % len(ROUND)], MISHAPS.get(number % MISHAP_EVERY)
        signal = Signal(
            id=SignalId(f"demo-{number:05}"),
            strategy=strategy,
            action=TradeAction.BUY,
            mint=self._majors[0],
            risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[strategy],
            at_ns=at_ns,
        )
        moves = self._moves(strategy, at_ns)
        if mishap is None and (held := _held(state, strategy)):
            worst = min(held, key=lambda mint: (moves.get(mint, 0.0), mint))
            losing = moves.get(worst, 0.0) < 0
            if draw.integers(SELLS_LOSER_ONE_IN if losing else SELLS_ONE_IN) == 0:
                return _sale(signal, state, worst, held[worst], losing)
        return self._purchase(signal, moves, mishap, draw)

    def _purchase(
        self, signal: Signal, moves: Mapping[Mint, float], mishap: Mishap | None, draw: np.random.Generator
    ) -> Signal:
        strategy, best = signal.strategy, max(moves, key=lambda mint: (moves[mint], mint))
        if strategy is AI and mishap is None and moves[best] < 0:
            return structs.replace(signal, action=TradeAction.HOLD, mint=best)
        low, high = SIZES[strategy]
        notional = (low + draw.integers(high - low).item()) * MICROS
        bought = structs.replace(
            signal,
            mint=best,
            notional_micros=notional,
            confidence_ppm=min(PPM, PPM // 2 + round(abs(moves[best]) * 20 * PPM)),
            preferred_type=_preferred(strategy, moves[best]),
        )
        match mishap:
            case Mishap.MISTYPED:
                return structs.replace(bought, notional_micros=notional * ZEROS)
            case Mishap.LATE:
                return structs.replace(bought, at_ns=(signal.at_ns or 0) - LATE_NS)
            case Mishap.UNLISTED:
                return structs.replace(bought, mint=self.unlisted)
            case None:
                return bought

    def _moves(self, strategy: StrategyType, at_ns: int) -> dict[Mint, float]:
        """The moves of an hour, or how wide each candle was, of the tokens that the strategy trades."""
        wide = strategy in (ARBITRAGE, SNIPING)
        now, before = self._tape.ticks(at_ns), self._tape.ticks(at_ns - LOOKBACK_CANDLES * self._tape.step_ns)
        mints = self._memes if strategy in MEME_STRATEGIES and self._memes else self._majors
        return {
            mint: now[mint].range_bps / 10_000 if wide else now[mint].price_pico / before[mint].price_pico - 1
            for mint in mints
            if mint in now and mint in before
        }


def unlisted_mint(seed: int) -> Mint:
    """A token that no list has."""
    return Mint(str(Keypair.from_seed(blake2b(f"unlisted {seed}".encode(), digest_size=32).digest()).pubkey()))


def _times(tape: Tape, seed: int, count: int) -> tuple[int, ...]:
    """Each soon after a candle has closed; of two signals not both after the same, as long as there are enough."""
    draw = np.random.default_rng((seed, count))
    candles = (tape.end_ns - tape.start_ns) // tape.step_ns - LOOKBACK_CANDLES - 3  # The last signals still land.
    chosen: Sequence[int] = np.sort(draw.choice(candles, count, replace=count > candles)).tolist()
    later: Sequence[int] = draw.integers(*AFTER_CLOSE_S, count).tolist()
    first_ns = tape.start_ns + (LOOKBACK_CANDLES + 1) * tape.step_ns
    return tuple(sorted(first_ns + one * tape.step_ns + s * NS for one, s in zip(chosen, later, strict=True)))


def _held(state: State, strategy: StrategyType) -> dict[Mint, int]:
    """What the strategy may sell, in base units over all wallets, without what is being sold already."""
    found: dict[Mint, int] = {}
    selling = {known.order.mint for known in state.open_orders.values()}
    for book in state.wallets.values():
        for mint, position in book.positions.items():
            units = position.units_by.get(strategy, 0)
            if units and mint not in selling and mint not in book.closing and mint not in book.dust:
                found[mint] = found.get(mint, 0) + units
    return found


def _sale(signal: Signal, state: State, mint: Mint, units: int, losing: bool) -> Signal:
    """Of a token that falls, all; of one that rises, half."""
    sale, token = structs.replace(signal, action=TradeAction.SELL, mint=mint), state.settings.tokens.get(mint)
    if losing or token is None or units < 2:
        return structs.replace(sale, sell_all=True)
    return structs.replace(sale, quantity=Decimal(units // 2) / SCALE[token.decimals])


def _preferred(strategy: StrategyType, move: float) -> WalletType | None:
    """Arbitrage prefers the HFT wallet; momentum in a calm hour prefers the conservative one."""
    if strategy is ARBITRAGE:
        return WalletType.HFT
    return WalletType.CONSERVATIVE if strategy is MOMENTUM and abs(move) < CALM_MOVE else None
