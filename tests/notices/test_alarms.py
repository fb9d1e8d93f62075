"""A reason is told when it lasts, once, and again when it is over."""

from __future__ import annotations

from overmind.config.notice_kinds import NoticeKind
from overmind.notices.alarms import REASONS_MAX, Alarms

# Looks, one after the other, and what each of them tells. Figures change and mean the same.
LOOKS = """
a          |
a          | a
a          |
           |
a          |
           |
           | over: a
           |
a          |
           |
a 1        |
a 2, b     | a 2
a 3, b     | b
b          |
b          | over: a 2
"""


def test_what_lasts_is_told_once() -> None:
    alarms = Alarms()
    for number, row in enumerate(LOOKS.strip("\n").splitlines()):
        now, expected = ([one.strip() for one in cell.split(",") if one.strip()] for cell in row.split("|"))
        told = alarms.look(NoticeKind.NOT_READY, now, number)
        assert [one.text for one in told] == expected, (number, row)
        assert alarms.look(NoticeKind.ALARM, [], number) == []


def test_reasons_without_end_are_bounded() -> None:
    alarms, many = Alarms(), [f"reason {'x' * number}" for number in range(10 * REASONS_MAX)]
    alarms.look(NoticeKind.ALARM, many, 0)
    assert len(alarms.look(NoticeKind.ALARM, many, 1)) == REASONS_MAX
