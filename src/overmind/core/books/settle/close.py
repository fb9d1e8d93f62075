"""Closes an order: releases the held capital, then books the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.core.books.aggregates import change_position, count_entry, plan_exits, realise, refresh_equity
from overmind.core.books.book import QUALITY_WINDOW, ExecutionQuality, Provisional, WalletBook
from overmind.core.books.execution_score import score
from overmind.core.books.ledger import FEES, MARKET, RENT, TIPS
from overmind.core.books.lessons import learn
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How
from overmind.core.books.route_health import see
from overmind.core.books.settle import routed
from overmind.core.books.settle.owners import release_lots, sell_lots
from overmind.core.books.settle.retries import after_exit, schedule_retry
from overmind.core.books.settle.suspense import make_good, take_back
from overmind.core.books.state import State
from overmind.core.books.triggers import has_exits
from overmind.core.model.enums import BUY, LEARNER_OFF, SELL, StrategyType
from overmind.core.model.ids import SOL, Mint, OrderId, is_own
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import BPS, SCALE, value_micros
from overmind.core.model.value import Value

PUBLIC: Final = RouteName.PUBLIC
ROUNDED_AGAINST_US_RULES: Final = 3
ENTRIES_RULES: Final = 3  # the first booking rules that count only entries in the trades of the day


def close(state: State, order_id: OrderId, outcome: Outcome, provisional: bool) -> None:
    """Releases the held capital, then books the outcome."""
    known = state.open_orders.pop(order_id)
    order, token = known.order, known.token
    assert token is not None, known
    book = state.wallets[order.wallet_id]
    _release(state, book, order)
    if known.shares:
        release_lots(book, token.mint, known.shares)
    book.executions += 1
    if isinstance(outcome, Filled) and not order.to_float:
        count_trade(state, book, order)
        book.last_trade_ns = state.at_ns
    close_reason = book.closing.get(token.mint, "") if provisional else ""
    booked = book_outcome(state, book, order, token, outcome, known.shares, known.signal.source)
    if provisional:
        assert isinstance(outcome, Filled | Failed), (known, outcome)
        assert known.ticket is not None, known
        state.provisional[order_id] = Provisional(
            order,
            token,
            known.ticket,
            outcome,
            booked.costs_micros,
            booked.lot_cost_micros,
            *booked.oldest,
            known.signal.source,
            [*booked.sold] if known.shares else [],
            close_reason,
        )
    if order.route is not PUBLIC or book.relayed_ns:
        routed.closed(state, book, order, outcome)
    if order.to_float:
        schedule_retry(state, book.top_up, outcome)
    elif is_own(order.signal_id):
        after_exit(state, book, order, outcome)
    book.quality.append(ExecutionQuality(isinstance(outcome, Filled), booked.shortfall_bps))
    if len(book.quality) > QUALITY_WINDOW:
        del book.quality[0]
    desk, standing = state.settings, state.standing
    has_learner = desk.routing.learner is not LEARNER_OFF or standing.mode is not None or standing.forecasts
    if has_learner and not provisional:
        learn(state, order, token, known.ticket, outcome)
    if desk.routing.routes:
        see(state, order.route, outcome)
    if desk.costs.miss_bps:
        score(book, outcome, state.at_ns, desk.costs.miss_half_life_ns)
    # A sale may take lots of other strategies.
    settled(state, book, token.mint, order.strategy if order.side is BUY else None)


def count_trade(state: State, book: WalletBook, order: Order) -> None:
    """Counts a fill in the trades of the day, which limit entries. Up to booking rules 2 a sale counted too."""
    if (order.side is SELL or order.to_float) and state.settings.booking_rules >= ENTRIES_RULES:
        return
    book.trades_today += 1
    state.trades_today += 1


def _release(state: State, book: WalletBook, order: Order) -> None:
    ledger, accounts = state.ledger, book.accounts
    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float_held, accounts.sol_float)
    if order.is_entry:
        count_entry(state, book, order, -order.notional_micros)
        book.entries_open -= 1
        state.entries_open -= 1
        book.loss_in_flight_micros -= order.loss_max_micros


class Booked(Value, frozen=True):
    costs_micros: int = 0  # value of fee, rent and tip
    lot_cost_micros: int = 0  # cost of the sold lots
    shortfall_bps: int = 0  # against the mark of the decision
    oldest: tuple[int, str] = (0, "")  # of the sold lots: when the oldest was opened, and its origin
    sold: tuple[Lot, ...] = ()


def book_outcome(
    state: State,
    book: WalletBook,
    order: Order,
    token: Token,
    outcome: Outcome,
    shares: Mapping[str, int],
    source: str,
) -> Booked:
    """Books the effects on balances, positions and counters. `shares`: whose lots a sale takes."""
    match outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent, tip_lamports=tip):
            book.filled += 1
            _see_slot(book, outcome.slot)
            return _fill(state, book, order, token, outcome, pay_costs(state, book, fee, rent, tip), shares, source)
        case Failed(fee_lamports=fee, tip_lamports=tip):
            book.failed += 1
            _see_slot(book, outcome.slot)
            return Booked(pay_costs(state, book, fee, 0, tip))
        case Expired():
            book.expired += 1
        case Rejected():
            book.rejected += 1
    return Booked()


def _fill(
    state: State,
    book: WalletBook,
    order: Order,
    token: Token,
    fill: Filled,
    costs_micros: int,
    shares: Mapping[str, int],
    source: str,
) -> Booked:
    assert 0 < fill.spent_units <= order.spend.units, (order, fill)
    assert fill.received_units >= order.received_min, (order, fill)
    take_back(state, book, order.spend.mint, fill.spent_units, book.accounts.free, MARKET)
    state.ledger.transfer(fill.received_units, order.receive, MARKET, receiving(book, order))
    if order.to_float:
        lost = fill.spent_units - state.sol_value_micros_down(fill.received_units)
        realise(state, book, Costs(book.wallet.id, 0, 0, lost))
        return Booked(costs_micros + lost)
    use_account(book, order.receive)
    if order.side is BUY:
        lot = Lot(order.strategy, fill.received_units, fill.spent_units, state.at_ns, order.id, source)
        change_position(state, book, token, lot)
        _plan_exits(state, book, order, token, fill)
        worth = value_micros(fill.received_units, order.mark_pico, token.decimals)
        return Booked(costs_micros, 0, _shortfall_bps(state, fill.spent_units - worth, fill.spent_units))
    sold = sell_lots(state, book, token, fill.spent_units, shares)
    if token.mint not in book.positions and token.mint != SOL:
        book.empty_since_ns[token.mint] = state.at_ns
    sale = Disposal(book.wallet.id, How.SALE, token, fill.spent_units, fill.received_units, sold)
    cost = fill.received_units - realise(state, book, sale)
    book.loss_streak = book.loss_streak + 1 if fill.received_units - cost < costs_micros else 0
    worth = value_micros(fill.spent_units, order.mark_pico, token.decimals)
    shortfall_bps = _shortfall_bps(state, worth - fill.received_units, worth)
    oldest = (sold[0].opened_ns, sold[0].origin) if sold else (0, "")
    return Booked(costs_micros, cost, shortfall_bps, oldest, tuple(sold))


def _shortfall_bps(state: State, lost: int, whole: int) -> int:
    """Rounded against the desk. Up to booking rules 2 it was rounded in its favour."""
    if not whole:
        return 0
    return -(-lost * BPS // whole) if state.settings.booking_rules >= ROUNDED_AGAINST_US_RULES else lost * BPS // whole


def _see_slot(book: WalletBook, slot: int) -> None:
    if slot > book.booked_slot:
        book.booked_slot = slot


def receiving(book: WalletBook, order: Order) -> str:
    return book.accounts.sol_float if order.to_float else book.accounts.free


def use_account(book: WalletBook, mint: Mint) -> None:
    book.token_accounts.add(mint)
    book.empty_since_ns.pop(mint, None)


def _plan_exits(state: State, book: WalletBook, order: Order, token: Token, fill: Filled) -> None:
    position = book.positions[token.mint]
    paid_pico = fill.spent_units * SCALE[token.decimals + 6] // fill.received_units
    if order.exits is not None or has_exits(book, position):
        plan_exits(state, book, token.mint, order.exits, paid_pico)
    elif paid_pico > position.peak_pico:
        position.peak_pico = paid_pico


def pay_costs(state: State, book: WalletBook, fee_lamports: int, rent_lamports: int, tip_lamports: int = 0) -> int:
    """Returns their value. A fork may make rent due that no order has reserved."""
    accounts = book.accounts
    take_back(state, book, SOL, fee_lamports, accounts.sol_float, FEES)
    if rent_lamports:
        take_back(state, book, SOL, rent_lamports, accounts.sol_float, RENT)
    if tip_lamports:
        take_back(state, book, SOL, tip_lamports, accounts.sol_float, TIPS)
    worth = state.sol_value_micros_up(fee_lamports + rent_lamports + tip_lamports)
    realise(state, book, Costs(book.wallet.id, fee_lamports, rent_lamports, worth, tip_lamports))
    return worth


def settled(state: State, book: WalletBook, mint: Mint, strategy: StrategyType | None) -> None:
    """`strategy`: the only one whose lots have changed; None: others' may have changed too."""
    book.booked_seq = state.seq
    if book.in_suspense:
        make_good(state, book)
    refresh_equity(state, book)
    state.touched.append((book.wallet.id, mint, strategy))
