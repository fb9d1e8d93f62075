"""Measures a start after an upgrade, and the first questions, with a journal of ten million entries.

The journal ends as a killed desk of the earlier version has left it: a snapshot in that version's shape, and 50,000
entries of the real app after it, the most that have to be replayed. The entries long before are made up, as in
`bench.past`: a start does not read them, and questions about old orders do. OVERMIND_BENCH_PAST_ENTRIES is the number.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from bench.accidents import earlier_shape
from bench.cluster import COMMAND, Server, serving
from bench.endurance import lived_in
from bench.measure import Result, spread_of
from bench.month import Plan, environment
from bench.past import BATCH, file_all, made_up
from bench.stop_under_load import TOKEN, Connection
from overmind.core.books.state import State, encode_state
from overmind.core.model.events import Answer, Entry
from overmind.journal.database import Disk
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot

ENTRIES: Final = int(os.environ.get("OVERMIND_BENCH_PAST_ENTRIES", "10_000_000"))
TAIL: Final = 50_000
HEAD: Final = 5_000  # entries of the real app before those that are made up
OLDER: Final = Plan(days=1, day_s=43_200.0, signals=5_000, look_every_s=1.0, upgrade_after=2, wrong_day=0, full_day=0)
STARTS: Final = 5
QUESTIONS: Final = 200
COMMANDS: Final = 5
START_MAX_S: Final = 5.0
ANSWER_MAX_MS: Final = 50.0


def upgrade() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch).absolute()
        path = _journal(folder)
        size = path.stat().st_size / 2**30
        starts = [_start(folder) for _ in range(STARTS)]
        with closing(SqliteJournal.open_read_only(path)) as journal:
            file_all(path, journal)
        with _serving(folder) as server:
            answers = [_asked(server, name, how) for name, how in _questions().items()]
            answers.append(_command(folder))
    used = sorted(cpu_s for cpu_s, _ in starts)
    walls = ", ".join(f"{wall_s:.1f}" for _, wall_s in starts)
    what = f"start after an upgrade, {ENTRIES:,} entries ({size:.1f} GiB), {TAIL:,} of them after the snapshot"
    start = Result(
        what, "≤ 5 s", used[-1] <= START_MAX_S, used[STARTS // 2], "s of processor time", note=f"wall: {walls}"
    )
    return [start, *answers]


def _journal(folder: Path) -> Path:
    """Lets the earlier version's desk live for half a day, and puts millions of entries between."""
    lived = lived_in(folder / "young", OLDER)
    with closing(SqliteJournal.open_read_only(lived.journal)) as journal:
        entries = list(journal.read())[: HEAD + TAIL]
        state = state_at(journal, HEAD)
    assert len(entries) == HEAD + TAIL, f"the young desk has only {len(entries)} entries"
    (folder / "data").mkdir()
    path = folder / "data" / "overmind.db"
    asyncio.run(_write(path, entries, state))
    return path


async def _write(path: Path, entries: list[Entry], state: State) -> None:
    between = ENTRIES - HEAD - TAIL
    made = (Entry(HEAD + number, state.at_ns, event) for number, event in enumerate(islice(made_up(), between), 1))
    late = (Entry(entry.seq + between, entry.at_ns, entry.event) for entry in entries[HEAD:])
    with closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
        await journal.append(entries[:HEAD])
        while batch := list(islice(made, BATCH)):
            await journal.append(batch)
            state.signals += sum(isinstance(entry.event, Answer) for entry in batch)
        state.seq += between
        await journal.save_snapshot(Snapshot(state.seq, earlier_shape(encode_state(state))))
        while batch := list(islice(late, BATCH)):
            await journal.append(batch)


def _serving(folder: Path) -> AbstractContextManager[Server]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OVERMIND_", "SNIPER_"))}
    about = {"OVERMIND_API_TOKEN": TOKEN, "SNIPER_SERVER_PORT": "0", "OVERMIND_SEGMENT_ENTRIES": "0"}
    return serving([*COMMAND, "run", "--json"], folder / "service.log", {**kept, **environment(folder), **about})


def _start(folder: Path) -> tuple[float, float]:
    """Processor and wall time until it serves. It is killed then, so that the next start finds the same snapshot."""
    began = time.perf_counter()
    with _serving(folder) as server:
        return server.cpu_s(), time.perf_counter() - began


def _questions() -> dict[str, Callable[[Random], str]]:
    def some(rng: Random) -> str:
        return f"s{rng.randrange(1, (ENTRIES - HEAD - TAIL) // 10)}"

    return {
        "/v1/orders?last=20": lambda _: "/v1/orders?last=20",
        "/v1/signals/ID": lambda rng: f"/v1/signals/{some(rng)}",
        "/v1/orders?last=20&signal=ID": lambda rng: f"/v1/orders?last=20&signal={some(rng)}",
    }


def _asked(server: Server, name: str, path: Callable[[Random], str]) -> Result:
    rng, times, connection = Random(2), list[int](), Connection(server.port)
    used_s = server.cpu_s()
    for _ in range(QUESTIONS):
        asked = path(rng)
        began_ns = time.perf_counter_ns()
        answer = connection.request("GET", asked)
        times.append(time.perf_counter_ns() - began_ns)
        assert b'"error"' not in answer, answer[:300]
    cpu_ms = (server.cpu_s() - used_s) / QUESTIONS * 1_000
    connection.close()
    note = "the mean processor time of the service; beside it, the wall time of an answer in µs"
    return Result(
        f"{name}, {ENTRIES:,} entries", "≤ 50 ms", cpu_ms <= ANSWER_MAX_MS, cpu_ms, "ms", spread_of(times), note
    )


def _command(folder: Path) -> Result:
    """The whole command: it starts an interpreter, and replays what follows the newest snapshot."""
    times, command = list[int](), [sys.executable, *COMMAND, "orders", "--last", "20"]
    environ = {**os.environ, **environment(folder), "OVERMIND_API_TOKEN": TOKEN}
    for _ in range(COMMANDS):
        used_ns = _children_ns()
        subprocess.run(command, env=environ, check=True, capture_output=True)
        times.append(_children_ns() - used_ns)
    spread = spread_of(times)
    return Result("overmind orders --last 20, processor time", "", None, spread.p50 / 1_000, "ms", spread)


def _children_ns() -> int:
    """Processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((used.ru_utime + used.ru_stime) * 1e9)
