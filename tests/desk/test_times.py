"""When a node took an order: remembered by the running desk, because no entry tells it."""

from __future__ import annotations

from overmind.core.model.ids import OrderId
from overmind.desk.times import FIRST_SENT_MAX, DeskTimes, Sent


def test_a_repeat_does_not_move_the_time_of_the_first_send() -> None:
    times = DeskTimes()
    times.add_sent(OrderId("a"), 1)
    times.add_sent(OrderId("a"), 2)
    assert times.first_sent == {"a": 1}
    assert [*times.sent] == [Sent(OrderId("a"), 1), Sent(OrderId("a"), 2)]


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    times = DeskTimes()
    for number in range(FIRST_SENT_MAX + 1):
        times.add_sent(OrderId(str(number)), number)
    assert len(times.first_sent) == FIRST_SENT_MAX
    assert "0" not in times.first_sent
    assert str(FIRST_SENT_MAX) in times.first_sent
