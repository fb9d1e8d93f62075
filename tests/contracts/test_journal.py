"""The numbered promises of every journal, tested on disk and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.journal_entries import T0, entries, every_kind, placed, refused, rolled, trades

from overmind.core.model.events import DayRolled, Entry
from overmind.core.model.ids import SignalId
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Journal, JournalFailed, Snapshot

AnyJournal = MemoryJournal | SqliteJournal


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], AnyJournal]]:
    """Opens the journal; a second call closes it and opens it again."""
    memory = MemoryJournal()
    opened: list[SqliteJournal] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    def sqlite() -> SqliteJournal:
        close()
        opened.append(SqliteJournal.open(tmp_path / "overmind.db"))
        return opened[0]

    yield (lambda: memory) if request.param == "memory" else sqlite
    close()


@pytest.fixture
def journal(reopen: Callable[[], AnyJournal]) -> AnyJournal:
    return reopen()


def append(journal: Journal, *batches: Sequence[Entry]) -> None:
    async def run() -> None:
        for batch in batches:
            await journal.append(batch)

    asyncio.run(run())


def test_01_what_was_appended_is_read_back_equal_and_in_order(journal: AnyJournal) -> None:
    batch = entries(every_kind())
    append(journal, batch[:5], batch[5:])
    for after in (0, 1, 5, len(batch) - 1, len(batch), len(batch) + 9, 2**63 - 1):
        assert list(journal.read(after)) == batch[after:]


def test_02_everything_survives_reopening(reopen: Callable[[], AnyJournal]) -> None:
    batch = entries(every_kind())
    append(reopen(), batch[:9])
    append(reopen(), batch[9:])
    assert list(reopen().read()) == batch


def test_03_an_empty_journal_knows_nothing(journal: AnyJournal) -> None:
    append(journal, [])
    assert list(journal.read()) == []
    assert journal.find(SignalId("s1")) is None
    assert journal.snapshot() is None
    assert journal.degraded is None


@pytest.mark.parametrize(
    "seqs", [(2,), (0,), (-1,), (1, 1), (1, 3), (1, 2, 2), (2, 1)], ids=lambda seqs: ",".join(map(str, seqs))
)
def test_04_a_gap_or_a_repeat_is_refused_and_nothing_of_the_batch_is_kept(
    journal: AnyJournal, seqs: tuple[int, ...]
) -> None:
    with pytest.raises(JournalFailed):
        append(journal, [Entry(seq, T0, rolled()) for seq in seqs])
    assert list(journal.read()) == []


def test_05_time_does_not_run_backwards(journal: AnyJournal) -> None:
    append(journal, [Entry(1, T0, rolled()), Entry(2, T0, rolled())])
    with pytest.raises(JournalFailed):
        append(journal, [Entry(3, T0 - 1, rolled())])


def test_06_after_a_failure_every_append_fails_until_it_is_reopened(reopen: Callable[[], AnyJournal]) -> None:
    journal = reopen()
    good = trades(3)
    append(journal, good)
    for batch in ([Entry(9, T0, rolled())], trades(1, after=3)):
        with pytest.raises(JournalFailed):
            append(journal, batch)
    assert list(journal.read()) == good


def test_07_a_signals_first_decision_is_found_for_ever(reopen: Callable[[], AnyJournal]) -> None:
    append(reopen(), entries(every_kind()))
    journal = reopen()
    found = {name: journal.find(SignalId(name)) for name in ("hold", "no", "yes", "never", "")}
    assert found == {"hold": 9, "no": 10, "yes": 11, "never": None, "": None}


@pytest.mark.parametrize("second", [placed("s"), refused("s")], ids=["placed", "refused"])
def test_08_a_signal_is_first_decided_once(journal: AnyJournal, second: DayRolled) -> None:
    append(journal, entries([placed("s"), placed("s", attempt=1)]))
    with pytest.raises(JournalFailed):
        append(journal, entries([rolled(), second], after=2))
    assert len(list(journal.read())) == 2


def test_09_a_batch_may_not_decide_one_signal_twice(journal: AnyJournal) -> None:
    with pytest.raises(JournalFailed):
        append(journal, entries([placed("s"), refused("s")]))
    assert journal.find(SignalId("s")) is None


def test_10_a_thousand_first_decisions_are_found_each(journal: AnyJournal) -> None:
    names = [f"s{n % 7}{n}" for n in range(1_200)]
    at = [Entry(seq, T0 + seq // 4, placed(name)) for seq, name in enumerate(names, 1)]
    append(journal, at, entries([placed("s00", attempt=1)], after=len(at)))
    assert [journal.find(SignalId(name)) for name in names] == [entry.seq for entry in at]


def test_11_one_entry_is_read_by_its_number(journal: AnyJournal) -> None:
    batch = entries(every_kind())
    append(journal, batch)
    assert [journal.entry(entry.seq) for entry in batch] == batch
    for seq in (0, -1, len(batch) + 1):
        with pytest.raises(KeyError):
            journal.entry(seq)


def test_12_the_newest_snapshot_is_kept(reopen: Callable[[], AnyJournal]) -> None:
    journal = reopen()
    append(journal, trades(9))
    for seq in (0, 3, 3, 6, 9):
        asyncio.run(journal.save_snapshot(Snapshot(seq, b"state of %d" % seq)))
        assert journal.snapshot() == Snapshot(seq, b"state of %d" % seq)
    assert reopen().snapshot() == Snapshot(9, b"state of 9")


def test_13_a_snapshot_of_what_is_not_durable_is_a_bug(journal: AnyJournal) -> None:
    append(journal, trades(1))
    with pytest.raises(AssertionError):
        asyncio.run(journal.save_snapshot(Snapshot(2, b"")))


def test_14_appends_that_wait_together_are_kept_in_the_order_of_their_calls(journal: AnyJournal) -> None:
    batch = trades(600)

    async def run() -> None:
        await asyncio.gather(*(journal.append(batch[start : start + 3]) for start in range(0, 600, 3)))

    asyncio.run(run())
    assert list(journal.read()) == batch


@pytest.mark.parametrize("size", [1, 2, 3, 5, 255, 256, 257, 1_023, 1_024, 1_025, 2_500])
def test_15_batches_of_any_size_are_kept_whole(reopen: Callable[[], AnyJournal], size: int) -> None:
    batch = trades(size)
    append(reopen(), batch, trades(1, after=size))
    assert list(reopen().read()) == batch + trades(1, after=size)


def test_16_equal_entries_have_equal_heads_wherever_they_are_kept(
    reopen: Callable[[], AnyJournal], tmp_path: Path
) -> None:
    reference = MemoryJournal()
    journal = reopen()
    assert journal.head() == reference.head()
    append(reference, trades(9))
    append(journal, trades(4), trades(4, after=4))
    assert journal.head() != reference.head()
    append(journal, trades(1, after=8))
    assert journal.head() == reference.head() == reopen().head()


def test_17_a_read_under_way_sees_what_is_appended_meanwhile_or_ends(journal: AnyJournal) -> None:
    append(journal, trades(3))
    reading = journal.read()
    first = next(reading)
    append(journal, trades(3, after=3))
    rest = [first, *reading]
    assert rest == trades(6)[: len(rest)]
    assert len(rest) >= 3


def test_18_the_nearest_snapshot_before_an_entry_is_found(journal: AnyJournal) -> None:
    append(journal, trades(9))
    for seq in (3, 6):
        asyncio.run(journal.save_snapshot(Snapshot(seq, b"state of %d" % seq)))
    assert journal.snapshot_before(2) is None
    assert journal.snapshot_before(6) == journal.snapshot_before(9) == Snapshot(6, b"state of 6")
