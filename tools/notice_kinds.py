"""The table of the kinds of notices in docs/notices.md: `python -m tools.notice_kinds docs/notices.md` renews it."""

from __future__ import annotations

from typing import Final

from tools.generated import Parts, renew_file_named

from overmind.config.notice_kinds import KINDS


def kinds_table() -> str:
    rows = [f"| `{kind}` | {row.severity} | {row.way} | {row.meaning} |" for kind, row in KINDS.items()]
    return "\n".join(["| kind | severity | told | what happened |", "|---|---|---|---|", *rows])


TABLES: Final[Parts] = {"notice kinds": kinds_table}

if __name__ == "__main__":
    renew_file_named(TABLES)
