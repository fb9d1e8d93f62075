"""Sealed or not, a journal reads the same: entries, hashes, ids, states. A crash while sealing loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import apsw
import msgspec
import pytest
from msgspec import structs
from tests.support.sealing import folded, open_journal, seal, traded, write, write_lines

from overmind.core.books.state import encode_state, state_hash
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import SignalId
from overmind.desk.engine import recover
from overmind.journal.chain import GENESIS, decided
from overmind.journal.database import FORMAT_SEALED
from overmind.journal.errors import JournalLocked, JournalUnusable, SegmentUnusable
from overmind.journal.recovery import state_at
from overmind.journal.segments.sealed import UNSEALED_MIN
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.segments.segment import BLOCK_ENTRIES, PARTIAL, SegmentFile, write_segment
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot
from overmind.views.verify import Segment, SegmentVerified, Verify, verify

ENTRIES = traded(1_700)
SNAPSHOTS = (1_300, 1_600)
SEGMENT = 600  # entries: more than a block
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.jsonl"))


@pytest.fixture(scope="module")
def unsealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unsealed") / "desk"
    folder.mkdir()
    asyncio.run(write(folder, ENTRIES, SNAPSHOTS))
    return folder


@pytest.fixture(scope="module")
def sealed(unsealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed") / "desk"
    shutil.copytree(unsealed, folder)
    assert asyncio.run(seal(folder, SEGMENT)) == 3
    return folder


@pytest.fixture
def desk(sealed: Path, tmp_path: Path) -> Path:
    """A sealed journal of this test's own."""
    return Path(shutil.copytree(sealed, tmp_path / "desk"))


def read_only(folder: Path) -> SqliteJournal:
    return SqliteJournal.open_read_only(folder / "overmind.db")


def require_whole(journal: SqliteJournal, entries: list[Entry] = ENTRIES) -> None:
    """It reads as if nothing had ever been sealed."""
    for after in (0, 1, 499, 500, 599, 600, 601, 1_299, 1_300, len(entries) - 1, len(entries), len(entries) + 9):
        assert list(journal.read(after)) == entries[after:]
    for seq in (1, 2, 500, 501, 600, 601, 1_300, 1_301, len(entries)):
        assert journal.entry(seq) == entries[seq - 1]
    for entry in entries[5::211]:
        if (signal_id := decided(entry.event)) is not None:
            assert journal.find(signal_id) == entry.seq
    assert journal.find(SignalId("never")) is None
    with pytest.raises(KeyError):
        journal.entry(len(entries) + 1)
    assert state_hash(recover(journal)) == state_hash(folded(entries))


def test_a_sealed_journal_reads_as_if_it_were_not(unsealed: Path, sealed: Path) -> None:
    with closing(read_only(unsealed)) as before, closing(read_only(sealed)) as after:
        require_whole(after)
        for seq in (0, 1, 2, 500, 600, 601, 1_000, 1_300, 1_301, 1_600, len(ENTRIES), len(ENTRIES) + 1):
            assert after.hash_of(seq) == before.hash_of(seq)
        assert after.head() == before.head()


def test_entries_leave_the_table_and_take_less_room(sealed: Path) -> None:
    with closing(apsw.Connection(str(sealed / "overmind.db"))) as db:
        assert db.execute("SELECT min(seq) FROM journal").get == SNAPSHOTS[0] + 1
        assert db.pragma("user_version") == FORMAT_SEALED, "an older version would miss the first entries"
        names = [f"{first:012}-{last:012}.seg" for first, last in db.execute("SELECT first, last FROM segment")]
    assert sorted(path.name for path in (sealed / "segments").iterdir()) == names
    assert {path.stat().st_mode & 0o777 for path in (sealed / "segments").iterdir()} == {0o600}
    assert (sealed / "segments").stat().st_mode & 0o777 == 0o700


def test_a_state_of_before_is_found_in_the_segments(sealed: Path) -> None:
    with closing(read_only(sealed)) as journal:
        for seq, nearest in ((599, None), (600, 600), (1_199, 600), (1_200, 1_200), (1_300, 1_300), (1_599, 1_300)):
            found = journal.snapshot_before(seq)
            assert (found and found.seq) == nearest
            assert encode_state(state_at(journal, seq)) == encode_state(folded(ENTRIES[:seq]))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_journals_of_every_version_are_sealed_as_they_were_written(path: Path, tmp_path: Path) -> None:
    """An event of an earlier version lacks fields of today. Encoded anew it would have another hash."""
    lines = path.read_bytes().splitlines()[1:]
    write_lines(tmp_path, lines)
    with closing(open_journal(tmp_path)) as journal:
        entries = list(journal.read())
        last = max(1, len(entries) - UNSEALED_MIN)
        asyncio.run(journal.save_snapshot(Snapshot(last, encode_state(folded(entries[:last])))))
        before = [journal.hash_of(seq) for seq in range(len(entries) + 1)]
    asyncio.run(seal(tmp_path, 60))
    with closing(read_only(tmp_path)) as journal:
        assert list(journal.read()) == entries
        assert [journal.hash_of(seq) for seq in range(len(entries) + 1)] == before
        assert state_hash(recover(journal)) == state_hash(folded(entries))
    assert verify(tmp_path / "overmind.db").problems == []


def test_only_what_comes_before_the_oldest_snapshot_is_sealed(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES[:700], []))
    assert asyncio.run(seal(tmp_path, 100)) == 0, "a start would replay everything"
    with closing(open_journal(tmp_path)) as journal:
        asyncio.run(journal.save_snapshot(Snapshot(690, encode_state(folded(ENTRIES[:690])))))
    assert asyncio.run(seal(tmp_path, 500, entries_min=500)) == 1
    assert asyncio.run(seal(tmp_path, 500, entries_min=500)) == 0
    with closing(read_only(tmp_path)) as journal:
        assert list(journal.read()) == ENTRIES[:700]
    assert asyncio.run(seal(tmp_path, 500)) == 1, f"up to the newest {UNSEALED_MIN}"


def test_a_journal_of_an_earlier_version_is_read_and_sealed(tmp_path: Path) -> None:
    """It has no tables of segments. A reader that opened it before finds what is sealed later."""
    asyncio.run(write(tmp_path, ENTRIES[:800], [600, 700]))
    with closing(apsw.Connection(str(tmp_path / "overmind.db"))) as db:
        db.execute("DROP TABLE segment; DROP TABLE sealed_signal")
    with closing(read_only(tmp_path)) as journal:
        assert list(journal.read()) == ENTRIES[:800]
        assert journal.snapshot_before(599) is None
        assert asyncio.run(seal(tmp_path, 600)) == 1
        assert list(journal.read()) == ENTRIES[:800]
        decision = next(entry for entry in ENTRIES if decided(entry.event) is not None)
        assert journal.find(SignalId(decided(decision.event) or "")) == decision.seq


def test_a_desk_goes_on_while_it_is_sealed(tmp_path: Path) -> None:
    """What is appended meanwhile is there, and a reader that began before does not miss an entry."""
    asyncio.run(write(tmp_path, ENTRIES[:1_650], SNAPSHOTS))

    async def run() -> None:
        with closing(open_journal(tmp_path)) as journal, closing(read_only(tmp_path)) as other:
            reading, read = other.read(), list[Entry]()
            more = iter(ENTRIES[1_650:])
            for segment in sealed_segments(tmp_path / "overmind.db", 1, SEGMENT):
                await journal.adopt(segment)
                read += [next(reading) for _ in range(10)]
                await journal.append([next(more)])
                while await journal.release():
                    read += [next(reading) for _ in range(40)]
                    await journal.append([next(more)])
            await journal.append(list(more))
            assert [*read, *reading] == ENTRIES
            require_whole(journal)

    asyncio.run(run())


def test_a_crash_at_any_step_loses_nothing(unsealed: Path, tmp_path: Path) -> None:
    """After each step the process ends; the next one reads everything, and finishes the work."""
    folder = Path(shutil.copytree(unsealed, tmp_path / "desk"))
    path, steps = folder / "overmind.db", 0
    (folder / "segments").mkdir()
    (folder / "segments" / f"{1:012}-{600:012}.seg{PARTIAL}").write_bytes(b"half")  # It died while writing.
    while True:
        with closing(open_journal(folder)) as journal:
            segment = next(sealed_segments(path, 1, SEGMENT), None)  # It dies before this one is listed.
            if segment is None:
                break
        with closing(open_journal(folder)) as journal:
            require_whole(journal)
            written = next(sealed_segments(path, 1, SEGMENT))
            assert written == segment, "written again, the same"
            asyncio.run(journal.adopt(written))
        left = True
        while left:  # It dies after each slice.
            with closing(open_journal(folder)) as journal:
                assert list(journal.read()) == ENTRIES
                left = asyncio.run(journal.release())
                steps += 1
    with closing(open_journal(folder)) as journal:
        require_whole(journal)
    assert steps > 6


@pytest.mark.soak
def test_a_process_killed_while_it_seals_leaves_nothing_that_matters(unsealed: Path, tmp_path: Path) -> None:
    """At any moment: while it starts, folds, writes, reads back. The next one finishes the work."""
    folder = Path(shutil.copytree(unsealed, tmp_path / "desk"))
    words = [
        sys.executable,
        "-P",
        "-m",
        "overmind.journal.segments.keeper_process",
        str(folder / "overmind.db"),
        "seal",
    ]
    chance = Random(1)
    for _ in range(12):
        with subprocess.Popen([*words, "100", "100"], stdout=subprocess.PIPE) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.3, 1.5))
            process.kill()
        with closing(open_journal(folder)) as journal:
            assert list(journal.read()) == ENTRIES
            for segment in sealed_segments(folder / "overmind.db", 100, 100):
                asyncio.run(journal.adopt(segment))
                break
            asyncio.run(journal.release())
            assert list(journal.read()) == ENTRIES
    assert verify(folder / "overmind.db").problems == []


def test_only_one_process_seals_at_a_time(unsealed: Path, tmp_path: Path) -> None:
    """One that outlives a killed desk must not replace what the next desk has listed."""
    folder = Path(shutil.copytree(unsealed, tmp_path / "desk"))
    sealing = sealed_segments(folder / "overmind.db", 1, SEGMENT)
    next(sealing)
    with pytest.raises(JournalLocked, match="another process seals this journal"):
        next(sealed_segments(folder / "overmind.db", 1, SEGMENT))
    sealing.close()
    assert next(sealed_segments(folder / "overmind.db", 1, SEGMENT)).last == SEGMENT


def edited(path: Path) -> None:
    header, raw = SegmentFile(path).header, bytearray(path.read_bytes())
    raw[header.blocks[0].part.start - header.state.start - header.state.length + 9] ^= 1
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def header_edited(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)


def swapped(path: Path) -> None:
    other = path.with_name(f"{601:012}-{1_200:012}.seg")
    content = other.read_bytes()
    path.rename(path.with_suffix(".seg.away"))
    path.write_bytes(content)


def of_another_desk(path: Path) -> None:
    async def make() -> bytes:
        folder = path.parents[1] / "other"
        folder.mkdir()
        first, *rest = traded(800)
        await write(folder, [structs.replace(first, at_ns=first.at_ns - 1), *rest], [650])
        await seal(folder, 600)
        return (folder / "segments" / path.name).read_bytes()

    path.write_bytes(asyncio.run(make()))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (Path.unlink, "it is missing: it is not in"),
        (edited, "changed"),
        (cut, "cut off"),
        (emptied, "not a segment"),
        (header_edited, "header was changed"),
        (swapped, "not the file that the journal lists"),
        (of_another_desk, "of another desk"),
        (lambda path: path.chmod(0), None),
    ],
    ids=["missing", "edited", "cut", "emptied", "header edited", "swapped", "of another desk", "forbidden"],
)
def test_a_bad_segment_is_named_and_the_desk_goes_on(
    desk: Path, damage: Callable[[Path], None], told: str | None
) -> None:
    path = desk / "segments" / f"{1:012}-{600:012}.seg"
    damage(path)
    with closing(open_journal(desk)) as journal:
        assert state_hash(recover(journal)) == state_hash(folded(ENTRIES)), "a start needs the snapshot and the tail"
        assert journal.find(SignalId("signal-9")) is not None
        assert list(journal.read(1_200)) == ENTRIES[1_200:]
        if told is not None:
            with pytest.raises(SegmentUnusable, match=told) as raised:
                list(journal.read())
            assert str(path) in str(raised.value)
            with pytest.raises(JournalUnusable):
                journal.entry(5)
        first = journal.hash_of(1)
        assert first is not None, "which journal it is stays known"


@pytest.mark.parametrize(
    ("damage", "told"),
    [(Path.unlink, "missing"), (edited, "changed"), (cut, "cut off"), (swapped, "swapped")],
    ids=["missing", "edited", "cut", "swapped"],
)
def test_verify_names_a_bad_segment_and_looks_at_all_others(
    desk: Path, damage: Callable[[Path], None], told: str
) -> None:
    whole = verify(desk / "overmind.db")
    assert whole == verify(desk / "overmind.db", over=reversed_map)
    assert (whole.ok, whole.entries, whole.state_hash) == (True, len(ENTRIES), state_hash(folded(ENTRIES)))
    damage(desk / "segments" / f"{1:012}-{600:012}.seg")
    found = verify(desk / "overmind.db")
    assert len(found.problems) == 1
    assert told in found.problems[0]
    assert f"{1:012}-{600:012}.seg" in found.problems[0]
    assert found.state_hash == whole.state_hash, "what comes after it is verified from its neighbours' states"


def reversed_map(work: Verify, segments: list[Segment]) -> list[SegmentVerified]:
    """As many processes may finish in any order."""
    return [work(one) for one in reversed(segments)][::-1]


def test_verify_finds_a_state_that_is_not_what_its_entries_come_to(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES[:900], [400, 700]))
    genuine = folded(ENTRIES[:400])
    genuine.deposited_micros += 1
    with closing(open_journal(tmp_path)) as journal:
        segment = next(sealed_segments(tmp_path / "overmind.db", 400, 400))
        path = tmp_path / "segments" / f"{1:012}-{400:012}.seg"
        lines = SegmentFile(path)
        stored = [(at_ns, event) for _, at_ns, event, _ in lines.lines(0)]
        forged = SegmentFile(write_segment(path.parent, segment.genesis, GENESIS, stored, encode_state(genuine)))
        asyncio.run(journal.adopt(structs.replace(segment, digest=forged.digest)))
    found = verify(tmp_path / "overmind.db").problems
    assert found[0] == "entry 400: the state in its segment is not what the entries come to"


def test_verify_looks_at_entries_that_have_not_left_the_table_yet(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES[:900], [400, 700]))
    with closing(open_journal(tmp_path)) as journal:
        asyncio.run(journal.adopt(next(sealed_segments(tmp_path / "overmind.db", 400, 400))))
    assert verify(tmp_path / "overmind.db").ok
    with closing(apsw.Connection(str(tmp_path / "overmind.db"))) as db:
        db.execute("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 9")
    assert "entry 9" in verify(tmp_path / "overmind.db").problems[0]


def test_a_segment_of_another_journal_is_not_listed(desk: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    asyncio.run(write(other, traded(800, wallets=3), [650]))
    segment = next(sealed_segments(other / "overmind.db", 1, 600))
    with closing(open_journal(desk)) as journal:
        with pytest.raises(SegmentUnusable, match="are not those that are next"):
            asyncio.run(journal.adopt(segment))
        require_whole(journal)


def test_every_changed_byte_of_a_segment_is_found(sealed: Path, tmp_path: Path) -> None:
    whole = (sealed / "segments" / f"{1_201:012}-{1_300:012}.seg").read_bytes()
    path = tmp_path / "changed.seg"
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with pytest.raises(SegmentUnusable):
            SegmentFile(path).verify()


def test_a_forged_entry_in_a_block_that_unpacks_well_is_found(sealed: Path, tmp_path: Path) -> None:
    genuine = SegmentFile(sealed / "segments" / f"{601:012}-{1_200:012}.seg")
    stored = [(at_ns, event) for number in (0, 1) for _, at_ns, event, _ in genuine.lines(number)]
    stored[7] = (stored[7][0], stored[8][1])
    state = genuine.state().state
    forged = write_segment(tmp_path, b"", genuine.header.tip_before, stored, state)
    header = structs.replace(SegmentFile(forged).header, hash=genuine.header.hash)  # so that it ends as it should
    raw, old = msgspec.json.encode(header), forged.read_bytes()
    length = int.from_bytes(old[8:12], "big")
    head = old[:8] + len(raw).to_bytes(4, "big") + raw + hashlib.sha256(raw).digest()
    forged.write_bytes(head + old[12 + length + 32 :])
    with pytest.raises(SegmentUnusable, match="entries from 1101 on were changed"):
        SegmentFile(forged).verify()


def test_a_segment_stands_on_its_own(sealed: Path) -> None:
    found = SegmentFile(sealed / "segments" / f"{601:012}-{1_200:012}.seg")
    found.verify()
    assert list(found.entries(1_000)) == ENTRIES[1_000:1_200]
    assert found.state().state == encode_state(folded(ENTRIES[:1_200]))
    assert found.header.count > BLOCK_ENTRIES
    assert len(found.header.blocks) == 2
    assert any(isinstance(entry.event, OrderPlaced) for entry in found.entries(601))
