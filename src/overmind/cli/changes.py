"""What an operator changes while the desk runs: limits and shares of a wallet, which tokens may be bought."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.opening import BAD_INPUT, AsJson, DataDir, data_dir_of, state_on_disk
from overmind.cli.operate import Reason, command_on_disk, refuse_blank
from overmind.cli.remote import call_service
from overmind.config import Problem
from overmind.config.limit_changes import read_changes
from overmind.core.model.commands import ChangeLimits, ChangeMints
from overmind.core.model.controls import MintVerb
from overmind.core.model.ids import WalletId
from overmind.views import limits as reading
from overmind.views.limits import LimitRow, MintRow, WalletLimits

By = Annotated[str | None, typer.Option("--by", help="Who; it is journaled. Default: your login name.")]
TokenName = Annotated[str, typer.Argument(help="The symbol of a listed token, or a mint.")]

limits_cli = typer.Typer(
    help="The limits of each wallet: by the files and in force, who changed them and why. See `set` and `reset`.",
    invoke_without_command=True,
)
mints_cli = typer.Typer(
    help="Which tokens may be bought: the block list and the allow list, each with reasons. Sales are never blocked.",
    invoke_without_command=True,
)


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(limits_cli, name="limits")
    cli.add_typer(mints_cli, name="mints")


@limits_cli.callback()
def limits(
    context: typer.Context,
    wallet: Annotated[str | None, typer.Option("--wallet", help="Only this one.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    state = state_on_disk(data_dir_of(data_dir))
    shown = reading.limits(state) if wallet is None else [reading.wallet_limits(state, WalletId(wallet))]
    if as_json:
        present.emit_json(shown)
    else:
        for one in shown:
            _show_limits(one)


@limits_cli.command("set")
def set_limits(
    wallet_id: str,
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE...", help="As in a wallet's JSON: max_daily_loss=500, Arbitrage.share=40."),
    ],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Other limits than the files say, at once and over restarts; never above the desk's ceilings (OVERMIND_CEILING_…).

    max_daily_loss, max_position_size (USD), max_exposure_percentage, stop_loss_threshold (percent), daily_trade_limit,
    max_concurrent_positions, risk_level, allocation (0 to 1), and STRATEGY.share (percent), STRATEGY.max_position_size,
    STRATEGY.enabled (true or false). A lower limit blocks entries and sells nothing, but for a tighter stop loss.
    """
    parted = [word.partition("=") for word in wanted]
    names = [name.strip() for name, _, _ in parted]
    bad = [Problem(repr(name), "has no value", "write NAME=VALUE") for name, equals, _ in parted if not equals]
    bad += [Problem(repr(name), "is named twice", "name it once") for name in {*names} if names.count(name) > 1]
    _complain(bad)
    _change(wallet_id, {name.strip(): value for name, _, value in parted}, reason, by, as_json, data_dir)


@limits_cli.command("reset")
def reset_limits(
    wallet_id: str,
    reason: Reason,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Without: all of them.")] = None,
    by: By = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """As the files say again."""
    _change(wallet_id, dict.fromkeys(names) if names else None, reason, by, as_json, data_dir)


def _change(
    wallet_id: str,
    changes: Mapping[str, object] | None,
    reason: str,
    by: str | None,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """None: take all changes back."""
    refuse_blank(reason)
    wanted = read_changes(changes or {})
    if isinstance(wanted, tuple):
        _complain(wanted)
        return
    directory, who, wallet = data_dir_of(data_dir), _who(by), WalletId(wallet_id)
    body = {"reason": reason, "by": who, "reset": changes is None, "changes": changes or {}}
    answer = call_service(directory, f"/v1/wallets/{quote(wallet_id, safe='')}/limits", body)
    if answer is None and changes is None:
        wanted = dict.fromkeys(state_on_disk(directory).changes.get(wallet, {}))
    if answer is None:
        command_on_disk(directory, ChangeLimits(wallet, wanted, who, reason))
    shown = reading.wallet_limits(state_on_disk(directory), wallet)
    if as_json:
        present.emit_json(shown)
    else:
        _show_limits(shown)


def _complain(problems: Sequence[Problem]) -> None:
    for one in problems:
        present.complain(f"{one.where} {one.problem}", one.fix)
    if problems:
        raise typer.Exit(BAD_INPUT)


def _who(by: str | None) -> str:
    if by is not None and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        present.complain("nobody knows who you are", "say it with --by; it is journaled")
        raise typer.Exit(BAD_INPUT) from None


def _show_limits(shown: WalletLimits) -> None:
    present.table(
        f"Limits of {shown.wallet_id}",
        ("limit", "unit", "files", "in force", "changed"),
        ((row.name, row.unit, _amount(row.by_files), _amount(row.in_force), _changed(row)) for row in shown.limits),
        right=("files", "in force"),
    )


def _amount(amount: float | int | bool | None) -> str:
    if amount is None:
        return "-"
    return str(amount).lower() if isinstance(amount, bool) else f"{amount:,.6f}".rstrip("0").rstrip(".")


def _changed(row: LimitRow) -> str:
    if row.since_ns is None:
        return "newer files" if row.by_files != row.in_force else ""
    clipped = "" if row.wanted == row.in_force else f"wanted {_amount(row.wanted)}, more than is allowed now; "
    return f"{clipped}{_said(row.who, row.reason, row.since_ns)}"


def _said(who: str, reason: str, since_ns: int) -> str:
    when = datetime.fromtimestamp(since_ns / 1e9, UTC).isoformat(timespec="seconds")
    return f"{who}, {when}: {reason}"


@mints_cli.callback()
def mints(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    if context.invoked_subcommand is None:
        _show_mints(data_dir_of(data_dir), as_json)


@mints_cli.command()
def block(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """No more of it is bought. The reason is told in every refusal."""
    _change_mints(MintVerb.BLOCK, token, reason, by, as_json, data_dir)


@mints_cli.command()
def unblock(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Take it off the block list."""
    _change_mints(MintVerb.UNBLOCK, token, reason, by, as_json, data_dir)


@mints_cli.command()
def allow(token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Put it on the allow list. The first one makes that list: from then on nothing else is bought."""
    _change_mints(MintVerb.ALLOW, token, reason, by, as_json, data_dir)


@mints_cli.command()
def disallow(
    token: TokenName, reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Take it off the allow list. Without the last one nothing is bought at all."""
    _change_mints(MintVerb.DISALLOW, token, reason, by, as_json, data_dir)


@mints_cli.command("allow-all")
def allow_all(reason: Reason, by: By = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """No allow list any more: every listed token that is not blocked."""
    _change_mints(MintVerb.ALLOW_ALL, "", reason, by, as_json, data_dir)


def _change_mints(
    verb: MintVerb, token: str, reason: str, by: str | None, as_json: bool, data_dir: Path | None
) -> None:
    refuse_blank(reason)
    directory, who = data_dir_of(data_dir), _who(by)
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


def _mint_table(title: str, rows: Sequence[MintRow]) -> None:
    said = ((row.symbol or "-", row.mint, _said(row.who, row.reason, row.since_ns)) for row in rows)
    present.table(title, ("token", "mint", "said"), said)
