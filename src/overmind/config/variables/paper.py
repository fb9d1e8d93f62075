"""Settings of paper trading."""

from __future__ import annotations

import enum

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable


class PriceSource(enum.StrEnum):
    TAPE = "tape"
    LIVE = "live"


PAPER_CAPITAL = Variable(
    "OVERMIND_PAPER_CAPITAL_USD",
    measured(kinds.usd("0", "1000000000")),
    "100000",
    "The capital of all paper wallets together at the start, split by allocation.",
)
PAPER_PRICES = Variable(
    "OVERMIND_PAPER_PRICES",
    kinds.choice({source.value: source for source in PriceSource}),
    "tape",
    "Where paper trading takes its prices: tape (OVERMIND_PRICE_TAPE) or live (OVERMIND_SWAP_URL).",
)
PRICE_TAPE = Variable(
    "OVERMIND_PRICE_TAPE",
    kinds.optional(kinds.path()),
    "",
    "Price history for paper trading: a CSV file or a folder of them. Not set: the shipped one.",
)
