"""Reads candles from files: a folder of them, or one. A row's timestamp is its opening time.

Rows out of order are sorted, and double rows that agree are merged; the tape's notes say how many. What contradicts
itself is refused with file and row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from overmind.clock.instants import instant_ns, iso_seconds
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.numbers import decimal_of, number, scaled_down
from overmind.core.model.units import BPS, DAY_NS, MICROS, NS, PICO, PRICE_MAX_PICO
from overmind.prices.arrow import arrow_rows
from overmind.prices.joining import Clash, Read, one_of
from overmind.prices.rows import BINARY_ENDS, ENDS, BadRow, rows_of
from overmind.prices.tape import Series, Tape

TAPE_BYTES_MAX: Final = 128 * 1024 * 1024  # About two million candles.
QUOTE_SUFFIXES: Final = ("USDT", "USDC", "USD")
MICROS_DIGITS: Final = 15  # A unix time of so many digits counts microseconds, as in Binance's dumps since 2025.
GAPS_SHOWN: Final = 3
PACKED_ENDS: Final = (".zip", ".gz", ".7z", ".tar", ".xz", ".zst")
NO_TEXTS: Final = (  # how a file begins, what it is, and what to do
    (b"\x1f\x8b", "a compressed file (gzip)", "Unpack it"),
    (b"PK\x03\x04", "a compressed file (zip)", "Unpack it"),
    (b"\xff\xfe", "UTF-16 text", "Export the candles again, as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "Export the candles again, as UTF-8"),
)
NAME_PARTS: Final = re.compile("[-_.]")  # of a file's name, between which its timeframe stands
OFFSET: Final = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$", re.IGNORECASE)
EARLIEST_NS: Final = 1_230_768_000 * NS  # 2009: no token is older
TRADED_DAY_MAX_USD: Final = 10**12  # more than any token trades

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


TokenOf = Callable[[str], Token | None]  # symbol in upper case → its token; None: it is not known


def load_tape(
    path: Path,
    tokens: Mapping[str, Token],
    unlisted: TokenOf = lambda symbol: None,
    timeframe: str | None = None,
) -> Tape:
    """Loads a file of candles or a folder of them. `tokens` maps the symbol in a file's name to a token.

    `unlisted` says what a symbol is that `tokens` does not have. Tokens may have candles of different length. Several
    files of one token are joined; where they differ in length, the shortest candles count. `timeframe`: only files of a
    folder that have it in their name, such as 5m. Raises TapeError.
    """
    reads: dict[Mint, list[Read]] = {}
    for file in _files(path, timeframe):
        read = _load(file, _token_of(file, tokens, unlisted).mint)
        reads.setdefault(read.series.mint, []).append(read)
    series: dict[Mint, Series] = {}
    notes: list[str] = []
    for mint, found in reads.items():
        try:
            series[mint], told = one_of(found)
        except Clash as clash:
            raise TapeError(clash.file, None, clash.bad.what, clash.bad.fix) from None
        notes += (*told, *(f"{found[0].file.name}: {note}" for note in _gap_notes(series[mint])))
    return Tape(series, tuple(notes))


def _files(path: Path, timeframe: str | None) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TapeError(path, None, "no such file or folder", "Name a file of candles, or a folder of them")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDS)
    if not files:
        what = f"no file of candles in this folder ({', '.join(ENDS)})"
        packed = next((one.name for one in sorted(path.iterdir()) if one.suffix.lower() in PACKED_ENDS), None)
        fix = "Put candles there, such as SOLUSDT_5m.csv" if packed is None else f"Unpack {packed}"
        raise TapeError(path, None, what, fix)
    chosen = [file for file in files if timeframe is None or timeframe in NAME_PARTS.split(file.stem)]
    if not chosen:
        what = f"no file of candles of {timeframe} in this folder"
        raise TapeError(path, None, what, f"Name one that stands in the names of files, such as {files[0].name}")
    return chosen


def _token_of(file: Path, tokens: Mapping[str, Token], unlisted: TokenOf) -> Token:
    """SOLUSDT_5m.csv, SOL-USDC.csv, SOL_USDT-5m.json and sol.csv are all files of SOL."""
    symbol = symbol_of(file)
    known = {name.upper(): token for name, token in tokens.items()}
    for name in (symbol, *(symbol.removesuffix(end) for end in QUOTE_SUFFIXES)):
        if (token := known.get(name)) is not None:
            return token
    bare = next((symbol.removesuffix(end) for end in QUOTE_SUFFIXES if symbol.endswith(end) and symbol != end), symbol)
    if (token := unlisted(bare)) is not None:
        return token
    fix = f"Begin its name with the token, as in SOLUSDT_5m.csv; listed are {', '.join(tokens)}"
    raise TapeError(file, None, f"unknown symbol {symbol[:40]!r}", fix)


def symbol_of(file: Path) -> str:
    return file.stem.replace("-", "_").split("_")[0].upper()


def _load(file: Path, mint: Mint) -> Read:
    try:
        return _read(file, mint)
    except BadRow as bad:
        raise TapeError(file, bad.line, bad.what, bad.fix) from None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > TAPE_BYTES_MAX:
            raise TapeError(file, None, "too large", f"Split it: {TAPE_BYTES_MAX} bytes at most")
        raw = file.read_bytes()
    except OSError as error:
        raise TapeError(file, None, f"cannot be read: {error.strerror}", "Make it readable") from None
    for begin, what, fix in NO_TEXTS:
        if raw.startswith(begin):
            raise TapeError(file, None, what, fix)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TapeError(file, line, "broken UTF-8", "Export the candles again, as UTF-8") from None


class _Row(NamedTuple):
    at_ns: int
    open_pico: int
    high_pico: int
    low_pico: int
    close_pico: int
    volume_ppm: int


def _read(file: Path, mint: Mint) -> Read:
    rows: list[_Row] = []
    lines: list[int] = []
    first = ""
    is_binary = file.suffix.lower() in BINARY_ENDS
    for line, cells in arrow_rows(file) if is_binary else rows_of(file, _text(file)):
        first = first or cells[0]
        try:
            rows.append(_candle(*cells))
        except BadRow as bad:
            raise BadRow(bad.what, bad.fix, line) from None
        lines.append(line)
    rows, lines, notes = _in_order(rows, lines)
    if len(rows) < 2:
        raise BadRow(f"{len(rows)} candles", "Two at least are needed, to know how long a candle is")
    series = _series_of(mint, rows, lines)
    return Read(file, series, [*_doubts(first, series), *notes])


def _doubts(first: str, series: Series) -> Iterator[str]:
    """What may be meant otherwise than it is read. `first`: the first time in the file."""
    if _lacks_offset(first.strip()):
        yield "its times have no offset; they are taken as UTC"
    if series.start_ns < EARLIEST_NS:
        yield f"its candles begin at {iso_seconds(series.start_ns)}: a unix time must be in s, ms or µs"
    empty = series.depth_micros.count(0)
    if 2 * empty > len(series.depth_micros):
        yield f"{empty} of {len(series.depth_micros)} candles have no volume: what their trades cost is an assumption"
    a_day = median(series.depth_micros) * DAY_NS // series.step_ns // MICROS
    if a_day > TRADED_DAY_MAX_USD:
        yield f"${a_day:,.0f} would be traded in it a day: volume must be in whole tokens, not in dollars or base units"


def _in_order(rows: list[_Row], lines: list[int]) -> tuple[list[_Row], list[int], list[str]]:
    """Sorts the rows and merges double ones, where that is needed, and says so."""
    out_of_order = sum(after.at_ns < before.at_ns for before, after in pairwise(rows))
    if not out_of_order and all(after.at_ns > before.at_ns for before, after in pairwise(rows)):
        return rows, lines, []
    kept: list[_Row] = []
    at: list[int] = []
    double = 0
    for row, line in sorted(zip(rows, lines, strict=True), key=lambda one: one[0].at_ns):
        if not kept or row.at_ns != kept[-1].at_ns:
            kept.append(row)
            at.append(line)
        elif row == kept[-1]:
            double += 1
        else:
            raise BadRow(f"other values than line {at[-1]} for the same time", "Keep the right one of the two", line)
    notes = [f"{out_of_order} rows came earlier than the one before; they were sorted"] if out_of_order else []
    return kept, at, [*notes, f"{double} double rows were merged"] if double else notes


def _gap_notes(series: Series) -> list[str]:
    gaps = list(series.gaps())
    if not gaps:
        return []
    first = ", ".join(f"{gap.missing} after {iso_seconds(gap.after_ns)}" for gap in gaps[:GAPS_SHOWN])
    more = ", …" if len(gaps) > GAPS_SHOWN else ""
    missing = sum(gap.missing for gap in gaps)
    return [f"{missing} candles are missing in {len(gaps)} gaps, which have no price: {first}{more}"]


def _series_of(mint: Mint, rows: Iterable[_Row], lines: Sequence[int]) -> Series:
    opened, opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    step_ns = _step_ns(opened, lines)
    return Series(
        mint=mint,
        start_ns=opened[0],
        step_ns=step_ns,
        closed_at_ns=tuple(at_ns + step_ns for at_ns in opened),
        open_pico=opens,
        high_pico=highs,
        low_pico=lows,
        close_pico=closes,
        depth_micros=tuple(volume * close // PICO for volume, close in zip(volumes, closes, strict=True)),
        range_bps=tuple(-(-(high - low) * BPS // close) for high, low, close in zip(highs, lows, closes, strict=True)),
    )


def _candle(at: str, opened: str, high: str, low: str, close: str, volume: str) -> _Row:
    try:
        at_ns = _opened_ns(at.strip())
    except ValueError as error:
        fix = "Write 2025-04-06T00:00:00+00:00, or unix time in s, ms or µs"
        raise BadRow(f"timestamp: {error}", fix) from None
    open_pico, high_pico, low_pico, close_pico = _pico(opened), _pico(high), _pico(low), _pico(close)
    if not low_pico <= open_pico <= high_pico or not low_pico <= close_pico <= high_pico:
        raise BadRow(f"open {opened}, close {close} outside [{low}, {high}]", "Low must be lowest, and high highest")
    return _Row(at_ns, open_pico, high_pico, low_pico, close_pico, _volume_ppm(volume))


def _opened_ns(text: str) -> int:
    """A time without an offset is UTC, as everybody exports candles."""
    if _lacks_offset(text):
        text = f"{text}+00:00" if len(text) > len("2025-04-06") else f"{text}T00:00:00+00:00"
    if len(text) >= MICROS_DIGITS and text.isascii() and text.isdigit():
        return instant_ns(f"{text[:-6]}.{text[-6:]}")
    return instant_ns(text)


def _lacks_offset(text: str) -> bool:
    """Of a time in ISO 8601."""
    return text[4:5] == "-" and OFFSET.search(text, len("2025-04-06")) is None


# A candle opens at the price at which the last one closed, so about half of the prices were just parsed.
@lru_cache(maxsize=1024)
def _pico(text: str) -> int:
    """Digits beyond the twelfth decimal are cut off: programs write floats with many of them."""
    price = number(text.strip())
    if isinstance(price, Decimal) and 0 < price <= _PRICE_MAX and (pico := scaled_down(price, 12)):
        return pico
    raise BadRow(f"{text[:40]!r} is not a price", f"Write a number from 0.000000000001 to {_PRICE_MAX}")


def _volume_ppm(text: str) -> int:
    """In millionths of a token, rounded down."""
    volume = number(text.strip())
    if isinstance(volume, Decimal) and 0 <= volume <= _VOLUME_MAX:
        return scaled_down(volume, 6)
    raise BadRow(f"{text[:40]!r} is not a volume", "Write how many tokens were traded, 0 or more")


def _step_ns(opened: Sequence[int], lines: Sequence[int]) -> int:
    """The candle length. Candles may be missing, but none may open between the steps."""
    steps = [after - before for before, after in pairwise(opened)]
    counts = Counter(steps)
    usual = max((step for step in counts), key=lambda step: (counts[step], -step), default=1)
    for step, line in zip(steps, lines[1:], strict=True):
        if step % usual:
            fix = "The time between two candles must be this, or a multiple where some are missing"
            raise BadRow(f"{step / NS:g} s after the candle before, where {usual / NS:g} s is usual", fix, line)
    return usual
