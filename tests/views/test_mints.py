"""What an operator sees of the looks at mints, and of alarms (specification §15)."""

import msgspec
from tests.support.core_desk import CoreDesk

from overmind.views.alarms import admission_alarms
from overmind.views.limits import mints
from overmind.views.risk import risk

LOOKS = "w1; admit checked; look usd; look eth mint ann; look btc freeze bob"


def test_the_verdicts_are_listed_with_what_was_seen() -> None:
    rows = {row.symbol: row for row in mints(CoreDesk(LOOKS).state).looked_at}
    assert (rows["ETH"].admitted, rows["ETH"].authorities, rows["ETH"].why) == (True, {"mint": "ann"}, "")
    assert (rows["BTC"].admitted, rows["BTC"].authorities) == (False, {"freeze": "bob"})
    assert rows["BTC"].why.startswith("FREEZE_AUTHORITY: freeze is bob")


def test_a_mint_that_no_list_has_is_told_with_its_trial_or_its_refusal() -> None:
    desk = CoreDesk("w1; admit checked; desk unlisted 2; try pup back 98.5; try cat freeze bob; wait 1; try dog back 9")
    found = mints(desk.state)
    (pup,) = found.looked_at
    assert (pup.symbol, pup.admitted, pup.unlisted, pup.round_trip_bps) == ("pup", True, True, 150)
    assert str(pup.liquidity_usd) == "50000"
    assert [(row.mint, row.why.split(":")[0]) for row in found.turned_away] == [
        ("dog", "ROUND_TRIP_LOSS"),
        ("cat", "FREEZE_AUTHORITY"),
    ]
    assert not any(row.unlisted for row in mints(CoreDesk(LOOKS).state).looked_at)


def test_a_mint_that_is_gone_is_listed_too() -> None:
    (row,) = mints(CoreDesk("admit checked; look eth gone").state).looked_at
    assert (row.why, row.authorities, row.slot) == ("NO_MINT: gone", {}, 0)


def test_without_looks_the_lists_are_all_there_is() -> None:
    assert msgspec.json.encode(mints(CoreDesk("w1").state)) == b'{"blocked":[],"allowed":null}'


def test_an_alarm_rings_for_what_is_held_bought_or_paid_with() -> None:
    desk = CoreDesk(LOOKS)
    assert admission_alarms(desk.state) == ()
    desk.play("deposit w1 1 btc")
    (alarm,) = admission_alarms(desk.state)
    assert alarm.startswith("the mint of BTC is not admitted: FREEZE_AUTHORITY")
    desk.play("look usd freeze bob; buy eth $10; account w1 eth frozen")
    alarms = admission_alarms(desk.state)
    assert len(alarms) == 3
    assert alarms[-1] == "the account of w1 for ETH is not used: frozen"
    assert risk(desk.state, None).alarms == alarms
    desk.play("look usd; look btc; account w1 eth")
    assert admission_alarms(desk.state) == ()


def test_an_order_on_its_way_counts_as_bought() -> None:
    desk = CoreDesk("w1; admit checked; look usd; look eth; buy eth $10; look eth freeze bob")
    (alarm,) = admission_alarms(desk.state)
    assert alarm.startswith("the mint of ETH")
