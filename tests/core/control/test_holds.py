"""A wallet has a set of named holds. Its status derives from them, and lifting one leaves the others.

See specification §10.3.
"""

import re

import pytest
from tests.support.core_desk import CoreDesk, rows, scope, told

from overmind.core.control.holds import holds_of, lifted_by
from overmind.core.model.commands import AddHold, CommandRefused
from overmind.core.model.controls import Scope
from overmind.core.model.events import HoldAdded

TABLE = """
steps on wallet w1                                                     | status    | its holds
                                                                       | Active    |
hold w1 operator                                                       | Suspended | operator
hold w1 anything                                                       | Suspended | anything
hold w1 operator; hold w1 day_loss                                     | Suspended | operator day_loss
hold w1 operator; hold w1 day_loss; lift w1 operator                   | Suspended | day_loss
hold w1 operator; hold w1 day_loss; lift w1 operator; lift w1 day_loss | Active    |
hold w1 operator; lift w1 operator; lift w1 operator                   | Active    |
lift w1 operator                                                       | Active    |
# The most severe cause shows.
hold w1 maintenance; hold w1 operator | Maintenance | maintenance operator
hold w1 maintenance; hold w1 inactive | Inactive    | maintenance inactive
hold w1 operator; stop                | Emergency   | operator emergency
remove w1; stop                       | Emergency   | removed emergency
# An emergency ends by reactivation alone, which leaves the rest.
stop; reactivate w1                   | Active    |
stop; stop; reactivate w1             | Active    |
hold w1 operator; stop; reactivate w1 | Suspended | operator
hold w1 operator; reactivate w1       | Suspended | operator
stop; w1                              | Emergency | emergency
stop; w1 risk 0.1                     | Emergency | emergency
# A configured status is a hold like the others: another configuration lifts it, and nothing else.
w1 status Inactive                                     | Inactive    | inactive
w1 status Suspended                                    | Suspended   | suspended
w1 status Maintenance                                  | Maintenance | maintenance
w1 status Emergency                                    | Emergency   | emergency
w1 status Inactive; w1 status Active                   | Active      |
w1 status Inactive; w1 status Maintenance              | Maintenance | maintenance
w1 status Emergency; w1 status Active                  | Emergency   | emergency
w1 status Inactive; hold w1 operator; w1 status Active | Suspended   | operator
# Removed from the configuration, and back again.
remove w1                       | Inactive  | removed
remove w1; remove w1            | Inactive  | removed
remove w1; w1                   | Active    |
hold w1 operator; remove w1; w1 | Suspended | operator
# Holds on the portfolio and on strategies are not the wallet's.
hold portfolio disk_full; hold momentum operator | Active |
"""


@pytest.mark.parametrize(("steps", "status", "holds"), rows(TABLE))
def test_the_status_derives_from_the_holds(steps: str, status: str, holds: str) -> None:
    book = CoreDesk(f"w1; {steps}").book("w1")
    assert book.status == status
    assert " ".join(book.holds) == holds


def test_an_emergency_stop_holds_every_wallet_and_reactivation_frees_one() -> None:
    desk = CoreDesk("w1; w2; w3; hold w2 operator")
    assert told(desk.play("stop")) == "HoldAdded + HoldAdded + HoldAdded"
    desk.play("reactivate w1")
    assert [book.status for book in desk.state.wallets.values()] == ["Active", "Emergency", "Emergency"]
    assert told(desk.play("buy eth $300")) == "w1 $300"


def test_only_reactivation_lifts_an_emergency() -> None:
    desk = CoreDesk("w1; stop")
    with pytest.raises(CommandRefused, match="reactivate"):
        desk.play("lift w1 emergency")
    assert desk.book("w1").status == "Emergency"


LIFTS = """
held | lift | what alone lifts it
# Whoever has a reason lifts what a person or a breaker added, and what nobody knows.
hold portfolio drawdown | portfolio drawdown | `overmind resume portfolio --hold drawdown --reason …`
hold portfolio day_loss | portfolio day_loss | `overmind resume portfolio --hold day_loss --reason …`
hold portfolio restored | portfolio restored | only the chain, or `overmind accept-history WALLET --reason …` for each,
hold w1 loss_streak | w1 loss_streak | `overmind resume w1 --hold loss_streak --reason …`
hold momentum depeg | momentum depeg | `overmind resume MomentumTrading --hold depeg --reason …`
hold w1 operator | w1 operator | `overmind resume w1 --reason …`
# Somebody looks first, at the wallet or at the chain.
hold w1 emergency | w1 emergency | only `overmind reactivate w1 --reason …`
hold w1 quarantine | w1 quarantine | only `overmind accept w1 --reason …`
hold portfolio deficit:w1 | portfolio deficit:w1 | only `overmind accept w1 --reason …`
hold portfolio unknown_signature:w1 | portfolio unknown_signature:w1 | only `overmind accept w1 --reason …`
# What the configuration says, only the configuration takes back.
remove w1 | w1 removed | only a start with the wallet in OVERMIND_MANAGED_WALLETS
w1 status Inactive | w1 inactive | only a start with another status in the wallet's file
w1 status Maintenance | w1 maintenance | only a start with another status in the wallet's file
w1 status Suspended | w1 suspended | only a start with another status in the wallet's file
# A start with room lifts it, by the same command.
hold portfolio disk_full | portfolio disk_full | a start with room on the disk
"""


@pytest.mark.parametrize(("held", "lift", "by"), rows(LIFTS))
def test_every_hold_says_what_lifts_it(held: str, lift: str, by: str) -> None:
    desk = CoreDesk(f"w1; {held}")
    name, cause = lift.split()
    where = scope(name)
    assert lifted_by(where, cause) == by.removeprefix("only ")
    if by.startswith("only "):
        with pytest.raises(CommandRefused, match=re.escape(f"{by} lifts {cause}")):
            desk.play(f"lift {lift}")
        assert cause in holds_of(desk.state, where)
    else:
        assert told(desk.play(f"lift {lift}")) == "HoldLifted"
        assert cause not in holds_of(desk.state, where)


def test_the_first_reason_stays() -> None:
    desk = CoreDesk("w1; hold w1 operator")
    assert desk.do(AddHold(Scope(), "operator", "another scope"))
    assert not desk.play("hold w1 operator")
    (since,) = [entry.at_ns for entry in desk.entries if isinstance(entry.event, HoldAdded)][:1]
    assert desk.book("w1").holds["operator"].since_ns == since


def test_several_holds_on_a_strategy_are_lifted_one_by_one() -> None:
    desk = CoreDesk("w1; hold momentum a; hold momentum b; lift momentum a")
    assert told(desk.play("buy eth $300")) == "STRATEGY_NOT_ENABLED enabled paused: b"
    desk.play("lift momentum b")
    assert told(desk.play("buy eth $300")) == "w1 $300"


@pytest.mark.parametrize("step", ["hold w9 operator", "lift w9 operator", "reactivate w9", "remove w9"])
def test_an_unknown_wallet_is_an_error_that_names_the_known(step: str) -> None:
    desk = CoreDesk("w1; w2")
    with pytest.raises(CommandRefused, match="no wallet 'w9'; known: w1, w2"):
        desk.play(step)


def test_a_wallet_keeps_its_key_for_ever() -> None:
    desk = CoreDesk("w1 key one")
    with pytest.raises(CommandRefused, match="give the new key a new wallet id"):
        desk.play("w1 key two")


def test_a_desk_without_wallets_can_be_stopped() -> None:
    assert not CoreDesk().play("stop")
