"""Undoes in the books what a fork undid. Nothing here refuses: missing units go to the suspense account."""

from __future__ import annotations

from msgspec import structs

from overmind.core.books.aggregates import change_lots, change_position, realise
from overmind.core.books.book import Provisional, WalletBook
from overmind.core.books.ledger import FEES, MARKET, RENT, TIPS
from overmind.core.books.lessons import learn
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How
from overmind.core.books.settle.close import book_outcome, count_trade, receiving, settled
from overmind.core.books.settle.owners import shares_of
from overmind.core.books.settle.routed import rolled_back
from overmind.core.books.settle.suspense import pay_debt, take_back, take_bought, true_up
from overmind.core.books.state import State
from overmind.core.model.enums import BUY, SELL
from overmind.core.model.ids import SOL, OrderId
from overmind.core.model.outcome import Filled, Outcome


def finalise(state: State, order_id: OrderId) -> None:
    """Marks the outcome final. Balances that were read before this entry are ignored: they may be of the lost fork."""
    known = state.provisional.pop(order_id)
    state.wallets[known.order.wallet_id].booked_seq = state.seq
    learn(state, known.order, known.token, known.ticket, known.outcome)


def roll_back(state: State, order_id: OrderId, outcome: Outcome) -> None:
    """Undoes the booked outcome, then books the outcome that replaced it."""
    known = state.provisional.pop(order_id)
    order, token = known.order, known.token
    book = state.wallets[order.wallet_id]
    book.rolled_back += 1
    close_reason = book.closing.get(order.mint)
    fee = known.outcome.fee_lamports
    rent = known.outcome.rent_lamports if isinstance(known.outcome, Filled) else 0
    tip = known.outcome.tip_lamports
    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)
    state.ledger.transfer(tip, SOL, TIPS, book.accounts.sol_float)
    realise(state, book, Costs(book.wallet.id, -fee, -rent, -known.costs_micros, -tip))
    rolled_back(state, known.outcome, outcome)
    if isinstance(known.outcome, Filled):
        book.filled -= 1
        _unfill(state, book, known, known.outcome)
    else:
        book.failed -= 1
    if isinstance(outcome, Filled) and not isinstance(known.outcome, Filled) and not order.to_float:
        count_trade(state, book, order)
    shares = {}
    if order.side is SELL and isinstance(outcome, Filled) and state.settings.booking_rules >= 2:
        shares = shares_of(book, order, known.source, outcome.spent_units)
    book_outcome(state, book, order, token, outcome, shares, known.source)
    if close_reason is not None and order.mint in book.positions:  # The position may have been gone in between.
        book.closing.setdefault(order.mint, close_reason)
    learn(state, order, token, known.ticket, outcome)
    settled(state, book, token.mint, None)


def _unfill(state: State, book: WalletBook, known: Provisional, fill: Filled) -> None:
    order, token, accounts = known.order, known.token, book.accounts
    state.ledger.transfer(fill.rent_lamports, SOL, RENT, accounts.sol_float)
    if fill.rent_lamports:
        # If the account exists nevertheless, rent is reserved once too often.
        book.token_accounts.discard(order.receive)
        book.empty_since_ns.pop(order.receive, None)
    take_back(state, book, order.receive, fill.received_units, receiving(book, order), MARKET)
    state.ledger.transfer(fill.spent_units, order.spend.mint, MARKET, accounts.free)
    if order.to_float:
        return  # Its loss against the mark is part of its costs.
    wallet_id, spent, received = book.wallet.id, fill.spent_units, fill.received_units
    if order.side is BUY:
        by_owner = state.settings.booking_rules >= 2
        taken = take_bought(state, book, token, order, known.source) if by_owner else true_up(state, book, token)
        realise(state, book, Disposal(wallet_id, How.BUY_UNDONE, token, received, spent, taken))
        return
    back = _give_back(state, book, known, spent)
    if known.closing:  # The close may have ended with this sale or a later one; without the sale something is left.
        book.closing.setdefault(token.mint, known.closing)
    undone = [structs.replace(lot, units=-lot.units, cost_micros=-lot.cost_micros) for lot in back]
    realise(state, book, Disposal(wallet_id, How.SALE_UNDONE, token, -spent, -received, undone))
    pay_debt(state, book, token)


def _give_back(state: State, book: WalletBook, known: Provisional, units: int) -> list[Lot]:
    """Returns each sold lot to its owner. Of what was sold without a lot the seller gets a lot that cost nothing."""
    order, token = known.order, known.token
    if not known.lots:  # Under the first rules all of it became one lot of the seller.
        whole = Lot(order.strategy, units, known.lot_cost_micros, known.opened_ns, known.origin, known.source)
        change_position(state, book, token, whole)
        return [structs.replace(whole)]
    rest = units - sum(lot.units for lot in known.lots)
    back = (
        [*known.lots, Lot(order.strategy, rest, 0, known.lots[-1].opened_ns, source=known.source)]
        if rest
        else known.lots
    )
    change_lots(state, book, token, lambda found: found.put_back(back))
    return back
