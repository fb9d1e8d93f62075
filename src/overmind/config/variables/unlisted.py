"""Settings of mints that no list has (specification §15.14)."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

UNLISTED_MINTS_MAX = Variable(
    "OVERMIND_UNLISTED_MINTS_MAX",
    measured(kinds.whole("mints", 0, 256)),
    "32",
    "The most tokens that no list has and that are known at once, held ones included. The sniping and meme strategies "
    "may buy them live, after a look at the chain and at the market. 0: none is bought.",
)
UNLISTED_LIQUIDITY_MIN = Variable(
    "OVERMIND_UNLISTED_LIQUIDITY_MIN_USD",
    measured(kinds.usd()),
    "50000",
    "What the pools of a token that no list has must hold, by the price server.",
)
UNLISTED_TRIAL = Variable(
    "OVERMIND_UNLISTED_TRIAL_USD",
    measured(kinds.usd("1", "100000")),
    "100",
    "The amount of the buy that is simulated, with a sale right after it, before such a token is bought. A wallet must "
    "hold it.",
)
UNLISTED_IMPACT_MAX = Variable(
    "OVERMIND_UNLISTED_IMPACT_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "100",
    "How far that buy, or that sale, may move the price.",
)
UNLISTED_ROUND_TRIP_MAX = Variable(
    "OVERMIND_UNLISTED_ROUND_TRIP_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "300",
    "What that buy and that sale may lose together: fees of the pools, taxes of the token, and both impacts.",
)
