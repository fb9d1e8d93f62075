"""Bars follow from the values, however they are cut, and from the journal, however often they are made anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest
from bench.desks import START_NS, PureDesk, marks
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import examples

from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS, PICO
from overmind.journal.bars.bar import EQUITY, GAIN, KEPT_S, MINUTE_S, PNL, QUARTER_S, Bar, Bars, downsampled
from overmind.journal.bars.replay_process import is_short, main, replay
from overmind.journal.bars.store import BARS, BarsFailed, BarStore
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal

START_S = START_NS // NS
LOOKS = st.lists(st.tuples(st.integers(0, 400), st.integers(-9, 9)), min_size=1, max_size=30)


class AnyJournal:
    def hash_of(self, seq: int) -> bytes:
        return b"hash %d" % seq


def bar(start_s: int, low: float, high: float, close: float = 0.0) -> Bar:
    return Bar("x", MINUTE_S, start_s, 0.0, high, low, close)


@given(LOOKS, st.sets(st.integers(0, 29)))
@settings(max_examples=examples(50), deadline=None)
def test_bars_are_the_same_wherever_they_were_written_in_between(
    tmp_path_factory: pytest.TempPathFactory, looks: list[tuple[int, int]], cuts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("bars")
    at_s, expected, bars, journal = 0, dict[int, list[float]](), Bars(), AnyJournal()
    with contextlib.closing(BarStore.open(folder / "overmind.db", journal)) as store:
        for number, (step, value) in enumerate(looks):
            at_s += step
            bars.add(at_s, {"x": value})
            expected.setdefault(at_s // MINUTE_S * MINUTE_S, []).append(value)
            if number in cuts:
                store.add(bars.take(), number, journal)
        store.add(bars.take(), len(looks), journal)
        found = store.read("x", MINUTE_S, 0, at_s + 1)
    assert found == [
        Bar("x", MINUTE_S, start, seen[0], max(seen), min(seen), seen[-1]) for start, seen in sorted(expected.items())
    ]


def test_old_bars_are_dropped_and_the_coarse_ones_stay(tmp_path: Path) -> None:
    bars, journal = Bars(), AnyJournal()
    with contextlib.closing(BarStore.open(tmp_path / "overmind.db", journal)) as store:
        for at_s in (0, KEPT_S[MINUTE_S], KEPT_S[MINUTE_S] + MINUTE_S):
            bars.add(at_s, {"x": 1.0, "y": 2.0})
            store.add(bars.take(), at_s, journal)
        kept = [one.start_s for one in store.read("y", MINUTE_S, 0, 2**40)]
        assert kept == [KEPT_S[MINUTE_S], KEPT_S[MINUTE_S] + MINUTE_S]
        assert store.read("y", QUARTER_S, 0, 2**40)[0].start_s == 0


@pytest.mark.parametrize(
    ("count", "points_max", "expected"), [(0, 5, 0), (5, 5, 5), (6, 5, 3), (100, 7, 7), (1, 1, 1), (9, 1, 1)]
)
def test_downsampling_loses_no_extreme(count: int, points_max: int, expected: int) -> None:
    bars = [bar(n * MINUTE_S, -(n * 37 % 11), n * 53 % 13, n) for n in range(count)]
    found = list(downsampled(bars, points_max))
    assert len(found) == expected
    if bars:
        assert (max(one.high for one in found), min(one.low for one in found)) == (
            max(one.high for one in bars),
            min(one.low for one in bars),
        )
        assert (found[0].start_s, found[-1].close) == (bars[0].start_s, bars[-1].close)


def journaled(path: Path, entries: Sequence[Entry]) -> None:
    async def append() -> None:
        with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
            await journal.append(entries)

    asyncio.run(append())


def a_desk(minutes: int) -> PureDesk:
    desk = PureDesk(wallets=2, mints=2)
    for minute in range(1, minutes + 1):
        at_ns = START_NS + minute * 60 * NS
        desk.run(marks(desk.desk, at_ns, (150 + minute) * PICO), at_ns)
    return desk


def read(path: Path, series: str, length_s: int = MINUTE_S) -> list[float]:
    store = BarStore.open_read_only(path)
    assert store is not None
    with contextlib.closing(store):
        return [one.close for one in store.read(series, length_s, 0, 2**40)]


def test_a_replay_draws_each_minute_as_it_was(tmp_path: Path) -> None:
    path, desk = tmp_path / "overmind.db", a_desk(5)
    journaled(path, desk.entries)
    assert is_short(path)
    assert main([str(path)]) == 0
    assert read(path, SOL) == [150.0, 151.0, 152.0, 153.0, 154.0, 155.0]
    assert len(read(path, EQUITY)) == 6
    assert read(path, EQUITY)[-1] == desk.state.equity_micros / 10**6
    assert read(path, GAIN)[-1] == (desk.state.equity_micros - desk.state.deposited_micros) / 10**6
    assert read(path, PNL)[-1] == 0.0


def test_a_replay_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path, whole, desk = tmp_path / "a" / "overmind.db", tmp_path / "b" / "overmind.db", a_desk(40)
    for one in (path, whole):
        one.parent.mkdir()
    half = len(desk.entries) - 20
    journaled(path, desk.entries[:half])
    replay(path)
    journaled(path, desk.entries[half:])
    replay(path)
    replay(path)  # Nothing is left to draw.
    journaled(whole, desk.entries)
    replay(whole)
    for series in (EQUITY, GAIN, PNL, SOL):
        for length_s in KEPT_S:
            assert read(path, series, length_s) == read(whole, series, length_s)


def test_a_replay_is_bounded(tmp_path: Path) -> None:
    path, desk = tmp_path / "overmind.db", a_desk(40)
    journaled(path, desk.entries)
    replay(path, replayed_max=10)
    assert read(path, SOL) == [float(150 + minute) for minute in range(30, 41)]


def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none" / "overmind.db")]) == 1
    assert "none" in capsys.readouterr().err


def garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 500)


def foreign(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE other (one INTEGER)")


def of_another_journal(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE reached SET hash = x'00'")


@pytest.mark.parametrize("spoil", [garbage, of_another_journal, lambda path: (path.unlink(), foreign(path))])
def test_a_damaged_or_foreign_file_is_made_anew(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path, desk = tmp_path / "overmind.db", a_desk(5)
    journaled(path, desk.entries)
    replay(path)
    for name in (f"{BARS}-wal", f"{BARS}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    spoil(path.with_name(BARS))
    replay(path)
    assert read(path, SOL)[-1] == 155.0


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "overmind.db", tmp_path / "victim"
    journaled(path, a_desk(1).entries)
    path.with_name(BARS).symlink_to(victim)
    with pytest.raises(BarsFailed, match="link"):
        replay(path)
    assert not victim.exists()
    assert BarStore.open_read_only(path) is None


def test_others_cannot_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    journaled(path, a_desk(1).entries)
    replay(path)
    assert path.with_name(BARS).stat().st_mode & 0o077 == 0
