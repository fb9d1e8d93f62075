"""`overmind mints`: which tokens may be bought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from overmind.cli import present
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, state_on_disk
from overmind.cli.reasons import By, Reason, attribution, caller_name, refuse_blank
from overmind.cli.remote import call_service
from overmind.core.model.commands import ChangeMints
from overmind.core.model.controls import MintVerb
from overmind.views import limits as reading
from overmind.views.limits import MintRow

TokenName = Annotated[str, typer.Argument(help="Symbol of a listed token, or a mint address.")]


mints_cli = typer.Typer(
    help="Show or change which tokens may be bought.\n\n"
    "Without a command: the block list and the allow list, with reasons. Sales are never blocked.",
    subcommand_metavar="[COMMAND]",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@mints_cli.callback()
def mints(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    if context.invoked_subcommand is None:
        _show_mints(data_dir_of(data_dir), as_json)


@mints_cli.command()
def block(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Block purchases of a token. Every refusal shows the reason."""
    _change_mints(MintVerb.BLOCK, token, reason, by, as_json, data_dir)


@mints_cli.command()
def unblock(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Take a token off the block list."""
    _change_mints(MintVerb.UNBLOCK, token, reason, by, as_json, data_dir)


@mints_cli.command()
def allow(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Put a token on the allow list.

    The first token creates the list. From then on only listed tokens are bought.
    """
    _change_mints(MintVerb.ALLOW, token, reason, by, as_json, data_dir)


@mints_cli.command()
def disallow(
    token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Take a token off the allow list.

    An empty list allows nothing. `overmind mints allow-all` removes the list.
    """
    _change_mints(MintVerb.DISALLOW, token, reason, by, as_json, data_dir)


@mints_cli.command("allow-all")
def allow_all(reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Remove the allow list.

    Every listed token that is not blocked may be bought then.
    """
    _change_mints(MintVerb.ALLOW_ALL, "", reason, by, as_json, data_dir)


def _change_mints(
    verb: MintVerb, token: str, reason: str, by: str | None, as_json: bool, data_dir: Path | None
) -> None:
    refuse_blank(reason)
    directory, who = data_dir_of(data_dir), caller_name(by)
    body = {"reason": reason, "by": who, "verb": verb, "token": token}
    if call_service(directory, "/v1/mints", body) is None:
        mint = reading.mint_named(state_on_disk(directory), token) if token else None
        command_on_disk(directory, ChangeMints(verb, mint, who, reason))
    _show_mints(directory, as_json)


def _show_mints(directory: Path, as_json: bool) -> None:
    shown = reading.mints(state_on_disk(directory))
    if as_json:
        present.emit_json(shown)
        return
    _mint_table("Blocked", shown.blocked)
    if shown.allowed is None:
        present.say("Allowed: every listed token that is not blocked")
    else:
        _mint_table("Allowed, and no others", shown.allowed)
    if shown.looked_at:
        looks = ((row.symbol, row.mint, row.why or "admitted", ", ".join(row.extensions)) for row in shown.looked_at)
        present.table("Mints on the chain", ("token", "mint", "verdict", "extensions"), looks)
    if shown.turned_away:
        reasons = ((row.mint, row.why) for row in shown.turned_away)
        present.table("Mints that no list has and that were turned away", ("mint", "why"), reasons)


def _mint_table(title: str, rows: Sequence[MintRow]) -> None:
    said = ((row.symbol or "-", row.mint, attribution(row.who, row.reason, row.since_ns)) for row in rows)
    present.table(title, ("token", "mint", "said"), said)
