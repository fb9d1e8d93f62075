"""The market of a backtest: a signal is decided on what was known before it, and fills at the first price after it.

Decisions see candles that have closed. An order waits for the next candle to open and takes that price, with the costs,
latency and faults of the paper venue. So nothing that a signal could have looked up in the candle around it helps.
"""

from __future__ import annotations

import msgspec

from overmind.backtest.activity import TapeActivity
from overmind.backtest.inside import InsideCandles, InsideExit
from overmind.config import MultiWalletConfig
from overmind.desk.engine import Engine
from overmind.desk.market import MarketAccess, paper, paper_venue
from overmind.ports import Clock
from overmind.prices.feeds import OpeningPrices
from overmind.prices.tape import Tape
from overmind.venues.depth.classes import Costs
from overmind.venues.depth.market import DeepMarket
from overmind.venues.paper import PaperModel


class PastMarket:
    """A market on past prices, on tape time. `connect` joins it to one desk."""

    def __init__(
        self,
        config: MultiWalletConfig,
        tape: Tape,
        seed: int,
        model: PaperModel | None = None,
        detail: Tape | None = None,
        costs: Costs | None = None,
        on_bars: bool = False,
    ) -> None:
        """`on_bars`: signals are made as candles close, by a bot that the run asks then.

        `detail`: finer candles of the same time, which show what happened inside the tape's.

        `costs`: what trading costs by classes of tokens; None: what `model` says.
        """
        self._config = config
        self._tape = tape
        self._seed = seed
        self._model = model
        self._detail = detail
        self._costs = costs
        self._on_bars = on_bars
        self._inside: InsideCandles | None = None

    def connect(self, engine: Engine, clock: Clock) -> MarketAccess:
        config, tape, seed, model, deep = self._config, self._tape, self._seed, self._model, self._deep(clock)
        known = paper(config, tape, seed=seed, historical=True, model=model)(engine, clock)
        opening = OpeningPrices(tape, clock)
        pool_of = deep.pool_of if deep is not None else None
        self._inside = inside = InsideCandles(engine, tape, self._detail, clock, opening, pool_of)
        return msgspec.structs.replace(
            known,
            venue=paper_venue(
                config, engine, clock, opening, seed, model, bounds_slippage=True, tick_of=inside.tick_of, market=deep
            ),
            desk=msgspec.structs.replace(known.desk, fill_within_ns=tape.longest_ns),
            first_price_ns=opening.first_from if self._on_bars else opening.first_after,
            look_inside=inside.look,
        )

    def _deep(self, clock: Clock) -> DeepMarket | None:
        if self._costs is None:
            return None
        desk = self._config.desk
        classes = {mint: self._costs.class_of(token.symbol).token_class() for mint, token in desk.tokens.items()}
        rest = self._costs.class_of("").token_class()
        return DeepMarket(lambda mint: classes.get(mint, rest), TapeActivity(self._tape), clock, desk.costs)

    @property
    def exits_inside(self) -> list[InsideExit]:
        """The exits that candles decided by their high and low."""
        return [] if self._inside is None else self._inside.exits
