"""Commands about the configured desk: check it, ask it, give it signals."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
import uvloop

from overmind.cli import present
from overmind.cli.opening import (
    BAD_INPUT,
    DONE,
    JOURNAL,
    REFUSED,
    AsJson,
    Seed,
    data_dir_of,
    journal_read_only,
    journal_to_write,
    load_config,
    state_on_disk,
    tokens_for_signals,
)
from overmind.cli.remote import Remote, caller_token
from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, MultiWalletConfig, WalletConfig
from overmind.config.secrecy import Secret
from overmind.core.books.wallet_limits import in_force
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import Limits
from overmind.desk.app import App, running
from overmind.desk.market import connected
from overmind.desk.submit import Answers, answer_lines, read_lines
from overmind.http.files import RunningService, find_service
from overmind.journal.errors import JournalUnusable
from overmind.journal.memory import MemoryJournal
from overmind.journal.overlay import OverlayJournal
from overmind.ports import Journal
from overmind.signals.decode import decode_signal
from overmind.views import reports
from overmind.views.limits import differences
from overmind.views.preview import Route
from overmind.views.preview import route as route_signal

SETTLE_S: Final = 120.0  # a ticket that never lands is proven expired within a minute


def add_to(cli: typer.Typer) -> None:
    for name, command in (
        ("check", check),
        ("show-config", show_config),
        ("route", route),
        ("submit", submit),
    ):
        cli.command(name)(command)


def check(as_json: AsJson = False) -> None:
    """Validate the whole configuration: every error at once, with where it stands and what would be right."""
    try:
        config = MultiWalletConfig.from_env()
    except ConfigError as error:
        if not as_json:
            raise
        present.emit_json({"ok": False, "errors": error.problems, "warnings": error.warnings, "wallets": []})
        raise typer.Exit(BAD_INPUT) from None
    wallets, changed = [_checked(wallet) for wallet in config.wallets.values()], _changed(config)
    if as_json:
        told = {"ok": True, "errors": [], "warnings": config.warnings, "wallets": wallets, "changed": changed}
        present.emit_json(told)
        return
    present.warn_of(config.warnings)
    columns = ("wallet", "type", "profile", "share", "public key", "position", "day loss", "exposure", "strategies")
    present.table("Wallets", columns, (_row(wallet) for wallet in config.wallets.values()), right=columns[5:8])
    for wallet_id, limits in changed.items():
        present.table(f"Changed while it ran: {wallet_id}", ("in force",), ((one,) for one in limits))
    present.say(f"ok: {len(wallets)} wallets, {config.mode.value} on {config.cluster.value}", "green")


def _changed(config: MultiWalletConfig) -> dict[str, list[str]]:
    """What the next start will put on top of these files, by wallet; nothing where no journal can be read."""
    if not (config.data_dir / JOURNAL).exists():
        return {}
    try:
        changes = state_on_disk(config.data_dir).changes
    except JournalUnusable as fault:
        present.complain(f"what was changed while it ran cannot be told: {fault}")
        return {}
    told: dict[str, list[str]] = {}
    for wallet_id, one in config.wallets.items():
        wanted = changes.get(wallet_id, {})
        held = in_force(one.wallet, wanted, config.desk.ceilings)
        if found := list(differences(one.wallet, held, wanted)):
            told[wallet_id] = found
    return told


def _checked(configured: WalletConfig) -> dict[str, object]:
    wallet = configured.wallet
    return {
        "wallet_id": wallet.id,
        "wallet_type": wallet.type,
        "risk_profile": wallet.profile,
        "allocation": wallet.allocation_ppm / PPM,
        "public_key": wallet.public_key,
        "status": wallet.status,
        "limits": _limits(wallet.limits),
        "exits": None if wallet.exits is None else reports.exit_row(wallet.exits),
        "strategies": [
            {
                "strategy_type": strategy,
                "allocation_percentage": share.share_ppm * 100 / PPM,
                "max_position_size": share.position_max_micros / MICROS,
                "enabled": share.enabled,
            }
            for strategy, share in wallet.strategies.items()
        ],
    }


def _limits(limits: Limits) -> dict[str, float | int]:
    return {
        "max_daily_loss": limits.daily_loss_max_micros / MICROS,
        "max_position_size": limits.position_max_micros / MICROS,
        "max_exposure_percentage": limits.exposure_max_ppm * 100 / PPM,
        "max_concurrent_positions": limits.positions_max,
        "stop_loss_threshold": limits.stop_loss_ppm * 100 / PPM,
        "daily_trade_limit": limits.trades_per_day_max,
        "risk_level": limits.risk_level_ppm / PPM,
    }


def _row(configured: WalletConfig) -> tuple[object, ...]:
    wallet, limits = configured.wallet, configured.wallet.limits
    return (
        wallet.id,
        wallet.type,
        wallet.profile,
        f"{wallet.allocation_ppm * 100 / PPM:g}%",
        wallet.public_key,
        present.usd(limits.position_max_micros / MICROS),
        present.usd(limits.daily_loss_max_micros / MICROS),
        f"{limits.exposure_max_ppm * 100 / PPM:g}%",
        ", ".join(strategy for strategy, share in wallet.strategies.items() if share.enabled),
    )


def show_config(as_json: AsJson = False) -> None:
    """Everything that is in force and where it comes from; secrets masked."""
    config = MultiWalletConfig.from_env()
    rows = config.effective()
    if as_json:
        present.emit_json(rows)
        return
    present.warn_of(config.warnings)
    shown = ((row.name, row.value, row.origin) for row in rows)
    present.table("Configuration", ("variable", "value", "from"), shown)


def route(
    strategy: Annotated[str, typer.Option("--strategy", help="The signal's strategy.")],
    amount: Annotated[str | None, typer.Option("--amount", help="USD.")] = None,
    risk_budget: Annotated[
        str | None, typer.Option("--risk-budget", help="USD that it may lose, or with % of the equity, for --amount.")
    ] = None,
    sizing: Annotated[str | None, typer.Option("--sizing", help="Of a risk budget: stop or volatility.")] = None,
    stop_loss: Annotated[str | None, typer.Option("--stop-loss", help="Percent.")] = None,
    action: Annotated[str, typer.Option("--action")] = "Buy",
    symbol: Annotated[str, typer.Option("--symbol")] = "SOL",
    risk_tolerance: Annotated[str | None, typer.Option("--risk-tolerance", help="0 to 1.")] = None,
    prefer: Annotated[str | None, typer.Option("--prefer", help="A wallet type.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="A wallet id; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which wallet would take a signal now and why, the losers too. Nothing is executed or recorded."""
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
        "exclude_wallets": [one for names in exclude or [] for one in names.split(",")],
    }
    fields = {name: value for name, value in given.items() if value not in (None, [])}
    wish = decode_signal(fields, tokens_for_signals(config.desk), config.desk.quote)
    with contextlib.ExitStack() as stack:
        base: Journal = MemoryJournal()
        if (config.data_dir / JOURNAL).exists():
            base = stack.enter_context(journal_read_only(config.data_dir))
        found = asyncio.run(_route(config, OverlayJournal(base), wish))
    if as_json:
        present.emit_json(found)
    else:
        present.say(f"{found.wallet_id or 'no wallet'}: {found.selection_reason}", "bold")
        present.candidates(found.candidates)
    raise typer.Exit(REFUSED if found.refusals else DONE)


async def _route(config: MultiWalletConfig, journal: Journal, wish: Signal) -> Route:
    clock = SystemClock()
    async with connected(config, clock) as connect, asyncio.TaskGroup() as tasks:
        app = App(config, journal, clock, connect)
        writing = tasks.create_task(app.engine.run())
        await app.open()
        found = route_signal(app.engine.state, wish, app.clock.now_ns())
        writing.cancel()
    return found


def submit(
    file: Annotated[str, typer.Argument(help="JSON Lines of signals; - reads standard input.")],
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Signals in, one decision line out for each as soon as it is durable; settles before it exits.

    Ctrl-C and SIGTERM end the intake; what was taken is still answered and settled. After kill -9 the next start
    goes on. While `overmind run` runs there, the signals go to it.

    The answers are JSON either way. Exit 2 if a line was no signal, else 3 if a signal was refused, else 0.
    """
    directory = data_dir_of(None)
    service = find_service(directory)
    if service is not None:
        answers = uvloop.run(_submit_to(service, caller_token(directory), _open(file)))
    else:
        config = load_config()
        source = _open(file)
        with journal_to_write(config.data_dir) as journal:
            answers = uvloop.run(_submit(config, journal, source, seed))
    raise typer.Exit(BAD_INPUT if answers.invalid else REFUSED if answers.refused else DONE)


def _open(file: str) -> BinaryIO:
    try:
        return _standard_input() if file == "-" else Path(file).open("rb")
    except OSError as error:
        present.complain(f"{file}: {error.strerror}", "name a readable file of JSON Lines, or - for standard input")
        raise typer.Exit(BAD_INPUT) from None


def _standard_input() -> BinaryIO:
    """A descriptor of our own: a thread may still wait for a line when the command ends."""
    try:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    except io.UnsupportedOperation:  # Whoever called us in this process gave us a buffer.
        return sys.stdin.buffer


async def _submit(config: MultiWalletConfig, journal: Journal, source: BinaryIO, seed: int) -> Answers:
    clock, stop = SystemClock(), _asked_to_end()
    async with (
        connected(config, clock, seed=seed) as connect,
        running(App(config, journal, clock, connect), SETTLE_S) as app,
    ):
        tokens = tokens_for_signals(config.desk)
        answers = await answer_lines(app, read_lines(source, stop), tokens, present.emit_json)
        present.note(f"settling {len(app.engine.state.open_orders)} orders …")
        return answers


async def _submit_to(service: RunningService, token: Secret, source: BinaryIO) -> Answers:
    stop = _asked_to_end()
    async with Remote(service, token, SystemClock()) as remote:
        return await remote.submit(read_lines(source, stop), present.emit_json)


def _asked_to_end() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    return stop
