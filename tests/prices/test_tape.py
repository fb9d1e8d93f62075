"""Recorded prices: valid tapes, the price at an instant, and no look-ahead."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stepping_clock import SteppingClock

from overmind.clock.instants import instant_ns
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import DAY_NS, NS, PICO
from overmind.prices.candles import TAPE_BYTES_MAX, TapeError, load_tape, shipped_tape_path
from overmind.prices.feeds import LoopedTape, TapePrices
from overmind.prices.tape import Gap, Series, Tape

TOKENS = {
    "SOL": Token("SOL", Mint("sol"), 9, "token"),
    "ETH": Token("ETH", Mint("eth"), 8, "token"),
    "BTC": Token("BTC", Mint("btc"), 8, "token"),
    "mSOL": Token("mSOL", Mint("msol"), 9, "token"),
}
HEADER = "timestamp,open,high,low,close,volume\n"
START_NS = instant_ns("2025-04-06T00:00:00Z")
STEP_NS = 300 * NS
GOOD = "2025-04-06 00:00:00+00:00,100,110,90,105,10\n"
NEXT = "2025-04-06 00:05:00+00:00,105,111,99,101.5,20.5\n"


def minutes(at: float) -> int:
    return START_NS + round(at * 60 * NS)


def write(folder: Path, content: str | bytes, name: str = "SOLUSDT_5m.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def row(minute: int, close: str = "100", volume: str = "1") -> str:
    stamp = START_NS // NS + minute * 60
    return f"{stamp},{close},{close},{close},{close},{volume}\n"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("", 1, "empty"),
        (HEADER, None, "0 candles"),
        (HEADER + GOOD, None, "1 candles"),
        ("timestamp,open,high,low,close\n", 1, "no column volume"),
        ("a,b\n" + GOOD + NEXT, 1, "no column timestamp, open, high, low, close, volume"),
        (GOOD.replace(",10\n", "\n"), 1, "no column timestamp, open, high, low, close, volume"),
        ("time,date" + HEADER[9:] + GOOD, 1, "no column timestamp"),
        (HEADER + GOOD + "2025-04-06 00:05:00+00:00,105,1", 3, "3 columns instead of 6"),
        (HEADER + GOOD + NEXT[:-1] + ",7\n", 3, "7 columns instead of 6"),
        (HEADER.encode() + GOOD.encode() + b"2025-04-06 00:05:00+00:00,105,\xff,1,1,1\n", 3, "broken UTF-8"),
        (HEADER + GOOD + NEXT.replace("101.5", "NaN"), 3, "'NaN' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "sNaN"), 3, "'sNaN' is not a price"),
        (HEADER + GOOD + NEXT.replace("111", "inf"), 3, "'inf' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "0"), 3, "'0' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "-101.5"), 3, "'-101.5' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", ""), 3, "'' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "abc"), 3, "'abc' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "1e999999999"), 3, "'1e999999999' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "1e-13"), 3, "'1e-13' is not a price"),
        (HEADER + GOOD + NEXT.replace("101.5", "1000000000001"), 3, "'1000000000001' is not a price"),
        (HEADER + GOOD + NEXT.replace("20.5", "NaN"), 3, "'NaN' is not a volume"),
        (HEADER + GOOD + NEXT.replace("20.5", "-1"), 3, "'-1' is not a volume"),
        (HEADER + GOOD + NEXT.replace("20.5", "1e999999999"), 3, "'1e999999999' is not a volume"),
        (HEADER + GOOD + NEXT.replace("101.5", "111.01"), 3, "open 105, close 111.01 outside [99, 111]"),
        (HEADER + GOOD + NEXT.replace("101.5", "98.99"), 3, "open 105, close 98.99 outside [99, 111]"),
        (HEADER + GOOD + NEXT.replace(",105,", ",112,"), 3, "open 112, close 101.5 outside [99, 111]"),
        (HEADER + GOOD + NEXT.replace("111", "98"), 3, "open 105, close 101.5 outside [99, 98]"),
        (HEADER + GOOD + NEXT.replace("04-06", "04-36"), 3, "timestamp: '2025-04-36 00:05:00+00:00' is not an ISO"),
        (HEADER + GOOD + NEXT.replace("2025-", "1925-"), 3, "timestamp: '1925-04-06 00:05:00+00:00' is not between"),
        (HEADER + GOOD + "soon,1,1,1,1,1\n", 3, "timestamp: 'soon' is neither an ISO 8601 time nor a unix time"),
        (HEADER + GOOD + NEXT + NEXT.replace("101.5", "101.6"), 4, "other values than line 3 for the same time"),
        (HEADER + NEXT + GOOD + NEXT.replace("20.5", "20.6"), 4, "other values than line 2 for the same time"),
        (HEADER + row(0) + row(5) + row(10) + row(13), 5, "180 s after the candle before, where 300 s is usual"),
        (HEADER + row(0) + row(5) + row(10) + row(16), 5, "360 s after the candle before, where 300 s is usual"),
        (HEADER + GOOD + '"' + "9" * 200_000, 3, "not CSV: field larger than field limit (131072)"),
    ],
)
def test_a_tape_that_cannot_be_trusted(tmp_path: Path, content: str | bytes, line: int | None, what: str) -> None:
    with pytest.raises(TapeError) as caught:
        load_tape(write(tmp_path, content), TOKENS)
    error = caught.value
    assert (error.path.name, error.line or None) == ("SOLUSDT_5m.csv", line)
    assert error.what.startswith(what)
    assert error.fix
    assert str(error).startswith("SOLUSDT_5m.csv")


def test_a_tape_that_is_too_large(tmp_path: Path) -> None:
    tape = write(tmp_path, HEADER + GOOD + NEXT)
    with tape.open("r+b") as file:
        file.truncate(TAPE_BYTES_MAX + 1)
    with pytest.raises(TapeError, match="too large"):
        load_tape(tape, TOKENS)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ((), r"no file of candles in this folder \(\.csv, \.txt, \.json, \.feather, \.parquet, \.arrow\)"),
        (("DOGEUSDT_5m.csv",), "unknown symbol 'DOGEUSDT'"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, names: tuple[str, ...], what: str) -> None:
    for name in names:
        write(tmp_path, HEADER + GOOD + NEXT, name)
    with pytest.raises(TapeError, match=what):
        load_tape(tmp_path, TOKENS)


def test_two_steps_in_a_folder(tmp_path: Path) -> None:
    """Each token's price ages by its own candles."""
    write(tmp_path, HEADER + row(0, "1") + row(1, "2") + row(2, "3"), "BTC.csv")
    write(tmp_path, HEADER + row(0, "4") + row(5, "5"), "SOL.csv")
    tape = load_tape(tmp_path, TOKENS)
    assert (tape.step_ns, tape.longest_ns) == (60 * NS, STEP_NS)
    seen = {
        at: {mint: tick.price_pico // PICO for mint, tick in tape.ticks(minutes(at)).items()} for at in (1, 3, 5, 9)
    }
    assert seen == {1: {"btc": 1, "sol": 4}, 3: {"btc": 3, "sol": 4}, 5: {"sol": 4}, 9: {"sol": 4}}


def test_no_such_tape(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no such file or folder"):
        load_tape(tmp_path / "nowhere", TOKENS)


@pytest.mark.parametrize(
    ("name", "mint"),
    [
        ("SOLUSDT_5m.csv", "sol"),
        ("ETHUSDT.csv", "eth"),
        ("BTC-USDC.csv", "btc"),
        ("sol.CSV", "sol"),
        ("solusd_1h.csv", "sol"),
        ("mSOLUSDC_5m.csv", "msol"),
    ],
)
def test_symbols_of_file_names(tmp_path: Path, name: str, mint: str) -> None:
    write(tmp_path, HEADER + GOOD + NEXT, name)
    assert list(load_tape(tmp_path, TOKENS).series) == [mint]


def test_what_was_put_right_is_told(tmp_path: Path) -> None:
    rows = [row(at, str(100 + at)) for at in (10, 0, 5, 5, 5, 30)]
    tape = load_tape(write(tmp_path, HEADER + "".join(rows)), TOKENS)
    assert tape.notes == (
        "SOLUSDT_5m.csv: 1 rows came earlier than the one before; they were sorted",
        "SOLUSDT_5m.csv: 2 double rows were merged",
        "SOLUSDT_5m.csv: 3 candles are missing in 1 gaps, which have no price: 3 after 2025-04-06T00:15:00+00:00",
    )
    assert tape.series[Mint("sol")].open_pico == tuple(price * PICO for price in (100, 105, 110, 130))


def test_candles_of_freqtrade(tmp_path: Path) -> None:
    content = "[[1743897600000, 100, 110, 90, 105, 10], [1743897900000, 105, 111, 99, 101.5, 20.5]]"
    series = load_tape(write(tmp_path, content, "SOL_USDT-5m.json"), TOKENS).series[Mint("sol")]
    assert (series.start_ns, series.close_pico) == (START_NS, (105 * PICO, 101_500_000_000_000))


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ('{"a": 1}', 1, "not a list of candles"),
        ("[[1743897600000, 100, 110, 90, 105, 10], [1743897900000, 105]]", 2, "2 numbers instead of 6"),
        (
            "[[1743897600000, 100, 110, 90, 105, 10], [1743897900000, null, 111, 99, 1, 20.5]]",
            2,
            "'null' is not a price",
        ),
        ('[["soon", 100, 110, 90, 105, 10]]', 1, "timestamp: "),
    ],
)
def test_json_that_is_no_candles(tmp_path: Path, content: str, line: int, what: str) -> None:
    with pytest.raises(TapeError) as caught:
        load_tape(write(tmp_path, content, "SOL_USDT-5m.json"), TOKENS)
    assert caught.value.line == line
    assert caught.value.what.startswith(what)


def test_formats_that_need_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write(tmp_path, b"ARROW1", "SOL_USDT-5m.feather")
    with pytest.raises(TapeError, match=r"needs the package pyarrow.*overmind\[arrow\]"):
        load_tape(tmp_path, TOKENS)


def test_files_of_the_same_candles_are_joined(tmp_path: Path) -> None:
    """As exchanges give them: a file for each month. Candles that stand in both are equal."""
    write(tmp_path, HEADER + row(10) + row(15) + row(25), "SOLUSDT-5m-2025-05.csv")
    write(tmp_path, HEADER + row(0) + row(5) + row(10), "SOLUSDT-5m-2025-04.csv")
    tape = load_tape(tmp_path, TOKENS)
    assert tape.series[Mint("sol")].closed_at_ns == tuple(minutes(at + 5) for at in (0, 5, 10, 15, 25))
    joined, gaps = tape.notes
    assert joined == "SOLUSDT-5m-2025-04.csv: joined with 1 more files of the same candles"
    assert gaps.endswith("1 candles are missing in 1 gaps, which have no price: 1 after 2025-04-06T00:20:00+00:00")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (row(5, "9") + row(10), "SOL_b.csv: other values than SOL_a.csv for 2025-04-06T00:05:00"),
        (row(6) + row(11), "SOL_b.csv: its candles lie between those of SOL_a.csv"),
    ],
)
def test_files_that_contradict_each_other(tmp_path: Path, content: str, what: str) -> None:
    write(tmp_path, HEADER + row(0) + row(5) + row(10), "SOL_a.csv")
    write(tmp_path, HEADER + content, "SOL_b.csv")
    with pytest.raises(TapeError, match=what):
        load_tape(tmp_path, TOKENS)


def test_of_several_timeframes_the_shortest_or_the_chosen_one(tmp_path: Path) -> None:
    write(tmp_path, HEADER + row(0) + row(60), "SOL_USDT-1h.csv")
    write(tmp_path, HEADER + row(0) + row(5) + row(10), "SOL_USDT-5m.csv")
    tape = load_tape(tmp_path, TOKENS)
    assert tape.step_ns == STEP_NS
    assert "there are candles of 5 and 60 minutes; the shortest are played" in tape.notes[0]
    assert load_tape(tmp_path, TOKENS, timeframe="1h").step_ns == 12 * STEP_NS
    with pytest.raises(TapeError, match="no file of candles of 1m"):
        load_tape(tmp_path, TOKENS, timeframe="1m")


@pytest.mark.parametrize("form", ["2025-04-06 00:{:02}:00", "2025-04-06T00:{:02}", "2025-04-{0:02}"])
def test_times_without_an_offset_are_utc(tmp_path: Path, form: str) -> None:
    rows = "".join(f"{form.format(at)},1,1,1,1,1\n" for at in (10, 15, 20))
    tape = load_tape(write(tmp_path, HEADER + rows), TOKENS)
    assert tape.notes[0] == "SOLUSDT_5m.csv: its times have no offset; they are taken as UTC"
    assert tape.start_ns in (minutes(10), START_NS + 4 * DAY_NS)


def test_a_volume_in_dollars_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"{1_743_897_600 + 300 * at},90000,90000,90000,90000,5e6\n" for at in range(3))
    (note,) = load_tape(write(tmp_path, HEADER + rows), TOKENS).notes
    assert "volume must be in whole tokens" in note


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"{29_000_000 + 300 * at},1,1,1,1,1" for at in range(3)], "begin at 1970-12-02T15:33:20+00:00: a unix time"),
        ([f"{1_743_897_600 + 300 * at},1,1,1,1,0" for at in range(3)], "3 of 3 candles have no volume"),
    ],
    ids=["times in minutes", "no volume"],
)
def test_what_may_be_meant_otherwise_is_told(tmp_path: Path, rows: list[str], said: str) -> None:
    (note,) = load_tape(write(tmp_path, HEADER + "\n".join(rows)), TOKENS).notes
    assert said in note


@pytest.mark.parametrize(
    ("begin", "what"),
    [(b"\x1f\x8b", "a compressed file"), (b"PK\x03\x04", "a compressed file"), (b"\xff\xfe", "UTF-16 text")],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, begin: bytes, what: str) -> None:
    with pytest.raises(TapeError, match=what):
        load_tape(write(tmp_path, begin + b"1,2"), TOKENS)


def test_a_folder_of_archives_says_what_to_unpack(tmp_path: Path) -> None:
    write(tmp_path, b"", "SOLUSDT-5m-2025-04.zip")
    with pytest.raises(TapeError, match=r"Unpack SOLUSDT-5m-2025-04\.zip"):
        load_tape(tmp_path, TOKENS)


def test_digits_beyond_the_twelfth_decimal_are_cut_off(tmp_path: Path) -> None:
    content = HEADER + GOOD + NEXT.replace("101.5", "101.12345678901299")
    assert load_tape(write(tmp_path, content), TOKENS).series[Mint("sol")].close_pico[1] == 101_123_456_789_012


def test_a_token_that_no_list_has(tmp_path: Path) -> None:
    asked = list[str]()

    def unlisted(symbol: str) -> Token:
        asked.append(symbol)
        return Token(symbol, Mint(symbol.lower()), 6, "token")

    write(tmp_path, HEADER + GOOD + NEXT, "WIFUSDT_5m.csv")
    write(tmp_path, HEADER + GOOD + NEXT, "SOL.csv")
    assert set(load_tape(tmp_path, TOKENS, unlisted).series) == {"wif", "sol"}
    assert asked == ["WIF"]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + GOOD + NEXT,
        GOOD + NEXT,
        "1743897600000,100,110,90,105,10,1743897899999,1050,7,5,525,0\n"
        "1743897900000,105,111,99,101.5,20.5,1743898199999,2080,9,1,101,0\n",
        "1743897600000000,100,110,90,105,10,1743897899999999,1050,7,5,525,0\n"
        "1743897900000000,105,111,99,101.5,20.5,1743898199999999,2080,9,1,101,0\n",
        "open_time" + HEADER[9:] + GOOD + NEXT,
        "Date" + HEADER[9:] + GOOD + NEXT,
        HEADER + NEXT + GOOD + GOOD,
        (HEADER + GOOD + NEXT).replace(",", ";"),
        (HEADER + GOOD + NEXT).replace(",", "\t"),
        HEADER + GOOD + NEXT.rstrip("\n"),
        "\ufeff" + HEADER + GOOD + NEXT,
        (HEADER + GOOD + NEXT + "\n\n").replace("\n", "\r\n"),
        "Volume,Close,Low,High,Open,Note,Timestamp\n10,105,90,110,100,,1743897600\n20.5,101.5,99,111,105,x,1743897900000\n",
    ],
)
def test_ways_to_write_the_same(tmp_path: Path, content: str) -> None:
    series = load_tape(write(tmp_path, content), TOKENS).series[Mint("sol")]
    assert (series.start_ns, series.step_ns, series.open_pico[0]) == (START_NS, STEP_NS, 100 * PICO)
    assert series.closed_at_ns == (minutes(5), minutes(10))
    assert series.close_pico == (105 * PICO, 101_500_000_000_000)
    assert series.depth_micros == (1_050_000_000, 2_080_750_000)
    assert series.range_bps == (1_905, 1_183)  # rounded up


def test_the_price_at_each_instant(tmp_path: Path) -> None:
    """Minute, price and its age in minutes. Candles close at 5, 10, 15, 30; two are missing between."""
    content = HEADER + row(0, "101") + row(5, "102") + row(10, "103") + row(25, "104")
    tape = load_tape(write(tmp_path, content), TOKENS)
    clock = SteppingClock(minutes(-1))
    prices = TapePrices(tape, clock)
    for minute, expected in [
        (-1, None),
        (0, (101, 0)),  # its opening price
        (4.99, (101, 4.99)),
        (5, (101, 0)),
        (9.99, (101, 4.99)),
        (10, (102, 0)),
        (15, (103, 0)),
        (24.99, (103, 9.99)),
        (25, None),
        (29.99, None),
        (30, (104, 0)),
        (39.99, (104, 9.99)),
        (40, None),
    ]:
        clock.advance_to(minutes(minute))
        tick = prices.ticks().get(Mint("sol"))
        seen = None if tick is None else (tick.price_pico // PICO, round((minutes(minute) - tick.at_ns) / NS / 60, 2))
        assert seen == expected, minute
    assert tape.gaps == (Gap(Mint("sol"), minutes(15), 2),)
    assert (tape.start_ns, tape.end_ns, tape.step_ns) == (minutes(0), minutes(30), STEP_NS)
    assert list(tape.closes_ns()) == [minutes(at) for at in (5, 10, 15, 30)]


def test_series_of_different_length(tmp_path: Path) -> None:
    write(tmp_path, HEADER + row(0) + row(5), "SOL.csv")
    write(tmp_path, HEADER + row(5) + row(10), "ETH.csv")
    tape = load_tape(tmp_path, TOKENS)
    assert (tape.start_ns, tape.end_ns) == (minutes(0), minutes(15))
    assert list(tape.closes_ns()) == [minutes(5), minutes(10), minutes(15)]
    assert set(tape.ticks(minutes(4))) == {"sol"}
    assert set(tape.ticks(minutes(6))) == {"sol", "eth"}


def test_a_looped_tape_begins_again_and_speaks_of_now(tmp_path: Path) -> None:
    tape = load_tape(write(tmp_path, HEADER + row(0, "101") + row(5, "102") + row(10, "103")), TOKENS)
    clock = SteppingClock(minutes(0))
    looped = LoopedTape(tape, clock)
    for turn in range(3):
        for minute, price in [(0, 101), (5, 101), (10, 102), (14.99, 102)]:
            clock.advance_to(minutes(15 * turn + minute))
            tick = looped.ticks()[Mint("sol")]
            assert (tick.price_pico // PICO, tick.at_ns) == (price, clock.now_ns())


def test_a_looped_tape_before_its_own_time(tmp_path: Path) -> None:
    tape = load_tape(write(tmp_path, HEADER + row(0, "101") + row(5, "102") + row(10, "103")), TOKENS)
    assert LoopedTape(tape, SteppingClock(minutes(-5))).ticks()[Mint("sol")].price_pico == 102 * PICO


def test_the_shipped_tape() -> None:
    tape = load_tape(shipped_tape_path(), TOKENS)
    assert set(tape.series) == {"sol", "eth", "btc"}
    assert (tape.start_ns, tape.end_ns - tape.start_ns) == (START_NS, 7 * DAY_NS)
    assert not tape.gaps
    sol = tape.series[Mint("sol")].close_pico
    first, lowest, last = sol[0], min(sol), sol[-1]
    assert lowest < first * 85 // 100  # a crash …
    assert last > lowest * 130 // 100  # … and a rally
    assert all(file.stat().st_size <= 150_000 for file in shipped_tape_path().iterdir())


def test_thirteen_weeks_load_fast(tmp_path: Path) -> None:
    """A guard against a much slower loader; the benchmark has the exact figure."""
    lines = [row(5 * at, f"{100 + at % 977}.{at % 97:02}", f"{at % 31}.5") for at in range(25_920)]
    tape = load_tape(write(tmp_path, HEADER + "".join(lines)), TOKENS)
    assert len(tape.series[Mint("sol")].close_pico) == 25_920


closes = st.lists(st.decimals("0.000001", "1000000", places=6), min_size=2, max_size=12)


@given(closes, st.data())
def test_no_look_ahead(prices: list[Decimal], data: st.DataObject) -> None:
    """Later candles change nothing that was known before."""
    known = data.draw(st.integers(1, len(prices)))
    at_ns = minutes(0) + data.draw(st.integers(0, known * STEP_NS - 1))
    other = prices[: known - 1] + [price + 1 for price in prices[known - 1 :]]
    whole, changed = tape_of(prices, opened=prices[0]), tape_of(other, opened=prices[0])
    tick = whole.ticks(at_ns)[Mint("sol")]
    assert tick.price_pico == changed.ticks(at_ns)[Mint("sol")].price_pico
    assert tick.at_ns <= at_ns
    finished = (at_ns - START_NS) // STEP_NS
    assert tick.price_pico == int((prices[finished - 1] if finished else prices[0]) * PICO)


def tape_of(prices: list[Decimal], opened: Decimal) -> Tape:
    series = Series(
        mint=Mint("sol"),
        start_ns=START_NS,
        step_ns=STEP_NS,
        closed_at_ns=tuple(START_NS + (at + 1) * STEP_NS for at in range(len(prices))),
        open_pico=tuple(int(price * PICO) for price in (opened, *prices[:-1])),
        high_pico=tuple(int(max(pair) * PICO) for pair in zip((opened, *prices[:-1]), prices, strict=True)),
        low_pico=tuple(int(min(pair) * PICO) for pair in zip((opened, *prices[:-1]), prices, strict=True)),
        close_pico=tuple(int(price * PICO) for price in prices),
        depth_micros=(0,) * len(prices),
        range_bps=(0,) * len(prices),
    )
    return Tape({series.mint: series})


def test_an_opening_price_comes_with_what_was_known_before_it(tmp_path: Path) -> None:
    """Minute, opening price, and the volume of the candle before it. One candle is missing between 10 and 20."""
    rows = row(0, "101", "1") + row(5, "102", "2") + row(10, "103", "3") + row(20, "104", "4") + row(25, "105", "5")
    series = load_tape(write(tmp_path, HEADER + rows), TOKENS).series[Mint("sol")]
    for minute, expected in [
        (0, None),  # Nobody knows the depth of the first candle before it closes.
        (4.99, None),
        (5, (102, 1)),
        (9.99, (102, 1)),
        (10, (103, 2)),
        (15, None),
        (20, (104, 3)),
        (25, (105, 4)),
        (29.99, (105, 4)),
        (30, None),
    ]:
        tick = series.opening(minutes(minute))
        seen = None if tick is None else (tick.price_pico // PICO, series.depth_micros.index(tick.depth_micros) + 1)
        assert seen == expected, minute
    opens = {4: 5, 5: 10, 12: 20, 20: 25, 25: None}
    for minute, opened in opens.items():
        assert series.opens_after_ns(minutes(minute)) == (None if opened is None else minutes(opened))
