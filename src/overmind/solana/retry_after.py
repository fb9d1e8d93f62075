"""Reads a Retry-After header: seconds, or a date (RFC 9110)."""

from __future__ import annotations

import email.utils
from typing import Final

from overmind.core.model.numbers import digits
from overmind.core.model.units import NS

WAIT_MAX_S: Final = 60.0  # A node cannot make us stop for ever.


def retry_after_s(header: str | None, now_ns: int) -> float:
    """0 if it cannot be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(WAIT_MAX_S, digits(text[:9], 10**9) or 0)
    try:
        at_s = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
    return max(0.0, min(WAIT_MAX_S, at_s - now_ns / NS))
