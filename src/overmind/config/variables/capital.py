"""Settings of rebalancing, the SOL for fees, and withdrawals."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

AUTO_REBALANCE_ENABLED = Variable(
    "OVERMIND_AUTO_REBALANCE_ENABLED",
    kinds.flag(),
    "true",
    "Move capital back to each wallet's allocation, when one is outside the band.",
)
REBALANCE_BAND = Variable(
    "OVERMIND_REBALANCE_BAND_PERCENT",
    measured(kinds.percent()),
    "10",
    "How far a wallet may be from its target, as a share of the target, before a rebalance is due.",
)
REBALANCE_INNER = Variable(
    "OVERMIND_REBALANCE_INNER_PERCENT",
    measured(kinds.percent()),
    "2",
    "Wallets that are nearer to their target than that take no part in a rebalance. Not above the band.",
)
REBALANCE_MIN = Variable(
    "OVERMIND_REBALANCE_MIN_USD", measured(kinds.usd("0.01", "1000000000")), "100", "No smaller transfer is made."
)
REBALANCE_COST_MAX = Variable(
    "OVERMIND_REBALANCE_COST_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "10",
    "No transfer is made whose fee and rent are expected to cost more of what it moves.",
)
REBALANCE_INTERVAL = Variable(
    "OVERMIND_REBALANCE_INTERVAL_SEC",
    measured(kinds.seconds(1, 86_400 * 366)),
    "3600",
    "How often the desk looks whether a rebalance is due.",
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
    "What it is topped up to, and what the wallet that gives keeps. 0: never.",
)
RECLAIM_AFTER = Variable(
    "OVERMIND_RECLAIM_AFTER_SEC",
    measured(kinds.seconds(0, 86_400 * 366)),
    "86400",
    "How long a token account is empty before it is closed and its rent comes back. 0: never.",
)
WITHDRAW_ADDRESSES = Variable(
    "OVERMIND_WITHDRAW_ADDRESSES",
    kinds.addresses(),
    "",
    "Comma list of the only addresses that `overmind withdraw` may send to.",
)
WITHDRAW_DAY_MAX = Variable(
    "OVERMIND_WITHDRAW_DAY_MAX_USD",
    measured(kinds.usd()),
    "0",
    "Most that may be withdrawn from all wallets together since 00:00 UTC.",
)
WITHDRAW_DELAY = Variable(
    "OVERMIND_WITHDRAW_DELAY_SEC",
    measured(kinds.seconds(0, 86_400 * 30)),
    "3600",
    "How long a withdrawal waits before it is signed, so that an operator can cancel it.",
)
