"""States are kept close together beside the journal, and an explanation begins at the nearest one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest
from bench.desks import PureDesk, bench_desk, bench_wallets, opening
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.support.sealing import open_journal, seal, traded, write

from overmind.cli.opening import state_on_disk
from overmind.core.books.apply import apply
from overmind.core.books.state import STATE_VERSION, State, encode_state, forget_changes
from overmind.core.model.events import Entry
from overmind.http.archive import Archive, Pages, ReadBounds
from overmind.journal.errors import JournalLocked, SegmentUnusable
from overmind.journal.kept.keeping import LOCK, encode_for_explaining, keep_states
from overmind.journal.kept.near import NearStates
from overmind.journal.kept.store import CHANGES_MAX, ROOM_MIN, STATES, KeptFailed, KeptStates, KeptUseless, pack
from overmind.journal.lock import alone
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot

ENTRIES = traded(400)
LAST = len(ENTRIES)
EVERY = 20


def _replayed() -> list[bytes]:
    state, encoded = State(), [encode_for_explaining(State())]
    for entry in ENTRIES:
        apply(state, entry)
        forget_changes(state)
        encoded.append(encode_for_explaining(state))
    return encoded


REPLAYED = _replayed()  # by the number of the last entry


def keep_all(folder: Path, every: int = EVERY) -> int:
    """How many runs it took."""
    runs = 1
    while keep_states(folder / "overmind.db", every):
        runs += 1
        assert runs < 50, "it goes on for ever"
    return runs


@contextmanager
def opened(folder: Path, room_min: int = ROOM_MIN) -> Iterator[tuple[SqliteJournal, KeptStates]]:
    path = folder / "overmind.db"
    with (
        closing(SqliteJournal.open_read_only(path)) as journal,
        closing(KeptStates.open(path, journal, room_min)) as kept,
    ):
        yield journal, kept


def kept_seqs(folder: Path) -> list[int]:
    with closing(apsw.Connection(str(folder / STATES))) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM kept ORDER BY seq")]


def require_near(folder: Path, last: int = LAST, every: int = EVERY) -> None:
    """Each state is that of a replay, and no entry is far from one."""
    with closing(SqliteJournal.open_read_only(folder / "overmind.db")) as journal:
        near = NearStates.beside(folder / "overmind.db", journal)
        for seq in range(0, last + 1, 11):
            found = near.snapshot_before(seq)
            assert found is not None
            assert seq - found.seq < every, seq
            assert found.state == REPLAYED[found.seq], seq
            assert encode_for_explaining(state_at(near, seq)) == REPLAYED[seq], seq
        near.close()


@settings(max_examples=8, deadline=None)
@given(
    snapshots=st.lists(st.integers(1, LAST), max_size=2, unique=True).map(sorted),
    segment=st.sampled_from([0, 37, 100]),
    parts=st.lists(st.integers(1, LAST), max_size=2).map(sorted),
    every=st.sampled_from([EVERY, 33]),
)
def test_every_state_equals_a_replay_wherever_snapshots_and_segments_lie(
    tmp_path_factory: pytest.TempPathFactory, snapshots: list[int], segment: int, parts: list[int], every: int
) -> None:
    folder, end = tmp_path_factory.mktemp("desk"), snapshots[-1] if snapshots else 1
    asyncio.run(write(folder, ENTRIES[:end], snapshots))
    for part in [*parts, LAST]:  # The desk trades on between two runs of the keeper.
        keep_all(folder, every)
        if segment:
            asyncio.run(seal(folder, segment))
        asyncio.run(_append(folder, ENTRIES[end:part]))
        end = max(end, part)
    keep_all(folder, every)
    require_near(folder, LAST, every)


async def _append(folder: Path, entries: list[Entry]) -> None:
    with closing(open_journal(folder)) as journal:
        await journal.append(entries)


def test_the_newest_entries_come_first_and_earlier_ones_follow(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, [150, 300]))
    assert keep_states(tmp_path / "overmind.db", EVERY), "earlier ones are left"
    assert kept_seqs(tmp_path)[0] == 300
    assert keep_states(tmp_path / "overmind.db", EVERY)
    assert kept_seqs(tmp_path)[0] == 150
    assert not keep_states(tmp_path / "overmind.db", EVERY)
    before = kept_seqs(tmp_path)
    assert before[0] == 0
    assert not keep_states(tmp_path / "overmind.db", EVERY), "nothing is due"
    assert kept_seqs(tmp_path) == before


def test_a_run_that_was_cut_off_goes_on_where_it_ended(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, [300]))
    assert keep_states(tmp_path / "overmind.db", EVERY)
    with opened(tmp_path) as (_, kept):
        kept.add([pack(Snapshot(0, REPLAYED[0]), b"", None, 0)])
    assert not keep_states(tmp_path / "overmind.db", EVERY)
    assert kept_seqs(tmp_path)[:3] == [0, 20, 40]
    require_near(tmp_path)


def test_a_run_that_was_cut_off_before_a_new_snapshot_is_made_again(tmp_path: Path) -> None:
    """It left states without those after them."""
    asyncio.run(write(tmp_path, ENTRIES, [150, 300]))
    assert keep_states(tmp_path / "overmind.db", EVERY)
    with opened(tmp_path) as (journal, kept):
        begun, more = Snapshot(3, REPLAYED[3]), Snapshot(23, REPLAYED[23])
        kept.add([pack(begun, journal.hash_of(3) or b"", None, 0), pack(more, journal.hash_of(23) or b"", begun, 0)])
    keep_all(tmp_path)
    assert kept_seqs(tmp_path)[:3] == [0, 20, 40]
    require_near(tmp_path)


@pytest.mark.parametrize("column", ["packed", "hash", "digest", "changes"])
def test_what_was_changed_is_not_believed_and_made_anew(tmp_path: Path, column: str) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    keep_all(tmp_path)
    value = "3" if column == "changes" else "zeroblob(32)"
    with closing(apsw.Connection(str(tmp_path / STATES))) as db:
        db.execute(f"UPDATE kept SET {column} = {value} WHERE seq = (SELECT max(seq) FROM kept)")
    with closing(SqliteJournal.open_read_only(tmp_path / "overmind.db")) as journal:
        near = NearStates.beside(tmp_path / "overmind.db", journal)
        assert encode_for_explaining(state_at(near, LAST)) == REPLAYED[LAST]
        near.close()
    keep_all(tmp_path)
    require_near(tmp_path)


def test_a_state_in_the_place_of_another_is_not_believed(tmp_path: Path) -> None:
    """As a whole state, so that it can be unpacked."""
    asyncio.run(write(tmp_path, ENTRIES, []))
    keep_all(tmp_path)
    with opened(tmp_path) as (journal, kept):
        link = journal.hash_of(EVERY) or b""
        right, wrong = (pack(Snapshot(EVERY, REPLAYED[seq]), link, None, 0) for seq in (EVERY, 2 * EVERY))
        kept.add([structs.replace(right, packed=wrong.packed)])
        with pytest.raises(KeptUseless, match="was changed"):
            kept.before(EVERY, journal)


def test_a_state_of_an_entry_that_the_journal_does_not_have_is_not_believed(tmp_path: Path) -> None:
    for name, entries in (("one", ENTRIES), ("other", traded(400, wallets=3))):
        (tmp_path / name).mkdir()
        asyncio.run(write(tmp_path / name, entries, []))
    keep_all(tmp_path / "one")
    with opened(tmp_path / "one") as (one, kept), opened(tmp_path / "other") as (other, _):
        assert kept.before(LAST, one) is not None
        assert kept.before(LAST, other) is None


def test_states_of_another_journal_are_made_anew(tmp_path: Path) -> None:
    for name, entries in (("one", ENTRIES), ("other", traded(400, wallets=3))):
        (tmp_path / name).mkdir()
        asyncio.run(write(tmp_path / name, entries, []))
        keep_all(tmp_path / name)
    (tmp_path / "other" / STATES).replace(tmp_path / "one" / STATES)
    with closing(SqliteJournal.open_read_only(tmp_path / "one" / "overmind.db")) as journal:
        assert KeptStates.open_read_only(tmp_path / "one" / "overmind.db", journal) is None
    keep_all(tmp_path / "one")
    require_near(tmp_path / "one")


def test_states_of_a_version_that_is_not_read_are_made_anew(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    newer = REPLAYED[LAST].replace(b'"version":%d' % STATE_VERSION, b'"version":%d' % (STATE_VERSION + 1))
    with opened(tmp_path) as (journal, kept):
        kept.add([pack(Snapshot(LAST - EVERY, newer), journal.hash_of(LAST - EVERY) or b"", None, 0)])
    with closing(Archive(tmp_path / "overmind.db", "archive", ReadBounds(replayed_max=100))) as archive:
        assert asyncio.run(archive.look(partial(Pages.state_nearby, seq=LAST))) is None, "nothing long is replayed"
    keep_all(tmp_path)
    require_near(tmp_path)


def test_a_service_explains_from_a_near_state_at_once(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    bounds = ReadBounds(replayed_max=EVERY)
    with closing(Archive(tmp_path / "overmind.db", "archive", bounds)) as archive:
        for seq in (0, 1, EVERY, 133, LAST):
            look = partial(Pages.state_nearby, seq=seq)
            assert (asyncio.run(archive.look(look)) is None) == (seq > EVERY), "no state is kept yet"
        keep_all(tmp_path)
        for seq in (0, 1, EVERY, 133, LAST):
            found = asyncio.run(archive.look(partial(Pages.state_nearby, seq=seq)))
            assert found is not None
            assert encode_for_explaining(found) == REPLAYED[seq]


def test_a_large_state_is_kept_as_what_changed(tmp_path: Path) -> None:
    """Windows have to reach back over all of it, and a look unpacks a bounded number."""
    desk = PureDesk(600, mints=20)
    at_ns, states = desk.state.at_ns, []
    for number, command in enumerate(opening(bench_desk(2), bench_wallets(CHANGES_MAX + 3))[2 : CHANGES_MAX + 5]):
        desk.run(command, at_ns + number)
        states.append(Snapshot(desk.state.seq, encode_state(desk.state)))
    whole, changes, before = 0, 0, None
    for state in states:
        row = pack(state, b"", before, changes)
        whole += row.changes == 0
        assert row.changes <= CHANGES_MAX
        assert before is None or row.changes == 0 or len(row.packed) < len(state.state) // 100
        changes, before = row.changes, state
    assert len(states[-1].state) > 500_000
    assert 1 < whole < 4


def test_nothing_is_taken_from_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    with opened(tmp_path, room_min=1 << 60) as (_, kept):
        with pytest.raises(KeptFailed, match="Make room"):
            kept.add([pack(Snapshot(1, b"x"), b"", None, 0)])
        assert kept.is_empty


def test_its_file_is_for_its_owner_alone_and_no_symlink(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    keep_all(tmp_path)
    assert (tmp_path / STATES).stat().st_mode & 0o777 == 0o600
    (tmp_path / STATES).rename(tmp_path / "elsewhere")
    (tmp_path / STATES).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeptFailed, match="symlink"):
        keep_states(tmp_path / "overmind.db")


def test_only_one_process_keeps_states(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    with alone(tmp_path / LOCK, "keeps states of"), pytest.raises(JournalLocked, match="another process keeps states"):
        keep_states(tmp_path / "overmind.db")


def test_a_lost_segment_stops_earlier_states_and_not_the_newest(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, [200, 300]))
    asyncio.run(seal(tmp_path, 100))
    next(iter(sorted((tmp_path / "segments").glob("*.seg")))).unlink()
    assert keep_states(tmp_path / "overmind.db", EVERY)
    with pytest.raises(SegmentUnusable, match="it is missing"):
        keep_all(tmp_path)
    assert kept_seqs(tmp_path)[-1] > 300


def test_a_look_at_the_newest_state_begins_at_the_nearest_kept_one(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, []))
    keep_all(tmp_path)
    read, page = list[int](), SqliteJournal.read

    def noted(self: SqliteJournal, after: int = 0) -> Iterator[Entry]:
        read.append(after)
        return page(self, after)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SqliteJournal, "read", noted)
        looked = state_on_disk(tmp_path)
    assert encode_for_explaining(looked) == REPLAYED[LAST]
    assert min(read) > LAST - 2 * EVERY
