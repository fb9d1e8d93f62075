"""A page of a source's entries is the same however much of the journal is filed, and reads what it returns."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.model.events import Entry
from overmind.http import own_entries
from overmind.http.archive import BOUNDS, Pages
from overmind.http.own_entries import page_of
from overmind.journal.catalogue.concerned import Follower
from overmind.journal.catalogue.store import Catalogue
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal

SOURCES = ("chart", "bot", "nobody")
TRADES = (
    "w1; w2; buy eth $1000 id a from chart; buy eth $500 id b; buy eth $3000 id c from bot; fill a.0.0 provisional"
    "; fill b.0.0; fill c.0.0; buy eth $99999 id d from chart; buy eth $99999 id e from bot; final a.0.0"
    "; sell eth all id f scope desk; fill f.0.0; buy eth $700 id g from bot; expire g.0.0; fill g.0.1"
)


@contextlib.contextmanager
def pages_of(folder: Path, entries: list[Entry], filed: int) -> Iterator[Pages]:
    path = folder / "overmind.db"
    with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
        asyncio.run(journal.append(entries))
        with contextlib.closing(Catalogue.open(path, journal)) as catalogue:
            for start in range(0, filed, 3):
                catalogue.file(entries[start : min(start + 3, filed)], journal)
        with contextlib.closing(Pages(path, journal, threading.Event(), BOUNDS)) as pages:
            yield pages


def of_source(entries: list[Entry], source: str) -> list[int]:
    """By following every entry from the first one on."""
    follower = Follower()
    concerns = [follower.concern(entry) for entry in entries]
    return [one.entry.seq for one in concerns if one is not None and source in one.sources]


@pytest.mark.parametrize("share", [0, 0.4, 0.7, 1])
def test_a_page_is_the_same_whatever_is_filed(tmp_path: Path, share: float) -> None:
    entries = CoreDesk(TRADES).entries
    with pages_of(tmp_path, entries, round(len(entries) * share)) as pages:
        for source, after in itertools.product(SOURCES, range(len(entries) + 1)):
            expected = [seq for seq in of_source(entries, source) if seq > after]
            page = page_of(pages, source, Follower(), after, 3)
            assert [one.seq for one in page.entries] == expected[:3], (source, after)
            assert page.seq == (expected[2] if len(expected) >= 3 else len(entries)), (source, after)
    assert [len(of_source(entries, source)) > 5 for source in SOURCES] == [True, True, False]


def test_a_page_of_what_is_filed_reads_no_other_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_entries, "SLICE_ENTRIES", 0)
    entries = CoreDesk(TRADES).entries
    with pages_of(tmp_path, entries, len(entries)) as pages:
        for source in SOURCES:
            found = [one.seq for one in page_of(pages, source, Follower(), 0, 1_000).entries]
            assert found == of_source(entries, source)
