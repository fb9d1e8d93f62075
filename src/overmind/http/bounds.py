"""Bounds of one request, for the API and for its callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from overmind.core.model.numbers import BadNumber, whole

BODY_BYTES_MAX: Final = 1 << 20
BATCH_MAX: Final = 512  # signals in one request
SEQ_MAX: Final = 2**63 - 1  # of an entry of the journal
NDJSON: Final = "application/x-ndjson"


def whole_within(low: int, high: int) -> Callable[[object], int]:
    """Reads a number of the query or of a header, for pydantic's BeforeValidator. Pydantic itself would read 1_0."""

    def read(given: object) -> int:
        found = whole(given, low, high)
        if isinstance(found, BadNumber):
            raise ValueError(f"{found.problem}; {found.fix}")
        return found

    return read
