"""Settings of the expected cost of execution, which ranks wallets and which an entry must not exceed."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

COST_FEE = Variable(
    "OVERMIND_COST_FEE_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "13000",
    "Expected fee of one swap: signatures and priority fee.",
)
COST_FEE_MAX = Variable(
    "OVERMIND_COST_FEE_MAX_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "100000",
    "Fee that is reserved for one swap.",
)
COST_RENT = Variable(
    "OVERMIND_COST_RENT_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "2039280",
    "Rent of one new token account.",
)
COST_RENT_2022 = Variable(
    "OVERMIND_COST_RENT_2022_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "2157600",
    "Rent of one new account of the Token-2022 program, whose accounts are larger.",
)
COST_RENT_LOST = Variable(
    "OVERMIND_COST_RENT_LOST_PERCENT", measured(kinds.percent()), "40", "Share of the rent that is never reclaimed."
)
COST_HEADROOM = Variable(
    "OVERMIND_COST_HEADROOM_BPS",
    kinds.ranking_bps(10_000),
    "2",
    "Ranking: the cost of using up all of a wallet's headroom.",
)
COST_PREFERENCE = Variable(
    "OVERMIND_COST_PREFERENCE_BPS",
    kinds.ranking_bps(10_000),
    "10",
    "Ranking: the discount for the preferred wallet type.",
)
COST_HALF_SPREAD = Variable(
    "OVERMIND_COST_HALF_SPREAD_BPS",
    kinds.ranking_bps(10_000),
    "2",
    "Ranking: half the spread that a swap is expected to pay.",
)
COST_DEPTH = Variable(
    "OVERMIND_COST_DEPTH_USD",
    measured(kinds.usd("1")),
    "5000000",
    "The depth of a pool, for the expected price impact, where no feed tells it.",
)
COST_MISS = Variable(
    "OVERMIND_COST_MISS_BPS",
    kinds.ranking_bps(10_000),
    "50",
    "Ranking: what an attempt that fails costs, weighed by the share of a wallet's newest attempts that failed."
    " 0 does not count them.",
)
COST_MISS_HALF_LIFE = Variable(
    "OVERMIND_COST_MISS_HALF_LIFE_SEC",
    measured(kinds.seconds(1, 7_200)),
    "1800",
    "Ranking: the time in which a wallet's share of failed attempts halves.",
)
COST_IN_FLIGHT = Variable(
    "OVERMIND_COST_IN_FLIGHT_BPS",
    kinds.ranking_bps(10_000),
    "0.5",
    "Ranking: the cost of each entry that is open in the wallet.",
)
