"""Sales of positions: by a signal, by an exit rule, or by an operator's close. Only facts can stop them.

See specification §8.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import Final

from msgspec.structs import replace

from overmind.core.books.book import OpenOrder, WalletBook
from overmind.core.books.senders import share_of_source
from overmind.core.books.settle.owners import units_of_sources
from overmind.core.books.state import State
from overmind.core.books.trust import exit_price
from overmind.core.control.holds import known_wallets, knows_history
from overmind.core.entries.costs import rent_lamports
from overmind.core.entries.refusing import LISTED_MAX, refused
from overmind.core.entries.request import base_units, slippage_bps, slippage_of_mark, sold_min, stale_at_ns
from overmind.core.entries.routes import exit_route, fee_max_lamports, is_protected, tip_max_lamports
from overmind.core.entries.rules import sale_price_refusals, time_refusals
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.exits import exit_rules
from overmind.core.exits.dust import with_rest
from overmind.core.exits.exit_rules import (
    Due,
    due_of,
    exit_refusals,
    exits_due,
    sellable_units,
    seller_of,
    units_to_sell,
)
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.commands import CancelClose, ClosePosition, CommandRefused, SellDue
from overmind.core.model.controls import ExitCause
from overmind.core.model.enums import SaleScope, Side, StrategyType, TradeAction
from overmind.core.model.events import CloseCancelled, CloseOrdered, Event, OrderPlaced
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.selection import CostTerms, Selection
from overmind.core.model.signal import Signal
from overmind.core.model.units import PPM, units_of, value_micros_up

BUYS_SHOWN_MAX: Final = 4
SHORT: Final = Refusal(Code.SHORT_NOT_TRADED, "long", "short")
EXITS_MAX: Final = 64  # per decision; the others are sold right after it


def sell(state: State, index: SelectionIndex, signal: Signal, at_ns: int, received_at_ns: int) -> Iterator[Event]:
    """Sells from one wallet if one holds enough, otherwise in parts, the largest holding first.

    Only what the signal's scope allows counts as held.
    """
    stale_ns = stale_at_ns(state.settings, signal, received_at_ns)
    general = list(time_refusals(signal, stale_ns, at_ns, received_at_ns))
    general += history_refusals(state)
    if signal.target_price_pico is None:  # A limit price protects a sale as well as a mark does.
        general += sale_price_refusals(state, signal.mint, at_ns)
    users = index.users(signal.mint) or list(state.wallets.values())
    holders = [book for book in users if next(exit_refusals(state, book, signal), None) is None]
    seller = seller_of(state, signal)
    if general or not holders:
        listed = [list(exit_refusals(state, book, signal)) for book in users[:LISTED_MAX]]
        if not any(sellable_units(state, book, signal.mint, seller) for book in users):
            general += elsewhere(state, users, signal)
        yield refused(signal, general, listed, unlisted=max(0, len(users) - LISTED_MAX))
        return
    held = {book.wallet.id: sellable_units(state, book, signal.mint, seller) for book in holders}
    wanted, sellable = _units_to_sell(state, signal, holders[0], sum(held.values())), sum(held.values())
    if not 0 < wanted <= sellable:
        too_much = [Refusal(Code.INSUFFICIENT_TOKENS, sellable, wanted), *elsewhere(state, users, signal)]
        nothing = [Refusal(Code.AMOUNT_OUT_OF_RANGE, "at least one base unit", str(wanted))]
        yield refused(signal, too_much if wanted > 0 else nothing, [], unlisted=0)
        return
    for part, (book, asked) in enumerate(_parts(holders, held, wanted, signal)):
        decimals = book.positions[signal.mint].token.decimals
        units = with_rest(state, signal.mint, asked, held[book.wallet.id], decimals, at_ns)
        order = exit_order(state, book, signal, units, part, stale_ns, at_ns)
        terms = CostTerms(0.0, 0.0, state.settings.costs.half_spread_bps, 0.0, 0.0)
        selection = Selection(terms, len(holders), len(state.wallets))
        yield OrderPlaced(signal, order, selection, of_sources=units_of_sources(book, order, signal.source))


def elsewhere(state: State, users: Iterable[WalletBook], signal: Signal) -> Iterator[Refusal]:
    """Where more of the token is, when a sale finds too little: in other lots, in open sales, or on its way."""
    seller, mint = seller_of(state, signal), signal.mint
    if state.settings.booking_rules < 2:
        return
    books = [book for book in users if book.wallet.id not in signal.exclude]
    own = sum(book.owned_units(mint, seller) for book in books) if seller else 0
    others = sum(_units(book, mint) for book in books) - own if seller else 0
    if signal.scope is SaleScope.SOURCE:
        if signal.sender is not None and signal.sender.short:
            yield SHORT
        yield Refusal(Code.SOURCE_HOLDS_NOTHING, own, others)
    elif others:
        yield Refusal(Code.LOTS_OF_OTHERS, own, others)
    if buys := _buys_in_flight(state, books, signal):
        yield Refusal(Code.BUY_IN_FLIGHT, "no open buy", ", ".join(buys))


def _buys_in_flight(state: State, books: Iterable[WalletBook], sale: Signal) -> list[OrderId]:
    """The first few by id of the open buys that bring what the sale could take, whatever order the state has them in: a
    restored desk has another. Looks among the open orders only if there are any: a busy desk has thousands.
    """
    buying = (held for book in books if (held := book.entries.get(sale.mint)) is not None)
    if not any(sale.scope is SaleScope.SOURCE or sale.strategy in held for held in buying):
        return []
    bought = (known for known in state.open_orders.values() if known.order.receive == sale.mint)
    found = (known.order.id for known in bought if known.order.is_entry and _could_sell(sale, known))
    return nsmallest(BUYS_SHOWN_MAX, found)


def _could_sell(sale: Signal, buy: OpenOrder) -> bool:
    """Whether the sale could take what this buy brings."""
    if sale.scope is SaleScope.SOURCE:
        return buy.signal.source == sale.source
    return buy.order.strategy is sale.strategy


def _units(book: WalletBook, mint: Mint) -> int:
    position = book.positions.get(mint)
    return position.units if position is not None else 0


def _units_to_sell(state: State, signal: Signal, holder: WalletBook, held_units: int) -> int:
    """Zero without an amount: only the first rules took that for all."""
    token = holder.positions[signal.mint].token
    if signal.sender is not None:
        return share_of_source(state, signal, held_units)
    if signal.quantity is not None:
        return base_units(signal.quantity, token.decimals)
    if signal.notional_micros is not None:
        mark = state.marks.get(signal.mint)
        price = mark.price_pico if mark is not None else signal.target_price_pico
        assert price is not None, signal  # Without either, the sale was refused above.
        return units_of(signal.notional_micros, price, token.decimals)
    return held_units if signal.sell_all or state.settings.booking_rules < 2 else 0


def _parts(
    holders: list[WalletBook], held: dict[WalletId, int], wanted: int, signal: Signal
) -> list[tuple[WalletBook, int]]:
    """One wallet if one holds enough: those with the strategy's own lots first, then those of the preferred type."""
    enough = [book for book in holders if held[book.wallet.id] >= wanted]
    if enough:
        return [(min(enough, key=lambda book: _sale_rank(book, signal)), wanted)]
    parts: list[tuple[WalletBook, int]] = []
    for book in sorted(holders, key=lambda book: (-held[book.wallet.id], book.slot)):
        units = min(wanted, held[book.wallet.id])
        if units:
            parts.append((book, units))
            wanted -= units
    return parts


def _sale_rank(book: WalletBook, signal: Signal) -> tuple[bool, bool, int]:
    own_lots = signal.strategy in book.positions[signal.mint].units_by
    return (not own_lots, book.wallet.type is not signal.preferred_type, book.slot)


def exit_order(
    state: State, book: WalletBook, signal: Signal, units: int, part: int, stale_ns: int, at_ns: int
) -> Order:
    """The minimum proceeds follow from the mark, if it is fresh, and from the signal's limit price.

    A mark that is not believed also has a floor, whatever the slippage allows.
    """
    desk, token, mark = state.settings, book.positions[signal.mint].token, state.marks.get(signal.mint)
    slippage, exiting = slippage_bps(desk, signal), exit_price(state, signal.mint, at_ns)
    mark_pico = exiting.basis_pico if exiting is not None else None
    price = mark_pico or (mark.price_pico if mark is not None else signal.target_price_pico)
    assert price is not None, signal
    of_mark = slippage_of_mark(desk, slippage)
    received_min = sold_min(units, mark_pico, token.decimals, of_mark, signal.target_price_pico)
    if exiting is not None and exiting.floor_pico:
        received_min = max(received_min, value_micros_up(units, exiting.floor_pico, token.decimals))
    notional = value_micros_up(units, price, token.decimals)
    route = exit_route(state, book, signal.mint, is_protected(book.wallet, signal), at_ns)
    tip_max = tip_max_lamports(state, route, notional)
    return Order(
        id=OrderId(f"{signal.id}.{part}.0"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=signal.strategy,
        side=Side.SELL,
        spend=Money(units, signal.mint),
        receive=desk.quote.mint,
        received_min=received_min,
        notional_micros=notional,
        loss_max_micros=0,
        fee_max_lamports=fee_max_lamports(desk, tip_max),
        rent_max_lamports=rent_lamports(desk, book, desk.quote.mint),
        slippage_max_bps=slippage,
        mark_pico=price,
        expires_at_ns=stale_ns,
        part=part,
        attempt=0,
        mev_protected=signal.mev_protected,
        scope=signal.scope if seller_of(state, signal) else SaleScope.DESK,
        route=route,
        tip_max_lamports=tip_max,
    )


def history_refusals(state: State) -> Iterator[Refusal]:
    """A journal that may not know what was sold sells nothing: the chain may hold less, or what was bought since."""
    if not knows_history(state):
        yield Refusal(Code.PORTFOLIO_STOPPED, "a known history", ", ".join(sorted(state.holds)))


# Without a signal


def sell_all_due(state: State, at_ns: int) -> Iterator[OrderPlaced]:
    """Places the most urgent due exits, one order each; `exits_due` then returns the rest."""
    if not knows_history(state):
        return
    left = EXITS_MAX
    for due in exits_due(state, at_ns):
        if (placed := _sold(state, due, at_ns)) is not None:
            yield placed
            left -= 1
        if not left:
            return


def sell_due(state: State, command: SellDue, at_ns: int) -> Iterator[OrderPlaced]:
    """Places the exit if it is due."""
    due = due_of(state, _book(state, command.wallet_id), command.mint, at_ns, command.price_pico)
    if due is not None and knows_history(state) and (placed := _sold(state, due, at_ns)) is not None:
        yield placed


def _sold(state: State, due: Due, at_ns: int) -> OrderPlaced | None:
    """None if a fact stops it: an order before it may hold what it needs."""
    book = state.wallets[due.wallet_id]
    signal = _own_signal(state, book, due)
    stopped = next(exit_refusals(state, book, signal), None) is not None
    return None if stopped else _own_order(state, book, signal, due, at_ns)


def close_position(state: State, command: ClosePosition, at_ns: int) -> Iterator[Event]:
    """Records the close, whether or not anything can be sold at once. Repeating it yields no event."""
    book = holder(state, command.wallet_id, command.mint)
    if command.mint not in book.closing:
        yield CloseOrdered(command.wallet_id, command.mint, command.reason)
    yield from sell_due(state, SellDue(command.wallet_id, command.mint), at_ns)


def cancel_close(state: State, command: CancelClose) -> Iterator[Event]:
    if command.mint in holder(state, command.wallet_id, command.mint).closing:
        yield CloseCancelled(command.wallet_id, command.mint, command.reason)


def _book(state: State, wallet_id: WalletId) -> WalletBook:
    book = state.wallets.get(wallet_id)
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {known_wallets(state)}")
    return book


def holder(state: State, wallet_id: WalletId, mint: Mint) -> WalletBook:
    book = _book(state, wallet_id)
    if mint not in book.positions:
        raise CommandRefused(f"wallet {wallet_id} holds nothing of {mint}")
    return book


def refusals_of_close(state: State, book: WalletBook, mint: Mint, at_ns: int) -> list[Refusal]:
    """The facts that keep this wallet from selling more of it now."""
    signal = _own_signal(state, book, Due(book.wallet.id, mint, ExitCause.OPERATOR))
    return [*history_refusals(state), *exit_refusals(state, book, signal), *sale_price_refusals(state, mint, at_ns)]


def _own_signal(state: State, book: WalletBook, due: Due) -> Signal:
    """The signal of an exit without a sender. Its id is reserved; its strategy is that of most of the units."""
    shares = book.positions[due.mint].units_by
    most = max(StrategyType, key=lambda strategy: shares.get(strategy, 0))
    at_profit = due.cause is ExitCause.TAKE_PROFIT
    return Signal(
        id=SignalId(f"{due.cause}:{due.wallet_id}:{due.mint}:{book.exits_placed}"),
        strategy=most,
        action=TradeAction.SELL if at_profit else TradeAction.MARKET_SELL,
        mint=due.mint,
        risk_tolerance_ppm=PPM,
        target_price_pico=due.trigger_pico if at_profit else None,
        slippage_max_bps=exit_rules.slippage_bps(state, book, due.mint),
        scope=SaleScope.DESK,
        sell_all=True,
    )


def _own_order(state: State, book: WalletBook, signal: Signal, due: Due, at_ns: int) -> OrderPlaced:
    exiting = exit_price(state, due.mint, at_ns)
    assert exiting is not None, due  # Without a fresh mark nothing is due.
    decimals, free = book.positions[due.mint].token.decimals, sellable_units(state, book, due.mint)
    units = units_to_sell(state, book, due.mint, exiting.price_pico)
    units = with_rest(state, due.mint, units, free, decimals, at_ns)
    order = exit_order(state, book, signal, units, 0, at_ns + state.settings.signal_ttl_ns, at_ns)
    if due.trigger_pico is not None and due.cause is not ExitCause.TAKE_PROFIT:
        order = replace(order, received_max=value_micros_up(units, due.trigger_pico, decimals))
    terms = CostTerms(0.0, 0.0, state.settings.costs.half_spread_bps, 0.0, 0.0)
    selection = Selection(terms, 1, len(state.wallets))
    return OrderPlaced(signal, order, selection, of_sources=units_of_sources(book, order, signal.source))
