"""The watchdog: a long step is told with its place, an endless one ends the process, and a pause is nobody's fault."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from overmind.core.model.units import NS
from overmind.desk.log.file import LOG_FILE
from overmind.desk.log.setup import configure_logging, flush_log, stop_logging
from overmind.desk.watches.watchdog import (
    EXIT_HUNG,
    STACKS_FILE,
    LoopAlarm,
    Patience,
    Watchdog,
    ended_by_kernel,
    watching,
)

LOOK_NS = NS // 5
PATIENCE = Patience(tell_ns=NS, end_ns=30 * NS)
FOREVER = Patience(tell_ns=3_600 * NS, end_ns=3_600 * NS)
PATIENCE_S = 20.0


class Stage:
    """A watchdog whose clocks a test sets. It is its own alarm."""

    def __init__(self) -> None:
        self.at_ns = self.used_ns = 0
        self.told: list[str] = []
        self.watchdog = Watchdog(PATIENCE, self, lambda: self.at_ns, lambda: self.used_ns)

    def slow(self, seconds: float) -> None:
        self.told.append(f"slow {seconds:.1f}")

    def over(self, seconds: float) -> None:
        self.told.append(f"over {seconds:.1f}")

    def hung(self, seconds: float) -> None:
        self.told.append(f"hung {seconds:.1f}")

    def play(self, word: str) -> None:
        """`beats 3` lets the loop run, `steps 3` is one step of it, `pause 3` stops the process, `call 3` is one call
        of C that lets no other thread run."""
        what, seconds = word.split()
        length_ns = round(float(seconds) * NS)
        if what in ("pause", "call"):
            self.at_ns += length_ns
            self.used_ns += length_ns if what == "call" else 0
            self.watchdog.look()
            return
        for _ in range(length_ns // LOOK_NS):
            self.at_ns += LOOK_NS
            if what == "beats":
                self.watchdog.beat()
            self.watchdog.look()


# what happens | what is told
STORIES = """
beats 100                                 |
steps 0.8, beats 1, steps 0.8             |
beats 1, steps 1, beats 1                 | slow 1.0, over 1.2
beats 1, steps 5, beats 1, steps 2        | slow 1.0, over 5.2, slow 1.0
beats 1, steps 29.8, beats 1              | slow 1.0, over 30.0
beats 1, steps 30                         | slow 1.0, hung 30.0
beats 1, pause 3600, beats 1              |
beats 1, steps 0.4, pause 3600, beats 1   |
beats 1, steps 2, pause 3600, beats 1     | slow 1.0, over 2.6
beats 1, steps 29, pause 3600, steps 0.4  | slow 1.0
beats 1, steps 29, pause 3600, steps 0.6  | slow 1.0, hung 30.0
beats 1, call 5, beats 1                  | slow 5.0, over 5.2
beats 1, call 40                          | hung 40.0
"""


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads the lines of overmind.log."""
    configure_logging(tmp_path, "INFO")

    def lines() -> list[dict[str, Any]]:
        assert flush_log()
        return [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]

    yield lines
    stop_logging()


Log = Callable[[], list[dict[str, Any]]]


@pytest.mark.parametrize("row", STORIES.strip().splitlines())
def test_a_step_is_told_and_ended_and_a_pause_does_not_count(row: str) -> None:
    happens, told = (cell.strip() for cell in row.split("|"))
    stage = Stage()
    for word in happens.split(", "):
        stage.play(word)
    assert stage.told == (told.split(", ") if told else [])


def test_the_log_names_the_place_of_a_long_step(log: Log) -> None:
    told = threading.Event()

    class Telling(LoopAlarm):
        def slow(self, seconds: float) -> None:
            super().slow(seconds)
            told.set()

    def held_up_here() -> None:
        assert told.wait(PATIENCE_S)

    async def main() -> None:
        alarm = Telling(threading.get_ident(), end=lambda code: None)
        with watching(Watchdog(Patience(tell_ns=1, end_ns=FOREVER.end_ns), alarm)):
            held_up_here()

    asyncio.run(main())
    line = log()[0]
    assert line["event"] == "the event loop is held up by one step"
    assert "held_up_here" in line["stack"]


def test_a_hanging_loop_ends_the_process_with_a_last_line(log: Log) -> None:
    ended: list[int] = []
    LoopAlarm(threading.get_ident(), end=ended.append).hung(30.0)
    assert ended == [EXIT_HUNG]
    last = log()[-1]
    assert last["event"] == "the event loop hangs in one step: the process ends, so that it is started again"
    assert "test_a_hanging_loop_ends_the_process" in last["stack"]


def test_the_loop_beats_while_it_runs_and_nothing_is_told() -> None:
    class Silent:
        def slow(self, seconds: float) -> None:
            raise AssertionError(seconds)

        over = hung = slow

    beats: list[None] = []

    async def main() -> None:
        second = asyncio.Event()

        def beat() -> None:
            beats.append(None)
            if len(beats) == 2:
                second.set()

        with watching(Watchdog(FOREVER, Silent()), beat):
            async with asyncio.timeout(PATIENCE_S):
                await second.wait()

    asyncio.run(main())
    assert len(beats) == 2


HANGS_IN_C = """
import sys
from decimal import Decimal
from pathlib import Path
from overmind.desk.watches import watchdog
watchdog.CPU_MIN_S = 0.3
with watchdog.ended_by_kernel(Path(sys.argv[1]), watchdog.Patience(1, 1)) as put_off:
    put_off()
    Decimal("1e-100000000").as_integer_ratio()
print("the call ended")
"""


def test_a_call_of_c_that_never_ends_is_ended_by_the_kernel(tmp_path: Path, log: Log) -> None:
    command = [sys.executable, "-c", HANGS_IN_C, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGPROF, ""), done.stderr
    assert 'File "<string>"' in (tmp_path / STACKS_FILE).read_text()
    with ended_by_kernel(tmp_path, PATIENCE):
        assert (tmp_path / STACKS_FILE).read_text() == ""
    (line,) = log()
    assert line["event"] == "the process before this one hung in one step and was ended"
    assert 'File "<string>"' in line["stack"]


def test_without_a_place_for_the_stacks_the_desk_still_runs(tmp_path: Path, log: Log) -> None:
    (tmp_path / STACKS_FILE).symlink_to("/dev/null")
    with ended_by_kernel(tmp_path, PATIENCE) as put_off:
        put_off()
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert "is not watched" in log()[0]["event"]
