"""The answer to an entry: an order in the best eligible wallet, or a refusal that names every broken rule."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.choice import Choice
from overmind.core.entries.costs import loss_max_micros, rent_lamports
from overmind.core.entries.gate import signal_may_enter
from overmind.core.entries.refusing import LISTED_MAX, refused
from overmind.core.entries.request import EntryRequest
from overmind.core.entries.routes import fee_max_lamports, is_protected, tip_max_lamports
from overmind.core.entries.rules import signal_refusals, wallet_refusals
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.entries.sizing import SizedRequest, choose_sized, sized_refusals, sized_wallet_refusals
from overmind.core.model.codes import Refusal
from overmind.core.model.enums import BUY
from overmind.core.model.events import (
    OrderPlaced,
    SignalRefused,
)
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.route import RouteName
from overmind.core.model.selection import Selection


def enter(
    state: State,
    index: SelectionIndex,
    request: EntryRequest,
    at_ns: int,
    received_at_ns: int,
    failed: Order | None = None,
    taken: tuple[WalletId, ...] = (),
) -> OrderPlaced | None:
    """An order in the best eligible wallet; None if there is none. `taken`: wallets that other parts use."""
    if not signal_may_enter(state, request, at_ns, received_at_ns):
        return None
    tried = (*failed.tried, failed.wallet_id) if failed is not None else ()
    choice = index.choose(request, at_ns, (*tried, *taken) if taken else tried)
    if choice is None:
        return None
    if failed is None:
        order = entry_order(state, choice.book, request, 0, tried, choice.route)
    else:
        attempt, part, parts = failed.attempt + 1, failed.part, failed.parts
        order = entry_order(state, choice.book, request, attempt, tried, choice.route, part, parts)
    return OrderPlaced(request.signal, order, selection_of(state, choice))


def enter_sized(
    state: State,
    index: SelectionIndex,
    sized: SizedRequest,
    at_ns: int,
    received_at_ns: int,
    failed: Order | None = None,
) -> OrderPlaced | None:
    """Like `enter`, for a risk budget: the wallet determines the amount."""
    tried = (*failed.tried, failed.wallet_id) if failed is not None else ()
    chosen = choose_sized(index, sized, at_ns, received_at_ns, tried)
    if chosen is None:
        return None
    choice, attempt = chosen.choice, failed.attempt + 1 if failed is not None else 0
    order = entry_order(state, choice.book, chosen.request, attempt, tried, choice.route)
    return OrderPlaced(sized.signal, order, selection_of(state, choice), chosen.sizing)


def selection_of(state: State, choice: Choice) -> Selection:
    return Selection(choice.terms, choice.candidates, len(state.wallets), choice.advice)


def entry_order(
    state: State,
    book: WalletBook,
    request: EntryRequest,
    attempt: int,
    tried: tuple[WalletId, ...],
    route: RouteName,
    part: int = 0,
    parts: int = 0,
) -> Order:
    desk, signal, notional = state.settings, request.signal, request.notional_micros
    fee_max, tip_max = desk.costs.fee_max_lamports, 0
    if desk.routing.routes:
        tip_max = tip_max_lamports(state, route, notional)
        fee_max = fee_max_lamports(desk, tip_max)
    return Order(
        id=OrderId(f"{signal.id}.{part}.{attempt}"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=signal.strategy,
        side=BUY,
        spend=Money(notional, desk.quote.mint),
        receive=signal.mint,
        received_min=request.received_min,
        notional_micros=notional,
        loss_max_micros=loss_max_micros(desk, book, request),
        fee_max_lamports=fee_max,
        rent_max_lamports=rent_lamports(desk, book, signal.mint),
        slippage_max_bps=request.slippage_max_bps,
        mark_pico=request.mark_pico,
        expires_at_ns=request.stale_at_ns,
        part=part,
        attempt=attempt,
        tried=tried,
        mev_protected=is_protected(book.wallet, signal),
        exits=signal.exits,
        parts=parts,
        route=route,
        tip_max_lamports=tip_max,
    )


def refuse_entry(
    state: State,
    index: SelectionIndex,
    request: EntryRequest,
    at_ns: int,
    received_at_ns: int,
    more: tuple[Refusal, ...] = (),
) -> SignalRefused:
    """Every broken rule, and `more`; the wallet that came closest is listed first."""
    general = [*signal_refusals(state, request, at_ns, received_at_ns), *more]
    listed = [
        list(wallet_refusals(state, book, request, at_ns))
        for book in index.roomiest(request.signal.strategy, LISTED_MAX)
    ]
    return refused(request.signal, general, listed, unlisted=max(0, len(state.wallets) - LISTED_MAX))


def refuse_sized(
    state: State, index: SelectionIndex, sized: SizedRequest, at_ns: int, received_at_ns: int
) -> SignalRefused:
    general = sized_refusals(sized, at_ns, received_at_ns)
    roomiest = index.roomiest(sized.signal.strategy, LISTED_MAX)
    listed = [sized_wallet_refusals(sized, book, at_ns) for book in roomiest]
    return refused(sized.signal, general, listed, unlisted=max(0, len(state.wallets) - LISTED_MAX))
