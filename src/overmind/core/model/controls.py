"""Holds with their scopes, operator's changes, and lists of mints."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.value import Value

CLOCK: Final = "clock"  # the cause of a hold: the wall clock jumped, and nothing has confirmed what time it is


class Hold(Value, frozen=True):
    """A named cause why a wallet, a strategy or the portfolio takes no entries. Lifting one leaves the others."""

    cause: str  # emergency, day_loss, quarantine, operator, removed, disk_full, …
    reason: str
    since_ns: int
    until_ns: int | None = None


class Scope(Value, frozen=True):
    """Where a hold applies: one wallet, one strategy, or, with neither, the whole portfolio."""

    wallet_id: WalletId | None = None
    strategy: StrategyType | None = None


class Change(Value, frozen=True):
    """An operator's value instead of the one in the files: micro-USD, ppm, a count, or 0 or 1."""

    value: int
    who: str
    reason: str
    since_ns: int


class Remark(Value, frozen=True):
    """Who put a mint on a list, why, and when."""

    who: str
    reason: str
    since_ns: int


class MintLists(Value, frozen=True):
    """Which listed tokens may be bought. A mint on both lists is blocked."""

    blocked: dict[Mint, Remark] = msgspec.field(default_factory=dict)
    allowed: dict[Mint, Remark] | None = None  # None: every mint that is not blocked


class MintVerb(enum.StrEnum):
    BLOCK = "block"
    UNBLOCK = "unblock"
    ALLOW = "allow"  # The first one creates the allow list: from then on only its mints are bought.
    DISALLOW = "disallow"
    ALLOW_ALL = "allow-all"  # Removes the allow list.


class ExitCause(enum.StrEnum):
    """Why a position is sold without a signal, most urgent first. The order's id begins with it."""

    LIQUIDATION = "liquidate"
    STOP_LOSS = "stop"
    TRAILING_STOP = "trail"
    TAKE_PROFIT = "profit"
    TIME = "time"
    OPERATOR = "close"
