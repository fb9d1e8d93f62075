"""`overmind route`: which wallet would take a signal now."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer

from overmind.cli import order_tables, present
from overmind.cli.exit_codes import DONE, REFUSED
from overmind.cli.opening import (
    JOURNAL,
    AsJson,
    journal_read_only,
    load_config,
    tokens_for_signals,
)
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.model.signal import Signal
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.journal.memory import MemoryJournal
from overmind.journal.overlay import OverlayJournal
from overmind.ports import Journal
from overmind.signals.decode import decode_signal
from overmind.views.preview import Route
from overmind.views.preview import route as route_signal


def route(
    strategy: Annotated[str, typer.Option("--strategy", help="Strategy of the signal, for example TokenSniping.")],
    amount: Annotated[str | None, typer.Option("--amount", help="Amount in USD.")] = None,
    risk_budget: Annotated[
        str | None,
        typer.Option(
            "--risk-budget", help="Instead of --amount: what the trade may lose, in USD or as 0.5% of equity."
        ),
    ] = None,
    sizing: Annotated[
        str | None, typer.Option("--sizing", help="How to size a risk budget: stop or volatility.")
    ] = None,
    stop_loss: Annotated[str | None, typer.Option("--stop-loss", help="Stop loss of the signal, in percent.")] = None,
    action: Annotated[str, typer.Option("--action", help="Buy, Sell, MarketBuy or MarketSell.")] = "Buy",
    symbol: Annotated[str, typer.Option("--symbol", help="Token to trade.")] = "SOL",
    risk_tolerance: Annotated[
        str | None, typer.Option("--risk-tolerance", help="Risk tolerance of the signal, from 0 to 1.")
    ] = None,
    prefer: Annotated[str | None, typer.Option("--prefer", help="Preferred wallet type, for example HFT.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Wallet that must not take it. May be repeated.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Whether several wallets may take it: none, partial or all.")
    ] = None,
    parts: Annotated[str | None, typer.Option("--parts", help="How many wallets may take it, 2 to 8.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which wallet would take a signal now, and why.

    It also shows why each other wallet would not. Nothing is executed and nothing is recorded. Exit code 3: no wallet
    can take it.
    """
    config = load_config()
    given = {
        "signal_id": "route",
        "strategy_type": strategy,
        "action": action,
        "symbol": symbol,
        "notional_usd": amount,
        "risk_budget_usd": None if risk_budget is None or risk_budget.endswith("%") else risk_budget,
        "risk_budget_percent": risk_budget[:-1] if risk_budget is not None and risk_budget.endswith("%") else None,
        "sizing": sizing,
        "stop_loss_percent": stop_loss,
        "risk_tolerance": risk_tolerance,
        "preferred_wallet_type": prefer,
        "split": split,
        "split_parts_max": parts,
        "exclude_wallets": [one for names in exclude or [] for one in names.split(",")],
    }
    fields = {name: value for name, value in given.items() if value not in (None, [])}
    signal = decode_signal(fields, tokens_for_signals(config.desk), config.desk.quote, wallets=config.wallets)
    with contextlib.ExitStack() as stack:
        base: Journal = MemoryJournal()
        if (config.data_dir / JOURNAL).exists():
            base = stack.enter_context(journal_read_only(config.data_dir))
        found = asyncio.run(_route(config, OverlayJournal(base), signal))
    if as_json:
        present.emit_json(found)
    else:
        present.say(f"{_wallets(found)}: {found.selection_reason}", "bold")
        order_tables.parts(found.orders)
        order_tables.candidates(found.candidates)
    raise typer.Exit(REFUSED if found.refusals else DONE)


def _wallets(found: Route) -> str:
    return " and ".join(one["wallet_id"] for one in found.orders) or "no wallet"


async def _route(config: MultiWalletConfig, journal: Journal, signal: Signal) -> Route:
    clock = SystemClock()
    async with connected(config, clock) as connect, asyncio.TaskGroup() as tasks:
        app = App(config, journal, clock, connect)
        writing = tasks.create_task(app.engine.run())
        await app.open()
        found = route_signal(app.engine.state, signal, app.clock.now_ns())
        writing.cancel()
    return found
