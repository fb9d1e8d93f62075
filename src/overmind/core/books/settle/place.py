"""Place an order: hold its capital, fees and rent."""

from __future__ import annotations

from typing import Final

from overmind.core.books.aggregates import count_entry
from overmind.core.books.book import OpenOrder, WalletBook
from overmind.core.books.settle import routed
from overmind.core.books.settle.owners import reserve_lots
from overmind.core.books.settle.retries import start_cooldown
from overmind.core.books.state import State
from overmind.core.model.enums import SELL
from overmind.core.model.ids import SOL, Mint, is_own
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.route import RouteName
from overmind.core.model.signal import Signal

PUBLIC: Final = RouteName.PUBLIC


def place(state: State, signal: Signal, order: Order, at_ns: int) -> None:
    """Hold the capital, the fees and the rent."""
    assert order.id not in state.open_orders, order
    ledger, wallet_id, mint = state.ledger, order.wallet_id, order.mint
    book = state.wallets[wallet_id]
    accounts = book.accounts
    shares = (
        reserve_lots(book, order, signal.source) if order.side is SELL and state.settings.booking_rules >= 2 else {}
    )
    state.open_orders[order.id] = OpenOrder(order, signal, token=_traded(state, book, mint), shares=shares)
    ledger.transfer(order.spend.units, order.spend.mint, accounts.free, accounts.held)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)
    if order.is_entry:
        count_entry(state, book, order, order.notional_micros)
        book.entries_open += 1
        state.entries_open += 1
        book.loss_in_flight_micros += order.loss_max_micros
        book.placed_ns.append(at_ns)
        if len(book.placed_ns) > state.settings.rate_max_per_s:
            del book.placed_ns[0]
    elif order.to_float:
        book.top_up.open = True
        book.swaps_placed += 1
    elif is_own(order.signal_id):
        exiting = book.exiting[mint] = book.exiting_of(mint, at_ns, state.settings)
        exiting.open = True
        book.exits_placed += 1
        start_cooldown(state, book, order, at_ns)
    if order.route is not PUBLIC:
        routed.placed(state, book, order, at_ns)
    state.touched.append((wallet_id, mint, order.strategy))


def _traded(state: State, book: WalletBook, mint: Mint) -> Token:
    """A position knows its own token; what is bought for the first time is listed."""
    position = book.positions.get(mint)
    return position.token if position is not None else state.settings.tokens[mint]
