"""`overmind submit`: decides signals in this process, or sends them to the running service."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer
import uvloop

from overmind.cli import decisions, present
from overmind.cli.exit_codes import BAD_INPUT, DONE, REFUSED, UNREACHABLE
from overmind.cli.opening import (
    JOURNAL,
    AsJson,
    Seed,
    data_dir_of,
    journal_to_write,
    load_config,
    state_and_past,
    tokens_for_signals,
)
from overmind.cli.remote import Remote, caller_token
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.config.secrecy import Secret
from overmind.core.model.ids import OrderId
from overmind.desk.app import App
from overmind.desk.keeper import KeeperProcess
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.desk.submit import Answers, answer_lines, read_lines
from overmind.desk.watches.stop_file_watch import StopFileWatch
from overmind.http.files import RunningService, find_service
from overmind.journal.aside import Aside
from overmind.journal.catalogue.topics import signal_of
from overmind.ports import Journal
from overmind.text.printable import json_bytes
from overmind.views.orders import closed_orders, open_orders

SETTLE_S: Final = 120.0  # a ticket that never lands is proven expired within a minute


Tell = Callable[[Mapping[str, Any]], None]


def submit(
    file: Annotated[str, typer.Argument(help="File of signals, one JSON object a line. - reads standard input.")],
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Submit signals and show the decision on each.

    Each decision is printed as soon as it is on disk, in the order of the signals. The command settles all orders
    before it ends. While `overmind run` runs, the signals go to that service.

    Ctrl-C and SIGTERM end the intake. Signals that were read by then are still decided and settled. After kill -9 the
    next start settles the rest.

    A terminal shows sentences. A pipe, or --json, gets one JSON object a line.

    Exit code 2: a line was not a signal. Else 4: a signal was not taken, because the disk is full; send it again under
    its id. Else 3: a signal was refused. Else 0.
    """
    directory, people = data_dir_of(None), sys.stdout.isatty() and not as_json
    tell = decisions.show if people else present.emit_json
    service = find_service(directory)
    if service is not None:
        answers = uvloop.run(_submit_to(service, caller_token(directory), _open(file), tell))
    else:
        config = load_config()
        source = _open(file)
        with journal_to_write(config.data_dir) as journal:
            answers = uvloop.run(_submit(config, journal, source, seed, tell))
    if people and answers.orders:
        _show_outcomes(directory, answers.orders)
    raise typer.Exit(_exit_code(answers))


def _exit_code(answers: Answers) -> int:
    if answers.invalid:
        return BAD_INPUT
    if answers.not_taken:
        return UNREACHABLE
    return REFUSED if answers.refused else DONE


def _show_outcomes(directory: Path, order_ids: Sequence[OrderId]) -> None:
    """Shows what became of these orders and of later attempts."""
    placed = {_without_attempt(order_id) for order_id in order_ids}
    with state_and_past(directory) as (state, past):
        signals = dict.fromkeys(map(signal_of, order_ids))
        told = [entry for signal_id in signals if signal_id is not None for entry in past.life(signal_id) or ()]
    for row in (*closed_orders(told, state.settings), *open_orders(state)):
        if _without_attempt(row.order_id) in placed:
            decisions.show_outcome(row)


def _without_attempt(order_id: OrderId) -> str:
    return order_id.rpartition(".")[0]


def _open(file: str) -> BinaryIO:
    try:
        return _standard_input() if file == "-" else Path(file).absolute().open("rb")
    except OSError as error:
        present.complain(
            f"{Path(file).absolute()}: {error.strerror}", "name a readable file of JSON Lines, or - for standard input"
        )
        raise typer.Exit(BAD_INPUT) from None


def _standard_input() -> BinaryIO:
    """A duplicate of the descriptor, since a thread may still read from it when the command ends."""
    try:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    except io.UnsupportedOperation:  # A caller in this process replaced it by a buffer.
        return sys.stdin.buffer


async def _submit(config: MultiWalletConfig, journal: Journal, source: BinaryIO, seed: int, tell: Tell) -> Answers:
    clock, stop, reader = SystemClock(), _asked_to_end(), _Reader(tell)
    keeper = KeeperProcess(config.data_dir / JOURNAL)
    with StopFileWatch(config.data_dir).looking() as stop_file:
        async with (
            connected(config, clock, seed=seed) as connect,
            running(App(config, journal, clock, connect, stop_file, keeper), SETTLE_S) as app,
        ):
            tokens = tokens_for_signals(config.desk)
            answers = await answer_lines(app, read_lines(source, stop), tokens, reader.tell)
            if count := len(app.engine.state.open_orders):
                present.note(f"settling {count} order{'' if count == 1 else 's'} …")
            return answers


async def _submit_to(service: RunningService, token: Secret, source: BinaryIO, tell: Tell) -> Answers:
    stop = _asked_to_end()
    async with Remote(service, token, SystemClock()) as remote:
        return await remote.submit(read_lines(source, stop), tell)


class _Reader:
    """Tells whoever reads the answers. One that does not read holds up the next answers, and not the desk."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._aside = Aside("answers")
        self._ready = select.poll()
        with contextlib.suppress(io.UnsupportedOperation):  # A caller in this process replaced it by a buffer.
            self._ready.register(sys.stdout.fileno(), select.POLLOUT)

    async def tell(self, answer: Mapping[str, object]) -> None:
        """Raises BrokenPipeError. A thread tells what might have to wait: it takes longer than the loop does."""
        if len(json_bytes(answer)) < select.PIPE_BUF and self._ready.poll(0):
            self._tell(answer)
        else:
            await self._aside.run(partial(self._tell, answer))


def _asked_to_end() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    return stop
