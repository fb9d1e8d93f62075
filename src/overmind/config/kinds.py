"""Reads typed texts as values: one kind per unit, exact to the last digit or refused."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from overmind.config.files import InvalidValue
from overmind.config.secrecy import Secret, shown, shown_url
from overmind.core.model.codes import COUNT_MAX, LimitField, Unit
from overmind.core.model.numbers import BadNumber, number, written
from overmind.core.model.units import LAMPORTS, MICROS, PPM
from overmind.keys.secret_key import is_address
from overmind.text.characters import quote_in

T = TypeVar("T", covariant=True)
V = TypeVar("V")

_URL_MAX: Final = 2_048
_FEED_ID: Final = re.compile(r"(0x)?[0-9a-fA-F]{64}")
FEEDS_MAX: Final = 100  # one request to a node has that many accounts


class NamedFeed(NamedTuple):
    """A token's account and feed of the Pyth oracle."""

    symbol: str
    account: str
    feed_id: bytes


@dataclasses.dataclass(frozen=True)
class Kind(Generic[T]):
    """The type of a variable: how to read it, and its name and bounds for people."""

    read: Callable[[str], T | InvalidValue]
    unit: str
    bounds: str = ""


@dataclasses.dataclass(frozen=True)
class Measure:
    """A decimal number of `unit`, stored as an exact integer of 1/`scale` each."""

    unit: str
    scale: int
    low: Decimal
    high: Decimal

    @property
    def bounds(self) -> str:
        return f"{self.low:,f} to {self.high:,f}"

    def read(self, text: str) -> int | InvalidValue:
        return self.exact(text.strip())

    def exact(self, value: object) -> int | InvalidValue:
        """From a text, or from a number of JSON."""
        read = BadNumber(repr(value), "is a float") if isinstance(value, float) else number(value)
        if isinstance(read, BadNumber):
            # A text may be a key that was pasted here; `shown` masks it.
            sent = repr(shown(value)) if isinstance(value, str) else read.sent
            return InvalidValue(f"{sent} {read.why}", f"write a number of {self.unit}, {self.bounds}")
        if not self.low <= read <= self.high:
            return InvalidValue(
                f"{shown(str(read))} {self.unit} is out of bounds", f"stay within {self.bounds} {self.unit}"
            )
        numerator, denominator = read.as_integer_ratio()
        units, rest = divmod(numerator * self.scale, denominator)
        if rest:
            smallest = written(Decimal(1) / self.scale)
            return InvalidValue(
                f"{shown(str(read))} {self.unit} has more digits than can be kept",
                f"write a whole multiple of {smallest} {self.unit}",
            )
        return units


def _bound(value: int | str) -> Decimal:
    """A bound of a measure, as the code writes it."""
    read = number(value)
    assert isinstance(read, Decimal), value
    return read


def usd(low: str = "0", high: str = "1000000000000") -> Measure:
    return Measure("USD", MICROS, _bound(low), _bound(high))


def percent(low: str = "0") -> Measure:
    return Measure("percent", PPM // 100, _bound(low), Decimal(100))


def limit(row: LimitField, low: str = "0") -> Measure:
    """Of a limit of a wallet, in its own unit."""
    match row.unit:
        case Unit.USD:
            return usd(low)
        case Unit.PERCENT:
            return percent(low)
        case Unit.RATIO:
            return fraction(low)
        case _:
            return whole(row.counted, low, COUNT_MAX)


def percent_within(low: str, high: str) -> Measure:
    return Measure("percent", PPM // 100, _bound(low), _bound(high))


def fraction(low: str = "0") -> Measure:
    return Measure("fraction", PPM, _bound(low), Decimal(1))


def whole(unit: str, low: int | str, high: int) -> Measure:
    return Measure(unit, 1, _bound(low), _bound(high))


def milliseconds(low: int, high: int) -> Measure:
    """Stored in nanoseconds."""
    return Measure("ms", 1_000_000, _bound(low), _bound(high))


def hours(low: str, high: int) -> Measure:
    """Stored in nanoseconds."""
    return Measure("hours", 3_600 * 10**9, _bound(low), _bound(high))


def sol(high: str) -> Measure:
    return Measure("SOL", LAMPORTS, _bound(0), _bound(high))


def seconds(low: int, high: int) -> Measure:
    """Stored in nanoseconds."""
    return Measure("s", 10**9, _bound(low), _bound(high))


def ladder(rungs_max: int) -> Kind[tuple[int, ...]]:
    """One or more numbers of basis points, none below the one before."""
    rung = whole("bps", 0, 9_999)

    def read(text: str) -> tuple[int, ...] | InvalidValue:
        rungs = [rung.read(part) for part in text.split(",")]
        for one in rungs:
            if isinstance(one, InvalidValue):
                return one
        steps = tuple(one for one in rungs if not isinstance(one, InvalidValue))
        if len(steps) > rungs_max or list(steps) != sorted(steps):
            return InvalidValue(
                f"{shown(text)!r} is no ladder", f"write up to {rungs_max} numbers, none below the one before"
            )
        return steps

    return Kind(read, "comma list of bps", rung.bounds)


def percents(count_max: int) -> Kind[tuple[int, ...]]:
    """Percentages, stored in ppm, sorted and without duplicates."""
    each = percent()

    def read(text: str) -> tuple[int, ...] | InvalidValue:
        found = [each.read(part) for part in text.split(",")]
        for one in found:
            if isinstance(one, InvalidValue):
                return one
        shares = sorted({one for one in found if not isinstance(one, InvalidValue)})
        if len(found) > count_max or len(shares) < len(found):
            return InvalidValue(f"{shown(text)!r} is no such list", f"write up to {count_max} different percentages")
        return tuple(shares)

    return Kind(read, "comma list of percent", each.bounds)


def measured(measure: Measure) -> Kind[int]:
    return Kind(measure.read, measure.unit, measure.bounds)


def ranking_bps(high: int) -> Kind[float]:
    """Basis points that only rank, hence floats."""
    measure = Measure("bps", 10**6, _bound(0), _bound(high))

    def read(text: str) -> float | InvalidValue:
        scaled = measure.read(text)
        return scaled if isinstance(scaled, InvalidValue) else scaled / 10**6

    return Kind(read, "bps", measure.bounds)


def choice(values: Mapping[str, V]) -> Kind[V]:
    """One of these words, in any case."""
    names = " | ".join(values)
    folded = {name.lower(): value for name, value in values.items()}

    def read(text: str) -> V | InvalidValue:
        word = text.strip().lower()
        if word in folded:
            return folded[word]
        return InvalidValue(
            f"{shown(text.strip())!r} is not known", f"write {nearest(word, values) or 'one of ' + names}"
        )

    return Kind(read, names)


def flag() -> Kind[bool]:
    words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}
    return dataclasses.replace(choice(words), unit="true | false")


def optional(kind: Kind[V]) -> Kind[V | None]:
    """A blank means "not set"."""

    def read(text: str) -> V | InvalidValue | None:
        return kind.read(text) if text.strip() else None

    return Kind(read, kind.unit, kind.bounds)


def words(unit: str = "text") -> Kind[str]:
    return Kind(str.strip, unit)


def path() -> Kind[Path]:
    return Kind(_read_path, "path")


def secret(length_min: int = 1) -> Kind[Secret]:
    """Keeps blanks: a passphrase may begin with one."""

    def read(text: str) -> Secret | InvalidValue:
        if len(text) < length_min:
            return InvalidValue(f"shorter than {length_min} characters", f"use {length_min} characters or more")
        return Secret(text)

    return Kind(read, "text", f"at least {length_min} characters" if length_min > 1 else "")


def url() -> Kind[Secret]:
    """A secret that is shown without its credentials."""
    return Kind(_read_url, "URL", "http or https")


def urls() -> Kind[tuple[Secret, ...]]:
    """A comma list of addresses."""

    def read(text: str) -> tuple[Secret, ...] | InvalidValue:
        found = [_read_url(part) for part in text.split(",") if part.strip()]
        wrong = next((one for one in found if isinstance(one, InvalidValue)), None)
        return wrong if wrong is not None else tuple(one for one in found if isinstance(one, Secret))

    return Kind(read, "comma list of URLs", "http or https")


def addresses() -> Kind[tuple[str, ...]]:
    """A comma list of Solana addresses, base58 of 32 bytes."""

    def read(text: str) -> tuple[str, ...] | InvalidValue:
        found = tuple(part.strip() for part in text.split(",") if part.strip())
        wrong = next((one for one in found if not is_address(one)), None)
        return found if wrong is None else InvalidValue(f"{shown(wrong)!r} is no address", "write base58 of 32 bytes")

    return Kind(read, "comma list of addresses")


def pyth_feeds() -> Kind[tuple[NamedFeed, ...]]:
    """A comma list of SYMBOL:ACCOUNT:FEED_ID."""

    def read(text: str) -> tuple[NamedFeed, ...] | InvalidValue:
        found = [_read_feed(part.strip()) for part in text.split(",") if part.strip()]
        wrong = next((one for one in found if isinstance(one, InvalidValue)), None)
        if wrong is not None:
            return wrong
        feeds = tuple(one for one in found if isinstance(one, NamedFeed))
        if len({one.symbol for one in feeds}) < len(feeds) or len(feeds) > FEEDS_MAX:
            return InvalidValue("a symbol twice, or too many", f"name up to {FEEDS_MAX} tokens, each once")
        return feeds

    return Kind(read, "comma list of SYMBOL:ACCOUNT:FEED_ID")


def nearest(word: str, names: Collection[str]) -> str | None:
    """The known name that is most similar, if any is."""
    found = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1)
    return next((name for name in names if found and name.lower() == found[0]), None)


def _read_feed(text: str) -> NamedFeed | InvalidValue:
    symbol, _, rest = text.partition(":")
    account, _, feed_id = rest.partition(":")
    if not symbol or not is_address(account) or not _FEED_ID.fullmatch(feed_id):
        fix = "write SYMBOL:ACCOUNT:FEED_ID, with the account in base58 and the feed's 32 bytes in hexadecimal"
        return InvalidValue(f"{shown(text)!r} names no price feed", fix)
    return NamedFeed(symbol.upper(), account, bytes.fromhex(feed_id.removeprefix("0x")))


def _read_path(text: str) -> Path | InvalidValue:
    if (quote := quote_in(text)) is not None:
        return InvalidValue(
            f"the path holds {quote}", "write it without quotes, and give the folder a name without one"
        )
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError:
        return InvalidValue("no home directory is known for the ~ in this path", "write the path in full")


def _read_url(text: str) -> Secret | InvalidValue:
    text = text.strip()
    fix = "write an address such as https://host:8899"
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return InvalidValue("not a valid URL", fix)
    if not complete or len(text) > _URL_MAX or not text.isprintable() or " " in text:
        return InvalidValue("not an http or https URL", fix)
    return Secret(text, shown_url(text))
