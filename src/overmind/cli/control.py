"""Commands that close one position, and that pause and resume entries."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from msgspec import structs

from overmind.cli import order_tables, present
from overmind.cli.exit_codes import BAD_INPUT, REFUSED
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, journal_to_write, load_config, state_on_disk
from overmind.cli.reasons import BY_OPERATOR, Reason, cli_author, refuse_blank
from overmind.cli.remote import call_service, read_as
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, CancelClose, ClosePosition, LiftHold, given_by
from overmind.core.model.ids import WalletId
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.ports import Journal
from overmind.views.closing import CloseRow, close_row
from overmind.views.targets import (
    TargetHolds,
    cause_to_lift,
    describe_hold,
    holds_on,
    mint_held,
    path_of,
    scope_of,
    what_still_holds,
)

Target = Annotated[str, typer.Argument(help="A wallet, a strategy, or `portfolio` for everything.")]


def close(
    position: Annotated[str, typer.Argument(help="WALLET:SYMBOL or WALLET:MINT, as `overmind positions` shows it.")],
    reason: Reason = BY_OPERATOR,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop closing it and keep what is left.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sell all that a wallet holds of a token.

    The running desk sells it in slices, starting at the first step of OVERMIND_EXIT_SLIPPAGE_BPS. It goes on, also
    across restarts, until nothing is left or until you give --cancel.
    """
    refuse_blank(reason)
    wallet_id, token = read_position(position)
    path = f"/v1/positions/{quote(wallet_id, safe='')}/{quote(token, safe='')}/close"
    answer = call_service(data_dir_of(None), path, {"reason": reason, "cancel": cancel})
    if answer is not None:
        row = read_as(answer, CloseRow)
    else:
        row = _close_offline(WalletId(wallet_id), token, CancelClose if cancel else ClosePosition, reason)
    if as_json:
        present.emit_json({"position": position, **msgspec.structs.asdict(row)})
    else:
        order_tables.close(position, row, served=answer is not None)


def read_position(position: str) -> tuple[str, str]:
    """The wallet and the token of WALLET:SYMBOL."""
    wallet_id, colon, token = position.partition(":")
    if not (wallet_id and colon and token):
        present.complain(f"{position!r} is no position", "write WALLET:SYMBOL, as `overmind positions` shows them")
        raise typer.Exit(BAD_INPUT)
    return wallet_id, token


CloseCommand = type[ClosePosition] | type[CancelClose]


def _close_offline(wallet_id: WalletId, token: str, command: CloseCommand, reason: str) -> CloseRow:
    config = load_config()
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_close(config, journal, wallet_id, token, command, reason))


async def _close(
    config: MultiWalletConfig, journal: Journal, wallet_id: WalletId, token: str, command: CloseCommand, reason: str
) -> CloseRow:
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        engine = app.engine
        mint = mint_held(engine.state, wallet_id, token)
        events = await engine.handle(given_by(command(wallet_id, mint, reason), cli_author()))
        return await engine.read(lambda state: close_row(state, wallet_id, mint, events, clock.now_ns()))


def pause(target: Target, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Pause entries of a wallet, a strategy or the portfolio.

    The pause is the hold `operator`, which `overmind resume` lifts. Exits continue, and open orders are followed.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    scope = scope_of(state_on_disk(directory), target)
    answer = call_service(directory, f"{path_of(scope)}/pause", {"reason": reason})
    if answer is not None:
        found = read_as(answer, TargetHolds)
    else:
        found = holds_on(command_on_disk(directory, AddHold(scope, OPERATOR, reason)), target, scope)
    if as_json:
        present.emit_json(found)
    else:
        present.say(f"{target}: held by {', '.join(found.holds)}")


def resume(
    target: Target,
    reason: Reason,
    hold: Annotated[str | None, typer.Option("--hold", help="Cause of the hold. Default: that of `pause`.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Lift a pause, or another hold that a person may lift.

    Other holds stay. Exit code 3: something still holds it. The command then shows what, until when, and what lifts
    it.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    state = state_on_disk(directory)
    scope = scope_of(state, target)
    answer = call_service(directory, f"{path_of(scope)}/resume", {"reason": reason, "hold": hold})
    if answer is not None:
        found = read_as(answer, TargetHolds)
    else:
        cause = cause_to_lift(holds_on(state, target, scope), scope, hold)
        found = holds_on(command_on_disk(directory, LiftHold(scope, cause, reason)), target, scope)
    if as_json:
        present.emit_json(found)
    else:
        _show_left(found)
    if found.held:
        raise typer.Exit(REFUSED)


def _show_left(found: TargetHolds) -> None:
    if not found.held:
        present.say(f"{found.target}: no hold is left on it")
    else:
        present.say(f"{found.target} is still held:", "yellow")
        for row in found.held:
            present.say(f"  {describe_hold(row)}")
    show_what_comes(found)


def show_what_comes(found: TargetHolds) -> None:
    """What holds it although no hold of its own is left."""
    for line in what_still_holds(structs.replace(found, held=())):
        present.warn(line)
