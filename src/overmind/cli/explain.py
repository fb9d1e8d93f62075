"""Commands that read the journal entry by entry: why a signal was decided so, and whether the journal is sound."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from overmind.cli import order_tables, present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import AsJson, DataDir, absolute, data_dir_of, journal_read_only
from overmind.core.model.events import OrderClosed, OrderFinal, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import SignalId
from overmind.views.preview import explain as explain_signal
from overmind.views.verify import verify as verify_journal


def explain(
    signal_id: Annotated[str, typer.Argument(help="Id of the signal.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show why each wallet was chosen or refused, and the outcome."""
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
    order_tables.candidates(explained.candidates)
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
            return ""  # The name of the event says it all.


def verify(
    journal: Annotated[Path, typer.Argument(callback=absolute, help="Journal file, or the folder that holds it.")],
    as_json: AsJson = False,
) -> None:
    """Replay a journal and check its hash chain and its books."""
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
