"""Commands about the configured desk: check it, ask it, give it signals, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
import uvloop

from overmind.app import App, open_tape, running
from overmind.cli import present
from overmind.cli.opening import (
    BAD_INPUT,
    DONE,
    JOURNAL,
    REFUSED,
    AsJson,
    DataDir,
    Seed,
    data_dir_of,
    journal_read_only,
    journal_to_write,
    load_config,
    tokens_for_signals,
)
from overmind.clock import SystemClock
from overmind.config import ConfigError, MultiWalletConfig, WalletConfig
from overmind.core.messages import Command, CommandRefused, EmergencyStop, ReactivateWallet
from overmind.core.model import MICROS, PPM, Limits, WalletId
from overmind.core.state import State
from overmind.engine import Engine
from overmind.journal.errors import JournalLocked
from overmind.journal.memory import MemoryJournal
from overmind.journal.overlay import OverlayJournal
from overmind.ports import Journal
from overmind.route import Route
from overmind.route import route as route_signal
from overmind.signals import decode_signal
from overmind.submit import Answers, answer_lines, read_lines
from overmind.watch import STOP_FILE

SETTLE_S: Final = 120.0  # a ticket that never lands is proven expired within a minute

Reason = Annotated[str, typer.Option("--reason", help="Why; it is journaled.")]


def add_to(cli: typer.Typer) -> None:
    for name, command in (
        ("check", check),
        ("show-config", show_config),
        ("route", route),
        ("submit", submit),
        ("stop", stop),
        ("reactivate", reactivate),
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
    wallets = [_checked(wallet) for wallet in config.wallets.values()]
    if as_json:
        present.emit_json({"ok": True, "errors": [], "warnings": config.warnings, "wallets": wallets})
        return
    present.warn_of(config.warnings)
    columns = ("wallet", "type", "profile", "share", "public key", "position", "day loss", "exposure", "strategies")
    present.table("Wallets", columns, (_row(wallet) for wallet in config.wallets.values()), right=columns[5:8])
    present.say(f"ok: {len(wallets)} wallets, {config.mode.value} on {config.cluster.value}", "green")


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
    amount: Annotated[str, typer.Option("--amount", help="USD.")],
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
        app = App(config, OverlayJournal(base), SystemClock(), open_tape(config))
        found = asyncio.run(_route(app, lambda: route_signal(app.engine.state, wish, app.clock.now_ns())))
    if as_json:
        present.emit_json(found)
    else:
        present.say(f"{found.wallet_id or 'no wallet'}: {found.selection_reason}", "bold")
        present.candidates(found.candidates)
    raise typer.Exit(REFUSED if found.refusals else DONE)


async def _route(app: App, look: Callable[[], Route]) -> Route:
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(app.engine.run())
        await app.open()
        found = look()
        writing.cancel()
    return found


def submit(
    file: Annotated[str, typer.Argument(help="JSON Lines of signals; - reads standard input.")],
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Signals in, one decision line out for each as soon as it is durable; settles before it exits.

    Ctrl-C and SIGTERM end the intake; what was taken is still answered and settled. After kill -9 the next start
    goes on.

    The answers are JSON either way. Exit 2 if a line was no signal, else 3 if a signal was refused, else 0.
    """
    config = load_config()
    source = _open(file)
    with journal_to_write(config.data_dir) as journal:
        answers = uvloop.run(_submit(config, journal, source, seed))
    raise typer.Exit(BAD_INPUT if answers.invalid else REFUSED if answers.refused else DONE)


def _open(file: str) -> BinaryIO:
    try:
        # A descriptor of our own: a thread may still wait for a line when the process ends.
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if file == "-" else Path(file).open("rb")
    except OSError as error:
        present.complain(f"{file}: {error.strerror}", "name a readable file of JSON Lines, or - for standard input")
        raise typer.Exit(BAD_INPUT) from None


async def _submit(config: MultiWalletConfig, journal: Journal, source: BinaryIO, seed: int) -> Answers:
    app, stop = App(config, journal, SystemClock(), open_tape(config), seed=seed), asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with running(app, SETTLE_S):
        tokens = tokens_for_signals(config.desk)
        answers = await answer_lines(app, read_lines(source, stop), tokens, present.emit_json)
        present.note(f"settling {len(app.engine.state.open_orders)} orders …")
        return answers


def stop(reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Emergency stop: no entry leaves after this. Exits still pass. Also works when a service hangs: it finds the file.

    Every wallet stays stopped, also across restarts, until it is reactivated by name.
    """
    directory = data_dir_of(data_dir)
    if not directory.is_dir():
        present.complain(f"there is no data directory {directory}", "name it: --data-dir, or OVERMIND_DATA_DIR")
        raise typer.Exit(BAD_INPUT)
    stop_file = directory / STOP_FILE
    reason = reason.encode(errors="replace").decode()  # A stop does not fail for what cannot be spelt.
    with contextlib.suppress(OSError):  # On a full disk the journal still has its reserve.
        stop_file.touch()  # First what needs nobody's help.
        stop_file.write_text(reason, encoding="utf-8")
    how = f"{stop_file} stands; the next start stops before anything else"
    if (directory / JOURNAL).exists():
        how = _journal_stop(directory, stop_file, reason)
    elif not stop_file.exists():
        raise CommandRefused(f"{stop_file} cannot be made and there is no journal: nothing was stopped")
    if as_json:
        present.emit_json({"stopped": True, "reason": reason, "how": how})
    else:
        present.say(f"stopped: {how}", "bold red")


def _journal_stop(directory: Path, stop_file: Path, reason: str) -> str:
    try:
        state = _command(directory, EmergencyStop(reason))
    except JournalLocked:
        if not stop_file.exists():
            raise
        return f"a running service was told by {stop_file}; it journals the stop within a second"
    if not state.wallets:
        return f"{stop_file} stands; the journal knows no wallet yet"
    stop_file.unlink(missing_ok=True)  # The journal says it now.
    return "every wallet holds `emergency` in the journal"


def reactivate(wallet_id: str, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Lift the emergency stop of one wallet. Other holds of that wallet stay."""
    if not reason.strip():
        present.complain("a blank reason", "say why with --reason; it is journaled")
        raise typer.Exit(BAD_INPUT)
    directory = data_dir_of(data_dir)
    if (directory / STOP_FILE).exists():
        present.complain(f"{directory / STOP_FILE} still asks for a stop", "remove the file first")
        raise typer.Exit(REFUSED)
    status = _command(directory, ReactivateWallet(WalletId(wallet_id), reason)).wallets[WalletId(wallet_id)].status
    if as_json:
        present.emit_json({"wallet_id": wallet_id, "status": status})
    else:
        present.say(f"{wallet_id}: {status}")


def _command(directory: Path, command: Command) -> State:
    """Hand one command to the journal on disk. Raises JournalLocked while a service owns it, CommandRefused."""

    async def handle(engine: Engine) -> State:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(engine.run())
            await engine.handle(command)
            await engine.close()
            writing.cancel()
        return engine.state

    if not (directory / JOURNAL).exists():
        raise CommandRefused(f"no journal at {directory / JOURNAL}: nothing was ever stopped there")
    with journal_to_write(directory) as journal:
        return asyncio.run(handle(Engine(journal, SystemClock())))
