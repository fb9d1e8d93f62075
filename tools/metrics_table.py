"""The tables of docs/metrics.md, written from the table of metrics and from the alert rules.

`python -m tools.metrics_table docs/metrics.md` renews them; a test holds file and code equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml
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


def alerts_table() -> str:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    lines = ["| alert | severity | fires when | what to do |", "|---|---|---|---|"]
    for rule in (rule for group in groups for rule in group["rules"]):
        lasting = f" for {rule['for']}" if "for" in rule else ""
        cells = (f"`{rule['alert']}`", rule["labels"]["severity"], f"`{rule['expr']}`{lasting}")
        lines.append(f"| {' | '.join(cells)} | {rule['annotations']['description']} |")
    return "\n".join(lines)


RULES: Final = Path(__file__).parents[1] / "deploy" / "prometheus" / "overmind.rules.yml"
TABLES: Final = {"families": families_tables, "alerts": alerts_table}

if __name__ == "__main__":
    renew_file_named(TABLES)
