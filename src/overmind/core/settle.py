"""Orders in the books: capital held at placement, released at the outcome, booked as it really went, and undone if a
fork undid it. Nothing here refuses: what a fork took back after it was spent goes to the suspense account."""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.core.book import QUALITY_WINDOW, Execution, Exiting, OpenOrder, Provisional, WalletBook
from overmind.core.ledger import DEPOSITS, FEES, MARKET, RENT
from overmind.core.messages import BalanceAdjusted, Deposited, ExitCause
from overmind.core.model import (
    BPS,
    SCALE,
    SOL,
    Cause,
    Expired,
    Failed,
    Filled,
    Mint,
    Money,
    Order,
    OrderId,
    Outcome,
    Rejected,
    Side,
    Signal,
    StrategyType,
    Token,
    is_own,
    value_micros,
)
from overmind.core.positions import Lot
from overmind.core.state import State, Touched
from overmind.core.sums import change_position, count_entry, refresh_equity, take_newest, watch_again

STOPS: Final = (f"{ExitCause.STOP_LOSS}:", f"{ExitCause.TRAILING_STOP}:")
UNTRUE: Final = (Cause.NOT_CONFIRMED, Cause.LIMIT_PRICE)  # the price that made an exit due is not to be had
OF_MARKET: Final = (Cause.SLIPPAGE, Cause.PRICE_IMPACT, Cause.NO_LIQUIDITY, Cause.QUOTE_OFF_MARK, Cause.REVERTED)
DOUBLINGS_MAX: Final = 5


def place(state: State, signal: Signal, order: Order, at_ns: int) -> None:
    """Hold the capital, the fees and the rent."""
    state.open_orders[order.id] = OpenOrder(order, signal, token=_traded(state, order))
    ledger, wallet_id = state.ledger, order.wallet_id
    book = state.wallets[wallet_id]
    accounts = book.accounts
    ledger.transfer(order.spend.units, order.spend.mint, accounts.free, accounts.held)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)
    if order.side is Side.BUY:
        count_entry(state, book, order, order.notional_micros)
        book.entries_open += 1
        book.loss_in_flight_micros += order.loss_max_micros
        book.placed_ns.append(at_ns)
        if len(book.placed_ns) > state.settings.rate_max_per_s:
            del book.placed_ns[0]
    elif is_own(order.signal_id):
        book.exiting.setdefault(order.mint, Exiting()).open = True
        book.exits_placed += 1
        _cool_down(state, book, order, at_ns)
    state.touched.append(Touched(wallet_id, order.mint, order.strategy))


def _traded(state: State, order: Order) -> Token:
    """A position knows its own token; what is bought for the first time is listed."""
    position = state.wallets[order.wallet_id].positions.get(order.mint)
    return position.token if position is not None else state.settings.tokens[order.mint]


def close(state: State, order_id: OrderId, outcome: Outcome, provisional: bool) -> None:
    """Release what was held, then book what really happened."""
    known = state.open_orders.pop(order_id)
    order, token = known.order, known.token
    assert token is not None, known
    book = state.wallets[order.wallet_id]
    _release(state, book, order)
    book.executions += 1
    if isinstance(outcome, Filled):
        book.trades_today += 1
        book.last_trade_ns = state.at_ns
    booked = _book(state, book, order, token, outcome)
    if provisional:
        assert isinstance(outcome, Filled | Failed), (known, outcome)
        assert known.ticket is not None, known
        state.provisional[order_id] = Provisional(
            order, token, known.ticket, outcome, booked.costs_micros, booked.lot_cost_micros
        )
    if is_own(order.signal_id):
        _after_exit(state, book, order, outcome)
    book.quality.append(Execution(isinstance(outcome, Filled), booked.shortfall_bps))
    if len(book.quality) > QUALITY_WINDOW:
        del book.quality[0]
    # A sale takes the oldest lots, whosever they are.
    _settled(state, book, order, order.strategy if order.side is Side.BUY else None)


def _after_exit(state: State, book: WalletBook, order: Order, outcome: Outcome) -> None:
    """What becomes of the next try: the market's causes widen the slippage, and every failure makes it wait longer."""
    desk, exiting = state.settings, book.exiting[order.mint]
    exiting.open = False
    _cool_down(state, book, order, state.at_ns)
    if isinstance(outcome, Filled):
        exiting.tries = exiting.after_ns = 0
        exiting.rung = max(0, exiting.rung - 1)
        if order.mint not in book.positions:
            del book.exiting[order.mint]
        return
    cause = outcome.cause if isinstance(outcome, Failed | Rejected) else None
    if cause in UNTRUE:
        exiting.rung = 0
    elif cause in OF_MARKET:
        exiting.rung = min(exiting.rung + 1, len(desk.exit_slippage_bps) - 1)
    exiting.after_ns = state.at_ns + (desk.exit_retry_ns << min(exiting.tries, DOUBLINGS_MAX))
    exiting.tries += 1


def _cool_down(state: State, book: WalletBook, order: Order, at_ns: int) -> None:
    if state.settings.cooldown_ns and order.signal_id.startswith(STOPS):
        book.cooldowns[order.mint] = at_ns + state.settings.cooldown_ns


def _release(state: State, book: WalletBook, order: Order) -> None:
    ledger, accounts = state.ledger, book.accounts
    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float_held, accounts.sol_float)
    if order.side is Side.BUY:
        count_entry(state, book, order, -order.notional_micros)
        book.entries_open -= 1
        book.loss_in_flight_micros -= order.loss_max_micros


class Booked(NamedTuple):
    costs_micros: int = 0  # what fee and rent are worth
    lot_cost_micros: int = 0  # what sold lots had cost
    shortfall_bps: int = 0  # against the mark of the decision


def _book(state: State, book: WalletBook, order: Order, token: Token, outcome: Outcome) -> Booked:
    """What it did to balances, positions and counters."""
    if isinstance(outcome, Filled | Failed):
        book.booked_slot = max(book.booked_slot, outcome.slot)
    match outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent):
            book.filled += 1
            return _fill(state, book, order, token, outcome, _pay_costs(state, book, fee, rent))
        case Failed(fee_lamports=fee):
            book.failed += 1
            return Booked(_pay_costs(state, book, fee, 0))
        case Expired():
            book.expired += 1
        case Rejected():
            book.rejected += 1
    return Booked()


def _fill(state: State, book: WalletBook, order: Order, token: Token, fill: Filled, costs_micros: int) -> Booked:
    assert 0 < fill.spent_units <= order.spend.units, (order, fill)
    assert fill.received_units >= order.received_min, (order, fill)
    ledger = state.ledger
    _reclaim(state, book, order.spend.mint, fill.spent_units, book.accounts.free, MARKET)
    ledger.transfer(fill.received_units, order.receive, MARKET, book.accounts.free)
    book.token_accounts.add(order.receive)
    if order.side is Side.BUY:
        change_position(state, book, token, Lot(order.strategy, fill.received_units, fill.spent_units))
        _plan_exits(state, book, order, token, fill)
        worth = value_micros(fill.received_units, order.mark_pico, token.decimals)
        return Booked(costs_micros, 0, (fill.spent_units - worth) * BPS // fill.spent_units)
    cost = _sell_lots(state, book, token, fill.spent_units)
    gain = fill.received_units - cost
    _realise(book, gain)
    book.loss_streak = book.loss_streak + 1 if gain < costs_micros else 0
    worth = value_micros(fill.spent_units, order.mark_pico, token.decimals)
    return Booked(costs_micros, cost, (worth - fill.received_units) * BPS // worth if worth else 0)


def _plan_exits(state: State, book: WalletBook, order: Order, token: Token, fill: Filled) -> None:
    position = book.positions[token.mint]
    paid_pico = fill.spent_units * SCALE[token.decimals + 6] // fill.received_units
    position.peak_pico = max(position.peak_pico, paid_pico)
    if order.exits is not None:
        position.plan(order.exits, state.at_ns)
    if position.exits is not None:
        watch_again(state, book, token.mint)


def _sell_lots(state: State, book: WalletBook, token: Token, units: int) -> int:
    """What they had cost. A fork may have taken the lots back before it gave them again."""
    position = book.positions.get(token.mint)
    held = min(units, position.units) if position is not None else 0
    return change_position(state, book, token, -held) if held else 0


def _pay_costs(state: State, book: WalletBook, fee_lamports: int, rent_lamports: int) -> int:
    """Returns what they are worth. A fork may make rent due that nobody had to reserve."""
    accounts = book.accounts
    _reclaim(state, book, SOL, fee_lamports, accounts.sol_float, FEES)
    _reclaim(state, book, SOL, rent_lamports, accounts.sol_float, RENT)
    worth = state.sol_value_micros_up(fee_lamports + rent_lamports)
    _realise(book, -worth)
    return worth


def _realise(book: WalletBook, micros: int) -> None:
    book.realised_today_micros += micros
    book.realised_micros += micros


def _settled(state: State, book: WalletBook, order: Order, strategy: StrategyType | None) -> None:
    """`strategy`: whose lots alone have changed; None if others' may have."""
    book.booked_seq = state.seq
    _make_good(state, book)
    refresh_equity(state, book)
    state.touched.append(Touched(book.wallet.id, order.mint, strategy))


# Forks


def finalise(state: State, order_id: OrderId) -> None:
    del state.provisional[order_id]


def roll_back(state: State, order_id: OrderId, outcome: Outcome) -> None:
    """Undo what was booked, then book what it came to instead."""
    known = state.provisional.pop(order_id)
    order, token = known.order, known.token
    book = state.wallets[order.wallet_id]
    book.rolled_back += 1
    state.ledger.transfer(known.outcome.fee_lamports, SOL, FEES, book.accounts.sol_float)
    _realise(book, known.costs_micros)
    if isinstance(known.outcome, Filled):
        book.filled -= 1
        _unfill(state, book, known, known.outcome)
    else:
        book.failed -= 1
    if isinstance(outcome, Filled) and not isinstance(known.outcome, Filled):
        book.trades_today += 1
    _book(state, book, order, token, outcome)
    _settled(state, book, order, None)


def _unfill(state: State, book: WalletBook, known: Provisional, fill: Filled) -> None:
    order, token, accounts = known.order, known.token, book.accounts
    state.ledger.transfer(fill.rent_lamports, SOL, RENT, accounts.sol_float)
    if fill.rent_lamports:
        book.token_accounts.discard(order.receive)  # If it is there all the same, rent is reserved in vain once.
    _reclaim(state, book, order.receive, fill.received_units, accounts.free, MARKET)
    state.ledger.transfer(fill.spent_units, order.spend.mint, MARKET, accounts.free)
    if order.side is Side.BUY:
        _realise(book, fill.spent_units)  # Less what the lots had cost, when `_true_up` takes them.
    else:
        change_position(state, book, token, Lot(order.strategy, fill.spent_units, known.lot_cost_micros))
        _realise(book, known.lot_cost_micros - fill.received_units)
    _realise(book, -_true_up(state, book, token))


def _true_up(state: State, book: WalletBook, token: Token) -> int:
    """A position is what its accounts hold; what is more goes, the newest lots first. Returns what they had cost."""
    mint, accounts, balance = token.mint, book.accounts, state.ledger.balance
    left = max(0, balance(accounts.free, mint) + balance(accounts.held, mint) + balance(accounts.suspense, mint))
    position = book.positions.get(mint)
    if position is None or position.units <= left:
        return 0
    return take_newest(state, book, token, position.units - left)


def _reclaim(state: State, book: WalletBook, mint: Mint, units: int, account: str, target: str) -> None:
    """Take it back as far as it is there; a suspense account owes the rest. The float's debts are its own."""
    accounts = book.accounts
    there = min(units, state.ledger.balance(account, mint))
    state.ledger.transfer(there, mint, account, target)
    if there < units:
        debtor = accounts.float_suspense if account == accounts.sol_float else accounts.suspense
        state.ledger.transfer(units - there, mint, debtor, target)
        book.in_suspense.add(mint)


def _make_good(state: State, book: WalletBook) -> None:
    """What came free pays what the suspense accounts owe. Lots that pay a debt bring nothing: their cost is lost."""
    for mint in sorted(book.in_suspense):
        _repay(state, book, mint)
        position = book.positions.get(mint)
        if position is not None:
            _realise(book, -_true_up(state, book, position.token))
            state.touched.append(Touched(book.wallet.id, mint, None))


def _repay(state: State, book: WalletBook, mint: Mint) -> None:
    ledger, accounts = state.ledger, book.accounts
    left = 0
    for source, debtor in ((accounts.free, accounts.suspense), (accounts.sol_float, accounts.float_suspense)):
        owed = -ledger.balance(debtor, mint)
        paid = min(owed, ledger.balance(source, mint))
        ledger.transfer(paid, mint, source, debtor)
        left += owed - paid
    if not left:
        book.in_suspense.remove(mint)


# Capital that comes and goes


def deposit(state: State, deposited: Deposited) -> None:
    money, mint = deposited.money, deposited.money.mint
    state.deposits.add(deposited.deposit_id)
    book, equity_before = state.wallets[deposited.wallet_id], state.equity_micros
    target = book.accounts.sol_float if deposited.to_float else book.accounts.free
    state.ledger.transfer(money.units, mint, DEPOSITS, target)
    if not deposited.to_float:
        book.token_accounts.add(mint)
        _add_lot(state, book, money)
    _capital_changed(state, book, mint, equity_before)


def adjust(state: State, adjusted: BalanceAdjusted) -> None:
    """Make the books say what the chain says. No trade did it, so it is no gain and no loss: capital came or went."""
    book, mint, units = state.wallets[adjusted.wallet_id], adjusted.mint, adjusted.units
    accounts, equity_before = book.accounts, state.equity_micros
    if units < 0:
        _withdraw(state, book, Money(-units, mint))
    elif mint == SOL:
        state.ledger.transfer(units, mint, DEPOSITS, accounts.sol_float)
    else:
        state.ledger.transfer(units, mint, DEPOSITS, accounts.free)
        _add_lot(state, book, Money(units, mint))
    _capital_changed(state, book, mint, equity_before)


def _withdraw(state: State, book: WalletBook, money: Money) -> None:
    """SOL leaves the float first. Lots leave at what they are worth: the day's PnL stays as it was."""
    accounts, mint, left = book.accounts, money.mint, money.units
    for account in (accounts.sol_float, accounts.free):
        there = min(left, state.ledger.balance(account, mint))
        state.ledger.transfer(there, mint, account, DEPOSITS)
        left -= there
    _reclaim(state, book, mint, left, accounts.sol_float if mint == SOL else accounts.free, DEPOSITS)
    position = book.positions.get(mint)
    if position is not None:
        worth = position.value_micros
        cost = _true_up(state, book, position.token)
        _realise(book, worth - position.value_micros - cost)


def _add_lot(state: State, book: WalletBook, money: Money) -> None:
    """A token comes at what it is worth now. One that is held may be listed no more."""
    position = book.positions.get(money.mint)
    token = position.token if position is not None else state.settings.tokens.get(money.mint)
    if token is not None:
        mark = state.marks.get(money.mint)
        cost = value_micros(money.units, mark.price_pico, token.decimals) if mark else 0
        change_position(state, book, token, Lot(None, money.units, cost))


def _capital_changed(state: State, book: WalletBook, mint: Mint, equity_before: int) -> None:
    """What came counts in full, also where it pays a debt at once: that is a loss of its own."""
    refresh_equity(state, book)
    state.deposited_micros += state.equity_micros - equity_before
    _make_good(state, book)
    refresh_equity(state, book)
    book.booked_seq = state.seq
    state.touched.append(Touched(book.wallet.id, mint, None))
