"""Tells little of what happens often: like things become one notice, and past the rate they are only counted.

At the end of each period one digest tells how many of each kind were counted, with an example of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from overmind.config.notice_kinds import KINDS, RANK, NoticeKind, Severity, Way
from overmind.config.notices import NoticeSettings
from overmind.notices.notice import Notice, Told, notice_of, shortened

ALIKE_MAX: Final = 256  # texts that a period remembers
DIGEST: Final = "digest"


class _Counted:
    """What the digest will tell of a kind."""

    def __init__(self, first_seq: int) -> None:
        self.count = 0
        self.example = ""  # of the newest
        self.first_seq = self.seq = first_seq


class Sieve:
    def __init__(self, settings: NoticeSettings, desk: str, now_ns: int) -> None:
        self._settings = settings
        self._desk = desk
        self._ends_ns = now_ns + settings.period_ns
        self._told: dict[NoticeKind, int] = {}  # notices of this period
        self._alike: set[tuple[NoticeKind, str]] = set()  # what was told in this period
        self._counted: dict[NoticeKind, _Counted] = {}

    def only_counts(self, kind: NoticeKind) -> bool:
        """Whether the next of this kind is counted alone, so that nobody needs its text."""
        counted = self._counted.get(kind)
        full = self._told.get(kind, 0) >= self._settings.rate_max or self._settings.way_of(kind) is Way.DIGEST
        return full and counted is not None

    def count(self, kind: NoticeKind, seq: int, example: str = "") -> None:
        counted = self._counted.setdefault(kind, _Counted(seq))
        counted.count += 1
        counted.seq = max(seq, counted.seq)
        counted.example = example or counted.example

    def sift(self, batch: Iterable[Told]) -> list[Notice]:
        """The notices to tell at once. Things of one batch that are alike become one."""
        alike: dict[tuple[NoticeKind, str], list[Told]] = {}
        for one in batch:
            alike.setdefault((one.kind, one.text), []).append(one)
        return [notice for key, group in alike.items() if (notice := self._sifted(key, group)) is not None]

    def digest(self, now_ns: int) -> Notice | None:
        """Ends the period if its time is over. None: it is not, or there is nothing to tell."""
        if now_ns < self._ends_ns:
            return None
        return self.end_period(now_ns)

    def end_period(self, now_ns: int) -> Notice | None:
        counted, self._counted = self._counted, {}
        self._ends_ns = now_ns + self._settings.period_ns
        self._told.clear()
        self._alike.clear()
        if not counted:
            return None
        kinds = sorted(counted, key=lambda kind: -RANK[KINDS[kind].severity])
        texts = [_told(kind, counted[kind]) for kind in kinds]
        seqs = [one.first_seq for one in counted.values() if one.first_seq]
        return Notice(
            severity=KINDS[kinds[0]].severity,
            kind=DIGEST,
            title=f"{self._desk}: what else happened",
            text=shortened("\n".join(texts)),
            at_ns=now_ns,
            seq=max(one.seq for one in counted.values()),
            first_seq=min(seqs, default=0),
        )

    @property
    def first_critical_seq(self) -> int:
        """The oldest critical entry that waits for the digest; 0: none does."""
        waiting = [
            one.first_seq
            for kind, one in self._counted.items()
            if KINDS[kind].severity is Severity.CRITICAL and one.first_seq
        ]
        return min(waiting, default=0)

    def _sifted(self, key: tuple[NoticeKind, str], group: list[Told]) -> Notice | None:
        kind, told = key[0], self._told.get(key[0], 0)
        if self._settings.way_of(kind) is Way.DIGEST or key in self._alike or told >= self._settings.rate_max:
            for one in group:
                self.count(kind, one.seq, f"{one.about}: {one.text}" if one.about else one.text)
            return None
        self._told[kind] = told + 1
        if len(self._alike) < ALIKE_MAX:
            self._alike.add(key)
        return notice_of(group, self._desk)


def _told(kind: NoticeKind, counted: _Counted) -> str:
    newest = f", the last: {counted.example}" if counted.example else ""
    return f"{counted.count} × {KINDS[kind].title}{newest}"
