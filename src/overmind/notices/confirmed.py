"""Which critical notices no target has taken yet: a restart tells those again."""

from __future__ import annotations

from typing import Final

from overmind.notices.notice import Notice

WAITING_MAX: Final = 1_000


class Confirmed:
    def __init__(self) -> None:
        self._waiting: set[Notice] = set()

    def sent(self, notice: Notice) -> None:
        if notice.is_critical and notice.seq and len(self._waiting) < WAITING_MAX:
            self._waiting.add(notice)

    def taken(self, notice: Notice) -> None:
        """By one target. Others may have failed: somebody has it."""
        self._waiting.discard(notice)

    def up_to(self, seen: int, counted: int) -> int:
        """The entry up to which every critical one is confirmed. `counted`: the oldest that waits for the digest."""
        first = [one.first_seq for one in self._waiting if one.first_seq]
        return min([seen, *(seq - 1 for seq in (*first, counted) if seq)])
