"""Keeps the requests to a swap server within the number that it documents for each sliding window of a minute.

Without it, polling alone reaches the limit, and the server's refusals then hit prices, entries and exits alike.
Prices get half of the quota, evenly spread; some requests are kept for exits, and looks get few. See solana-facts §4.1.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Final

from overmind.core.model.units import NS
from overmind.ports import Clock

WINDOW_S: Final = 60
EXIT_SHARE: Final = 5  # one request in so many is kept for exits
PRICE_SHARE: Final = 2  # one request in so many is for prices
LOOK_SHARE: Final = 2  # of the entries' requests, one in so many may be a look: others can still buy


class Purpose(IntEnum):
    EXIT = 0
    ENTRY = 1
    PRICES = 2
    LOOK = 3  # at a mint that no list has


class QuotaUsedUp(Exception):
    """Another request now would exceed the quota, or use what is kept for exits."""


class RequestQuota:
    """Counts the requests of the last minute. `per_min` None: there is no quota."""

    def __init__(self, clock: Clock, per_min: int | None) -> None:
        assert per_min is None or per_min >= 1, per_min
        self._clock = clock
        self._per_min = per_min
        self._kept = 0 if per_min is None else max(1, per_min // EXIT_SHARE)
        self._entries_max = 0 if per_min is None else max(1, per_min - per_min // PRICE_SHARE - self._kept)
        self._looks_max = self._entries_max // LOOK_SHARE
        self._sent: deque[tuple[int, Purpose]] = deque()
        self._scarce_until_ns = 0

    @property
    def per_min(self) -> int | None:
        """None: there is no quota."""
        return self._per_min

    @property
    def used(self) -> int:
        """Requests of the last minute."""
        return self._within(self._clock.now_ns())

    def price_interval_s(self, requests: int) -> float:
        """The time between two polls of so many requests each, so that prices use their share and no more."""
        return 0.0 if self._per_min is None else requests * WINDOW_S * PRICE_SHARE / self._per_min

    def take(self, purpose: Purpose) -> None:
        """Counts one request. Raises QuotaUsedUp."""
        if self._per_min is None:
            return
        now_ns = self._clock.now_ns()
        if not self._admits(purpose, self._per_min - self._within(now_ns), now_ns):
            raise QuotaUsedUp(f"our quota of {self._per_min} requests a minute (OVERMIND_SWAP_REQUESTS_PER_MIN)")
        self._sent.append((now_ns, purpose))

    def told(self, remaining: int, reset_s: int) -> None:
        """What the server says is left until `reset_s` (Unix seconds). Another program may use the same quota."""
        if self._per_min is not None and remaining <= self._kept:
            self._scarce_until_ns = reset_s * NS

    def _within(self, now_ns: int) -> int:
        """Forgets what is older than the window, and counts the rest."""
        while self._sent and not 0 <= now_ns - self._sent[0][0] < WINDOW_S * NS:
            self._sent.popleft()
        return len(self._sent)

    def _admits(self, purpose: Purpose, left: int, now_ns: int) -> bool:
        if purpose is Purpose.EXIT:
            return left > 0
        scarce = now_ns < self._scarce_until_ns <= now_ns + WINDOW_S * NS
        if scarce or left <= self._kept:
            return False
        if purpose is Purpose.PRICES:
            return True
        looks = sum(sent is Purpose.LOOK for _, sent in self._sent)
        entries = sum(sent is Purpose.ENTRY for _, sent in self._sent)
        return looks + entries < self._entries_max and (purpose is Purpose.ENTRY or looks < self._looks_max)
