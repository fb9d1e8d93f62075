"""An operator's smaller tools: close one position, take entries off a wallet, a strategy or the whole portfolio."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import quote

import typer

from overmind.app import App, running
from overmind.cli import present
from overmind.cli.opening import BAD_INPUT, AsJson, DataDir, data_dir_of, journal_to_write, load_config, state_on_disk
from overmind.cli.operate import Reason, command_on_disk
from overmind.cli.remote import call_service
from overmind.clock import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.messages import AddHold, ClosePosition, LiftHold, OrderPlaced
from overmind.core.model import WalletId
from overmind.holding import OPERATOR, holds_on, mint_held, path_of, scope_of
from overmind.market import connected
from overmind.ports import Journal

Target = Annotated[str, typer.Argument(help="A wallet, a strategy, or `portfolio` for all of it.")]


def add_to(cli: typer.Typer) -> None:
    for command in (close, pause, resume):
        cli.command()(command)


def close(
    position: Annotated[str, typer.Argument(help="WALLET:SYMBOL, or WALLET:MINT.")],
    as_json: AsJson = False,
) -> None:
    """Sell what a wallet holds of a token, now, within the first rung of OVERMIND_EXIT_SLIPPAGE_BPS."""
    wallet_id, colon, token = position.partition(":")
    if not (wallet_id and colon and token):
        present.complain(f"{position!r} is no position", "write WALLET:SYMBOL, as `overmind positions` shows them")
        raise typer.Exit(BAD_INPUT)
    path = f"/v1/positions/{quote(wallet_id, safe='')}/{quote(token, safe='')}/close"
    answer = call_service(data_dir_of(None), path, {"reason": f"close {position}"})
    order_id = answer["order_id"] if answer is not None else _close_offline(WalletId(wallet_id), token)
    if as_json:
        present.emit_json({"position": position, "order_id": order_id})
    else:
        present.say(f"{position}: order {order_id}" if order_id else f"{position}: is being sold already")


def _close_offline(wallet_id: WalletId, token: str) -> str | None:
    config = load_config()
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_close(config, journal, wallet_id, token))


async def _close(config: MultiWalletConfig, journal: Journal, wallet_id: WalletId, token: str) -> str | None:
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        mint = mint_held(app.engine.state, wallet_id, token)
        events = await app.engine.handle(ClosePosition(wallet_id, mint, by_operator=True))
        return next((event.order.id for event in events if isinstance(event, OrderPlaced)), None)


def pause(target: Target, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """No entries from now on: the hold `operator`, until `resume`. Exits pass; what is under way is followed."""
    _hold(target, reason, as_json, data_dir, paused=True)


def resume(target: Target, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Lift what `pause` held. Every other hold stays."""
    _hold(target, reason, as_json, data_dir, paused=False)


def _hold(target: str, reason: str, as_json: bool, data_dir: DataDir, paused: bool) -> None:
    if not reason.strip():
        present.complain("a blank reason", "say why with --reason; it is journaled")
        raise typer.Exit(BAD_INPUT)
    directory = data_dir_of(data_dir)
    scope = scope_of(state_on_disk(directory), target)
    answer = call_service(directory, f"{path_of(scope)}/{'pause' if paused else 'resume'}", {"reason": reason})
    if answer is not None:
        holds = list(answer["holds"])
    else:
        command = AddHold(scope, OPERATOR, reason) if paused else LiftHold(scope, OPERATOR, reason)
        holds = holds_on(command_on_disk(directory, command), scope)
    if as_json:
        present.emit_json({"target": target, "holds": holds})
    else:
        present.say(f"{target}: {'held by ' + ', '.join(holds) if holds else 'takes entries'}")
