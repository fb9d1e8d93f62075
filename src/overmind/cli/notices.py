"""`overmind notices`: what people are told, and whether it reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from typing import Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, UNREACHABLE
from overmind.cli.opening import AsJson, configured
from overmind.config.notice_kinds import KINDS, Severity
from overmind.config.variables.notices import NOTICES
from overmind.core.model.value import Value
from overmind.journal.aside import Aside
from overmind.notices.delivery import SEND_MAX_S
from overmind.notices.targets import Target, targets_of

TITLE: Final = "Overmind: a test"
TEXT: Final = "A person asked for this notice. Nothing happened."

notices_cli = typer.Typer(
    help="Show what people are told, and send a notice to try it.", add_completion=False, rich_markup_mode=None
)


class Tried(Value, frozen=True):
    target: str  # its number and scheme
    delivered: bool


@notices_cli.command("test")
def try_out(as_json: AsJson = False) -> None:
    """Send a notice to every target, and show which took it."""
    targets = targets_of(configured().notices.targets)
    if not targets:
        present.complain(f"{NOTICES.name} names no target", "set it as docs/notices.md shows, then try again")
        raise typer.Exit(BAD_INPUT)
    tried = send_to_all(targets)
    failed = [one.target for one in tried if not one.delivered]
    if as_json:
        present.emit_json({"ok": not failed, "targets": tried})
    else:
        present.table("Notice", ("target", "delivered"), ((one.target, one.delivered) for one in tried))
    if failed:
        present.complain(f"not delivered to {', '.join(failed)}", "see whether its address and its server are right")
        raise typer.Exit(UNREACHABLE)


@notices_cli.command("kinds")
def kinds(as_json: AsJson = False) -> None:
    """Show each kind of notice, and whether it is told."""
    settings = configured().notices
    rows = [
        {
            "kind": kind.value,
            "severity": row.severity.value,
            "told": settings.way_of(kind).value,
            "meaning": row.meaning,
        }
        for kind, row in KINDS.items()
    ]
    if as_json:
        present.emit_json(rows)
        return
    present.table("Notices", ("kind", "severity", "told", "what happened"), (tuple(row.values()) for row in rows))
    if settings.severity_min is not Severity.INFO:
        present.say(f"what is less severe than {settings.severity_min} is not told")


def send_to_all(targets: Sequence[Target]) -> list[Tried]:
    """Each in a thread of its own, so that one that hangs keeps nobody waiting longer than itself."""
    threads = [Aside(f"notice {target.number}") for target in targets]
    calls = [
        thread.submit(target.send, TITLE, TEXT, Severity.INFO.value)
        for thread, target in zip(threads, targets, strict=True)
    ]
    done = wait(calls, timeout=SEND_MAX_S).done
    return [
        Tried(target.name, call in done and call.exception() is None and call.result())
        for target, call in zip(targets, calls, strict=True)
    ]
