"""The state and `apply`, the only function that changes it.

`apply` takes facts and never refuses. If it cannot apply one, the journal or this code is wrong, and stopping is the
only correct answer. Everything here is a fold over the journal: replaying it gives the same state, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

import msgspec

from overmind.core.book import QUALITY_WINDOW, Execution, OpenOrder, WalletBook
from overmind.core.ledger import (
    DEPOSITS,
    FEES,
    MARKET,
    RENT,
    Ledger,
    accounts_of,
)
from overmind.core.messages import (
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    Entry,
    Hold,
    HoldAdded,
    HoldLifted,
    OrderClosed,
    OrderPlaced,
    PricesMarked,
    Scope,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model import (
    BPS,
    DAY_NS,
    SOL,
    DepositId,
    Desk,
    Expired,
    Failed,
    Filled,
    Mark,
    Mint,
    Order,
    OrderId,
    Outcome,
    Rejected,
    Side,
    Signal,
    SignalId,
    StrategyType,
    Token,
    Wallet,
    WalletId,
    value_micros,
    value_micros_up,
)
from overmind.core.positions import Lot, Position

K = TypeVar("K")

SOL_DECIMALS: Final = 9
STATE_VERSION: Final = 1  # Raise it with any change of State: snapshots of another version are replayed instead.
DECISIONS_KEPT_NS: Final = 2 * DAY_NS  # older ids are recognised by the journal's index


class Touched(NamedTuple):
    """What an entry changed: a wallet, in one token, for one strategy (None: for any of them)."""

    wallet_id: WalletId
    mint: Mint
    strategy: StrategyType | None


class State(msgspec.Struct):
    version: int = 0  # as encoded; a state without one is of no version that we know
    seq: int = 0
    at_ns: int = 0
    day: int = 0
    founded: DeskFounded | None = None
    desk: Desk | None = None
    wallets: dict[WalletId, WalletBook] = msgspec.field(default_factory=dict)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    marks: dict[Mint, Mark] = msgspec.field(default_factory=dict)
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)  # on the whole portfolio
    paused: dict[StrategyType, dict[str, Hold]] = msgspec.field(default_factory=dict)
    deposits: set[DepositId] = msgspec.field(default_factory=set)
    open_orders: dict[OrderId, OpenOrder] = msgspec.field(default_factory=dict)
    equity_micros: int = 0
    assets: dict[Mint, int] = msgspec.field(default_factory=dict)  # positions and held buys by mint
    exposure_micros: int = 0  # the sum of `assets`
    deposited_micros: int = 0  # net, at the marks of the time
    signals: int = 0
    refused: int = 0
    recorded: int = 0
    # Caches, not part of the state's identity: rebuilt at start, never journaled, never hashed.
    decided: OrderedDict[SignalId, tuple[int, int]] = msgspec.field(default_factory=OrderedDict)  # (seq, at_ns)
    touched: list[Touched] = msgspec.field(default_factory=list)  # for the selection index
    revalued: bool = True  # marks, settings or wallets changed: the index must start afresh

    @property
    def settings(self) -> Desk:
        """The desk's settings; every command but the first two comes after they were journaled."""
        assert self.desk is not None, "the desk is not configured"
        return self.desk

    def sol_value_micros_up(self, lamports: int) -> int:
        """What SOL paid for fees costs, at the newest mark; nothing before SOL was ever priced."""
        mark = self.marks.get(SOL)
        return value_micros_up(lamports, mark.price_pico, SOL_DECIMALS) if mark else 0


CACHES: Final = frozenset({"decided", "touched", "revalued"})
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(State)


def encode_state(state: State) -> bytes:
    """Canonical: equal states give equal bytes."""
    fields = {name: getattr(state, name) for name in State.__struct_fields__ if name not in CACHES}
    return _ENCODER.encode({**fields, "version": STATE_VERSION})


def decode_state(raw: bytes) -> State:
    """Raises msgspec.DecodeError when it is not an encoded state of this version."""
    state = _DECODER.decode(raw)
    if state.version != STATE_VERSION:
        raise msgspec.ValidationError(f"a state of version {state.version}, not {STATE_VERSION}")
    # The canonical encoding sorts by id; the order of registration is the state's, and slots count by it. The tokens of
    # the desk come sorted by mint, which no decision depends on.
    state.wallets = dict(sorted(state.wallets.items(), key=lambda item: item[1].slot))
    return state


def is_current(raw: bytes) -> bool:
    """Whether an encoded state is of this version."""
    try:
        decode_state(raw)
    except msgspec.DecodeError:
        return False
    return True


def state_hash(state: State) -> str:
    return hashlib.sha256(encode_state(state)).hexdigest()


def apply(state: State, entry: Entry) -> None:
    assert entry.seq == state.seq + 1, (entry, state.seq)
    state.seq = entry.seq
    state.at_ns = entry.at_ns
    match entry.event:
        case OrderPlaced(signal=signal, order=order):
            _place(state, signal, order, entry)
        case TicketRecorded(order_id=order_id, ticket=ticket):
            state.open_orders[order_id].ticket = ticket
        case OrderClosed(order_id=order_id, outcome=outcome):
            _close(state, order_id, outcome)
        case PricesMarked(marks=marks):
            _mark(state, marks)
        case SignalRefused(signal=signal):
            state.refused += 1
            _decide(state, signal, entry)
        case SignalRecorded(signal=signal):
            state.recorded += 1
            _decide(state, signal, entry)
        case Deposited() as deposited:
            _deposit(state, deposited)
        case DayRolled(day=day):
            _roll_day(state, day)
        case HoldAdded(scope=scope, hold=hold):
            _holds(state, scope)[hold.cause] = hold
            state.revalued = True
        case HoldLifted(scope=scope, cause=cause):
            del _holds(state, scope)[cause]
            state.revalued = True
        case WalletConfigured(wallet=wallet):
            _configure_wallet(state, wallet)
        case DeskConfigured(desk=desk):
            state.desk = desk
            state.revalued = True
        case DeskFounded() as founded:
            assert state.seq == 1, entry
            state.founded = founded


def _decide(state: State, signal: Signal, entry: Entry) -> None:
    """Remember the first answer, and forget what the journal's index alone will remember."""
    state.signals += 1
    remember_decision(state, signal.id, entry.seq, entry.at_ns)


def remember_decision(state: State, signal_id: SignalId, seq: int, at_ns: int) -> None:
    decided = state.decided
    decided[signal_id] = (seq, at_ns)
    while next(iter(decided.values()))[1] < at_ns - DECISIONS_KEPT_NS:
        decided.popitem(last=False)


def _holds(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        return state.wallets[scope.wallet_id].holds
    if scope.strategy is not None:
        return state.paused.setdefault(scope.strategy, {})
    return state.holds


def _configure_wallet(state: State, wallet: Wallet) -> None:
    book = state.wallets.get(wallet.id)
    if book is None:
        book = state.wallets[wallet.id] = WalletBook(wallet, accounts_of(wallet.id), slot=len(state.wallets))
        book.token_accounts.add(SOL)  # Native: wrapped accounts come and go inside a transaction.
    book.wallet = wallet
    state.revalued = True


def _deposit(state: State, deposited: Deposited) -> None:
    state.deposits.add(deposited.deposit_id)
    money, wallet_id = deposited.money, deposited.wallet_id
    book, quote = state.wallets[wallet_id], state.settings.quote
    equity_before = state.equity_micros
    target = book.accounts.sol_float if deposited.to_float else book.accounts.free
    state.ledger.transfer(money.units, money.mint, DEPOSITS, target)
    if not deposited.to_float:
        book.token_accounts.add(money.mint)
        if money.mint != quote.mint:
            token, price = state.settings.tokens[money.mint], state.marks[money.mint].price_pico
            cost = value_micros(money.units, price, token.decimals)
            _change_position(state, book, token, Lot(None, money.units, cost))
    _refresh_equity(state, book)
    state.deposited_micros += state.equity_micros - equity_before
    state.touched.append(Touched(wallet_id, money.mint, None))


def _place(state: State, signal: Signal, order: Order, entry: Entry) -> None:
    if order.attempt == 0 and order.part == 0:
        _decide(state, signal, entry)
    state.open_orders[order.id] = OpenOrder(order, signal, token=_traded(state, order))
    ledger, wallet_id = state.ledger, order.wallet_id
    book = state.wallets[wallet_id]
    accounts = book.accounts
    ledger.transfer(order.spend.units, order.spend.mint, accounts.free, accounts.held)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)
    if order.side is Side.BUY:
        _count_entry(state, book, order, order.notional_micros)
        book.entries_open += 1
        book.loss_in_flight_micros += order.loss_max_micros
        book.placed_ns.append(entry.at_ns)
        if len(book.placed_ns) > state.settings.rate_max_per_s:
            del book.placed_ns[0]
    state.touched.append(Touched(wallet_id, order.mint, order.strategy))


def _traded(state: State, order: Order) -> Token:
    """A position knows its own token; what is bought for the first time is listed."""
    position = state.wallets[order.wallet_id].positions.get(order.mint)
    return position.token if position is not None else state.settings.tokens[order.mint]


def _count_entry(state: State, book: WalletBook, order: Order, micros: int) -> None:
    """Add a held buy to every sum that limits look at, or take it off again."""
    entries = book.entries.setdefault(order.mint, {})
    _add(entries, order.strategy, micros)
    if not entries:
        del book.entries[order.mint]
    _add(book.entries_by, order.strategy, micros)
    book.entries_micros += micros
    _change_asset(state, order.mint, micros)


def _add(sums: dict[K, int], key: K, micros: int) -> None:
    """A sum that comes to nothing is not kept."""
    left = sums.get(key, 0) + micros
    if left:
        sums[key] = left
    else:
        sums.pop(key, None)


def _change_asset(state: State, mint: Mint, micros: int) -> None:
    _add(state.assets, mint, micros)
    state.exposure_micros += micros


def _close(state: State, order_id: OrderId, outcome: Outcome) -> None:
    """Release what was held, then book what really happened."""
    known = state.open_orders.pop(order_id)
    order, ledger, wallet_id = known.order, state.ledger, known.order.wallet_id
    book = state.wallets[wallet_id]
    accounts = book.accounts
    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)
    costs = order.fee_max_lamports + order.rent_max_lamports
    ledger.transfer(costs, SOL, accounts.sol_float_held, accounts.sol_float)
    if order.side is Side.BUY:
        _count_entry(state, book, order, -order.notional_micros)
        book.entries_open -= 1
        book.loss_in_flight_micros -= order.loss_max_micros
    book.executions += 1
    shortfall_bps = 0
    match outcome:
        case Filled():
            shortfall_bps = _fill(state, book, known, outcome)
        case Failed(fee_lamports=fee):
            book.failed += 1
            _pay_costs(state, book, fee, 0)
        case Expired():
            book.expired += 1
        case Rejected():
            book.rejected += 1
    book.quality.append(Execution(isinstance(outcome, Filled), shortfall_bps))
    if len(book.quality) > QUALITY_WINDOW:
        del book.quality[0]
    _refresh_equity(state, book)
    # A sale takes the oldest lots, whosever they are.
    state.touched.append(Touched(wallet_id, order.mint, order.strategy if order.side is Side.BUY else None))


def _fill(state: State, book: WalletBook, known: OpenOrder, fill: Filled) -> int:
    """Book the swap. Returns the shortfall in basis points against the mark of the decision."""
    order, token = known.order, known.token
    assert token is not None, known
    assert 0 < fill.spent_units <= order.spend.units, (order, fill)
    assert fill.received_units >= order.received_min, (order, fill)
    assert fill.fee_lamports <= order.fee_max_lamports, (order, fill)
    assert fill.rent_lamports <= order.rent_max_lamports, (order, fill)
    ledger = state.ledger
    ledger.transfer(fill.spent_units, order.spend.mint, book.accounts.free, MARKET)
    ledger.transfer(fill.received_units, order.receive, MARKET, book.accounts.free)
    _pay_costs(state, book, fill.fee_lamports, fill.rent_lamports)
    book.token_accounts.add(order.receive)
    book.filled += 1
    book.trades_today += 1
    book.last_trade_ns = state.at_ns
    if order.side is Side.BUY:
        _change_position(state, book, token, Lot(order.strategy, fill.received_units, fill.spent_units))
        worth = value_micros(fill.received_units, order.mark_pico, token.decimals)
        return (fill.spent_units - worth) * BPS // fill.spent_units
    cost = _change_position(state, book, token, -fill.spent_units)
    _realise(book, fill.received_units - cost)
    worth = value_micros(fill.spent_units, order.mark_pico, token.decimals)
    return (worth - fill.received_units) * BPS // worth if worth else 0


def _pay_costs(state: State, book: WalletBook, fee_lamports: int, rent_lamports: int) -> None:
    state.ledger.transfer(fee_lamports, SOL, book.accounts.sol_float, FEES)
    state.ledger.transfer(rent_lamports, SOL, book.accounts.sol_float, RENT)
    _realise(book, -state.sol_value_micros_up(fee_lamports + rent_lamports))


def _realise(book: WalletBook, micros: int) -> None:
    book.realised_today_micros += micros
    book.realised_micros += micros


def _change_position(state: State, book: WalletBook, token: Token, change: Lot | int) -> int:
    """Add a lot, or take units away (negative). Returns the cost of what was taken."""
    position = book.positions.get(token.mint)
    if position is None:
        position = book.positions[token.mint] = Position(token)
    _discount(state, book, position)
    cost = 0
    if isinstance(change, Lot):
        position.add(change)
    else:
        cost = position.take(-change)
    mark = state.marks.get(token.mint)
    position.revalue(mark.price_pico if mark else 0)
    _count(state, book, position)
    if not position.units:
        del book.positions[token.mint]
    return cost


def _discount(state: State, book: WalletBook, position: Position) -> None:
    """Take a position out of every sum before it changes; `_count` puts it back."""
    book.positions_micros -= position.value_micros
    book.cost_micros -= position.cost_micros
    for by, value in position.value_by.items():
        _add(book.deployed, by, -value)
    _change_asset(state, position.token.mint, -position.value_micros)


def _count(state: State, book: WalletBook, position: Position) -> None:
    book.positions_micros += position.value_micros
    book.cost_micros += position.cost_micros
    for by, value in position.value_by.items():
        _add(book.deployed, by, value)
    _change_asset(state, position.token.mint, position.value_micros)


def _refresh_equity(state: State, book: WalletBook) -> None:
    """Equity = quote currency + positions + SOL float, held or not."""
    ledger, accounts, quote = state.ledger, book.accounts, state.settings.quote.mint
    cash = ledger.balance(accounts.free, quote) + ledger.balance(accounts.held, quote)
    lamports = ledger.balance(accounts.sol_float, SOL) + ledger.balance(accounts.sol_float_held, SOL)
    mark = state.marks.get(SOL)
    float_micros = value_micros(lamports, mark.price_pico, SOL_DECIMALS) if mark else 0
    equity = cash + book.positions_micros + float_micros
    state.equity_micros += equity - book.equity_micros
    book.equity_micros = equity


def _mark(state: State, marks: tuple[Mark, ...]) -> None:
    changed = [mark for mark in marks if _price_changed(state, mark)]
    for mark in marks:
        state.marks[mark.mint] = mark
    if not changed:
        return
    for book in state.wallets.values():
        for mark in changed:
            position = book.positions.get(mark.mint)
            if position is not None:
                _discount(state, book, position)
                position.revalue(mark.price_pico)
                _count(state, book, position)
        _refresh_equity(state, book)
    state.revalued = True


def _price_changed(state: State, mark: Mark) -> bool:
    known = state.marks.get(mark.mint)
    return known is None or known.price_pico != mark.price_pico


def _roll_day(state: State, day: int) -> None:
    assert day > state.day, (day, state.day)
    state.day = day
    for book in state.wallets.values():
        book.trades_today = 0
        book.realised_today_micros = 0
        book.unrealised_base_micros = book.unrealised_micros
    state.revalued = True
