"""Whether the relay accepts nothing although orders wait for it. An alarm tells it; no decision reads it."""

from __future__ import annotations

from typing import Final

from overmind.core.model.units import NS
from overmind.ports import Clock

TOLD_AFTER_S: Final = 60
FORGOTTEN_S: Final = 300  # After this time without a try nobody waits any more.


class RelaySilence:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first_ns = self._last_ns = 0  # of the tries that failed since one was accepted
        self._why: str | None = None

    def failed(self, why: str) -> None:
        """A transaction could not be handed over."""
        now_ns = self._clock.now_ns()
        if self._why is None or self._is_over(now_ns):
            self._first_ns = now_ns
        self._last_ns, self._why = now_ns, why

    def ended(self) -> None:
        """A transaction was accepted, or the relay is another one."""
        self._why = None

    def alarm(self) -> str | None:
        """Tries must have failed over a whole minute: one failure, or an hour without orders, is no silence."""
        tried_s = (self._last_ns - self._first_ns) // NS
        if self._why is None or tried_s < TOLD_AFTER_S or self._is_over(self._clock.now_ns()):
            return None
        return (
            f"the relay accepted no transaction for {tried_s} s while orders waited: {self._why}; look at"
            " OVERMIND_RELAY_URLS, or give wallets another route (OVERMIND_WALLET_ROUTES)"
        )

    def _is_over(self, now_ns: int) -> bool:
        """Also when the clock stepped back."""
        return not 0 <= now_ns - self._last_ns <= FORGOTTEN_S * NS
