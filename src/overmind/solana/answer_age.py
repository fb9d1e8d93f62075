"""How old an answer is: by the cache that gave it, and by its own date (RFC 9110, RFC 9111)."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from typing import Final

from overmind.core.model.numbers import digits
from overmind.core.model.units import NS
from overmind.core.model.value import Value

AGE_MAX_S: Final = 10**9  # Whoever says more says this.


class AnswerAge(Value, frozen=True):
    age_s: int = 0  # since a cache has it, by the cache's own count
    dated_ns: int | None = None  # when it was made, by its server's clock; None: it does not say


def age_of(headers: Mapping[str, str]) -> AnswerAge:
    """What cannot be read is not said."""
    sent = headers.get("Age", "").strip()
    age_s = (digits(sent, AGE_MAX_S) or AGE_MAX_S) if sent.isascii() and sent.isdigit() and sent.strip("0") else 0
    try:
        dated_ns = round(email.utils.parsedate_to_datetime(headers.get("Date", "")).timestamp() * NS)
    except (ValueError, OverflowError, OSError):
        return AnswerAge(age_s)
    return AnswerAge(age_s, dated_ns)
