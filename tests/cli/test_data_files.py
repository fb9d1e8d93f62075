"""Whatever the desk writes into its data folder has a row that says whether a backup holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from overmind.cli.data_files import DATA_FILES, copied_names, file_of

SOURCES = Path(__file__).parents[2] / "src" / "overmind"
FILE_NAME = re.compile(r"^([A-Z][A-Z_]*)(?:: Final)? = \"([A-Za-z][\w-]*\.[a-z]{2,7})\"", re.MULTILINE)
WRITES = re.compile(
    r"\b(?:write_private|create_private|write_records|changing|Derived|write_text|write_bytes|touch|copy_durably)\("
    r"|O_CREAT|\.open\(\"[wax]"
)

# Names of files that lie elsewhere, or that are no files of a desk.
ELSEWHERE = {
    "anchor.key": "the anchor's folder",
    "backup.json": "the folder of a backup",
    "lightweight-charts.js": "the package of the charts",
    "hung.txt": "the folder of the logs",
    "localnet.journal": "the folder of a localnet",
    "overmind.log": "the folder of the logs",
    "report.html": "the package",
}
# Modules that write files, and where these lie. Those of the data folder have a row in `DATA_FILES`.
WRITERS = {
    "config/private_records.py": "whatever a caller names",
    "keys/private_file.py": "whatever a caller names",
    "cli/operate.py": "data, STOP",
    "cli/founding/write.py": "the folder of a new desk: .env and keys",
    "cli/keys.py": "a key file that the operator names",
    "cli/venue.py": "a key file that the operator names",
    "sandbox/localnet/persistence.py": "the folder of a localnet",
    "sandbox/selftest/scratch_desk.py": "a scratch desk, which goes with its test",
    "cli/performance/report.py": "a file that the operator names",
    "cli/calibrate.py": "a file that the operator names",
    "cli/history.py": "the log of a bot, which the operator names",
    "notebook.py": "a file that the caller names",
    "cli/sweep/command.py": "a file that the operator names",
    "sweep/results.py": "a folder beside the sweep's file, or one that the operator names",
    "report/files.py": "a folder that the operator names",
    "views/statement.py": "a folder that the operator names",
    "journal/bars/replay_process.py": "the kernel, how likely it is to end for want of memory",
    "journal/segments/keeper_process.py": "the kernel, how likely it is to end for want of memory",
    "notices/memory.py": "data",
    "desk/answers/progress.py": "data",
    "desk/sources/store.py": "data",
    "desk/watches/clock_reference.py": "data",
    "http/access/records.py": "data",
    "http/files.py": "data",
    "notices/telegram/offset.py": "data",
    "journal/bars/store.py": "data",
    "journal/catalogue/store.py": "data",
    "journal/kept/store.py": "data",
    "journal/derived.py": "data, for the three stores",
    "journal/lock.py": "data, for whoever names a lock",
    "journal/place.py": "data, the journal",
    "journal/reserve.py": "data",
    "journal/segments/segment.py": "data, and archives",
    "journal/segments/shelf.py": "data",
    "journal/segments/archive.py": "archives",
    "journal/backup/manifest.py": "backups",
    "journal/backup/making.py": "backups",
    "journal/backup/copying.py": "backups",
    "journal/backup/unfinished.py": "backups",
    "journal/backup/restoring.py": "data",
    "journal/anchor.py": "the anchor's folder",
    "journal/key_locks.py": "the machine's folder of locks",
    "desk/log/file.py": "logs",
}


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCES.rglob("*.py")):
        yield path.relative_to(SOURCES).as_posix(), path.read_text(encoding="utf-8")


def test_every_name_of_a_file_has_a_row() -> None:
    named = {name: where for where, text in sources() for _, name in FILE_NAME.findall(text)}
    assert len(named) > 20, "names are found"
    known = {one.name.rpartition("/")[2] for one in DATA_FILES} | ELSEWHERE.keys()
    assert {name: where for name, where in named.items() if name not in known} == {}
    assert ELSEWHERE.keys() <= named.keys(), "a name that is gone"


def test_every_module_that_writes_a_file_is_known() -> None:
    """A new one says in `WRITERS` where its file lies, and has a row in `DATA_FILES` if that is the data folder."""
    writing = {where for where, text in sources() if WRITES.search(text)}
    assert writing - WRITERS.keys() == set()
    assert WRITERS.keys() - writing == set(), "a module that writes nothing any more"


@pytest.mark.parametrize(
    "name",
    [
        "overmind.db",
        "overmind.db-wal",
        "overmind.db-journal",
        "overmind-bars.db-shm",
        "users.json.new",
        "segments/1-250.seg",
        "segments/1-250.seg.partial",
    ],
)
def test_a_file_is_found_by_its_name(name: str) -> None:
    assert file_of(name) is not None


@pytest.mark.parametrize("name", ["notes.txt", "segments/notes.txt", "overmind.db.bak", "deep/users.json"])
def test_a_file_that_nobody_knows_has_no_row(name: str) -> None:
    assert file_of(name) is None


def test_no_secret_is_copied_unless_it_is_asked_for() -> None:
    secret = set(copied_names(with_secrets=True)) - set(copied_names(with_secrets=False))
    assert secret == {"api_token", "answers_keys.json"}
    assert len({one.name for one in DATA_FILES}) == len(DATA_FILES)
