"""Orders, moves and refusals of any time, as operators and programs ask for them: by wallet, token, signal and code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from overmind.clock.instants import iso_seconds
from overmind.core.books.state import State
from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Entry, SignalRefused
from overmind.core.model.ids import SOL, Mint, SignalId
from overmind.core.model.order import Move, Order
from overmind.core.model.value import Value
from overmind.journal.catalogue.past import Past, Search, Works
from overmind.journal.catalogue.topics import ANY
from overmind.views.amounts import symbol_of
from overmind.views.moves import MoveRow, closed_moves, open_moves
from overmind.views.orders import OrderRow, closed_orders, each_open_order
from overmind.views.refusals import RefusalRow, shown

REFUSALS_LISTED_MAX: Final = 20  # of one signal; `explain` lists all
MINT_CHARS_MIN: Final = 32  # of an address; a symbol is shorter
NO_WORKS: Final = Works((), ())


class BadSearch(Exception):
    """A search for what there cannot be: the problem and how to fix it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}; {fix}")
        self.problem = problem
        self.fix = fix


class Opened(Value, frozen=True):
    """What is open in a state, with its rows, and the settings to show what ended with."""

    desk: Desk | None  # None: it is not configured yet, and nothing was ever placed
    seq: int  # of the state
    orders: Sequence[tuple[Order, OrderRow]] = ()
    moves: Sequence[tuple[Move, MoveRow]] = ()


class RefusedRow(Value, frozen=True):
    signal_id: SignalId
    seq: int  # of its entry
    at: str  # ISO 8601, UTC
    strategy: str
    action: str
    symbol: str
    refusals: Sequence[RefusalRow]  # the first ones
    unlisted: int  # further refusals


def opened_orders(state: State) -> Opened:
    return Opened(state.desk, state.seq, orders=[*each_open_order(state)])


def opened_moves(state: State, now_ns: int) -> Opened:
    moves = [known.move for known in state.open_moves.values()]
    return Opened(state.desk, state.seq, moves=list(zip(moves, open_moves(state, now_ns), strict=True)))


def narrowed(state: State, search: Search, wallet: str | None, token: str | None) -> Search:
    """The same search in this wallet and for this token. Raises BadSearch when the desk knows neither."""
    if wallet is not None and wallet not in state.wallets:
        known = ", ".join(state.wallets) or "none yet"
        raise BadSearch(f"no wallet {wallet[:64]!r} in the journal", f"one of: {known}")
    return structs.replace(search, wallet=wallet or ANY, mint=ANY if token is None else mint_of(state.desk, token))


def mint_of(desk: Desk | None, named: str) -> Mint:
    """A token that is listed no more is known by its mint. Raises BadSearch."""
    listed = [] if desk is None else [desk.quote, *desk.tokens.values()]
    known = {one.symbol.upper(): one.mint for one in listed} | {"SOL": SOL}
    mint = known.get(named.upper(), Mint(named))
    if mint not in known.values() and len(named) < MINT_CHARS_MIN:
        raise BadSearch(f"no token {named!r} is listed", f"one of: {', '.join(sorted(known))}, or a mint")
    return mint


def orders_in(past: Past, opened: Opened, search: Search, only_open: bool = False) -> list[OrderRow]:
    """Closed orders in the order of placing, then open ones, unless they closed meanwhile."""
    if opened.desk is None:
        return []
    works = NO_WORKS if only_open or not search.last else past.orders(search)
    wanted = set(works.ids)
    closed = [row for row in closed_orders(works.entries, opened.desk) if row.order_id in wanted]
    return [*closed, *_still_open(past, opened, search)]


def _still_open(past: Past, opened: Opened, search: Search) -> Iterator[OrderRow]:
    """With the times of placing, which the state does not keep."""
    ended = past.ended_after(opened.seq)
    for order, row in opened.orders:
        if order.id not in ended and search.fits(order, placed_ns := past.placed_ns(order)):
            yield structs.replace(row, placed_at=iso_seconds(placed_ns))


def moves_in(past: Past, opened: Opened, search: Search, only_open: bool = False) -> list[MoveRow]:
    """Closed moves in the order of placing, then open ones, unless they closed meanwhile."""
    if opened.desk is None:
        return []
    works = NO_WORKS if only_open or not search.last else past.moves(search)
    ended = past.ended_after(opened.seq)
    fitting = ((move, row) for move, row in opened.moves if search.fits(move, move.placed_ns))
    still_open = (row for move, row in fitting if move.id not in ended)
    return [*closed_moves(works.entries, opened.desk), *still_open]


def refusals_in(past: Past, desk: Desk | None, search: Search, code: str | None) -> list[RefusedRow]:
    """Oldest first. Raises BadSearch."""
    if code is not None and code not in {one.value for one in Code}:
        raise BadSearch(f"no code {code[:64]!r}", "operations.md lists them, such as POSITION_SIZE")
    return [] if desk is None else [_refused(desk, entry) for entry in past.refusals(code or ANY, search)]


def _refused(desk: Desk, entry: Entry) -> RefusedRow:
    event = entry.event
    assert isinstance(event, SignalRefused), entry
    signal, listed = event.signal, event.refusals[:REFUSALS_LISTED_MAX]
    return RefusedRow(
        signal_id=signal.id,
        seq=entry.seq,
        at=iso_seconds(entry.at_ns),
        strategy=signal.strategy.value,
        action=signal.action.value,
        symbol=symbol_of(desk, signal.mint),
        refusals=[shown(refusal) for refusal in listed],
        unlisted=len(event.refusals) - len(listed) + event.unlisted,
    )
