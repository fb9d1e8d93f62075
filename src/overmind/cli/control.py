"""An operator's smaller tools: close one position, take entries off a wallet, a strategy or the whole portfolio."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from overmind.cli import present
from overmind.cli.opening import (
    BAD_INPUT,
    REFUSED,
    AsJson,
    DataDir,
    data_dir_of,
    journal_to_write,
    load_config,
    state_on_disk,
)
from overmind.cli.operate import BY_OPERATOR, Reason, command_on_disk, refuse_blank
from overmind.cli.remote import call_service
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, CancelClose, ClosePosition, LiftHold
from overmind.core.model.ids import WalletId
from overmind.desk.app import App, running
from overmind.desk.market import connected
from overmind.ports import Journal
from overmind.views.closing import CloseRow, close_row
from overmind.views.targets import Holding, held_told, holding, mint_held, path_of, scope_of, to_lift

Target = Annotated[str, typer.Argument(help="A wallet, a strategy, or `portfolio` for all of it.")]


def add_to(cli: typer.Typer) -> None:
    for command in (close, pause, resume):
        cli.command()(command)


def close(
    position: Annotated[str, typer.Argument(help="WALLET:SYMBOL, or WALLET:MINT.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is journaled.")] = BY_OPERATOR,
    cancel: Annotated[bool, typer.Option("--cancel", help="Keep what is left of it after all.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sell all that a wallet holds of a token, slice by slice, from the first rung of OVERMIND_EXIT_SLIPPAGE_BPS on.

    It is the work of the running desk and goes on, also across restarts, until nothing is left or until --cancel.
    """
    refuse_blank(reason)
    wallet_id, colon, token = position.partition(":")
    if not (wallet_id and colon and token):
        present.complain(f"{position!r} is no position", "write WALLET:SYMBOL, as `overmind positions` shows them")
        raise typer.Exit(BAD_INPUT)
    path = f"/v1/positions/{quote(wallet_id, safe='')}/{quote(token, safe='')}/close"
    answer = call_service(data_dir_of(None), path, {"reason": reason, "cancel": cancel})
    if answer is not None:
        row = msgspec.convert(answer, CloseRow)
    else:
        row = _close_offline(WalletId(wallet_id), token, CancelClose if cancel else ClosePosition, reason)
    if as_json:
        present.emit_json({"position": position, **msgspec.structs.asdict(row)})
    else:
        present.close(position, row, served=answer is not None)


Wanted = type[ClosePosition] | type[CancelClose]


def _close_offline(wallet_id: WalletId, token: str, wish: Wanted, reason: str) -> CloseRow:
    config = load_config()
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_close(config, journal, wallet_id, token, wish, reason))


async def _close(
    config: MultiWalletConfig, journal: Journal, wallet_id: WalletId, token: str, wish: Wanted, reason: str
) -> CloseRow:
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        engine = app.engine
        mint = mint_held(engine.state, wallet_id, token)
        events = await engine.handle(wish(wallet_id, mint, reason))
        return await engine.read(lambda state: close_row(state, wallet_id, mint, events, clock.now_ns()))


def pause(target: Target, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """No entries from now on: the hold `operator`, until `resume`. Exits pass; what is under way is followed."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    scope = scope_of(state_on_disk(directory), target)
    answer = call_service(directory, f"{path_of(scope)}/pause", {"reason": reason})
    if answer is not None:
        found = msgspec.convert(answer, Holding)
    else:
        found = holding(command_on_disk(directory, AddHold(scope, OPERATOR, reason)), target, scope)
    if as_json:
        present.emit_json(found)
    else:
        present.say(f"{target}: held by {', '.join(found.holds)}")


def resume(
    target: Target,
    reason: Reason,
    hold: Annotated[str | None, typer.Option("--hold", help="The cause to lift; default: what `pause` added.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Lift what `pause` held, or with --hold any other cause that a person may lift. Every other hold stays.

    Ends with 3 if something holds it still, and says what, until when, and what lifts it.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    state = state_on_disk(directory)
    scope = scope_of(state, target)
    answer = call_service(directory, f"{path_of(scope)}/resume", {"reason": reason, "hold": hold})
    if answer is not None:
        found = msgspec.convert(answer, Holding)
    else:
        cause = to_lift(holding(state, target, scope), scope, hold)
        found = holding(command_on_disk(directory, LiftHold(scope, cause, reason)), target, scope)
    if as_json:
        present.emit_json(found)
    else:
        _show_left(found)
    if found.held:
        raise typer.Exit(REFUSED)


def _show_left(found: Holding) -> None:
    if not found.held:
        present.say(f"{found.target}: no hold is left on it")
        return
    present.say(f"{found.target} is still held:", "yellow")
    for row in found.held:
        present.say(f"  {held_told(row)}")
