"""Who plays the runs. Tasks go out and results come back as bytes, so that another host can take them over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from functools import lru_cache
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, Protocol

import msgspec

from overmind.sweep.playing import Player
from overmind.sweep.told import Result, Task, Work

PERISHED: Final = "its process was ended from outside, as by a lack of memory; run the sweep again with fewer --jobs"


class Executor(Protocol):
    """The queue between a sweep and its runs. `Work`, `Task` and `Result` are plain values with a form in JSON."""

    def results(self, work: Work, tasks: Sequence[Task]) -> Iterator[Result]:
        """Each task's result exactly once, as soon as it is there, in any order. A run that perishes has one too."""
        ...


@lru_cache(maxsize=1)
def _player(work: bytes) -> Player:
    return Player(msgspec.json.decode(work, type=Work), os.environ)


def answer(work: bytes, task: bytes) -> bytes:
    """One run, for whoever has the files and the environment of the desk. The next run of the same work reuses both."""
    return msgspec.json.encode(_player(work).play(msgspec.json.decode(task, type=Task)))


class InProcess:
    """Plays them here, one after the other."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def results(self, work: Work, tasks: Sequence[Task]) -> Iterator[Result]:
        yield from map(self._player.play, tasks)


class Worker:
    """A process of its own. It ends when this one does, whatever ends this one: its pipe closes."""

    def __init__(self, work: bytes) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        self.pipe.send_bytes(msgspec.json.encode(task))

    def taken(self) -> Result | None:
        """None: the process perished."""
        try:
            return msgspec.json.decode(self.pipe.recv_bytes(), type=Result)
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Processes:
    """Several processes on this machine."""

    def __init__(self, count: int) -> None:
        self._count = count

    def results(self, work: Work, tasks: Sequence[Task]) -> Iterator[Result]:
        encoded, waiting = msgspec.json.encode(work), list(reversed(tasks))
        busy: dict[Connection, Worker] = {}
        try:
            for _ in range(min(self._count, len(tasks))):
                _start(Worker(encoded), waiting, busy)
            while busy:
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection), pipe
                    worker = busy.pop(pipe)
                    result, task = worker.taken(), worker.task
                    if result is None:
                        assert task is not None, "a process that waits for nothing"
                        worker.end()
                        worker, result = Worker(encoded), Result(task, "", "", None, error=PERISHED)
                    _start(worker, waiting, busy)
                    yield result
        finally:
            for worker in busy.values():
                worker.end()


def _start(worker: Worker, waiting: list[Task], busy: dict[Connection, Worker]) -> None:
    """Gives it the next task. Without one it ends."""
    if not waiting:
        worker.end()
        return
    busy[worker.pipe] = worker
    worker.give(waiting.pop())


def _serve(pipe: Connection, work: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever interrupts the sweep ends its processes.
    try:
        while True:
            pipe.send_bytes(answer(work, pipe.recv_bytes()))
    except (EOFError, BrokenPipeError):
        return
