"""Tracks the health of a node. After failures in a row it rests, longer each time; one good answer resets that.

Being slower than another node is not a failure: the node only comes after the faster one for a while.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import structlog

from overmind.core.model.units import NS
from overmind.ports import Clock
from overmind.solana.backoff import DELAY_MAX_S, backoff_s

FAILURES_MAX: Final = 3  # in a row
OVERTAKEN_MAX: Final = 3  # in a row
OVERTAKEN_S: Final = 30.0
LATENCIES_KEPT: Final = 64
LATENCIES_MIN: Final = 8  # Fewer are no basis for a percentile.

log = structlog.get_logger("rpc")


class NodeHealth:
    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._rests = 0
        self._resting_until_ns = 0
        self._overtaken = 0
        self._slow_until_ns = 0
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self.failures = 0
        self.answered = 0  # requests since the start
        self.failed_in_all = 0
        self.asking = 0  # requests under way

    @property
    def avoided(self) -> bool:
        """Prefer other nodes: while it rests, and while one probing request is under way afterwards."""
        return self.resting or self._is_slow() or (self._rests > 0 and self.asking > 0)

    @property
    def resting(self) -> bool:
        # Bounded, in case the clock was set back.
        return 0 < self._resting_until_ns - self._clock.now_ns() <= DELAY_MAX_S * NS

    def _is_slow(self) -> bool:
        return 0 < self._slow_until_ns - self._clock.now_ns() <= OVERTAKEN_S * NS

    def succeeded(self, latency_s: float) -> None:
        self._latencies_s.append(latency_s)
        self.answered += 1
        if self._rests:
            log.info("endpoint_back", endpoint=self._name)
        self.failures = self._rests = self._resting_until_ns = self._overtaken = self._slow_until_ns = 0

    def overtaken(self) -> None:
        """Another node was asked later and answered first."""
        self._overtaken += 1
        if self._overtaken >= OVERTAKEN_MAX:
            self._overtaken = 0
            self._slow_until_ns = self._clock.now_ns() + round(OVERTAKEN_S * NS)

    def failed(self, reason: str, *, busy: bool = False, retry_after_s: float = 0.0) -> None:
        """`busy`: the node said so itself, so it rests at once."""
        self.failures += 1
        self.failed_in_all += 1
        if self.resting or (self.failures < FAILURES_MAX and not busy):
            return
        if not self._rests:
            log.warning("endpoint_unhealthy", endpoint=self._name, reason=reason)
        self._rests += 1
        rest_s = min(DELAY_MAX_S, max(retry_after_s, backoff_s(self._rests, f"{self._name}:{reason}")))
        self._resting_until_ns = self._clock.now_ns() + round(rest_s * NS)

    def slow_s(self) -> float | None:
        """The 95th percentile of its latency, or None with too few answers."""
        if len(self._latencies_s) < LATENCIES_MIN:
            return None
        return sorted(self._latencies_s)[len(self._latencies_s) * 95 // 100]
