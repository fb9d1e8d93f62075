"""What is wrong now, told when it lasts and when it is over. A reason that comes and goes at once is not told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from overmind.config.notice_kinds import NoticeKind
from overmind.notices.notice import Told

LOOKS: Final = 2  # in a row, until it counts as lasting, or as over
REASONS_MAX: Final = 200
_FIGURES: Final = re.compile(r"\d+(?:[.,]\d+)*")


class _Seen:
    def __init__(self, told: Told) -> None:
        self.told = told
        self.looks = 0  # in a row in which it was there, or was not
        self.is_told = False


class Alarms:
    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}  # by the reason without its figures, which change at each look

    def look(self, kind: NoticeKind, reasons: Iterable[str], at_ns: int) -> list[Told]:
        """`reasons`: all of this kind that are there now."""
        now = {_FIGURES.sub("#", reason): reason for reason in reasons}
        new = [*self._there(kind, now, at_ns)]
        return [*new, *self._over(kind, now, at_ns)]

    def _there(self, kind: NoticeKind, now: dict[str, str], at_ns: int) -> Iterable[Told]:
        for key, reason in now.items():
            seen = self._seen.get(key)
            if seen is None:
                if len(self._seen) >= REASONS_MAX:
                    continue
                seen = self._seen[key] = _Seen(Told(kind, reason, at_ns))
            seen.looks = 1 if seen.is_told else seen.looks + 1
            if not seen.is_told and seen.looks >= LOOKS:
                seen.is_told, seen.looks, seen.told = True, 1, Told(kind, reason, at_ns)
                yield seen.told

    def _over(self, kind: NoticeKind, now: dict[str, str], at_ns: int) -> Iterable[Told]:
        for key, seen in [*self._seen.items()]:
            if key in now or seen.told.kind is not kind:
                continue
            if not seen.is_told:
                del self._seen[key]
                continue
            seen.looks -= 1
            if seen.looks <= -LOOKS + 1:
                del self._seen[key]
                yield Told(NoticeKind.READY, f"over: {seen.told.text}", at_ns)
