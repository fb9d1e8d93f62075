"""Reads candles from CSV files. The first line names the columns, and a candle's timestamp is its opening time."""

from __future__ import annotations

import csv
import io
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
from overmind.prices.tape import Series, Tape

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
TAPE_BYTES_MAX: Final = 128 * 1024 * 1024  # About two million candles.
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
    candles: list[tuple[int, ...]] = []
    lines: list[int] = []
    for row in rows:
        if len(row) == width:
            candles.append(_candle(*cells_of(row)))
            lines.append(rows.line_num)
        elif row:  # A blank line is allowed, an incomplete one is not.
            raise _BadRow(f"{len(row)} columns instead of {width}", "Complete the line, or remove it")
    if len(candles) < 2:
        raise _BadRow(f"{len(candles)} candles", "Two at least are needed, to know how long a candle is", line=0)
    opened, opens, highs, lows, closes, depths, ranges = zip(*candles, strict=True)
    step_ns = _step_ns(opened, lines)
    closed = tuple(at_ns + step_ns for at_ns in opened)
    return Series(mint, opened[0], step_ns, closed, opens, highs, lows, closes, depths, ranges)


def _columns(header: list[str]) -> Callable[[list[str]], tuple[str, ...]]:
    names = [name.strip().lower() for name in header]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        what = f"no column {', '.join(missing)}" if header else "empty"
        raise _BadRow(what, f"The first line must read {','.join(COLUMNS)}", line=1)
    return itemgetter(*(names.index(column) for column in COLUMNS))


def _candle(at: str, opened: str, high: str, low: str, close: str, volume: str) -> tuple[int, ...]:
    """(opened at, open, high, low, close, depth, range) as integers."""
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
        high_pico,
        low_pico,
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
