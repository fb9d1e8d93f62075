"""Every file of the data folder: what it is, and whether a backup holds it. A file that is in no row is a fault.

`overmind backup` copies by this table, docs/operations.md shows it, and tests compare it with what the code writes.
"""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from overmind.cli.opening import JOURNAL
from overmind.desk.answers.progress import PROGRESS_FILE
from overmind.desk.sources.store import KEYS_FILE, SOURCES_FILE
from overmind.desk.sources.store import LOCK_FILE as SOURCES_LOCK
from overmind.desk.watches.clock_reference import CLOCK_FILE
from overmind.desk.watches.timers import STOP_FILE
from overmind.http.access.records import LOCK_FILE as ACCESS_LOCK
from overmind.http.access.records import TOKENS_FILE, USERS_FILE, USES_FILE
from overmind.http.files import SERVICE_FILE, TOKEN_FILE
from overmind.journal.backup.restoring import RESTORED
from overmind.journal.bars.store import BARS
from overmind.journal.catalogue.store import CATALOGUE
from overmind.journal.database import RESERVE
from overmind.journal.kept.keeping import LOCK as STATES_LOCK
from overmind.journal.kept.store import STATES
from overmind.journal.segments.sealing import LOCK as SEGMENTS_LOCK
from overmind.journal.segments.segment import PARTIAL
from overmind.journal.segments.shelf import ARCHIVE
from overmind.journal.segments.shelf import FOLDER as SEGMENTS
from overmind.journal.writer import LOCK as JOURNAL_LOCK
from overmind.notices.memory import FILE as NOTICES_FILE
from overmind.notices.telegram.offset import FILE as TELEGRAM_FILE

KEYS_FOLDER: Final = "keys"
UNTIL_WHOLE: Final = (".new", PARTIAL)
# SQLite's files beside a database. It has the third for a moment while it makes the database.
WHILE_OPEN: Final = ("-wal", "-shm", "-journal")


class InBackup(enum.StrEnum):
    """What becomes of a file when the desk goes on from a backup."""

    JOURNAL = "yes, every entry checked"
    COPIED = "yes"
    SECRET = "only with `--with-keys`"
    DERIVED = "no: it is made anew"
    PASSING = "no: it is of this machine or process"


class DataFile(NamedTuple):
    name: str  # with * for whatever an entry's number stands for
    in_backup: InBackup
    meaning: str


DATA_FILES: Final = (
    DataFile(JOURNAL, InBackup.JOURNAL, "the journal: every fact, hash-chained. Look with `sqlite3 -readonly`"),
    DataFile(
        f"{SEGMENTS}/*.seg",
        InBackup.JOURNAL,
        "sealed segments: older entries of the journal, compressed. A backup has those that lie elsewhere, too",
    ),
    DataFile(f"{SEGMENTS}/{ARCHIVE}", InBackup.PASSING, "names the folders that some segments were moved to"),
    DataFile(
        USERS_FILE,
        InBackup.COPIED,
        "users with the hashes of their passwords. Change them with `overmind users`; a running service reads them "
        "again within a second",
    ),
    DataFile(
        TOKENS_FILE,
        InBackup.COPIED,
        "named tokens with the hashes of their secrets. Change them with `overmind tokens`; a running service reads "
        "them again within a second",
    ),
    DataFile(USES_FILE, InBackup.COPIED, "when each token was used last, to the minute. It may be deleted at any time"),
    DataFile(SOURCES_FILE, InBackup.COPIED, "sources of signals, with the hashes of their secrets"),
    DataFile(
        PROGRESS_FILE,
        InBackup.COPIED,
        "how far each source has been answered. Without it all its answers are sent again",
    ),
    DataFile(
        NOTICES_FILE, InBackup.COPIED, "up to which entry notices were told. Without it a critical one may be lost"
    ),
    DataFile(
        STOP_FILE, InBackup.COPIED, "`touch` it: no entry is sent any more, even if the service hangs. A stop stays one"
    ),
    DataFile(
        KEYS_FILE,
        InBackup.SECRET,
        "the keys that sign answers to sources. Without it those answers wait until a source has a new key",
    ),
    DataFile(
        TOKEN_FILE,
        InBackup.SECRET,
        "the token of the HTTP API, made at the first `overmind run`. Only its owner may read it",
    ),
    DataFile(
        f"{KEYS_FOLDER}/*.json",
        InBackup.SECRET,
        "the wallets' key files, where a backup that has them was restored. `.env` says where the desk reads keys",
    ),
    DataFile(
        CATALOGUE,
        InBackup.DERIVED,
        "the catalogue of the journal: which entries tell of an order, a move or a refusal. It may be deleted at any "
        "time",
    ),
    DataFile(
        BARS,
        InBackup.DERIVED,
        "equity, PnL and prices over time, for the charts of the page. It may be deleted at any time; the newest "
        "million entries are drawn anew",
    ),
    DataFile(
        STATES,
        InBackup.DERIVED,
        "states that explanations begin at, one for every 500 entries. It may be deleted at any time",
    ),
    DataFile(JOURNAL_LOCK, InBackup.PASSING, "names the one process that owns the journal"),
    DataFile(ACCESS_LOCK, InBackup.PASSING, "keeps two processes from changing users or tokens at once"),
    DataFile(SOURCES_LOCK, InBackup.PASSING, "keeps two processes from changing sources at once"),
    DataFile(SEGMENTS_LOCK, InBackup.PASSING, "keeps two processes from sealing at once"),
    DataFile(STATES_LOCK, InBackup.PASSING, "keeps two processes from keeping states at once"),
    DataFile(RESERVE, InBackup.PASSING, "16 MB of room that are freed in slices when the disk is full"),
    DataFile(SERVICE_FILE, InBackup.PASSING, "the address and the process id of the running service"),
    DataFile(
        CLOCK_FILE,
        InBackup.PASSING,
        "what time it is by this machine's clock since it was booted, to find a clock that was set meanwhile",
    ),
    DataFile(
        TELEGRAM_FILE,
        InBackup.PASSING,
        "which message of Telegram is next. Without it a stop of the last day may be done twice, and nothing else",
    ),
    DataFile(
        RESTORED,
        InBackup.PASSING,
        "says from which backup this folder comes. A live desk that finds it sends nothing until every wallet's "
        "history is read, and then removes it. Every restore writes one",
    ),
)


def file_of(name: str) -> DataFile | None:
    """The row of a file, by its path in the data folder. None: nobody said what becomes of it."""
    for suffix in (*WHILE_OPEN, *UNTIL_WHOLE):
        name = name.removesuffix(suffix)
    return next((one for one in DATA_FILES if fnmatchcase(name, one.name)), None)


def copied_names(with_secrets: bool) -> tuple[str, ...]:
    """What a backup copies beside the journal. Key files are copied from where the configuration names them."""
    wanted = {InBackup.COPIED, *([InBackup.SECRET] if with_secrets else [])}
    return tuple(one.name for one in DATA_FILES if one.in_backup in wanted and "*" not in one.name)
