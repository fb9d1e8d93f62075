"""Exponential backoff with jitter, so that retries do not happen in step."""

from __future__ import annotations

import hashlib
from typing import Final

BASE_S: Final = 0.5
DELAY_MAX_S: Final = 60.0
DOUBLINGS_MAX: Final = 7


def backoff_s(attempt: int, seed: str) -> float:
    """The pause before attempt 1, 2, …. The same attempt and seed give the same pause, so a run can be repeated."""
    assert attempt >= 1, attempt
    full_s = min(DELAY_MAX_S, BASE_S * 2.0 ** min(attempt - 1, DOUBLINGS_MAX))
    return float(full_s * (0.5 + jitter(f"{seed}:{attempt}") / 2))


def jitter(seed: str) -> float:
    """In [0, 1)."""
    digest = hashlib.blake2b(seed.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
