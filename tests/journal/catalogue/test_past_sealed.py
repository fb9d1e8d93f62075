"""A search finds what is sealed like what is not."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.journal.catalogue.test_past import compare, file_all
from tests.support.sealing import seal, traded, write

from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

ENTRIES = traded(700)


@pytest.mark.parametrize("count", [0, 350, 700])
def test_sealed_entries_are_searched(tmp_path: Path, count: int) -> None:
    asyncio.run(write(tmp_path, ENTRIES, (600, 650)))
    path = tmp_path / "overmind.db"
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        file_all(path, journal, count)
    assert asyncio.run(seal(tmp_path, 200)) > 1
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        compare(path, journal, ENTRIES)
        file_all(path, journal, len(ENTRIES))
        compare(path, journal, ENTRIES)
    assert verify(path).problems == []
