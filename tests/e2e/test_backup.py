"""Backups of a service that trades: each restores to the head that it names, and a killed one is no backup."""

from __future__ import annotations

import contextlib
import itertools
import random
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind
from tests.support.command_process import COMMAND, environment
from tests.support.processes import wait_until
from tests.support.service import BUY, NDJSON, Service, serving

from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

BACKUPS = 3
BATCHES = 20  # between two backups
KILLS = 12
BATCH = {name.replace("-", "_"): value for name, value in NDJSON.items()}
SHARED = ",".join(f'"{name}":"{value}"' for name, value in BUY.items() if name != "signal_id")
KILLED_WITHIN_S = 0.9  # about what one takes, with the start of its process


@contextlib.contextmanager
def load(service: Service) -> Iterator[list[int]]:
    """Signals without end, until the block ends. Gives the statuses of the answers."""
    ended, statuses = threading.Event(), list[int]()

    def send() -> None:
        for batch in itertools.count():
            if ended.is_set():
                return
            lines = [f'{{"signal_id":"b{batch}-{n}",{SHARED}}}' for n in range(50)]
            statuses.append(service.post("/v1/signals", "\n".join(lines).encode(), **BATCH).status)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield statuses
    finally:
        ended.set()
        sender.join()


def reached(statuses: list[int], count: int) -> bool:
    return len(statuses) >= count


@pytest.mark.soak
def test_a_backup_under_load_restores_to_the_same_head(tmp_path: Path) -> None:
    made = []
    with serving(tmp_path, OVERMIND_SEGMENT_ENTRIES="1000") as service, load(service) as statuses:
        for number in range(BACKUPS):
            wait_until(partial(reached, statuses, len(statuses) + BATCHES), "to have traded")
            made.append(as_json(overmind(tmp_path, "backup", str(tmp_path / f"backup{number}"), "--json")))
        assert set(statuses) == {202}
    entries = [one["entries"] for one in made]
    assert entries == sorted(set(entries)), "the desk traded between the backups"
    with contextlib.closing(SqliteJournal.open_read_only(service.journal)) as journal:
        for number, one in enumerate(made):
            target = tmp_path / f"restored{number}"
            told = as_json(overmind(tmp_path, "restore", one["backup"], "--to", str(target), "--json"))
            assert (told["entries"], told["head"]) == (one["entries"], one["head"])
            found = journal.hash_of(one["entries"])
            assert found is not None
            assert found.hex() == one["head"], "it is the journal's own entry"
            with contextlib.closing(SqliteJournal.open_read_only(target / "overmind.db")) as copy:
                assert copy.head().hex() == one["head"]
    assert verify(target / "overmind.db").ok
    again = overmind(tmp_path, "submit", "-", given=f'{{"signal_id":"b0-0",{SHARED}}}\n', OVERMIND_DATA_DIR=str(target))
    assert '"duplicate"' in again.stdout, again.stderr


@pytest.mark.soak
def test_a_killed_backup_is_none(tmp_path: Path) -> None:
    chance, target, whole = random.Random(1), tmp_path / "backup", 0
    with serving(tmp_path) as service, load(service):
        for number in range(KILLS):
            words = [*COMMAND, "backup", str(target)]
            with subprocess.Popen(words, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL) as child:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(chance.uniform(0.3, KILLED_WITHIN_S))
                child.kill()
            for source in (target, target.with_name("backup.partial")):
                restored = overmind(tmp_path, "restore", str(source), "--to", str(tmp_path / f"restored{number}"))
                assert (restored.returncode == 0) == (source == target and target.exists()), restored.stderr
            if target.exists():
                whole += 1
                assert verify(tmp_path / f"restored{number}" / "overmind.db").ok
                target.rename(tmp_path / f"whole{number}")
        assert whole < KILLS, "none was killed before its end"
        done = overmind(tmp_path, "backup", str(target))
        assert done.returncode == 0, done.stderr
    assert not target.with_name("backup.partial").exists()
