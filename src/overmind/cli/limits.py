"""`overmind limits`: the limits of each wallet, from the files and as changed by command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, WalletName, data_dir_of, state_on_disk
from overmind.cli.reasons import By, Reason, attribution, caller_name, refuse_blank
from overmind.cli.remote import call_service
from overmind.config import Problem
from overmind.config.limit_changes import read_changes
from overmind.core.model.commands import ChangeLimits
from overmind.core.model.ids import WalletId
from overmind.views import limits as reading
from overmind.views.limits import LimitRow, WalletLimits

limits_cli = typer.Typer(
    help="Show or change the limits of each wallet.\n\n"
    "Without a command: each limit as the files have it and as it is in force, who changed it and why.",
    subcommand_metavar="[COMMAND]",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@limits_cli.callback()
def limits(
    context: typer.Context,
    wallet: Annotated[str | None, typer.Option("--wallet", help="Show this wallet only.")] = None,
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
    wallet_id: WalletName,
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE", help="For example max_daily_loss=500 or Arbitrage.share=40."),
    ],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change limits of a wallet at once.

    Changes outlive restarts and count instead of the files. No limit goes above the desk's ceilings
    (OVERMIND_CEILING_…). A lower limit blocks entries and sells nothing, except for a tighter stop loss.

    Names:
    max_daily_loss, max_position_size (USD), max_exposure_percentage, stop_loss_threshold (percent), daily_trade_limit,
    max_concurrent_positions, risk_level, allocation (0 to 1), and STRATEGY.share (percent), STRATEGY.max_position_size,
    STRATEGY.enabled (true or false).
    """
    parted = [word.partition("=") for word in wanted]
    names = [name.strip() for name, _, _ in parted]
    bad = [Problem(repr(name), "has no value", "write NAME=VALUE") for name, equals, _ in parted if not equals]
    bad += [Problem(repr(name), "is named twice", "name it once") for name in {*names} if names.count(name) > 1]
    _complain(bad)
    _change(wallet_id, {name.strip(): value for name, _, value in parted}, reason, by, as_json, data_dir)


@limits_cli.command("reset")
def reset_limits(
    wallet_id: WalletName,
    reason: Reason,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Limits to reset. Default: all.")] = None,
    by: By = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Reset limits of a wallet to what the files say."""
    _change(wallet_id, dict.fromkeys(names) if names else None, reason, by, as_json, data_dir)


def _change(
    wallet_id: str,
    changes: Mapping[str, object] | None,
    reason: str,
    by: str | None,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """`changes` None: reset all of them."""
    refuse_blank(reason)
    wanted = read_changes(changes or {})
    if isinstance(wanted, tuple):
        _complain(wanted)
        return
    directory, who, wallet = data_dir_of(data_dir), caller_name(by), WalletId(wallet_id)
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
    return f"{clipped}{attribution(row.who, row.reason, row.since_ns)}"
