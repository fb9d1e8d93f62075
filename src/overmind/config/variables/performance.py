"""Settings of how much runs at once, and how long a signal may take."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable
from overmind.core.model.enums import Split

MAX_CONCURRENT_WALLETS = Variable(
    "OVERMIND_MAX_CONCURRENT_WALLETS",
    measured(kinds.whole("wallets", 1, 10_000)),
    "10",
    "How many wallets execute at the same moment, from quote to first send. Exits are exempt.",
)
SELECTION_TIMEOUT = Variable(
    "OVERMIND_WALLET_SELECTION_TIMEOUT_MS",
    measured(kinds.milliseconds(1, 600_000)),
    "5000",
    "The longest time from a signal's arrival to its reservation. After it the signal is refused.",
)
BALANCE_CHECK_INTERVAL = Variable(
    "OVERMIND_BALANCE_CHECK_INTERVAL_SEC",
    measured(kinds.whole("s", 1, 86_400)),
    "300",
    "How often a live desk compares its books with the chain. It also does so at the start and on notifications.",
)
SIGNAL_TTL = Variable(
    "OVERMIND_SIGNAL_TTL_MS",
    measured(kinds.milliseconds(1, 86_400_000)),
    "30000",
    "The time to live of a signal that gives none.",
)
ATTEMPTS_MAX = Variable(
    "OVERMIND_ATTEMPTS_MAX", measured(kinds.whole("orders", 1, 3)), "3", "How many wallets may try to serve one signal."
)
SPLIT = Variable(
    "OVERMIND_SPLIT",
    kinds.choice({split.value: split for split in Split}),
    Split.NONE.value,
    "Whether several wallets may serve a buy that does not say so itself: none, partial (they buy as much as fits), or"
    " all (they buy all of it or nothing). Each part passes every limit.",
)
SPLIT_PARTS_MAX = Variable(
    "OVERMIND_SPLIT_PARTS_MAX",
    measured(kinds.whole("wallets", 2, 8)),
    "4",
    "How many wallets may serve a buy that is split and does not say so itself.",
)
RATE_MAX = Variable(
    "OVERMIND_RATE_MAX_PER_SEC",
    measured(kinds.whole("signals/s", 1, 1_000_000)),
    "50",
    "The most signals that one wallet takes within a second.",
)
