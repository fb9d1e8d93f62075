"""Settings of the route to the chain, as the choice of a wallet expects it, and of what corrects it."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable
from overmind.core.model.enums import LearnerMode

ROUTING_LEARNER = Variable(
    "OVERMIND_ROUTING_LEARNER",
    kinds.choice({mode.value: mode for mode in LearnerMode}),
    LearnerMode.SHADOW.value,
    "What becomes of what outcomes teach about the choice of a wallet: off, shadow (it is told with each decision and"
    " decides nothing), canary (it decides a share of the signals), or on (it corrects the expected cost by at most"
    " 25 bps).",
)
ROUTING_LANDING = Variable(
    "OVERMIND_ROUTING_LANDING_PERCENT",
    measured(kinds.percent()),
    "95",
    "The share of sent transactions that is expected to land.",
)
ROUTING_SLOTS = Variable(
    "OVERMIND_ROUTING_SLOTS",
    measured(kinds.whole("slots", 0, 150)),
    "2",
    "How many slots a transaction is expected to take from signing to landing.",
)
ROUTING_LATE = Variable(
    "OVERMIND_ROUTING_LATE_BPS",
    kinds.ranking_bps(10_000),
    "1",
    "The expected cost of each slot that a fill comes later.",
)
WALLET_ROUTES = Variable(
    "OVERMIND_WALLET_ROUTES",
    kinds.words("wallet_id:route+route"),
    "",
    "By which routes the orders of a wallet may reach the chain, such as `w1:public+relay,w2:relay`. The cheaper one is"
    " taken; an entry that must be protected takes the relay alone. A wallet that is not named has the public route,"
    " and one of the type MEVProtection the relay.",
)
ROUTING_PRIORITY = Variable(
    "OVERMIND_ROUTING_PRIORITY_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "0",
    "The priority fee that the public route is expected to need beyond OVERMIND_COST_FEE_LAMPORTS.",
)
RELAY_LANDING = Variable(
    "OVERMIND_RELAY_LANDING_PERCENT",
    measured(kinds.percent()),
    "95",
    "The share of the transactions sent to the relay that is expected to land.",
)
RELAY_SLOTS = Variable(
    "OVERMIND_RELAY_SLOTS",
    measured(kinds.whole("slots", 0, 150)),
    "2",
    "How many slots a transaction is expected to take by the relay.",
)
RELAY_PRIORITY = Variable(
    "OVERMIND_RELAY_PRIORITY_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "0",
    "The priority fee that the relay is expected to need beyond OVERMIND_COST_FEE_LAMPORTS.",
)
RELAY_TIP_EXPECTED = Variable(
    "OVERMIND_RELAY_TIP_EXPECTED_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "10000",
    "The tip that the relay is expected to need, for the choice of a route. A fixed tip counts instead.",
)
RELAY_TIP_MAX = Variable(
    "OVERMIND_RELAY_TIP_MAX_LAMPORTS",
    measured(kinds.whole("lamports", 1_000, 10**9)),
    "1000000",
    "The most that one transaction tips. It is reserved with the fee.",
)
TIP_SHARE_MAX = Variable(
    "OVERMIND_TIP_MAX_PERCENT",
    measured(kinds.percent()),
    "0.2",
    "The most that one transaction tips, as a share of the order's notional.",
)
TIP_DAY_MAX = Variable(
    "OVERMIND_TIP_DAY_MAX_SOL",
    measured(kinds.sol("1000")),
    "0.05",
    "The most that all wallets tip since 00:00 UTC, open orders included. Then no entry takes the relay, and exits take"
    " the public route. 0: no limit.",
)
EXIT_PUBLIC_AFTER = Variable(
    "OVERMIND_EXIT_PUBLIC_AFTER_SEC",
    measured(kinds.seconds(0, 3_600)),
    "60",
    "How long an exit that is to be protected is tried by the relay before it takes the public route.",
)
