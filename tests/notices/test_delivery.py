"""A target that fails or hangs holds up its own thread, and what it did not take is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
import structlog

from overmind.clock.clocks import SystemClock
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config.notice_kinds import Severity
from overmind.notices import delivery
from overmind.notices.delivery import TRIES, TRIES_CRITICAL, Delivery
from overmind.notices.notice import Notice
from overmind.notices.outbox import WAITING_MAX
from overmind.notices.targets import Target
from overmind.solana.backoff import backoff_s

SECRET = "s3cr3t-t0ken"


def notice(number: int, severity: Severity = Severity.INFO) -> Notice:
    return Notice(severity, "stop", "title", f"n{number}", number)


def raises(fault: BaseException) -> Callable[[str, str, str], bool]:
    def send(_title: str, _text: str, _severity: str) -> bool:
        raise fault

    return send


def failing(send: Callable[[str, str, str], bool], severity: Severity, within_s: float) -> tuple[Delivery, list[bool]]:
    """What becomes of one notice for a target in so much virtual time."""
    ended: list[bool] = []

    async def run() -> Delivery:
        clock = VirtualClock(0)
        one = Delivery(Target(1, "fake", send), clock, lambda _, took: ended.append(took))
        running = asyncio.ensure_future(one.run())
        one.put(notice(1, severity))
        await clock.sleep(within_s)
        assert not running.done()
        running.cancel()
        one.close()
        return one

    return run_virtual(run()), ended


@pytest.mark.parametrize("fault", [OSError(SECRET), ValueError(SECRET), KeyError(SECRET), RuntimeError(SECRET)])
def test_whatever_a_target_raises_is_an_answer_and_nothing_of_it_is_logged(fault: Exception) -> None:
    with structlog.testing.capture_logs() as lines:
        one, ended = failing(raises(fault), Severity.INFO, 60)
    assert ended == [False]
    assert one.row.failed == 1
    assert len(lines) == 1
    assert SECRET not in str(lines)


@pytest.mark.parametrize(("severity", "tries"), [(Severity.INFO, TRIES), (Severity.CRITICAL, TRIES_CRITICAL)])
def test_a_notice_is_tried_so_often_and_then_given_up(severity: Severity, tries: int) -> None:
    asked: list[str] = []

    def refuse(title: str, _text: str, _severity: str) -> bool:
        asked.append(title)
        return False

    _, ended = failing(refuse, severity, 3_600)
    assert (len(asked), ended) == (tries, [False])


def test_a_critical_notice_outlasts_a_target_that_is_away_for_ten_minutes() -> None:
    pauses_s = [backoff_s(attempt, "1 (fake)") for attempt in range(1, TRIES_CRITICAL)]
    assert sum(pauses_s) > 600
    tries = iter([*[False] * (TRIES_CRITICAL - 1), True])
    _, ended = failing(lambda _title, _text, _severity: next(tries), Severity.CRITICAL, sum(pauses_s) + 1)
    assert ended == [True]


def test_while_a_call_hangs_no_other_is_made_and_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SEND_MAX_S", 0.01)
    let_go, calls = threading.Event(), list[str]()

    def hang(_title: str, text: str, _severity: str) -> bool:
        calls.append(text)
        return let_go.wait(30)

    async def run() -> None:
        took_one = asyncio.Event()
        one = Delivery(Target(1, "fake", hang), SystemClock(), lambda _notice, took: took_one.set() if took else None)
        running = asyncio.ensure_future(one.run())
        for number in range(2 * WAITING_MAX):
            one.put(notice(number))
        await asyncio.sleep(0.05)
        assert len(calls) == 1
        row = one.row
        assert (row.waiting, row.dropped) == (WAITING_MAX, WAITING_MAX)
        assert [alarm for alarm in row.alarms() if "has not answered for" in alarm]
        let_go.set()
        await took_one.wait()
        assert one.row.delivered > 0
        assert one.row.stalled_s == 0
        running.cancel()
        one.close()

    asyncio.run(run())
