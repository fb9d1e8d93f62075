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
