"""Who changes something and why: both are journaled."""

from __future__ import annotations

import getpass
import os
import pwd
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT

BY_OPERATOR: Final = "asked for by an operator"  # the default where a reason is not required
NO_REASON: Final = "no reason given"
Reason = Annotated[str, typer.Option("--reason", help="Your reason, which is journaled.")]
By = Annotated[str | None, typer.Option("--by", help="Your name, which is journaled. Default: your login name.")]


def refuse_blank(reason: str) -> None:
    if not reason.strip():
        present.complain("a blank reason", "give a reason with --reason; it is journaled")
        raise typer.Exit(BAD_INPUT)


def caller_name(by: str | None) -> str:
    if by is not None and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        present.complain("your login name is not known", "give your name with --by; it is journaled")
        raise typer.Exit(BAD_INPUT) from None


def cli_author() -> str:
    """As the journal names a command of this process that no service has carried out. No variable changes it."""
    uid = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"cli:{uid}"


def attribution(who: str, reason: str, since_ns: int) -> str:
    when = datetime.fromtimestamp(since_ns / 1e9, UTC).isoformat(timespec="seconds")
    return f"{who}, {when}: {reason}"
