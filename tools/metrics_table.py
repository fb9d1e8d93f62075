"""The tables of docs/metrics.md, written from the table of metrics.

`python -m tools.metrics_table docs/metrics.md` renews them; a test holds file and code equal.
"""

from __future__ import annotations

from typing import Final

from tools.generated import renew_file_named

from overmind.http.metrics.family import Family, Group
from overmind.http.metrics.table import FAMILIES


def families_tables() -> str:
    return "\n\n".join(f"### {group}\n\n{_table(group)}" for group in Group)


def _table(group: Group) -> str:
    lines = ["| name | type | unit | labels | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(family) for family in FAMILIES if family.group is group)])


def _row(family: Family) -> str:
    labels = " ".join(f"`{label}`" for label in family.labels)
    meaning = family.meaning if family.always else f"{family.meaning} Only where it is known."
    return f"| `{family.full_name}` | {family.kind} | {family.unit} | {labels} | {meaning} |"


TABLES: Final = {"families": families_tables}

if __name__ == "__main__":
    renew_file_named(TABLES)
