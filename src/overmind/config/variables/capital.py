"""Settings of rebalancing, the SOL for fees, and withdrawals."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

AUTO_REBALANCE_ENABLED = Variable(
    "OVERMIND_AUTO_REBALANCE_ENABLED",
    kinds.flag(),
    "true",
    "Moves capital back to each wallet's allocation when a wallet is outside the band.",
)
REBALANCE_BAND = Variable(
    "OVERMIND_REBALANCE_BAND_PERCENT",
    measured(kinds.percent()),
    "10",
    "A rebalance is due when a wallet is further from its target than this share of the target.",
)
REBALANCE_INNER = Variable(
    "OVERMIND_REBALANCE_INNER_PERCENT",
    measured(kinds.percent()),
    "2",
    "A wallet that is nearer to its target than this takes no part in a rebalance. Not above the band.",
)
REBALANCE_MIN = Variable(
    "OVERMIND_REBALANCE_MIN_USD",
    measured(kinds.usd("0.01", "1000000000")),
    "100",
    "The smallest transfer of a rebalance.",
)
REBALANCE_COST_MAX = Variable(
    "OVERMIND_REBALANCE_COST_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "10",
    "The most that a transfer's fee and rent may be expected to cost, as a share of what it moves.",
)
REBALANCE_INTERVAL = Variable(
    "OVERMIND_REBALANCE_INTERVAL_SEC",
    measured(kinds.seconds(1, 86_400 * 366)),
    "3600",
    "How often the desk checks whether a rebalance is due.",
)
FLOAT_LOW = Variable(
    "OVERMIND_FLOAT_LOW_SOL",
    measured(kinds.sol("1000")),
    "0.12",
    "A wallet with less SOL for fees and rent is topped up, by the richest wallet or by a small swap of its own.",
)
FLOAT_TARGET = Variable(
    "OVERMIND_FLOAT_TARGET_SOL",
    measured(kinds.sol("1000")),
    "0.25",
    "The SOL that a top-up brings a wallet to, and that the giving wallet keeps. 0: no top-ups.",
)
RECLAIM_AFTER = Variable(
    "OVERMIND_RECLAIM_AFTER_SEC",
    measured(kinds.seconds(0, 86_400 * 366)),
    "86400",
    "A token account that is empty for so long is closed, and its rent comes back. 0: never.",
)
WITHDRAW_ADDRESSES = Variable(
    "OVERMIND_WITHDRAW_ADDRESSES",
    kinds.addresses(),
    "",
    "The only addresses that `overmind withdraw` may send to.",
)
WITHDRAW_DAY_MAX = Variable(
    "OVERMIND_WITHDRAW_DAY_MAX_USD",
    measured(kinds.usd()),
    "0",
    "The most that may be withdrawn from all wallets together since 00:00 UTC.",
)
WITHDRAW_DELAY = Variable(
    "OVERMIND_WITHDRAW_DELAY_SEC",
    measured(kinds.seconds(0, 86_400 * 30)),
    "3600",
    "How long a withdrawal waits before it is signed, so that an operator can cancel it.",
)
