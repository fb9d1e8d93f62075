"""Runs the desk as a service: opens it, announces it, and settles open orders before it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
import typer
import uvloop

from overmind.cli import present
from overmind.cli.console import console_of
from overmind.cli.ending import Ending, heeded
from overmind.cli.exit_codes import INTERRUPTED, UNREACHABLE
from overmind.cli.opening import JOURNAL, journal_to_write, load_config
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.config.secrecy import Secret
from overmind.config.variables.service import SERVER_PORT
from overmind.core.model.ids import WalletId
from overmind.desk.app import App
from overmind.desk.engine import Engine
from overmind.desk.interpreter import settle_heap
from overmind.desk.keeper import KeeperProcess
from overmind.desk.log.console import telling
from overmind.desk.log.file import LastLine
from overmind.desk.loop_turns import measuring
from overmind.desk.market import Connect, MarketAccess, connected
from overmind.desk.running import running
from overmind.desk.watches.space_watch import SpaceWatch
from overmind.desk.watches.stop_file_watch import StopFileWatch
from overmind.desk.watches.supervisor import Supervisor, status_of, supervised
from overmind.desk.watches.watchdog import Patience, watched_loop
from overmind.http.files import (
    TOKEN_FILE,
    RunningService,
    fingerprint,
    last_service,
    publish,
    token_of_service,
    withdraw,
)
from overmind.http.server import ApiServer, listen, serve_api
from overmind.journal.aside import Aside
from overmind.notices.messengers import Messengers
from overmind.notices.targets import Target, targets_of
from overmind.ports import ChainSilent, Clock, Journal

DRAIN_S: Final = 60.0  # the next start settles what is still open then
FILE_MAX_S: Final = 5.0  # for the small file that names this service

log = structlog.get_logger("service")


def serve(as_json: bool, decisions: bool | None) -> None:
    """`decisions`: a line for each on standard output; None: on a terminal."""
    with heeded() as ending:
        config = load_config()
        targets = targets_of(config.notices.targets)
        with LastLine("service"), journal_to_write(config.data_dir) as journal:
            token, warnings = token_of_service(config)
            present.warn_of(warnings)
            with _listen(config.server_port, config.door.bind) as listener:
                try:
                    uvloop.run(_run(config, journal, listener, token, targets, ending, as_json, decisions))
                except asyncio.CancelledError:
                    log.warning("a signal ended the service while it opened")
                    raise typer.Exit(INTERRUPTED) from None


def _listen(port: int, address: str) -> socket.socket:
    try:
        return listen(port, address)
    except OSError as error:
        present.complain(
            f"port {port} of {address} cannot be had: {error.strerror}",
            f"stop who listens there, or set {SERVER_PORT.name} to another one; 0 takes any free one",
        )
        raise typer.Exit(UNREACHABLE) from None


async def _run(
    config: MultiWalletConfig,
    journal: Journal,
    listener: socket.socket,
    token: Secret,
    targets: Sequence[Target],
    ending: Ending,
    as_json: bool,
    decisions: bool | None,
) -> None:
    clock, markets, supervisor = SystemClock(), list[MarketAccess](), Supervisor.of_process()
    supervisor.starting()
    keeper = KeeperProcess(config.data_dir / JOURNAL)
    space = SpaceWatch(config.data_dir, clock, config.disk_days_min)
    with StopFileWatch(config.data_dir).looking() as stop_file, ending.opening():
        async with (
            connected(config, clock) as connect,
            running(
                App(config, journal, clock, _noting(connect, markets), stop_file, keeper, space), drain_s=0.0
            ) as app,
        ):
            ending.opened()
            with watched_loop(config.logs_dir, Patience(config.step_tell_ns, config.step_max_ns)):
                messengers = Messengers(app, config.data_dir / JOURNAL, targets)
                await _serve(
                    config, app, listener, token, markets[0], messengers, ending, supervisor, as_json, decisions
                )


async def _serve(
    config: MultiWalletConfig,
    app: App,
    listener: socket.socket,
    token: Secret,
    market: MarketAccess,
    messengers: Messengers,
    ending: Ending,
    supervisor: Supervisor,
    as_json: bool,
    decisions: bool | None,
) -> None:
    """Until somebody asks it to end."""
    path = config.data_dir / JOURNAL
    async with serve_api(app, path, listener, token, _chain_of(market), messengers.targets) as service:
        aside = Aside("service file")
        settle_heap()
        try:
            await _publish(config, service, aside)
            _announce(config, service, app.changed_limits(), as_json)
            supervisor.ready(status_of(app))
            console = console_of(app.engine, config.log_level, as_json, decisions)
            async with messengers.telling(service.outlook), telling(console):
                with supervised(app, supervisor):
                    with measuring(app.turns):
                        await ending.stop.wait()
                    supervisor.stopping(f"settling {len(app.engine.state.open_orders)} open orders")
                    await _drain(app, service, ending.stop_now)
        finally:
            with contextlib.suppress(OSError):  # TimeoutError is one. The file names a process that is gone, then.
                await aside.run(partial(withdraw, config.data_dir), FILE_MAX_S)


def _noting(connect: Connect, markets: list[MarketAccess]) -> Connect:
    def connect_and_note(engine: Engine, clock: Clock) -> MarketAccess:
        markets.append(connect(engine, clock))
        return markets[-1]

    return connect_and_note


def _chain_of(market: MarketAccess) -> Callable[[], asyncio.Future[None]] | None:
    """A probe that asks the chain's nodes, one after the other, until one answers. None on paper."""
    on_chain = market.on_chain
    if on_chain is None:
        return None
    nodes = on_chain.chain.nodes

    async def ask() -> None:
        for node in nodes:
            try:
                await node.finalized()
            except ChainSilent:
                continue
            return
        raise ChainSilent("no node answers")

    return lambda: asyncio.ensure_future(ask())


async def _publish(config: MultiWalletConfig, service: ApiServer, aside: Aside) -> None:
    tls = config.door.tls
    try:
        pin = "" if tls is None else await aside.run(partial(fingerprint, tls.cert), FILE_MAX_S)
        running_now = RunningService(service.url, os.getpid(), pin)
        if (last := await aside.run(partial(last_service, config.data_dir), FILE_MAX_S)) is not None:
            log.warning("the service before this one ended without a last line: it was killed", pid=last.pid)
        await aside.run(partial(publish, config.data_dir, running_now), FILE_MAX_S)
    except OSError as error:  # On a full disk the journal's reserve is enough to book exits.
        present.complain(
            f"other commands will not find this service: {error}", f"make room in {config.data_dir} and restart it"
        )


def _announce(
    config: MultiWalletConfig, service: ApiServer, changed_limits: Mapping[WalletId, Sequence[str]], as_json: bool
) -> None:
    """Called as soon as it serves, since whoever started it waits for this line."""
    mode, cluster, wallets = config.mode.value, config.cluster.value, list(config.wallets)
    log.info("service ready", url=service.url, mode=mode, cluster=cluster, wallets=len(wallets))
    if as_json:
        present.emit_json(
            {"url": service.url, "pid": os.getpid(), "mode": mode, "cluster": cluster, "wallets": wallets}
        )
        return
    where = "OVERMIND_API_TOKEN" if config.api_token is not None else str(config.data_dir / TOKEN_FILE)
    present.say(f"{service.url} serves {len(wallets)} wallets, trading mode {mode}, cluster {cluster}", "green")
    present.say(f"token of the API: {where}")
    _show_first_admin(service)
    if service.users:
        of = "user" if service.users == 1 else "users"
        present.warn(f"beside {service.users} {of}, whoever has the token in {where} is an admin too")
    for wallet_id, changed in changed_limits.items():
        present.say(f"{wallet_id}: limits differ from the files: {', '.join(changed)}", "yellow")
    present.say("Ctrl-C settles open orders and ends it")


def _show_first_admin(service: ApiServer) -> None:
    """The link is a secret: it is for the terminal of whoever started the service, and stands in no log."""
    if (path := service.welcomes.offer() if sys.stdout.isatty() else None) is not None:
        present.say("no users yet. This link makes the first admin of the page, once and within ten minutes:")
        present.say(f"{service.url}{path}")


async def _drain(app: App, service: ApiServer, stop_now: asyncio.Event) -> None:
    """Settles open orders, until the time is up or a second signal comes."""
    service.close_intake()
    count = len(app.engine.state.open_orders)
    log.info("service stops", open_orders=count)
    if count:
        present.note(f"settling {count} order{'' if count == 1 else 's'} …; a second Ctrl-C ends at once")
    settling, hurrying = asyncio.ensure_future(app.settle(DRAIN_S)), asyncio.ensure_future(stop_now.wait())
    await asyncio.wait((settling, hurrying), return_when=asyncio.FIRST_COMPLETED)
    if stop_now.is_set():
        service.stop_at_once()
    for one in (settling, hurrying):
        one.cancel()
    await asyncio.gather(settling, hurrying, return_exceptions=True)
