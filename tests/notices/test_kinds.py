"""Which events are told, and as what: one row for each event, and for each cause of a hold."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.support.journal_entries import T0, every_kind, placed

from overmind.config.notice_kinds import KINDS, NoticeKind, Severity
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.events import (
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    Event,
    HoldAdded,
    HoldLifted,
    MoveClosed,
    MovePlaced,
    OperatorActed,
    OrderClosed,
    OrderPlaced,
    PricesMarked,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model.ids import SOL, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Move
from overmind.core.model.outcome import Cause, Expired, Filled, Outcome, Rejected
from overmind.notices.kinds import kind_of, kind_of_hold


def closed(order_id: str, outcome: Outcome) -> OrderClosed:
    return OrderClosed(OrderId(order_id), outcome)


FILLED = Filled(1, 1, 5_000)

CAUSES = """
emergency              | stop
deficit:w1             | theft
unknown_signature:w1   | theft
quarantine             | quarantine
restored               | history
edited_journal         | history
disk_full              | disk
clock                  | clock
depeg                  | peg
day_loss               | day_loss
drawdown               | drawdown
loss_streak            | limit
day_trades             | limit
operator               | pause
removed                | hold
suspended              | hold
some_later_cause       | hold
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


@pytest.mark.parametrize(("cause", "kind"), rows(CAUSES))
def test_each_cause_of_a_hold_has_its_kind(cause: str, kind: str) -> None:
    assert kind_of_hold(cause) == kind
    assert kind_of(HoldAdded(Scope(), Hold(cause, "why", T0))) == kind


def move(kind: MoveKind) -> Move:
    wallet = WalletId("w1")
    return Move(OrderId(f"move:{kind}:1"), kind, wallet, Money(1, SOL), "to", None, 1, 1, 0, T0, T0, T0, "why")


def own(event: OrderPlaced, side: Side) -> OrderPlaced:
    return replace(event, order=replace(event.order, signal_id=SignalId("stop:w1:SOL:1"), side=side))


WITHDRAWAL, TOP_UP = move(MoveKind.WITHDRAWAL), move(MoveKind.TOP_UP)
ENDS: list[tuple[Event, NoticeKind | None]] = [
    (HoldLifted(Scope(), "emergency", "why"), NoticeKind.REACTIVATED),
    (HoldLifted(Scope(), "operator", "why"), NoticeKind.LIFTED),
    (placed("s1"), NoticeKind.ORDER),
    (own(placed("s1"), Side.SELL), NoticeKind.EXIT),
    (own(placed("s1"), Side.BUY), NoticeKind.MOVE),
    (closed("s1.0.0", FILLED), NoticeKind.FILL),
    (closed("s1.0.0", Expired()), NoticeKind.ORDER_FAILED),
    (closed("stop:w1:SOL:1.0.0", Rejected(Cause.SLIPPAGE)), NoticeKind.EXIT_FAILED),
    (MovePlaced(WITHDRAWAL), NoticeKind.WITHDRAWAL),
    (MoveClosed(WITHDRAWAL.id, Expired()), NoticeKind.WITHDRAWAL),
    (MovePlaced(TOP_UP), NoticeKind.MOVE),
    (MoveClosed(TOP_UP.id, FILLED), NoticeKind.MOVE),
    (MoveClosed(TOP_UP.id, Expired()), NoticeKind.MOVE_FAILED),
    (OperatorActed("ada", "EmergencyStop", "", "why"), NoticeKind.OPERATOR),
    (OperatorActed("ada", "AddUser", "bob", "why"), NoticeKind.ACCESS),
    (OperatorActed("ada", "RevokeToken", "bot", "why"), NoticeKind.ACCESS),
]


@pytest.mark.parametrize(("event", "kind"), ENDS)
def test_what_an_event_says_decides_its_kind(event: Event, kind: NoticeKind | None) -> None:
    assert kind_of(event) is kind


# Every other event, by its type alone.
PLAIN: dict[type, NoticeKind | None] = {
    DeskFounded: NoticeKind.SERVICE,
    DeskConfigured: NoticeKind.SETTINGS,
    WalletConfigured: NoticeKind.SETTINGS,
    Deposited: NoticeKind.DEPOSIT,
    PricesMarked: None,
    DayRolled: NoticeKind.DAY,
    SignalRecorded: NoticeKind.REFUSAL,
    SignalRefused: NoticeKind.REFUSAL,
    TicketRecorded: None,
}


def test_every_other_event_has_its_kind() -> None:
    told = {type(event): kind_of(event) for event in every_kind() if type(event) in PLAIN}
    assert told == PLAIN


def test_what_costs_money_or_needs_a_person_is_critical() -> None:
    critical = {kind for kind, row in KINDS.items() if row.severity is Severity.CRITICAL}
    assert {
        NoticeKind.STOP,
        NoticeKind.THEFT,
        NoticeKind.ROLLBACK,
        NoticeKind.NOT_READY,
        NoticeKind.DAY_LOSS,
    } < critical
    assert set(KINDS) == set(NoticeKind)
