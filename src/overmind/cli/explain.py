"""Commands that read the journal entry by entry: `explain` and `verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import order_tables, present
from overmind.cli.cores import over_all_cores
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import (
    JOURNAL,
    AsJson,
    DataDir,
    absolute,
    anchor_of_caller,
    data_dir_of,
    journal_at,
    past_read_only,
)
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import (
    Event,
    OrderClosed,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    TicketRecorded,
)
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.order import Order
from overmind.core.model.units import MICROS
from overmind.journal.catalogue.check import Done, Part
from overmind.journal.kept.near import NearStates
from overmind.journal.recovery import state_at
from overmind.views.orders import book_fix, outcome_told
from overmind.views.preview import explain as explain_signal
from overmind.views.verify import verify as verify_journal

MANY_ENTRIES: Final = 200_000


def explain(
    signal_id: Annotated[str, typer.Argument(help="Id of the signal.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show why each wallet was chosen or refused, and the outcome."""
    with past_read_only(data_dir_of(data_dir)) as (journal, past):
        life = past.life(SignalId(signal_id))
        if life is None:
            present.complain(
                f"the journal knows no signal {signal_id!r}",
                "give the signal_id that was sent; an order's id is the signal's with .part.attempt behind it",
            )
            raise typer.Exit(BAD_INPUT)
        with closing(NearStates.beside(journal_at(data_dir_of(data_dir)), journal)) as near:
            before = state_at(near, life[0].seq - 1)
    explained = explain_signal(life, before)
    if as_json:
        present.emit_json(explained.to_json())
        return
    status = explained.decision.status.value
    present.say(f"{signal_id}: {status} at {present.instant(explained.at_ns)} (entry {explained.seq})", "bold")
    present.say(explained.decision.selection_reason)
    order_tables.parts([order.to_json() for order in explained.decision.orders])
    order_tables.candidates(explained.candidates or ())
    if explained.changes:
        order_tables.changes(explained.changes)
    orders = {
        entry.event.order.id: entry.event.order for entry in explained.life if isinstance(entry.event, OrderPlaced)
    }
    for entry in explained.life:
        told = _told(before.settings, orders, entry.event)
        present.say(f"  {entry.seq:>6}  {present.instant(entry.at_ns)}  {type(entry.event).__name__}  {told}".rstrip())


def _told(desk: Desk, orders: Mapping[OrderId, Order], event: Event) -> str:
    """What an entry says about an order."""
    match event:
        case OrderPlaced(order=order):
            return f"{order.id}: {order.side} {present.usd(order.notional_micros / MICROS)} with {order.wallet_id}"
        case TicketRecorded(order_id=order_id, ticket=ticket):
            return f"{order_id}: signed as {ticket.signature}"
        case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
            ended = outcome_told(desk, orders[order_id], outcome)
            return f"{order_id}: {ended}{' (provisional)' if provisional else ''}"
        case OrderRolledBack(order_id=order_id, outcome=outcome):
            ended = outcome_told(desk, orders[order_id], outcome)
            return f"{order_id}: {ended} instead; a fork undid what was booked"
        case OrderLandedOtherwise(order_id=order_id, why=why):
            return f"{order_id}: {why}; {book_fix(order_id)}"
        case OrderTakenFromChain(order_id=order_id, reason=reason):
            return f"{order_id}: booked from the chain by an operator: {reason}"
        case OrderFinal(order_id=order_id):
            return f"{order_id}: final"
        case _:
            return ""  # The name of the event is enough.


def _over(work: Callable[[Part], Done], parts: list[Part]) -> Iterable[Done]:
    """Further processes take a while to begin, which only many entries are worth."""
    entries = sum(part.entries for part in parts)
    return over_all_cores(work, parts) if entries >= MANY_ENTRIES else map(work, parts)


def verify(
    journal: Annotated[Path, typer.Argument(callback=absolute, help="Journal file, or the folder that holds it.")],
    as_json: AsJson = False,
) -> None:
    """Replay a journal and check its hash chain and its books.

    Whoever can write the file can also compute its hashes anew. With the anchor of a live desk and its key, in
    OVERMIND_ANCHOR_DIR, that is found out; without them the answer says "MAC not checked".
    """
    path = journal / JOURNAL if journal.is_dir() else journal
    with present.progress() as shown:
        task = shown.add_task("verifying entries", total=None)

        def show(count: int) -> None:
            shown.update(task, completed=count)

        verified = verify_journal(path, show, anchor_of_caller(), _over)
    if as_json:
        present.emit_json(verified)
    elif verified.ok:
        present.say(f"ok: {verified.entries} entries, state {verified.state_hash}; {verified.mac}", "green")
    else:
        for problem in verified.problems:
            present.complain(problem)
    if not verified.ok:
        raise typer.Exit(BAD_INPUT)
