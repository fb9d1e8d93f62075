"""A search finds what reading every entry finds, whatever of it is filed, and a broken catalogue costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import apsw
import msgspec
import pytest
from tests.golden.test_golden import JOURNALS, read
from tests.support.core_desk import CoreDesk
from tests.support.journal_entries import trades
from tests.support.pasts import plain_moves, plain_orders, plain_refusals, plain_signals, searches
from tests.support.random_commands import RandomCommands, attempt

from overmind.core.model.codes import Code
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Entry, MoveClosed, MovePlaced, OrderClosed, OrderPlaced, SignalRefused, WorkEvent
from overmind.core.model.ids import OrderId, SignalId
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.catalogue.store import CATALOGUE, Catalogue, CatalogueFailed
from overmind.journal.catalogue.topics import work_of
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

CODES = (Code.WALLET_STATUS, Code.INSUFFICIENT_QUOTE, Code.STRATEGY_NOT_ENABLED, Code.RATE_LIMIT)
MOMENTUM = StrategyType.MOMENTUM_TRADING
SIGNALS_ASKED = (("", None), (MOMENTUM, None), (MOMENTUM, ""), (MOMENTUM, Code.WALLET_STATUS), ("", Code.RATE_LIMIT))


@contextlib.contextmanager
def journal_of(path: Path, entries: Sequence[Entry]) -> Iterator[SqliteJournal]:
    with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
        asyncio.run(journal.append(entries))
        yield journal


def played(seed: int, commands: int = 300) -> list[Entry]:
    """The entries of random commands of every kind, forks and moves included."""
    desk, chance = CoreDesk(prices={}), RandomCommands(Random(seed), 4, forks=seed % 2 == 0, moves=True)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
    return desk.entries


def file_all(path: Path, journal: SqliteJournal, count: int, page: int = 64) -> None:
    with contextlib.closing(Catalogue.open(path, journal)) as catalogue:
        entries = itertools.islice(journal.read(), count)
        while some := list(itertools.islice(entries, page)):
            catalogue.file(some, journal)


def compare(path: Path, journal: SqliteJournal, entries: Sequence[Entry]) -> None:
    filed = Catalogue.open_read_only(path, journal)
    past = Past(journal, filed)
    for search in searches(entries):
        assert list(past.orders(search).ids) == plain_orders(entries, search), search
        if search.signal_id is None:
            assert list(past.moves(search).ids) == plain_moves(entries, search), search
        if search == Search(search.last, from_ns=search.from_ns, to_ns=search.to_ns):
            for code in ("", *CODES):
                assert past.refusals(code, search) == plain_refusals(entries, code, search), (search, code)
            for strategy, code in SIGNALS_ASKED:
                found = [[one.seq for one in life] for life in past.signals(search, strategy, code)]
                assert found == plain_signals(entries, search, strategy, code), (search, strategy, code)
    past.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_what_reading_everything_finds(tmp_path: Path, seed: int) -> None:
    entries, path = played(seed), tmp_path / "overmind.db"
    assert {OrderPlaced, MovePlaced, OrderClosed, SignalRefused} <= {type(one.event) for one in entries}
    with journal_of(path, entries) as journal:
        compare(path, journal, entries)
        for count in (1, len(entries) // 2, len(entries)):
            file_all(path, journal, count)
            compare(path, journal, entries)


@pytest.mark.parametrize("golden", JOURNALS, ids=lambda golden: golden.stem)
def test_journals_of_every_version_are_searched(tmp_path: Path, golden: Path) -> None:
    entries = [msgspec.json.decode(line, type=Entry) for line in read(golden)[1]]
    path = tmp_path / "overmind.db"
    with journal_of(path, entries) as journal:
        file_all(path, journal, len(entries) // 2)
        compare(path, journal, entries)


def test_all_entries_of_an_order_are_found(tmp_path: Path) -> None:
    """Also those of its retries, and of every part of a sale."""
    entries, path = played(0), tmp_path / "overmind.db"
    with journal_of(path, entries) as journal:
        file_all(path, journal, len(entries) // 3)
        past = Past(journal, Catalogue.open_read_only(path, journal))
        signals = {one.event.signal.id for one in entries if isinstance(one.event, OrderPlaced)}
        for signal_id in signals:
            life = past.life(signal_id)
            assert life == [one for one in entries if _tells_of(one, signal_id)]
        assert past.life(SignalId("never")) is None
        assert past.of(OrderId("never.0.0")) == past.of(OrderId("move:withdraw:never")) == []


@pytest.mark.parametrize("count", range(0, 16, 3))
def test_a_retry_is_found_with_its_signal(tmp_path: Path, count: int) -> None:
    entries, path = CoreDesk("w1; w2; buy eth $300 id a; reject; sign; fill").entries, tmp_path / "overmind.db"
    assert [one.event.order.id for one in entries if isinstance(one.event, OrderPlaced)] == ["a.0.0", "a.0.1"]
    with journal_of(path, entries) as journal:
        file_all(path, journal, count)
        past = Past(journal, Catalogue.open_read_only(path, journal))
        assert past.life(SignalId("a")) == entries[-5:]
        assert list(past.orders(Search(9)).ids) == ["a.0.0", "a.0.1"]


@pytest.mark.parametrize("seed", range(2))
def test_all_entries_of_each_order_and_move_are_found(tmp_path: Path, seed: int) -> None:
    entries, path = played(seed), tmp_path / "overmind.db"
    told: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.event, WorkEvent):
            told.setdefault(work_of(entry.event), []).append(entry)
    with journal_of(path, entries) as journal:
        file_all(path, journal, len(entries) // 3)
        past = Past(journal, Catalogue.open_read_only(path, journal))
        assert {work_id: past.of(OrderId(work_id)) for work_id in told} == told
        for entry in entries:
            if isinstance(entry.event, OrderPlaced):
                assert past.placed_ns(entry.event.order) == entry.at_ns
        for seq in (0, len(entries) // 2, len(entries)):
            later = [one.event for one in entries[seq:] if isinstance(one.event, OrderClosed | MoveClosed)]
            assert past.ended_after(seq) == {work_of(event) for event in later}


def _tells_of(entry: Entry, signal_id: SignalId) -> bool:
    event = entry.event
    named = getattr(event, "order_id", None) or getattr(getattr(event, "order", None), "id", "")
    return str(named).rsplit(".", 2)[0] == signal_id


def rows_of(path: Path, journal: SqliteJournal) -> list[tuple[str, int]]:
    with contextlib.closing(Catalogue.open(path, journal)) as catalogue:
        return sorted(catalogue.rows())


def test_filing_in_any_pages_and_again_gives_the_same_rows(tmp_path: Path) -> None:
    entries, found = played(2), []
    for page in (1, 7, 1_000):
        folder = tmp_path / str(page)
        folder.mkdir()
        with journal_of(folder / "overmind.db", entries) as journal:
            file_all(folder / "overmind.db", journal, len(entries), page)
            file_all(folder / "overmind.db", journal, len(entries), page)
            found.append(rows_of(folder / "overmind.db", journal))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == len(set(found[0]))


def test_a_gap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    with journal_of(path, trades(9)) as journal, contextlib.closing(Catalogue.open(path, journal)) as catalogue:
        catalogue.file(trades(3), journal)
        with pytest.raises(CatalogueFailed, match="entry 5 cannot follow entry 3"):
            catalogue.file(trades(5, after=4), journal)
        assert catalogue.filed == 3


def garbage(path: Path) -> None:
    path.write_bytes(b"Dear diary " * 900)


def foreign(path: Path) -> None:
    path.unlink()
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE theirs (x)")


def of_another_version(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA user_version = 77")


def of_another_journal(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE filed SET hash = x'00'")


def ahead_of_its_journal(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE filed SET seq = 10000")


@pytest.mark.parametrize("spoil", [garbage, foreign, of_another_version, of_another_journal, ahead_of_its_journal])
def test_a_catalogue_of_no_use_is_passed_over_and_made_anew(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    entries, path = trades(300), tmp_path / "overmind.db"
    with journal_of(path, entries) as journal:
        file_all(path, journal, 300)
        rows = rows_of(path, journal)
        spoil(path.with_name(CATALOGUE))
        assert Catalogue.open_read_only(path, journal) is None
        compare(path, journal, entries)
        file_all(path, journal, 300)
        assert rows_of(path, journal) == rows


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "overmind.db", tmp_path / "precious"
    victim.write_text("mine")
    with journal_of(path, trades(3)) as journal:
        path.with_name(CATALOGUE).symlink_to(victim)
        with pytest.raises(CatalogueFailed, match="a symlink, which is refused"):
            Catalogue.open(path, journal)
    assert victim.read_text() == "mine"


def test_the_last_room_on_a_disk_is_left_to_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    with journal_of(path, trades(9)) as journal, contextlib.closing(Catalogue.open(path, journal, 1 << 62)) as full:
        with pytest.raises(CatalogueFailed, match="the disk has less than 4398046511104 MB left"):
            full.file(trades(3), journal)
        assert full.filed == 0
        compare(path, journal, trades(9))


def test_only_its_owner_can_open_it(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    with journal_of(path, trades(3)) as journal:
        file_all(path, journal, 3)
    assert path.with_name(CATALOGUE).stat().st_mode & 0o077 == 0


def test_a_search_sees_nothing_that_was_filed_after_it_began(tmp_path: Path) -> None:
    """What is filed meanwhile was read from the entries before: it must not be found twice."""
    entries, path = trades(30), tmp_path / "overmind.db"
    with journal_of(path, entries) as journal:
        file_all(path, journal, 15)
        past = Past(journal, Catalogue.open_read_only(path, journal))
        file_all(path, journal, 30)
        assert list(past.orders(Search(100)).ids) == plain_orders(entries, Search(100))
        assert [one.seq for one in past.life(SignalId("s4")) or []] == [13, 14, 15]
        assert [one.seq for one in past.life(SignalId("s5")) or []] == [16, 17, 18]


def edited(*statements: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        with contextlib.closing(apsw.Connection(str(path.with_name(CATALOGUE)))) as db:
            for statement in statements:
                db.execute(statement)

    return edit


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (edited(), 0),
        (edited("DELETE FROM listed WHERE seq = (SELECT max(seq) FROM listed)"), 1),
        (edited("INSERT INTO listed VALUES (1, 2)"), 1),
        (edited("DELETE FROM life WHERE seq = (SELECT min(seq) FROM life)"), 1),
        (edited("UPDATE life SET first = first - 1 WHERE seq = (SELECT min(seq) FROM life)"), 1),
        (edited("UPDATE topic SET name = 'x' || name WHERE id = 1"), 1),
        (edited("UPDATE OR REPLACE listed SET topic = 2 WHERE topic = 1"), 1),
        (lambda path: garbage(path.with_name(CATALOGUE)), 0),  # It is made anew.
    ],
)
def test_verify_compares_the_catalogue_with_the_entries(
    tmp_path: Path, spoil: Callable[[Path], None], found: int
) -> None:
    entries, path = played(1, commands=60), tmp_path / "overmind.db"
    with journal_of(path, entries) as journal:
        file_all(path, journal, len(entries) - 5)
        spoil(path)
    verified = verify(path)
    assert len(verified.problems) == found, verified.problems
    assert all("does not file what entries 1 to" in problem for problem in verified.problems)
