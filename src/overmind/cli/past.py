"""Commands that search the journal: signals with their answers, and trades."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Annotated

import typer
from msgspec import structs

from overmind.cli import order_tables, present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import (
    LAST_MAX,
    AsJson,
    DataDir,
    FromOption,
    TokenOption,
    ToOption,
    WalletOption,
    data_dir_of,
    journal_at,
    journal_read_only,
    search_for,
    state_and_past,
)
from overmind.cli.performance.trips import show_round_trips
from overmind.cli.whole import whole_option
from overmind.core.model.defaults import STRATEGIES
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Entry
from overmind.core.model.ids import OrderId, SignalId
from overmind.journal.catalogue.past import Works
from overmind.journal.catalogue.topics import ANY
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.views.past import NO_WORKS, BadSearch
from overmind.views.signals import signals_in
from overmind.views.trades import Effect, effects_of, span_of, trades_of


def signals(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    refused: Annotated[bool, typer.Option("--refused", help="Show refused signals only.")] = False,
    code: Annotated[str | None, typer.Option("--code", help="Refused with this code only.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Of this strategy only.")] = None,
    last: Annotated[int, whole_option("--last", 1, LAST_MAX, "Number of signals to show.")] = 20,
    from_: FromOption = None,
    to: ToOption = None,
) -> None:
    """Show the last signals, each with its answer.

    The answer is placed, refused or recorded, with the reason. The exits that the desk makes itself are signals too.

    The codes are those of operations.md. `overmind explain` shows one signal in full.
    """
    wanted = _strategy(strategy)
    with state_and_past(data_dir_of(data_dir)) as (state, past):
        search = search_for(state, last, None, None, from_, to)
        try:
            rows = signals_in(past, state.desk, search, wanted, code or (ANY if refused else None))
        except BadSearch as bad:
            present.complain(bad.problem, bad.fix)
            raise typer.Exit(BAD_INPUT) from None
    if as_json:
        present.emit_json(rows)
    else:
        order_tables.signals(rows)


def _strategy(named: str | None) -> str:
    if named is None:
        return ANY
    known = STRATEGIES.get(named.lower())
    if known is None:
        present.complain(f"--strategy: no strategy {named[:64]!r}", f"one of {', '.join(StrategyType)}")
        raise typer.Exit(BAD_INPUT)
    return known


def trades(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    last: Annotated[int, whole_option("--last", 1, LAST_MAX, "Number of trades to show.")] = 20,
    wallet: WalletOption = None,
    token: TokenOption = None,
    signal: Annotated[str | None, typer.Option("--signal", help="Of this signal only.")] = None,
    from_: FromOption = None,
    to: ToOption = None,
    round_trips: Annotated[
        bool, typer.Option("--round-trips", help="Show each entry with its exit, by the time of the exit.")
    ] = False,
) -> None:
    """Show the last trades: cost, expected cost, realized P&L.

    A trade is an order that was filled. Its cost is the fee, the rent, and what its price was worse than the mark. What
    was expected is from its decision. A buy realizes its costs; a sale its gain or loss, less its costs.

    With --wallet, --token, --signal, --from or --to only trades that fit are shown. Times are those of placing.

    A round trip is a part of a lot, from the order that bought it to the order that sold it, first in, first out.
    """
    directory = data_dir_of(data_dir)
    with state_and_past(directory) as (state, past):
        search = search_for(state, last, wallet, token, from_, to)
        search = structs.replace(search, signal_id=None if signal is None else SignalId(signal))
        works = NO_WORKS if round_trips else past.fills(search)
        desk = state.desk
    if round_trips:
        show_round_trips(journal_at(directory), search, as_json)
        return
    with journal_read_only(directory) as journal:
        rows = [] if desk is None or not works.ids else trades_of(works, desk, _effects(journal, works))
    if as_json:
        present.emit_json(rows)
    else:
        order_tables.trades(rows)


def _effects(journal: SqliteJournal, works: Works) -> dict[OrderId, Effect]:
    """From the nearest kept state before the first of these trades to the last of them."""
    first, last = span_of(works)
    with present.progress() as shown:
        task = shown.add_task("replaying entries", total=last - first)
        state = state_at(journal, first - 1)
        entries = takewhile(lambda entry: entry.seq <= last, journal.read(state.seq))

        def told() -> Iterator[Entry]:
            for entry in entries:
                shown.update(task, completed=entry.seq - first)
                yield entry

        return effects_of(state, told(), set(works.ids))
