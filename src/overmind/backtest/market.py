"""The market of a backtest: a signal is decided on what was known before it, and fills at the first price after it.

Decisions see candles that have closed. An order waits for the next candle to open and takes that price, with the costs,
latency and faults of the paper venue. So nothing that a signal could have looked up in the candle around it helps.
"""

from __future__ import annotations

import msgspec

from overmind.backtest.inside import InsideCandles, InsideExit
from overmind.config import MultiWalletConfig
from overmind.desk.engine import Engine
from overmind.desk.market import MarketAccess, paper, paper_venue
from overmind.ports import Clock
from overmind.prices.feeds import OpeningPrices
from overmind.prices.tape import Tape
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
    ) -> None:
        """`detail`: finer candles of the same time, which show what happened inside the tape's."""
        self._config = config
        self._tape = tape
        self._seed = seed
        self._model = model
        self._detail = detail
        self._inside: InsideCandles | None = None

    def connect(self, engine: Engine, clock: Clock) -> MarketAccess:
        config, tape, seed, model = self._config, self._tape, self._seed, self._model
        known = paper(config, tape, seed=seed, historical=True, model=model)(engine, clock)
        opening = OpeningPrices(tape, clock)
        self._inside = inside = InsideCandles(engine, tape, self._detail, clock, opening)
        return msgspec.structs.replace(
            known,
            venue=paper_venue(
                config, engine, clock, opening, seed, model, bounds_slippage=True, tick_of=inside.tick_of
            ),
            desk=msgspec.structs.replace(known.desk, fill_within_ns=tape.longest_ns),
            first_price_ns=opening.first_after,
            look_inside=inside.look,
        )

    @property
    def exits_inside(self) -> list[InsideExit]:
        """The exits that candles decided by their high and low."""
        return [] if self._inside is None else self._inside.exits
