"""The quota of a swap server: prices never go missing, and exits always get a turn."""

from __future__ import annotations

from collections import deque

import pytest

from overmind.core.model.units import NS
from overmind.solana.request_quota import WINDOW_S, Purpose, QuotaUsedUp, RequestQuota

START = 1_700_000_000 * NS
MARK_AGE_S = 30


class SetClock:
    def __init__(self) -> None:
        self.at_ns = START

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        self.at_ns += round(seconds * NS)


class SlidingWindow:
    """A server that refuses what exceeds its documented window."""

    def __init__(self, per_min: int) -> None:
        self._per_min = per_min
        self._at_ns: deque[int] = deque()

    def answers(self, now_ns: int) -> bool:
        while self._at_ns and now_ns - self._at_ns[0] >= WINDOW_S * NS:
            self._at_ns.popleft()
        if len(self._at_ns) >= self._per_min:
            return False
        self._at_ns.append(now_ns)
        return True


def takes(quota: RequestQuota, purpose: Purpose) -> bool:
    try:
        quota.take(purpose)
    except QuotaUsedUp:
        return False
    return True


@pytest.mark.parametrize("per_min", [10, 30, 60, 600])
def test_prices_never_age_out_and_exits_get_through_while_entries_ask_all_the_time(per_min: int) -> None:
    clock = SetClock()
    quota, server = RequestQuota(clock, per_min), SlidingWindow(per_min)
    interval_ns = round(quota.price_interval_s(1) * NS)
    last_price_ns = next_poll_ns = START
    entries = 0
    for tick in range(10 * WINDOW_S * 10):  # ten minutes in tenths of a second
        clock.at_ns = START + tick * NS // 10
        if clock.at_ns >= next_poll_ns:
            next_poll_ns += interval_ns
            if takes(quota, Purpose.PRICES):
                assert server.answers(clock.at_ns)
                last_price_ns = clock.at_ns
        if tick % 600 == 599:  # one exit a minute
            assert takes(quota, Purpose.EXIT)
            assert server.answers(clock.at_ns)
        if takes(quota, Purpose.ENTRY):
            assert server.answers(clock.at_ns)
            entries += 1
        assert clock.at_ns - last_price_ns <= MARK_AGE_S * NS
    assert entries >= 10 * (per_min * 3 // 10 - 2)


@pytest.mark.parametrize(("per_min", "looks", "entries"), [(10, 1, 2), (30, 4, 5), (60, 9, 9)])
def test_a_sender_of_many_mints_leaves_half_of_the_entries_requests(per_min: int, looks: int, entries: int) -> None:
    quota = RequestQuota(SetClock(), per_min)
    assert sum(takes(quota, Purpose.LOOK) for _ in range(per_min)) == looks
    assert sum(takes(quota, Purpose.ENTRY) for _ in range(per_min)) == entries
    assert not takes(quota, Purpose.LOOK)
    assert sum(takes(quota, Purpose.PRICES) for _ in range(per_min)) == per_min // 2
    assert sum(takes(quota, Purpose.EXIT) for _ in range(per_min)) == per_min // 5


def test_entries_leave_no_request_to_looks() -> None:
    quota = RequestQuota(SetClock(), 30)
    assert sum(takes(quota, Purpose.ENTRY) for _ in range(30)) == 9
    assert not takes(quota, Purpose.LOOK)


def test_exits_may_use_all_of_it() -> None:
    quota = RequestQuota(SetClock(), 30)
    assert [takes(quota, Purpose.EXIT) for _ in range(31)] == [True] * 30 + [False]


def test_what_the_server_says_is_left_holds_back_all_but_exits_until_its_reset() -> None:
    clock = SetClock()
    quota = RequestQuota(clock, 30)
    quota.told(remaining=6, reset_s=START // NS + 20)
    assert [takes(quota, purpose) for purpose in Purpose] == [True, False, False, False]
    clock.at_ns += 20 * NS
    assert [takes(quota, purpose) for purpose in Purpose] == [True, True, True, True]


def test_a_reset_beyond_the_window_is_not_believed() -> None:
    quota = RequestQuota(SetClock(), 30)
    quota.told(remaining=0, reset_s=START // NS + WINDOW_S + 1)
    assert takes(quota, Purpose.PRICES)


def test_without_a_quota_nothing_waits() -> None:
    quota = RequestQuota(SetClock(), None)
    assert all(takes(quota, Purpose.ENTRY) for _ in range(10_000))
    assert quota.price_interval_s(3) == 0.0


def test_a_clock_that_was_set_back_does_not_keep_the_window_full() -> None:
    clock = SetClock()
    quota = RequestQuota(clock, 4)
    for _ in range(4):
        quota.take(Purpose.EXIT)
    clock.at_ns -= 3_600 * NS
    assert takes(quota, Purpose.EXIT)
