"""Recorded prices: candles from CSV files, played back without looking ahead.

A candle's timestamp is its opening time. The price at an instant is the close of the last candle that had finished by
then; before the first candle has finished, it is that candle's open. In a gap the price ages, and after two missing
candles it is absent.

`depth_micros` is the value traded within the candle (volume x close), since candles have no better measure of
liquidity. Until the first candle has finished, its own volume is used.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol

from overmind.clock.instants import instant_ns
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.numbers import decimal_of, number, scaled, scaled_down
from overmind.core.model.units import BPS, NS, PICO, PRICE_MAX_PICO
from overmind.core.model.value import Value
from overmind.ports import Clock, Tick

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
TAPE_BYTES_MAX: Final = 128 * 1024 * 1024  # About two million candles.
STALE_STEPS: Final = 2  # missing candles after which the price is absent
CACHE_NS: Final = 1_000_000  # how long ticks of the looped tape are cached
QUOTE_SUFFIXES: Final = ("USDT", "USDC", "USD")

_PRICE_MAX: Final = decimal_of(PRICE_MAX_PICO // PICO, 0)
_VOLUME_MAX: Final = Decimal(10**15)


class TapeError(Exception):
    """A tape that cannot be used: where, why, and how to fix it."""

    def __init__(self, path: Path, line: int | None, what: str, fix: str) -> None:
        super().__init__(f"{path.name}{f', line {line}' if line else ''}: {what}. {fix}.")
        self.place_and_problem = f"{path.absolute()}{f', line {line}' if line else ''}: {what}"
        self.path = path
        self.line = line
        self.what = what
        self.fix = fix


class Gap(Value, frozen=True):
    """`missing` candles that are absent after the one that closed at `after_ns`."""

    mint: Mint
    after_ns: int
    missing: int


class Series(Value, frozen=True):
    """The candles of one mint, in order, as columns."""

    mint: Mint
    start_ns: int  # opening time of the first candle
    step_ns: int
    open_pico: int  # opening price of the first candle
    closed_at_ns: tuple[int, ...]
    close_pico: tuple[int, ...]
    depth_micros: tuple[int, ...]
    range_bps: tuple[int, ...]

    @property
    def end_ns(self) -> int:
        return self.closed_at_ns[-1]

    def tick(self, at_ns: int) -> Tick | None:
        """The price as it was known at `at_ns`, with the time of its candle."""
        if at_ns < self.start_ns:
            return None
        last = bisect_right(self.closed_at_ns, at_ns) - 1
        if last < 0:
            return Tick(self.mint, self.open_pico, self.start_ns, self.depth_micros[0], 0)
        closed_at_ns = self.closed_at_ns[last]
        if at_ns >= closed_at_ns + STALE_STEPS * self.step_ns:
            return None
        return Tick(self.mint, self.close_pico[last], closed_at_ns, self.depth_micros[last], self.range_bps[last])

    def gaps(self) -> Iterator[Gap]:
        closes = self.closed_at_ns
        for before, after in pairwise(closes):
            if after - before > self.step_ns:
                yield Gap(self.mint, before, (after - before) // self.step_ns - 1)


class Tape:
    """Several series with the same candle length."""

    def __init__(self, series: Mapping[Mint, Series]) -> None:
        assert series, "a tape without series"
        self.series = dict(series)
        self.step_ns = next(iter(series.values())).step_ns
        self.start_ns = min(one.start_ns for one in series.values())
        self.end_ns = max(one.end_ns for one in series.values())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for one in self.series.values() for gap in one.gaps())

    def ticks(self, at_ns: int) -> dict[Mint, Tick]:
        """The prices known at `at_ns`; a mint without a price is absent."""
        found = ((mint, one.tick(at_ns)) for mint, one in self.series.items())
        return {mint: tick for mint, tick in found if tick is not None}

    def closes_ns(self) -> Iterator[int]:
        """Each time at which a candle closes, in order. Prices change only at these times."""
        return iter(sorted({at_ns for one in self.series.values() for at_ns in one.closed_at_ns}))


class TapePrices:
    """The feed of a backtest: the price at the clock's time, with the time of its candle."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._tape = tape
        self._clock = clock
        self._at_ns = -1
        self._ticks: Mapping[Mint, Tick] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        at_ns = self._clock.now_ns()
        if at_ns != self._at_ns:  # Many orders read the same instant.
            self._at_ns, self._ticks = at_ns, self._tape.ticks(at_ns)
        return self._ticks


class LoopedTape:
    """The feed of a paper desk without a live feed: the tape repeats for ever against the wall clock.

    The position on the tape depends on the time alone, so a restart continues without a jump. Prices get the present
    time, although they are history. At the end of the tape the price jumps to its beginning.
    """

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._tape = tape
        self._clock = clock
        self._at_ns = -CACHE_NS
        self._ticks: Mapping[Mint, Tick] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        now_ns = self._clock.now_ns()
        if not 0 <= now_ns - self._at_ns < CACHE_NS:  # Each order reads twice, and wall time never stands still.
            self._at_ns, self._ticks = now_ns, self._ticks_at(now_ns)
        return self._ticks

    def _ticks_at(self, now_ns: int) -> dict[Mint, Tick]:
        start_ns, end_ns = self._tape.start_ns, self._tape.end_ns
        seen = self._tape.ticks(start_ns + (now_ns - start_ns) % (end_ns - start_ns))
        return {
            mint: Tick(mint, tick.price_pico, now_ns, tick.depth_micros, tick.range_bps) for mint, tick in seen.items()
        }


def shipped_tape_path() -> Path:
    """The tape in the package: a week of five-minute candles of SOL, ETH and BTC, with a crash and a rally."""
    return Path(str(resources.files("overmind") / "data" / "tape"))


def load_tape(path: Path, tokens: Mapping[str, Token]) -> Tape:
    """Loads a CSV file or a folder of them. `tokens` maps the symbol in a file's name to a token. Raises TapeError."""
    series: dict[Mint, Series] = {}
    for file in _files(path):
        one = _load_series(file, _token_of(file, tokens).mint)
        if one.mint in series:
            raise TapeError(file, None, "a second file for the same token", "Keep one file for each token")
        if any(one.step_ns != other.step_ns for other in series.values()):
            raise TapeError(file, None, "its candles are longer or shorter than the other files'", "Use one interval")
        series[one.mint] = one
    return Tape(series)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TapeError(path, None, "no such file or folder", "Name a CSV file, or a folder of them")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv")
    if not files:
        raise TapeError(path, None, "no CSV file in this folder", "Put candles there, such as SOLUSDT_5m.csv")
    return files


def _token_of(file: Path, tokens: Mapping[str, Token]) -> Token:
    """SOLUSDT_5m.csv, SOL-USDC.csv and sol.csv are all files of SOL."""
    symbol = file.stem.replace("-", "_").split("_")[0].upper()
    known = {name.upper(): token for name, token in tokens.items()}
    for suffix in ("", *QUOTE_SUFFIXES):
        token = known.get(symbol.removesuffix(suffix))
        if token is not None:
            return token
    raise TapeError(file, None, f"unknown symbol {symbol[:40]!r}", f"Name the file after one of {', '.join(tokens)}")


def _load_series(file: Path, mint: Mint) -> Series:
    rows = csv.reader(io.StringIO(_text(file), newline=""))
    try:
        return _series(rows, mint)
    except csv.Error as error:
        raise TapeError(file, rows.line_num, f"not CSV: {error}", "Export the candles again") from None
    except _BadRow as bad:
        raise TapeError(file, rows.line_num if bad.line is None else bad.line, bad.what, bad.fix) from None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > TAPE_BYTES_MAX:
            raise TapeError(file, None, "too large", f"Split it: {TAPE_BYTES_MAX} bytes at most")
        raw = file.read_bytes()
    except OSError as error:
        raise TapeError(file, None, f"cannot be read: {error.strerror}", "Make it readable") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TapeError(file, line, "broken UTF-8", "Export the candles again, as UTF-8") from None


class _BadRow(Exception):
    """What is wrong with a row, and how to fix it. Without a line: the row that is being read."""

    def __init__(self, what: str, fix: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.line = line


class _Rows(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def _series(rows: _Rows, mint: Mint) -> Series:
    header = next(iter(rows), [])
    cells_of = _columns(header)
    width = len(header)
    candles: list[tuple[int, int, int, int, int]] = []
    lines: list[int] = []
    for row in rows:
        if len(row) == width:
            candles.append(_candle(*cells_of(row)))
            lines.append(rows.line_num)
        elif row:  # A blank line is allowed, an incomplete one is not.
            raise _BadRow(f"{len(row)} columns instead of {width}", "Complete the line, or remove it")
    if len(candles) < 2:
        raise _BadRow(f"{len(candles)} candles", "Two at least are needed, to know how long a candle is", line=0)
    opened, opens, closes, depths, ranges = zip(*candles, strict=True)
    step_ns = _step_ns(opened, lines)
    closed = tuple(at_ns + step_ns for at_ns in opened)
    return Series(mint, opened[0], step_ns, opens[0], closed, closes, depths, ranges)


def _columns(header: list[str]) -> Callable[[list[str]], tuple[str, ...]]:
    names = [name.strip().lower() for name in header]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        what = f"no column {', '.join(missing)}" if header else "empty"
        raise _BadRow(what, f"The first line must read {','.join(COLUMNS)}", line=1)
    return itemgetter(*(names.index(column) for column in COLUMNS))


def _candle(at: str, opened: str, high: str, low: str, close: str, volume: str) -> tuple[int, int, int, int, int]:
    """(opened at, open, close, depth, range) as integers."""
    try:
        at_ns = instant_ns(at.strip())
    except ValueError as error:
        raise _BadRow(f"timestamp: {error}", "Write 2025-04-06T00:00:00+00:00, or unix time in s or ms") from None
    open_pico, high_pico, low_pico, close_pico = _pico(opened), _pico(high), _pico(low), _pico(close)
    if not low_pico <= open_pico <= high_pico or not low_pico <= close_pico <= high_pico:
        raise _BadRow(f"open {opened}, close {close} outside [{low}, {high}]", "Low must be lowest, and high highest")
    return (
        at_ns,
        open_pico,
        close_pico,
        _volume_ppm(volume) * close_pico // PICO,
        -(-(high_pico - low_pico) * BPS // close_pico),
    )


# A candle opens at the price at which the last one closed, so about half of the prices were just parsed.
@lru_cache(maxsize=1024)
def _pico(text: str) -> int:
    price = number(text.strip())
    if isinstance(price, Decimal) and 0 < price <= _PRICE_MAX and (pico := scaled(price, 12)) is not None:
        return pico
    raise _BadRow(f"{text[:40]!r} is not a price", f"Write a number in (0, {_PRICE_MAX}] with 12 decimals at most")


def _volume_ppm(text: str) -> int:
    """In millionths of a token, rounded down."""
    volume = number(text.strip())
    if isinstance(volume, Decimal) and 0 <= volume <= _VOLUME_MAX:
        return scaled_down(volume, 6)
    raise _BadRow(f"{text[:40]!r} is not a volume", "Write how many tokens were traded, 0 or more")


def _step_ns(opened: Sequence[int], lines: Sequence[int]) -> int:
    """The candle length. Candles may be missing, but none may open between the steps."""
    steps = [after - before for before, after in pairwise(opened)]
    counts = Counter(steps)
    usual = max((step for step in counts if step > 0), key=lambda step: (counts[step], -step), default=1)
    for step, line in zip(steps, lines[1:], strict=True):
        if step == 0:
            raise _BadRow("the same timestamp again", "Keep one line for each time", line)
        if step < 0:
            raise _BadRow("earlier than the line before", "Sort the lines by timestamp", line)
        if step % usual:
            fix = "The time between two lines must be this, or a multiple where candles are missing"
            raise _BadRow(f"{step / NS:g} s after the line before, where {usual / NS:g} s is usual", fix, line)
    return usual
