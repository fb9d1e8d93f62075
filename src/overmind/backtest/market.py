"""The market of a backtest: a signal is decided on what was known before it, and fills at the first price after it.

Decisions see candles that have closed. An order waits for the next candle to open and takes that price, with the costs,
latency and faults of the paper venue. So nothing that a signal could have looked up in the candle around it helps.
"""

from __future__ import annotations

import msgspec

from overmind.config import MultiWalletConfig
from overmind.desk.engine import Engine
from overmind.desk.market import Connect, MarketAccess, paper, paper_venue
from overmind.ports import Clock
from overmind.prices.feeds import OpeningPrices
from overmind.prices.tape import Tape
from overmind.venues.paper import PaperModel


def history(config: MultiWalletConfig, tape: Tape, seed: int, model: PaperModel | None = None) -> Connect:
    """A market on past prices, on tape time."""

    def connect(engine: Engine, clock: Clock) -> MarketAccess:
        known = paper(config, tape, seed=seed, historical=True, model=model)(engine, clock)
        opening = OpeningPrices(tape, clock)
        return msgspec.structs.replace(
            known,
            venue=paper_venue(config, engine, clock, opening, seed, model, bounds_slippage=True),
            desk=msgspec.structs.replace(known.desk, fill_within_ns=tape.step_ns),
            first_price_ns=opening.first_after,
        )

    return connect
