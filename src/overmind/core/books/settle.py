"""Orders in the books: capital held at placement, released at the outcome, booked as it really went, and undone if a
fork undid it. Nothing here refuses: what a fork took back after it was spent goes to the suspense account."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import structs

from overmind.core.books.aggregates import change_position, count_entry, refresh_equity, take_newest, watch_again
from overmind.core.books.book import (
    DOUBLINGS_MAX,
    QUALITY_WINDOW,
    Execution,
    Exiting,
    OpenOrder,
    Provisional,
    Trying,
    WalletBook,
)
from overmind.core.books.ledger import DEPOSITS, FEES, MARKET, RENT
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How, Realised
from overmind.core.books.state import State, Touched
from overmind.core.books.triggers import exits_of
from overmind.core.model.messages import BalanceAdjusted, Deposited, ExitCause
from overmind.core.model.values import (
    BPS,
    SCALE,
    SOL,
    Cause,
    Desk,
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

STOPS: Final = (f"{ExitCause.STOP_LOSS}:", f"{ExitCause.TRAILING_STOP}:")
UNTRUE: Final = (Cause.NOT_CONFIRMED, Cause.LIMIT_PRICE)  # the price that made an exit due is not to be had
OF_MARKET: Final = (Cause.SLIPPAGE, Cause.PRICE_IMPACT, Cause.NO_LIQUIDITY, Cause.QUOTE_OFF_MARK, Cause.REVERTED)
UNTRUE_DOUBLINGS_MAX: Final = 2


def place(state: State, signal: Signal, order: Order, at_ns: int) -> None:
    """Hold the capital, the fees and the rent."""
    assert order.id not in state.open_orders, order
    state.open_orders[order.id] = OpenOrder(order, signal, token=_traded(state, order))
    ledger, wallet_id = state.ledger, order.wallet_id
    book = state.wallets[wallet_id]
    accounts = book.accounts
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
        exiting = book.exiting[order.mint] = book.exiting_of(order.mint, at_ns, state.settings)
        exiting.open = True
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
    if isinstance(outcome, Filled) and not order.to_float:
        _count_trade(state, book)
        book.last_trade_ns = state.at_ns
    closing = book.closing.get(order.mint, "")
    booked = _book(state, book, order, token, outcome)
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
            closing,
        )
    if order.to_float:
        tried(state, book.top_up, outcome)
    elif is_own(order.signal_id):
        _after_exit(state, book, order, outcome)
    book.quality.append(Execution(isinstance(outcome, Filled), booked.shortfall_bps))
    if len(book.quality) > QUALITY_WINDOW:
        del book.quality[0]
    # A sale takes the oldest lots, whosever they are.
    _settled(state, book, order, order.strategy if order.side is Side.BUY else None)


def _count_trade(state: State, book: WalletBook) -> None:
    book.trades_today += 1
    state.trades_today += 1


def _after_exit(state: State, book: WalletBook, order: Order, outcome: Outcome) -> None:
    """What sold cools the token down, and what did not is tried again."""
    exiting = book.exiting[order.mint]
    exiting.open = False
    if isinstance(outcome, Filled):
        _cool_down(state, book, order, state.at_ns)
        book.cooled_before.pop(order.mint, None)
        exiting.tries = exiting.after_ns = 0
        exiting.rung = max(0, exiting.rung - 1)
    else:
        _warm_up(book, order.mint)
        _try_later(state.settings, exiting, outcome, state.at_ns)
    if order.mint not in book.positions:
        del book.exiting[order.mint]


def _try_later(desk: Desk, exiting: Exiting, outcome: Outcome, at_ns: int) -> None:
    """The market's causes widen the slippage, and every failure makes it wait longer."""
    cause = outcome.cause if isinstance(outcome, Failed | Rejected) else None
    if cause in UNTRUE:  # Nothing failed, so nothing is to be waited out; but quotes are not free either.
        exiting.rung, exiting.tries = 0, min(exiting.tries, UNTRUE_DOUBLINGS_MAX)
    elif cause in OF_MARKET:
        exiting.rung = min(exiting.rung + 1, len(desk.exit_slippage_bps) - 1)
    exiting.after_ns = at_ns + (desk.exit_retry_ns << min(exiting.tries, DOUBLINGS_MAX))
    exiting.tries += 1


def tried(state: State, trying: Trying, outcome: Outcome) -> None:
    """What came to nothing waits before it is tried again, twice as long each time."""
    trying.open = False
    if isinstance(outcome, Filled):
        trying.tries = trying.after_ns = 0
        return
    trying.after_ns = state.at_ns + (state.settings.exit_retry_ns << min(trying.tries, DOUBLINGS_MAX))
    trying.tries += 1


def _cool_down(state: State, book: WalletBook, order: Order, at_ns: int) -> None:
    if state.settings.cooldown_ns and order.signal_id.startswith(STOPS):
        book.cooled_before.setdefault(order.mint, book.cooldowns.get(order.mint, 0))
        book.cooldowns[order.mint] = at_ns + state.settings.cooldown_ns


def _warm_up(book: WalletBook, mint: Mint) -> None:
    """The stop sold nothing."""
    before_ns = book.cooled_before.pop(mint, None)
    if before_ns is not None:
        book.cooldowns[mint] = before_ns


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


class Booked(NamedTuple):
    costs_micros: int = 0  # what fee and rent are worth
    lot_cost_micros: int = 0  # what sold lots had cost
    shortfall_bps: int = 0  # against the mark of the decision
    oldest: tuple[int, str] = (0, "")  # of sold lots: when it was opened, and its origin


def _book(state: State, book: WalletBook, order: Order, token: Token, outcome: Outcome) -> Booked:
    """What it did to balances, positions and counters."""
    if isinstance(outcome, Filled | Failed):
        book.booked_slot = max(book.booked_slot, outcome.slot)
    match outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent):
            book.filled += 1
            return _fill(state, book, order, token, outcome, pay_costs(state, book, fee, rent))
        case Failed(fee_lamports=fee):
            book.failed += 1
            return Booked(pay_costs(state, book, fee, 0))
        case Expired():
            book.expired += 1
        case Rejected():
            book.rejected += 1
    return Booked()


def _fill(state: State, book: WalletBook, order: Order, token: Token, fill: Filled, costs_micros: int) -> Booked:
    assert 0 < fill.spent_units <= order.spend.units, (order, fill)
    assert fill.received_units >= order.received_min, (order, fill)
    ledger = state.ledger
    take_back(state, book, order.spend.mint, fill.spent_units, book.accounts.free, MARKET)
    ledger.transfer(fill.received_units, order.receive, MARKET, _receiving(book, order))
    if order.to_float:
        lost = fill.spent_units - state.sol_value_micros_down(fill.received_units)
        realise(state, book, Costs(book.wallet.id, 0, 0, lost))
        return Booked(costs_micros + lost)
    _use_account(book, order.receive)
    if order.side is Side.BUY:
        lot = Lot(order.strategy, fill.received_units, fill.spent_units, state.at_ns, order.id)
        change_position(state, book, token, lot)
        _plan_exits(state, book, order, token, fill)
        worth = value_micros(fill.received_units, order.mark_pico, token.decimals)
        return Booked(costs_micros, 0, (fill.spent_units - worth) * BPS // fill.spent_units)
    sold = _sell_lots(state, book, token, fill.spent_units)
    if token.mint not in book.positions and token.mint != SOL:
        book.empty_since_ns[token.mint] = state.at_ns
    cost = sum(lot.cost_micros for lot in sold)
    realise(state, book, Disposal(book.wallet.id, How.SALE, token, fill.spent_units, fill.received_units, sold))
    book.loss_streak = book.loss_streak + 1 if fill.received_units - cost < costs_micros else 0
    worth = value_micros(fill.spent_units, order.mark_pico, token.decimals)
    shortfall_bps = (worth - fill.received_units) * BPS // worth if worth else 0
    return Booked(costs_micros, cost, shortfall_bps, (sold[0].opened_ns, sold[0].origin) if sold else (0, ""))


def _receiving(book: WalletBook, order: Order) -> str:
    return book.accounts.sol_float if order.to_float else book.accounts.free


def _use_account(book: WalletBook, mint: Mint) -> None:
    book.token_accounts.add(mint)
    book.empty_since_ns.pop(mint, None)


def _plan_exits(state: State, book: WalletBook, order: Order, token: Token, fill: Filled) -> None:
    position = book.positions[token.mint]
    paid_pico = fill.spent_units * SCALE[token.decimals + 6] // fill.received_units
    position.peak_pico = max(position.peak_pico, paid_pico)
    if order.exits is not None:
        position.plan(order.exits, state.at_ns)
    if exits_of(book, position) is not None:
        watch_again(state, book, token.mint)


def _sell_lots(state: State, book: WalletBook, token: Token, units: int) -> list[Lot]:
    """The lots that went. A fork may have taken them back before it gave them again."""
    position = book.positions.get(token.mint)
    if position is None:
        return []
    held = min(units, position.units)
    sold = position.oldest(held)
    change_position(state, book, token, -held)
    return sold


def pay_costs(state: State, book: WalletBook, fee_lamports: int, rent_lamports: int) -> int:
    """Returns what they are worth. A fork may make rent due that nobody had to reserve."""
    accounts = book.accounts
    take_back(state, book, SOL, fee_lamports, accounts.sol_float, FEES)
    take_back(state, book, SOL, rent_lamports, accounts.sol_float, RENT)
    worth = state.sol_value_micros_up(fee_lamports + rent_lamports)
    realise(state, book, Costs(book.wallet.id, fee_lamports, rent_lamports, worth))
    return worth


def realise(state: State, book: WalletBook, realised: Realised) -> None:
    """The one way to a gain or a loss, so whoever adds up what was realised misses none."""
    micros = realised.realised_micros
    book.realised_today_micros += micros
    book.realised_micros += micros
    state.realised.append(realised)


def _settled(state: State, book: WalletBook, order: Order, strategy: StrategyType | None) -> None:
    """`strategy`: whose lots alone have changed; None if others' may have."""
    book.booked_seq = state.seq
    make_good(state, book)
    refresh_equity(state, book)
    state.touched.append(Touched(book.wallet.id, order.mint, strategy))


# Forks


def finalise(state: State, order_id: OrderId) -> None:
    """Nothing changes but what is in doubt: a reading from before it may still be of the branch that died."""
    known = state.provisional.pop(order_id)
    state.wallets[known.order.wallet_id].booked_seq = state.seq


def roll_back(state: State, order_id: OrderId, outcome: Outcome) -> None:
    """Undo what was booked, then book what it came to instead."""
    known = state.provisional.pop(order_id)
    order, token = known.order, known.token
    book = state.wallets[order.wallet_id]
    book.rolled_back += 1
    closing = book.closing.get(order.mint)
    fee = known.outcome.fee_lamports
    rent = known.outcome.rent_lamports if isinstance(known.outcome, Filled) else 0
    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)
    realise(state, book, Costs(book.wallet.id, -fee, -rent, -known.costs_micros))
    if isinstance(known.outcome, Filled):
        book.filled -= 1
        _unfill(state, book, known, known.outcome)
    else:
        book.failed -= 1
    if isinstance(outcome, Filled) and not isinstance(known.outcome, Filled) and not order.to_float:
        _count_trade(state, book)
    _book(state, book, order, token, outcome)
    if closing is not None and order.mint in book.positions:  # It may have been gone in between.
        book.closing.setdefault(order.mint, closing)
    _settled(state, book, order, None)


def _unfill(state: State, book: WalletBook, known: Provisional, fill: Filled) -> None:
    order, token, accounts = known.order, known.token, book.accounts
    state.ledger.transfer(fill.rent_lamports, SOL, RENT, accounts.sol_float)
    if fill.rent_lamports:
        book.token_accounts.discard(order.receive)  # If it is there all the same, rent is reserved in vain once.
        book.empty_since_ns.pop(order.receive, None)
    take_back(state, book, order.receive, fill.received_units, _receiving(book, order), MARKET)
    state.ledger.transfer(fill.spent_units, order.spend.mint, MARKET, accounts.free)
    if order.to_float:
        return  # What it lost against the mark stands in its costs.
    wallet_id, spent, received = book.wallet.id, fill.spent_units, fill.received_units
    if order.side is Side.BUY:
        taken = _true_up(state, book, token)
        realise(state, book, Disposal(wallet_id, How.BUY_UNDONE, token, received, spent, taken))
        return
    back = Lot(order.strategy, spent, known.lot_cost_micros, known.opened_ns, known.origin)
    change_position(state, book, token, back)
    if known.closing:  # It may have ended with this sale or a later one; without it there is something left.
        book.closing.setdefault(token.mint, known.closing)
    undone = structs.replace(back, units=-spent, cost_micros=-back.cost_micros)
    realise(state, book, Disposal(wallet_id, How.SALE_UNDONE, token, -spent, -received, [undone]))
    _pay_debt(state, book, token)


def _pay_debt(state: State, book: WalletBook, token: Token) -> None:
    """Lots that pay a debt bring nothing: their cost is lost."""
    lost = _true_up(state, book, token)
    if lost:
        units = sum(lot.units for lot in lost)
        realise(state, book, Disposal(book.wallet.id, How.DEBT, token, units, 0, lost))


def _true_up(state: State, book: WalletBook, token: Token) -> list[Lot]:
    """A position is what its accounts hold; what is more goes, the newest lots first. Returns what went."""
    mint, accounts, balance = token.mint, book.accounts, state.ledger.balance
    left = max(0, balance(accounts.free, mint) + balance(accounts.held, mint) + balance(accounts.suspense, mint))
    position = book.positions.get(mint)
    if position is None or position.units <= left:
        return []
    taken = position.newest(position.units - left)
    take_newest(state, book, token, position.units - left)
    return taken


def take_back(state: State, book: WalletBook, mint: Mint, units: int, account: str, target: str) -> None:
    """Take it back as far as it is there; a suspense account owes the rest. The float's debts are its own."""
    accounts = book.accounts
    there = min(units, state.ledger.balance(account, mint))
    state.ledger.transfer(there, mint, account, target)
    if there < units:
        debtor = accounts.float_suspense if account == accounts.sol_float else accounts.suspense
        state.ledger.transfer(units - there, mint, debtor, target)
        book.in_suspense.add(mint)


def make_good(state: State, book: WalletBook) -> None:
    """What came free pays what the suspense accounts owe."""
    for mint in sorted(book.in_suspense):
        _repay(state, book, mint)
        position = book.positions.get(mint)
        if position is not None:
            _pay_debt(state, book, position.token)
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
        _use_account(book, mint)
        _add_lot(state, book, money, deposited.deposit_id)
    capital_changed(state, book, mint, equity_before)


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
        _use_account(book, mint)
        _add_lot(state, book, Money(units, mint), "")
    capital_changed(state, book, mint, equity_before)


def _withdraw(state: State, book: WalletBook, money: Money) -> None:
    """SOL leaves the float first. Lots leave at what they are worth: the day's PnL stays as it was."""
    accounts, mint, left = book.accounts, money.mint, money.units
    for account in (accounts.sol_float, accounts.free):
        there = min(left, state.ledger.balance(account, mint))
        state.ledger.transfer(there, mint, account, DEPOSITS)
        left -= there
    take_back(state, book, mint, left, accounts.sol_float if mint == SOL else accounts.free, DEPOSITS)
    position = book.positions.get(mint)
    if position is not None:
        price_pico = state.price_pico(mint)
        worth = position.value_micros(price_pico)
        gone = _true_up(state, book, position.token)
        units, proceeds = sum(lot.units for lot in gone), worth - position.value_micros(price_pico)
        if gone:
            realise(state, book, Disposal(book.wallet.id, How.WITHDRAWAL, position.token, units, proceeds, gone))


def _add_lot(state: State, book: WalletBook, money: Money, origin: str) -> None:
    """A token comes at what it is worth now. One that is held may be listed no more."""
    position = book.positions.get(money.mint)
    token = position.token if position is not None else state.settings.tokens.get(money.mint)
    if token is not None:
        mark = state.marks.get(money.mint)
        cost = value_micros(money.units, mark.price_pico, token.decimals) if mark else 0
        change_position(state, book, token, Lot(None, money.units, cost, state.at_ns, origin))


def capital_changed(state: State, book: WalletBook, mint: Mint, equity_before: int) -> None:
    """What came counts in full, also where it pays a debt at once: that is a loss of its own."""
    refresh_equity(state, book)
    state.deposited_micros += state.equity_micros - equity_before
    make_good(state, book)
    refresh_equity(state, book)
    book.booked_seq = state.seq
    state.touched.append(Touched(book.wallet.id, mint, None))
