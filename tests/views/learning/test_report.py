"""The learner's report, from journals of desks: each entry counts once, and the ladder says what is missing."""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.model.commands import RecordOutcome, RecordTicket
from overmind.core.model.enums import LearnerMode
from overmind.core.model.events import OrderPlaced
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Expired, Filled
from overmind.views.learning.report import LearnerReport, learner_report
from overmind.views.learning.samples import Samples


def report_of(desk: CoreDesk) -> LearnerReport:
    found = learner_report(desk.entries)
    assert found is not None
    return found


SAMPLES = """
script                                                               | samples | landed
buy sol $10 id a; fill a.0.0                                         | 1       | 1
buy sol $10 id a; expire a.0.0                                       | 1       | 0
buy sol $10 id a; fail a.0.0                                         | 1       | 1
buy sol $10 id a                                                     | 0       | 0
buy sol $10 id a; reject a.0.0 for SLIPPAGE                          | 0       | 0
buy sol $10 id a; fill a.0.0 provisional                             | 0       | 0
buy sol $10 id a; fill a.0.0 provisional; final                      | 1       | 1
buy sol $10 id a; fill a.0.0 provisional; roll back a.0.0 as expired | 1       | 0
deposit w1 1 eth; sell eth 0.1; fill                                 | 0       | 0
desk learner off; buy sol $10 id a; fill a.0.0                       | 0       | 0
"""


@pytest.mark.parametrize(("script", "count", "landed"), rows(SAMPLES))
def test_each_finished_entry_is_one_sample(script: str, count: str, landed: str) -> None:
    desk, samples = CoreDesk("w1; desk learner shadow miss 50"), Samples()
    desk.play(script)
    samples.follow(desk.entries)
    assert len(samples.found) == int(count)
    assert sum(one.landed for one in samples.found) == int(landed)
    assert samples.state.seq == desk.state.seq


def test_a_sample_has_what_was_journaled_of_the_choice() -> None:
    desk, samples = CoreDesk("w1; w2; desk learner shadow miss 50 explore 100 exploring 100 seed s"), Samples()
    for number in range(30):
        (placed,) = desk.play(f"buy sol $10 id x{number}")
        assert isinstance(placed, OrderPlaced)
        desk.play(f"expire x{number}.0.0; fill x{number}.0.1")
    samples.follow(desk.entries)
    assert len(samples.found) == 30, "a second attempt is no choice of its own"
    assert all(0 < one.propensity < 1 for one in samples.found)
    assert any(one.baseline is not None for one in samples.found)
    assert all(one.supported for one in samples.found)
    known = samples.found[0].cost - 50.0
    assert samples.found[0].expected == pytest.approx(known + 4.4), "as configured, before anything was learned"


def test_a_report_of_shadow_tells_what_was_learned_and_concludes_nothing() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner shadow miss 50 fades 1")
    for number in range(40):
        desk.play(f"wait 60000; mark sol 100; buy sol $10 id t{number}; expire t{number}.0.0; fill t{number}.0.1")
    found = report_of(desk)
    assert found.entries == 40
    (wallet,) = (one for one in found.believed if (one.name, one.what) == ("w1", "landing"))
    assert wallet.high < 0, "w1 lands less than configured"
    assert wallet.differs
    assert wallet.outcomes == 40
    assert found.calibration is not None
    assert found.calibration.learned < found.calibration.configured
    assert sum(one.entries for one in found.calibration.bins) == 40
    assert found.choices.agrees < 40
    assert found.choices.gain_bps > 0
    assert found.off_policy.doubly_robust is None
    assert "shadow" in found.off_policy.why_not
    met = {one.step: one.met for one in found.ladder}
    assert met == {"shadow": True, "explore": False, "evidence": False, "canary": False, "on": False}
    assert found.stands.mode is LearnerMode.SHADOW


def test_landings_are_compared_with_the_forecast_slots() -> None:
    """Two slots are configured, and each landing takes six. What did not land says nothing of slots."""
    desk = CoreDesk("w1; desk learner shadow")
    assert report_of(desk).slots is None
    for number in range(20):
        desk.play(f"wait 60000; mark sol 100; buy sol $10 id t{number}")
        (known,) = desk.state.open_orders.values()
        desk.do(RecordTicket(known.order.id, Ticket(f"signature {number}", b"", slot=100)))
        landed = Filled(known.order.spend.units, known.order.received_min, 5_000, slot=106)
        desk.do(RecordOutcome(known.order.id, Expired() if number == 9 else landed))
    found = report_of(desk).slots
    assert found is not None
    assert (found.entries, found.configured) == (19, 4.0)
    assert 0 < found.learned < 4.0, "the forecasts have come nearer"
    assert found.late == pytest.approx(found.learned)


def test_a_journal_without_a_desk_has_no_report() -> None:
    assert learner_report(()) is None
