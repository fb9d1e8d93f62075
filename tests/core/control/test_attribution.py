"""Whoever wants something of the desk is in the journal, right before what that did (specification §13.5)."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.books.state import State
from overmind.core.control.attribution import acted
from overmind.core.control.holds import DISK_FULL
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import (
    AddHold,
    Attributed,
    CommandRefused,
    EmergencyStop,
    OperatorCommand,
    RecordAction,
    Withdraw,
)
from overmind.core.model.controls import Scope
from overmind.core.model.events import OperatorActed
from overmind.core.model.ids import WalletId
from overmind.core.model.money import Money
from overmind.core.model.units import DAY_NS, MICROS

BEFORE = "w1; w2; deposit w1 1 eth"
TABLE = """
steps before | the step                    | who did what to what         | and then
             | who ann hold w1 operator    | ann AddHold w1 operator      | HoldAdded
             | who ann hold momentum calm  | ann AddHold MomentumTrading calm | HoldAdded
             | who ann hold portfolio calm | ann AddHold calm             | HoldAdded
hold w1 x    | who token:bot lift w1 x     | token:bot LiftHold w1 x      | HoldLifted
stop         | who cli:root reactivate w1  | cli:root ReactivateWallet w1 | HoldLifted
             | who ann change w1 loss 60   | ann ChangeLimits w1          | LimitsChanged
             | who ann block eth           | ann ChangeMints block eth    | MintsChanged
             | who ann learn on            | ann ChangeLearnerMode on     | LearnerModeChanged
             | who ann close w1 eth        | ann ClosePosition w1 eth     | CloseOrdered OrderPlaced
close w1 eth | who ann keep w1 eth         | ann CancelClose w1 eth       | CloseCancelled
             | who ann believe eth 2000    | ann AcceptPrice eth          | PriceAccepted
             | who ann stop                | ann EmergencyStop            | HoldAdded HoldAdded
# The file STOP may have been first.
stop         | who ann stop                | ann EmergencyStop            |
"""


@pytest.mark.parametrize(("before", "step", "who", "then"), rows(TABLE))
def test_who_wanted_it_comes_right_before_what_it_did(before: str, step: str, who: str, then: str) -> None:
    first, *others = CoreDesk(f"{BEFORE}; {before}").play(step)
    assert isinstance(first, OperatorActed)
    assert " ".join(filter(None, (first.by, first.action, first.about))) == who
    assert [type(one).__name__ for one in others] == then.split()
    bare = CoreDesk(f"{BEFORE}; {before}").play(" ".join(step.split()[2:]))
    assert tuple(others) == bare, "its author changes nothing of what it does"


@pytest.mark.parametrize("step", ["who ann reactivate w1", "who ann hold w1 operator", "who ann unblock eth"])
def test_what_changes_nothing_has_no_author(step: str) -> None:
    assert CoreDesk(f"{BEFORE}; hold w1 operator").play(step) == ()


def test_what_is_refused_has_no_author() -> None:
    desk = CoreDesk(BEFORE)
    with pytest.raises(CommandRefused):
        desk.play("who ann withdraw w1 $5")
    assert not any(isinstance(entry.event, OperatorActed) for entry in desk.entries)


def test_a_stop_that_changes_nothing_takes_no_room_on_a_full_disk() -> None:
    desk = CoreDesk(f"{BEFORE}; stop")
    desk.do(AddHold(Scope(), DISK_FULL, "full"))
    assert desk.do(Attributed(EmergencyStop("again"), "ann")) == ()


def test_a_new_day_begins_before_a_withdrawal_whoever_wants_it() -> None:
    """It counts in the cap of its own day (specification §2.6)."""

    def types(by: str) -> list[str]:
        desk = CoreDesk(f"{BEFORE}; desk payees bank cap 100 delay 0")
        desk.now_ns = (desk.now_ns // DAY_NS + 1) * DAY_NS - 2  # each mark takes a nanosecond
        desk.play("mark eth 2000")
        desk.now_ns += 1
        command = Withdraw("x", WalletId("w1"), Money(5 * MICROS, desk.state.settings.quote.mint), "bank", "because")
        events = desk.do(Attributed(command, by) if by else command)
        return [type(one).__name__ for one in events]

    assert types("ann") == ["DayRolled", "OperatorActed", *types("")[1:]]


def test_a_change_of_who_may_do_what_is_recorded() -> None:
    (event,) = CoreDesk().do(RecordAction("ann", "AddUser", "bob, operate", "hired"))
    assert event == OperatorActed("ann", "AddUser", "bob, operate", "hired")


def test_a_journal_begins_with_its_identity_whoever_was_first() -> None:
    """A first start may have failed before it."""
    state = State()
    for command in (Attributed(EmergencyStop("drill"), "ann"), RecordAction("ann", "AddUser", "bob, read", "hired")):
        assert tuple(decide(state, SelectionIndex(state), command, 0)) == ()


def test_every_command_of_an_operator_has_a_reason() -> None:
    fields = {kind.__name__: kind.__struct_fields__ for kind in get_args(OperatorCommand)}
    assert {name for name, known in fields.items() if "reason" not in known} == {"AcceptHistory"}
    assert acted(EmergencyStop("drill"), "ann").reason == "drill"
