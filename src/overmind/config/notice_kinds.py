"""What a desk may tell people: the kinds of notices, how severe each is, and whether it is told at once."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from overmind.core.model.value import Value


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"  # told at least once, also after a crash


RANK: Final[Mapping[Severity, int]] = {severity: rank for rank, severity in enumerate(Severity)}


class Way(enum.StrEnum):
    """When a notice is told."""

    ON = "on"  # at once, within the rate
    DIGEST = "digest"  # counted, and told together at the end of the period
    OFF = "off"


class NoticeKind(enum.StrEnum):
    STOP = "stop"
    REACTIVATED = "reactivated"
    THEFT = "theft"
    HISTORY = "history"
    QUARANTINE = "quarantine"
    DISK = "disk"
    CLOCK = "clock"
    PEG = "peg"
    DAY_LOSS = "day_loss"
    DRAWDOWN = "drawdown"
    LIMIT = "limit"
    PAUSE = "pause"
    HOLD = "hold"
    LIFTED = "lifted"
    ROLLBACK = "rollback"
    LANDED_OTHERWISE = "landed_otherwise"
    NOT_READY = "not_ready"
    READY = "ready"
    ALARM = "alarm"
    LIQUIDATION = "liquidation"
    EXIT = "exit"
    EXIT_FAILED = "exit_failed"
    CLOSE = "close"
    WITHDRAWAL = "withdrawal"
    MOVE = "move"
    MOVE_FAILED = "move_failed"
    DEPOSIT = "deposit"
    BOOKS = "books"
    ACCESS = "access"
    OPERATOR = "operator"
    LIMITS_CHANGED = "limits_changed"
    LEARNER = "learner"
    MINT = "mint"
    ACCOUNTS = "accounts"
    ORDER = "order"
    ORDER_FAILED = "order_failed"
    FILL = "fill"
    REFUSAL = "refusal"
    SETTINGS = "settings"
    DAY = "day"
    SERVICE = "service"
    CRASH = "crash"
    MISSED = "missed"


class KindRow(Value, frozen=True):
    severity: Severity
    way: Way  # unless the configuration says otherwise
    title: str
    meaning: str


_INFO, _WARNING, _CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
_ON, _DIGEST, _OFF = Way.ON, Way.DIGEST, Way.OFF
KINDS: Final[Mapping[NoticeKind, KindRow]] = {
    NoticeKind.STOP: KindRow(_CRITICAL, _ON, "emergency stop", "A wallet got the hold `emergency`."),
    NoticeKind.REACTIVATED: KindRow(_WARNING, _ON, "reactivated", "The emergency stop of a wallet was lifted."),
    NoticeKind.THEFT: KindRow(
        _CRITICAL, _ON, "books differ from the chain", "A deficit, or a transaction of our key that no ticket knows."
    ),
    NoticeKind.HISTORY: KindRow(
        _CRITICAL, _ON, "the journal may be an older copy", "The holds `restored` and `edited_journal`."
    ),
    NoticeKind.QUARANTINE: KindRow(
        _CRITICAL, _ON, "wallet quarantined", "A fork took back what a wallet had spent already."
    ),
    NoticeKind.DISK: KindRow(_CRITICAL, _ON, "disk full", "The disk of the journal is full."),
    NoticeKind.CLOCK: KindRow(_CRITICAL, _ON, "the clock jumped", "The machine's clock is not believed."),
    NoticeKind.PEG: KindRow(_CRITICAL, _ON, "off its peg", "The quote currency is off its peg."),
    NoticeKind.DAY_LOSS: KindRow(
        _CRITICAL, _ON, "daily loss limit", "A wallet or the portfolio reached its day's loss."
    ),
    NoticeKind.DRAWDOWN: KindRow(_CRITICAL, _ON, "drawdown limit", "The portfolio reached its drawdown."),
    NoticeKind.LIMIT: KindRow(_WARNING, _ON, "limit reached", "The trades of a day, or losses in a row."),
    NoticeKind.PAUSE: KindRow(_WARNING, _ON, "paused", "Somebody paused a wallet, a strategy or the portfolio."),
    NoticeKind.HOLD: KindRow(_WARNING, _ON, "held", "Any other hold, such as the status in a wallet's file."),
    NoticeKind.LIFTED: KindRow(_INFO, _ON, "lifted", "A hold ended, other than `emergency`."),
    NoticeKind.ROLLBACK: KindRow(
        _CRITICAL, _ON, "undone by a fork", "A provisional outcome of an order or a transfer was undone."
    ),
    NoticeKind.LANDED_OTHERWISE: KindRow(
        _CRITICAL, _ON, "landed otherwise", "A transaction changed other balances than its order's."
    ),
    NoticeKind.NOT_READY: KindRow(_CRITICAL, _ON, "cannot trade", "A reason of /readyz that lasts."),
    NoticeKind.READY: KindRow(_INFO, _ON, "over", "A reason of /readyz or an alarm that was told is over."),
    NoticeKind.ALARM: KindRow(_WARNING, _ON, "look at this", "An alarm of `overmind risk` about the machine."),
    NoticeKind.LIQUIDATION: KindRow(_CRITICAL, _ON, "liquidation", "All positions are to be sold."),
    NoticeKind.EXIT: KindRow(_WARNING, _ON, "exit", "The desk sells by an exit rule, without a signal."),
    NoticeKind.EXIT_FAILED: KindRow(_WARNING, _ON, "exit did not fill", "A sale of an exit rule; it is tried again."),
    NoticeKind.CLOSE: KindRow(_INFO, _ON, "close", "A close was ordered or cancelled."),
    NoticeKind.WITHDRAWAL: KindRow(_WARNING, _ON, "withdrawal", "A withdrawal waits, was sent, or ended."),
    NoticeKind.MOVE: KindRow(_INFO, _OFF, "transfer", "Capital moves between wallets, or rent comes back."),
    NoticeKind.MOVE_FAILED: KindRow(_WARNING, _DIGEST, "transfer failed", "Such a transfer did not arrive."),
    NoticeKind.DEPOSIT: KindRow(_INFO, _DIGEST, "deposit", "Capital came from outside."),
    NoticeKind.BOOKS: KindRow(
        _WARNING, _ON, "books adjusted", "An operator accepted what the chain shows, or wrote dust off."
    ),
    NoticeKind.ACCESS: KindRow(_WARNING, _ON, "access changed", "Users, tokens or roles were changed."),
    NoticeKind.OPERATOR: KindRow(_INFO, _ON, "operator", "Who gave a command, and why."),
    NoticeKind.LIMITS_CHANGED: KindRow(
        _WARNING, _ON, "limits changed", "An operator changed limits, lists of mints, or a price."
    ),
    NoticeKind.LEARNER: KindRow(
        _WARNING, _ON, "learner", "The learner decides from now on, or no more: who says so, and why."
    ),
    NoticeKind.MINT: KindRow(_INFO, _DIGEST, "mint", "A token's mint was admitted, refused or forgotten."),
    NoticeKind.ACCOUNTS: KindRow(_WARNING, _ON, "token accounts", "Token accounts that are not used, or used again."),
    NoticeKind.ORDER: KindRow(_INFO, _OFF, "order", "An order was placed for a signal."),
    NoticeKind.ORDER_FAILED: KindRow(
        _WARNING, _DIGEST, "order did not fill", "An order failed, expired or was rejected."
    ),
    NoticeKind.FILL: KindRow(_INFO, _DIGEST, "fill", "An order of OVERMIND_NOTICES_FILL_MIN_USD or more was filled."),
    NoticeKind.REFUSAL: KindRow(_INFO, _OFF, "signal refused", "A signal was refused, or recorded alone."),
    NoticeKind.SETTINGS: KindRow(
        _INFO, _DIGEST, "settings", "The desk's or a wallet's settings are others than before."
    ),
    NoticeKind.DAY: KindRow(_INFO, _OFF, "new day", "The UTC day rolled."),
    NoticeKind.SERVICE: KindRow(_INFO, _ON, "service", "The service started or stops; its mode, cluster and holds."),
    NoticeKind.CRASH: KindRow(
        _CRITICAL, _ON, "started after a crash", "The service before this one was killed; its open orders."
    ),
    NoticeKind.MISSED: KindRow(_WARNING, _ON, "entries not told", "Entries of the journal that no notice tells of."),
}
