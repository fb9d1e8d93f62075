"""The STOP file is looked for in a thread: a file is seen soon, and a look that hangs forbids entries."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.processes import wait_until

from overmind.desk.watches.stop_file_watch import StopFileWatch
from overmind.desk.watches.timers import STOP_FILE, STOP_REASON, StopFile


class HangingFolder(StopFileWatch):
    """A watch of a folder on a disk that hangs until it is let go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, look_max_s=0.2)
        self.goes_on = threading.Event()

    def _look(self) -> None:
        self.goes_on.wait()
        super()._look()


@pytest.fixture
def stop_file(tmp_path: Path) -> Iterator[StopFileWatch]:
    with StopFileWatch(tmp_path).looking() as watch:
        yield watch


def test_a_file_is_seen_with_its_reason_and_its_end_too(tmp_path: Path, stop_file: StopFileWatch) -> None:
    assert (stop_file.exists(), stop_file.may_exist()) == (False, False)
    (tmp_path / STOP_FILE).write_text("drill\n")
    wait_until(stop_file.exists, "it is seen")
    assert stop_file.may_exist()
    assert stop_file.reason() == f"{STOP_REASON}: drill"
    (tmp_path / STOP_FILE).unlink()
    wait_until(lambda: not stop_file.may_exist(), "its end is seen")


def test_a_look_at_once_does_not_rely_on_an_earlier_one(tmp_path: Path, stop_file: StopFileWatch) -> None:
    async def looks() -> list[bool]:
        found = [await stop_file.look()]
        (tmp_path / STOP_FILE).touch()
        return [*found, await stop_file.look()]

    assert asyncio.run(looks()) == [False, True]


def test_while_a_look_hangs_nothing_is_sent_that_a_stop_forbids(tmp_path: Path) -> None:
    hanging = HangingFolder(tmp_path)
    with hanging.looking():
        assert (hanging.exists(), hanging.may_exist()) == (False, True)
        assert asyncio.run(hanging.look()), "what cannot be looked at is a stop"
        hanging.goes_on.set()
        wait_until(lambda: not hanging.may_exist(), "the disk answers again")


def test_a_pipe_is_a_stop_file_without_a_reason_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / STOP_FILE)
    assert (StopFile(tmp_path).exists(), StopFile(tmp_path).reason()) == (True, STOP_REASON)
