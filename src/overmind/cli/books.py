"""Commands that only read: they open the journal beside whoever writes it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.opening import (
    BAD_INPUT,
    AsJson,
    DataDir,
    data_dir_of,
    journal_read_only,
    state_on_disk,
    stress_of_caller,
)
from overmind.core.model.events import OrderClosed, OrderFinal, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import SignalId
from overmind.desk.engine import recover
from overmind.views import reports
from overmind.views.preview import explain as explain_signal
from overmind.views.risk import risk as risk_of
from overmind.views.verify import verify as verify_journal

TAIL_ENTRIES: Final = 50_000  # how far back `orders` looks


def add_to(cli: typer.Typer) -> None:
    for command in (portfolio, wallets, positions, risk, orders, stats, explain, verify):
        cli.command()(command)


def portfolio(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Value, P&L, exposure and risk of the whole desk."""
    summary = reports.portfolio_summary(state_on_disk(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(summary)
    else:
        present.portfolio(summary)


def wallets(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Each wallet's status, balances, P&L and use of its limits."""
    state = state_on_disk(data_dir_of(data_dir))
    rows = [reports.wallet_metrics(state, book) for book in state.wallets.values()]
    if as_json:
        present.emit_json(rows)
    else:
        present.wallets(rows)


def positions(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """What is held, at which cost, worth how much."""
    rows = reports.positions(state_on_disk(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(rows)
    else:
        present.positions(rows)


def risk(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Use of every limit, concentrations, and what a fall of the prices would do."""
    found = risk_of(state_on_disk(data_dir_of(data_dir)), stress_of_caller())
    if as_json:
        present.emit_json(found)
    else:
        present.risk(found)


def orders(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those without an outcome yet.")] = False,
    last: Annotated[int, typer.Option("--last", min=1, help="How many closed orders to show.")] = 20,
) -> None:
    """Open orders, and the last ones that were closed."""
    with journal_read_only(data_dir_of(data_dir)) as journal:
        state = recover(journal)
        rows = reports.open_orders(state)
        if not only_open and state.desk is not None:
            tail = journal.read(max(0, state.seq - TAIL_ENTRIES))
            rows = [*reports.closed_orders(tail, state.desk)[-last:], *rows]
    if as_json:
        present.emit_json(rows)
    else:
        present.orders(rows)


def stats(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """How executions went, and how often each wallet was used."""
    state = state_on_disk(data_dir_of(data_dir))
    if as_json:
        present.emit_json(reports.shown_stats(state))
    else:
        present.stats(reports.execution_stats(state))


def explain(
    signal_id: Annotated[str, typer.Argument(help="The signal's id.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Why a signal went where it went: every wallet's chances at that moment, and what came of it."""
    with journal_read_only(data_dir_of(data_dir)) as journal:
        seq = journal.find(SignalId(signal_id))
        if seq is None:
            present.complain(f"the journal knows no signal {signal_id!r}", "see `overmind orders` for known ids")
            raise typer.Exit(BAD_INPUT)
        explained = explain_signal(journal.read(), seq)
    decision = explained.decision.to_json()
    if as_json:
        present.emit_json(explained.to_json())
        return
    when = datetime.fromtimestamp(explained.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    present.say(f"{signal_id}: {decision['status']} at {when} (entry {seq})", "bold")
    present.say(explained.decision.selection_reason)
    present.candidates(explained.candidates)
    for entry in explained.life:
        present.say(f"  {entry.seq:>8}  {type(entry.event).__name__}  {_life(entry.event)}")


def _life(event: object) -> str:
    match event:
        case OrderPlaced(order=order):
            return f"{order.id} {order.side} {order.wallet_id} {present.usd(order.notional_micros / 1e6)}"
        case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
            return f"{order_id} {outcome}{' (provisional)' if provisional else ''}"
        case OrderRolledBack(order_id=order_id, outcome=outcome):
            return f"{order_id} {outcome} instead: a fork undid what was booked"
        case OrderFinal(order_id=order_id):
            return order_id
        case _:
            return ""  # The event's name says it all.


def verify(
    journal: Annotated[Path, typer.Argument(help="A journal file, or a data directory.")], as_json: AsJson = False
) -> None:
    """Replay a journal: its hash chain and every invariant of the books."""
    path = journal / "overmind.db" if journal.is_dir() else journal
    with present.progress() as shown:
        task = shown.add_task("verifying entries", total=None)
        verified = verify_journal(path, lambda count: shown.update(task, completed=count))
    if as_json:
        present.emit_json(verified)
    elif verified.ok:
        present.say(f"ok: {verified.entries} entries, state {verified.state_hash}", "green")
    else:
        for problem in verified.problems:
            present.complain(problem)
    if not verified.ok:
        raise typer.Exit(BAD_INPUT)
