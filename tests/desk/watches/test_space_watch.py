"""The room on the disk: alarms come days before it is used up, and none without a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
import structlog

from overmind.core.model.units import NS
from overmind.desk.watches.space_watch import FREE_MIN_BYTES, LOOK_EVERY_S, MB, SpaceWatch

HOUR_S, DAY_S = 3_600, 86_400
GB = 1_000 * MB


class Disk:
    """A disk and a clock that a test sets."""

    def __init__(self, free: int) -> None:
        self.free, self.now_s, self.broken = free, 1_750_000_000, False

    def now_ns(self) -> int:
        return self.now_s * NS

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the test makes each look itself; nothing waits")

    def free_bytes(self, folder: Path) -> int:
        if self.broken:
            raise OSError(5, "no answer")
        return self.free


def watched(disk: Disk, spans: Iterable[tuple[int, int]], days_min: int = 7) -> tuple[SpaceWatch, list[str]]:
    """Each span: so many seconds, in which so many bytes a day are written. What the log says."""
    watch = SpaceWatch(Path("data"), disk, days_min, disk.free_bytes)

    async def look() -> None:
        await watch.look()
        for seconds, a_day in spans:
            for _ in range(seconds // LOOK_EVERY_S):
                disk.now_s += LOOK_EVERY_S
                disk.free -= a_day * LOOK_EVERY_S // DAY_S
                await watch.look()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(look())
    return watch, [f"{line['log_level']}: {line['event']}, {line.get('days_left')} days" for line in lines]


@pytest.mark.parametrize(
    ("free", "spans", "days_min", "alarm", "fault"),
    [
        (10 * GB, [(HOUR_S, GB)], 7, False, False),  # 10 days
        (6 * GB, [(HOUR_S, GB)], 7, True, False),
        (6 * GB, [(HOUR_S, GB)], 5, False, False),
        (6 * GB, [(300, GB)], 7, False, False),  # Five minutes say nothing about a day.
        (6 * GB, [(HOUR_S, 0)], 7, False, False),  # Nothing is written.
        (6 * GB, [(HOUR_S, -GB)], 7, False, False),  # Somebody makes room.
        (2 * GB, [(HOUR_S, 10 * GB)], 7, True, True),  # Four hours
        (2 * GB, [(HOUR_S, 10 * GB)], 0, False, True),
        (6 * GB, [(6 * HOUR_S, GB), (HOUR_S, 0)], 7, True, False),  # The day counts as well as the last hour.
        (60 * GB, [(6 * HOUR_S, 0), (HOUR_S, 12 * GB)], 7, True, False),  # So does the last hour.
        (FREE_MIN_BYTES, [], 7, False, False),
        (FREE_MIN_BYTES - 1, [], 7, True, True),
        (FREE_MIN_BYTES - 1, [], 0, True, True),
    ],
)
def test_when_it_alarms(free: int, spans: list[tuple[int, int]], days_min: int, alarm: bool, fault: bool) -> None:
    watch, _ = watched(Disk(free), spans, days_min)
    assert (watch.alarm() is not None, watch.fault() is not None) == (alarm, fault)


def test_it_says_how_many_days_are_left_and_what_to_do() -> None:
    watch, _ = watched(Disk(3 * GB), [(DAY_S, GB)])
    assert watch.alarm() == (
        "the disk of data fills up: 2,000 MB are free, 1,000 MB are written a day: 2.0 days are left; "
        "make room on the disk, or move old segments and logs to another one"
    )


def test_the_log_says_it_once_and_again_when_half_is_gone() -> None:
    disk = Disk(8 * GB)
    _, lines = watched(disk, [(7 * DAY_S, GB), (HOUR_S, -480 * GB)])
    begins, *halves, ends = lines
    assert begins == "error: the disk fills up, 7.0 days"
    assert [line.rpartition(",")[2] for line in halves] == [" 3.5 days", " 1.75 days"]
    assert ends.startswith("warning: the disk has room again")


def test_a_disk_that_does_not_answer_is_told_by_another_watch() -> None:
    disk = Disk(3 * GB)
    watch, _ = watched(disk, [(DAY_S, GB)])
    before, disk.broken = watch.alarm(), True
    asyncio.run(watch.look())
    assert watch.alarm() == before
