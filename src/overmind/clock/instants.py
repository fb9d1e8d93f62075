"""Converts instants between text and nanoseconds since 1970 (UTC), exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from overmind.core.model.numbers import BadNumber, number, scaled_down
from overmind.core.model.units import NS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT_MAX_NS = 2**63 - 1  # The year 2262; also what an int64 column holds.
MILLIS_MIN = Decimal(10**11)  # A bare number from here on (year 5138 as seconds) counts milliseconds, not seconds.


def instant_ns(text: str) -> int:
    """Reads ISO 8601 with an offset, or unix seconds or milliseconds. The ValueError says what is wrong."""
    instant = _iso_ns(text) if text[4:5] == "-" else _unix_ns(text)
    if not 0 < instant <= INSTANT_MAX_NS:
        raise ValueError(f"{text[:40]!r} is not between the years 1970 and 2262")
    return instant


def day_or_instant_ns(text: str) -> int:
    """Reads a day, which begins at 00:00 UTC, or ISO 8601 with an offset. The ValueError says what is wrong."""
    if text[4:5] != "-":
        raise ValueError(f"{text[:40]!r} is neither a day nor an ISO 8601 time")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return instant_ns(text)
    return instant_ns(f"{day}T00:00:00+00:00")


def iso(at_ns: int) -> str:
    """ISO 8601 in UTC, to microseconds."""
    return (EPOCH + timedelta(microseconds=at_ns // 1_000)).isoformat(timespec="microseconds")


def iso_seconds(at_ns: int) -> str:
    """ISO 8601 in UTC, to seconds."""
    return (EPOCH + timedelta(seconds=at_ns // NS)).isoformat(timespec="seconds")


def _iso_ns(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset from UTC")
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1_000


def _unix_ns(text: str) -> int:
    read = number(text)
    if isinstance(read, BadNumber):
        raise ValueError(f"{text[:40]!r} is neither an ISO 8601 time nor a unix time")
    return scaled_down(read, 6 if read >= MILLIS_MIN else 9)
