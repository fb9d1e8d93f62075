"""A notice: what a person is told, how severe it is, and the entry of the journal that it tells of."""

from __future__ import annotations

from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.config.notice_kinds import KINDS, NoticeKind, Severity
from overmind.core.model.value import Value
from overmind.text.printable import printable

TEXT_CHARS_MAX: Final = 1_500
ABOUT_MAX: Final = 8  # wallets and the like that one notice names


class Told(Value, frozen=True):
    """Something that happened and is told, before it is folded with what is like it."""

    kind: NoticeKind
    text: str
    at_ns: int
    seq: int = 0  # of its entry; 0: nothing of the journal
    about: str = ""  # the wallet, order or token that it happened to

    @property
    def severity(self) -> Severity:
        return KINDS[self.kind].severity


class Notice(Value, frozen=True):
    severity: Severity
    kind: str  # of NoticeKind, or `digest`
    title: str
    text: str
    at_ns: int
    seq: int = 0  # of the newest entry that it tells of
    first_seq: int = 0  # and of the oldest

    @property
    def is_critical(self) -> bool:
        return self.severity is Severity.CRITICAL

    def lines(self) -> str:
        """The text with its time and its stable id: whoever gets a notice twice sees that it is the same."""
        place = f" · entry {self.seq}" if self.seq else ""
        return f"{self.text}\n{iso_seconds(self.at_ns)}{place}"


def notice_of(alike: list[Told], desk: str) -> Notice:
    """One notice for things of one kind with one text. `desk`: how the title names the desk."""
    first, row = alike[0], KINDS[alike[0].kind]
    names = [*dict.fromkeys(one.about for one in alike if one.about)]
    more = f" and {len(names) - ABOUT_MAX} more" if len(names) > ABOUT_MAX else ""
    about = f"{', '.join(names[:ABOUT_MAX])}{more}: " if names else ""
    return Notice(
        severity=row.severity,
        kind=first.kind.value,
        title=f"{desk}: {row.title}",
        text=shortened(f"{about}{first.text}"),
        at_ns=alike[-1].at_ns,
        seq=max(one.seq for one in alike),
        first_seq=min(one.seq for one in alike),
    )


def shortened(text: str) -> str:
    safe = printable(text, keep="\n")
    return safe if len(safe) <= TEXT_CHARS_MAX else f"{safe[: TEXT_CHARS_MAX - 1]}…"
