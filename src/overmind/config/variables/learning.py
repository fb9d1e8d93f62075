"""Settings of how far the learner is trusted: what it may try, what it may lose, and how well it must forecast."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

ROUTING_SEED = Variable(
    "OVERMIND_ROUTING_RANDOM_SEED",
    kinds.words(),
    "overmind",
    "Any text. Together with a signal's id it determines what is drawn for the signal, and whether it is a canary's.",
)
ROUTING_EXPLORE = Variable(
    "OVERMIND_ROUTING_EXPLORE_PERCENT",
    measured(kinds.percent_within("0", "5")),
    "0",
    "The most signals of a day that may go to another wallet than the preferred one, so that the choices can be"
    " compared later. 0: none.",
)
ROUTING_EXPLORE_MAX = Variable(
    "OVERMIND_ROUTING_EXPLORE_MAX_USD", measured(kinds.usd()), "250", "The largest entry that may explore."
)
ROUTING_EXPLORE_DAY = Variable(
    "OVERMIND_ROUTING_EXPLORE_DAY_PERCENT",
    measured(kinds.percent()),
    "1",
    "The most of a day's entered amount that may explore.",
)
ROUTING_CANARY = Variable(
    "OVERMIND_ROUTING_CANARY_PERCENT",
    measured(kinds.percent()),
    "10",
    "The share of signals that the learner decides in the mode canary, chosen by the signal's id.",
)
ROUTING_LOSS = Variable(
    "OVERMIND_ROUTING_LOSS_DAY_MAX_USD",
    measured(kinds.usd()),
    "25",
    "What other choices than the cost model's may lose against it since 00:00 UTC, by estimate. Then the learner falls"
    " back to shadow, and nothing explores. 0: no limit.",
)
ROUTING_WORSE = Variable(
    "OVERMIND_ROUTING_CALIBRATION_PERCENT",
    measured(kinds.percent()),
    "5",
    "How much worse the learned landing forecasts may be than the configured ones, by the Brier score of the newest 500"
    " outcomes. Then the learner falls back to shadow. 0: not checked.",
)
