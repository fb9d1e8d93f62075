"""Whether the catalogue files exactly what the entries say: range by range, by sums of hashes in any order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import islice, takewhile
from pathlib import Path
from typing import Final, Protocol, TypeVar

from overmind.core.model.value import Value
from overmind.journal.catalogue.store import CATALOGUE, Catalogue
from overmind.journal.errors import JournalProblem
from overmind.journal.sqlite import SqliteJournal

RANGE_ENTRIES: Final = 50_000
PAGE_ENTRIES: Final = 1_024
MODULUS: Final = 1 << 64


class Range(Value, frozen=True):
    """Entries of a journal, both ends included."""

    path: Path
    first: int
    last: int

    @property
    def entries(self) -> int:
        return self.last - self.first + 1


class Counted(Protocol):
    """A part of the work, of so many entries."""

    @property
    def entries(self) -> int: ...


Part = TypeVar("Part", bound=Counted)
Done = TypeVar("Done")


class Over(Protocol):
    """Does the work of each part, in order or at the same time. What comes of it is in order."""

    def __call__(self, work: Callable[[Part], Done], parts: list[Part], /) -> Iterable[Done]: ...


def catalogue_problems(path: Path, over: Over = map) -> Iterator[JournalProblem]:
    """For a journal that is whole. `over` sums up the ranges, in order or at the same time. Raises JournalUnusable."""
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        catalogue = Catalogue.open_read_only(path, journal)
        if catalogue is None:  # It would be made anew.
            return
        with contextlib.closing(catalogue):
            firsts = range(1, catalogue.filed + 1, RANGE_ENTRIES)
            ranges = [Range(path, first, min(first + RANGE_ENTRIES - 1, catalogue.filed)) for first in firsts]
            filed = _sums_of_rows(catalogue, len(ranges))
    for one, said, found in zip(ranges, over(sum_of_entries, ranges), filed, strict=True):
        if said != found:
            where = f"entries {one.first} to {one.last}"
            yield JournalProblem(f"{CATALOGUE} does not file what {where} say: delete it, and it is made anew")


def sum_of_entries(entries: Range) -> int:
    """What the catalogue has to come to for these entries."""
    total = 0
    with contextlib.closing(SqliteJournal.open_read_only(entries.path)) as journal:
        wanted = takewhile(lambda entry: entry.seq <= entries.last, journal.read(entries.first - 1))
        while page := list(islice(wanted, PAGE_ENTRIES)):
            with contextlib.closing(Catalogue.in_memory(page[0].seq - 1)) as filed:
                filed.file(page, journal)
                total += sum(_hash(name, seq) for name, seq in filed.rows())
    return total % MODULUS


def _sums_of_rows(catalogue: Catalogue, count: int) -> list[int]:
    sums = [0] * count
    for name, seq in catalogue.rows():
        if 0 < seq <= catalogue.filed:  # What is filed meanwhile is not compared.
            sums[(seq - 1) // RANGE_ENTRIES] += _hash(name, seq)
    return [total % MODULUS for total in sums]


def _hash(name: str, seq: int) -> int:
    return int.from_bytes(blake2b(f"{name}\n{seq}".encode(), digest_size=8).digest())
