"""An outlet: whoever puts something in never waits, what does not fit is counted, and the end has a bound."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from overmind.desk.log.outlet import Outlet

PATIENCE_S = 20.0
AT_ONCE_S = 0.05


class Disk:
    """Writes nothing until it is let go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.writing = threading.Event()
        self.works = True
        self.written: list[int] = []
        self.writes = 0

    def write(self, items: Sequence[int]) -> bool:
        self.writing.set()
        assert self.goes_on.wait(PATIENCE_S)
        self.writes += 1
        if self.works:
            self.written += items
        return self.works


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_everything_is_written_in_order(disk: Disk) -> None:
    disk.goes_on.set()
    outlet = Outlet("test", disk.write, most=10_000)
    for number in range(1_000):
        outlet.put(number)
    assert outlet.flush(PATIENCE_S)
    assert (disk.written, outlet.lost, outlet.stalled_s) == (list(range(1_000)), 0, 0.0)
    assert outlet.close(PATIENCE_S)


def test_a_disk_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted(disk: Disk) -> None:
    outlet = Outlet("test", disk.write, most=10)
    outlet.put(0)
    assert disk.writing.wait(PATIENCE_S)
    for number in range(1, 100):
        outlet.put(number)
    assert outlet.lost == 99 - 10
    assert outlet.stalled_s > 0
    assert not outlet.flush(AT_ONCE_S)
    disk.goes_on.set()
    assert outlet.flush(PATIENCE_S)
    assert disk.written == list(range(11))


def test_spare_places_are_left_to_what_matters_more(disk: Disk) -> None:
    outlet = Outlet("test", disk.write, most=10)
    outlet.put(0)
    assert disk.writing.wait(PATIENCE_S)
    for number in range(1, 100):
        outlet.put(number, spare=3)
    for number in range(100, 103):
        outlet.put(number)
    assert outlet.lost == 99 - 7
    disk.goes_on.set()
    assert outlet.flush(PATIENCE_S)
    assert disk.written[-3:] == [100, 101, 102]


def test_what_could_not_be_written_is_lost_and_counted(disk: Disk) -> None:
    disk.goes_on.set()
    disk.works = False
    outlet = Outlet("test", disk.write, most=10)
    outlet.put(1)
    assert outlet.flush(PATIENCE_S)
    assert outlet.lost == 1


def test_the_end_does_not_wait_for_a_disk_that_hangs(disk: Disk) -> None:
    outlet = Outlet("test", disk.write, most=10)
    outlet.put(0)
    assert disk.writing.wait(PATIENCE_S)
    assert not outlet.close(AT_ONCE_S)
    disk.goes_on.set()


def test_one_write_takes_what_comes_in_a_while_and_whoever_waits_is_served_at_once(disk: Disk) -> None:
    disk.goes_on.set()
    outlet = Outlet("test", disk.write, most=10_000, gather_s=2 * PATIENCE_S)
    for number in range(100):
        outlet.put(number)
    assert outlet.flush(PATIENCE_S)
    outlet.put(100)
    assert outlet.close(PATIENCE_S)
    assert (disk.written, disk.writes) == (list(range(101)), 2)
