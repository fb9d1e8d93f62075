"""The books as an accountant reads them: a fold over the journal into rows, which add up to what the books say.

Each disposed part of a lot is one gain, each fee and rent one cost, all that came or went from outside one transfer.
Nothing is computed twice: rows are what `core.settle` itself realised, so the same rounding. What a fork may still undo
is marked; what it undid stays, and is reversed on the day of the rollback.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import structs

from overmind.clock.instants import iso
from overmind.core.books.apply import apply
from overmind.core.books.ledger import DEPOSITS, FEES, RENT
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.enums import MoveKind, StrategyType
from overmind.core.model.events import (
    BalanceAdjusted,
    Deposited,
    DeskConfigured,
    Entry,
    Event,
    MoveClosed,
    MoveFinal,
    MoveRolledBack,
    OrderClosed,
    OrderFinal,
    OrderRolledBack,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order
from overmind.core.model.outcome import Filled

DEPOSIT: Final = "deposit"  # the strategy of what no strategy bought
NATIVE: Final = Token("SOL", SOL, SOL_DECIMALS)
FEES_PAID, RENT_PAID, NET_DEPOSITS = "fees, lamports", "rent, lamports", "net deposits, micro-USD"
FINAL, PROVISIONAL, UNDONE, REVERSAL = "final", "provisional", "undone", "reversal"


class Period(NamedTuple):
    from_ns: int  # inclusive
    to_ns: int  # exclusive

    def holds(self, at_ns: int) -> bool:
        return self.from_ns <= at_ns < self.to_ns


class RowOrigin(NamedTuple):
    """What made an entry realise something: an order, or a move of capital that no strategy asked for."""

    id: str
    signal_id: str
    strategy: str
    token: Token


class Gain(msgspec.Struct):
    """A part of a lot that left. A reversal has negative amounts."""

    at_ns: int
    wallet_id: WalletId
    token: Token
    how: How
    lot: Lot  # that part alone
    proceeds_micros: int
    cause: RowOrigin
    status: str

    @property
    def strategy(self) -> str:
        return self.lot.strategy or DEPOSIT

    @property
    def gain_micros(self) -> int:
        return self.proceeds_micros - self.lot.cost_micros


class Cost(msgspec.Struct):
    """What one execution cost. Below zero: it came back."""

    at_ns: int
    wallet_id: WalletId
    fee_lamports: int
    rent_lamports: int
    micros: int
    cause: RowOrigin
    status: str


class Transfer(msgspec.Struct):
    """Capital that came from outside, or went there (negative)."""

    at_ns: int
    wallet_id: WalletId
    kind: str
    token: Token
    units: int
    micros: int  # what it added to the net deposits
    reference: str
    reason: str = ""
    counterparty: str = ""  # the other wallet, or the address outside, where one is known


class Sums(msgspec.Struct):
    """Of one wallet, asset and strategy, or of everything."""

    gains: int = 0
    proceeds_micros: int = 0
    cost_micros: int = 0
    fee_lamports: int = 0
    rent_lamports: int = 0  # less what came back
    costs_micros: int = 0
    transfers_micros: int = 0

    @property
    def gain_micros(self) -> int:
        return self.proceeds_micros - self.cost_micros

    @property
    def realised_micros(self) -> int:
        """Gains less costs: as the wallet's realised PnL counts."""
        return self.gain_micros - self.costs_micros

    def count(self, row: Gain | Cost | Transfer) -> None:
        match row:
            case Gain(lot=lot, proceeds_micros=proceeds):
                self.gains += 1
                self.proceeds_micros += proceeds
                self.cost_micros += lot.cost_micros
            case Cost(fee_lamports=fee, rent_lamports=rent, micros=micros):
                self.fee_lamports += fee
                self.rent_lamports += rent
                self.costs_micros += micros
            case Transfer(micros=micros):
                self.transfers_micros += micros


class Key(NamedTuple):
    wallet_id: WalletId
    asset: str
    mint: Mint
    strategy: str


class Sink(Protocol):
    """Where rows of the period go, in the order of booking."""

    def gain(self, row: Gain) -> None: ...

    def cost(self, row: Cost) -> None: ...

    def transfer(self, row: Transfer) -> None: ...


class AccountingReport:
    """Fold every entry of a journal from its first one, then `close`."""

    def __init__(self, period: Period, sink: Sink, wallet_id: WalletId | None = None) -> None:
        """`wallet_id`: the one whose rows are wanted; None for all. The proof is always of all."""
        self.state = State()
        self.sums: dict[Key, Sums] = {}  # of the rows that went to the sink
        self.total = Sums()
        self.differences: list[str] = []
        self._period = period
        self._wallet_id = wallet_id
        self._sink = sink
        self._gains = _Settling(sink.gain)
        self._costs = _Settling(sink.cost)
        self._of_sale: dict[OrderId, list[Gain]] = {}  # of provisional ones: what a rollback reverses
        self._tokens: dict[Mint, Token] = {SOL: NATIVE}
        self._realised: Counter[WalletId] = Counter()
        self._transferred: Counter[Mint] = Counter()
        self._all = Sums()
        self._edges = list(period)

    def fold(self, entry: Entry) -> None:
        while self._edges and entry.at_ns >= self._edges[0]:
            self._prove(f"before {iso(self._edges.pop(0))}")
        cause, deposited_micros = self._cause(entry), self.state.deposited_micros
        moved = self._moved(entry.event)
        if isinstance(entry.event, OrderRolledBack):
            self._settle(entry.event.order_id, UNDONE)
        elif isinstance(entry.event, MoveRolledBack):
            self._settle(entry.event.move_id, UNDONE)
        apply(self.state, entry)
        self.state.touched.clear()
        self._record(entry, cause)
        added_micros = self.state.deposited_micros - deposited_micros
        self._transfers(entry, added_micros)
        for number, (move, sign) in enumerate(moved, 1):  # The last row has it all, where one entry undoes and makes.
            self._move(entry.at_ns, move, sign, added_micros if number == len(moved) else 0)
        match entry.event:
            case MoveFinal(move_id=move_id):
                self._settle(move_id, FINAL)
            case OrderFinal(order_id=order_id):
                self._settle(order_id, FINAL)
                self._of_sale.pop(order_id, None)
            case DeskConfigured(desk=desk):
                self._tokens |= {desk.quote.mint: desk.quote, **desk.tokens}

    def close(self) -> None:
        """The last rows, and the last proof."""
        self._gains.close()
        self._costs.close()
        self._prove("at the end of the journal")

    # What an entry realised

    def _cause(self, entry: Entry) -> RowOrigin:
        """Whatever realises something else than by an order names itself here: a move its id and token, say."""
        match entry.event:
            case OrderClosed(order_id=order_id):
                known = self.state.open_orders[order_id]
                assert known.token is not None, known
                return _of_order(known.order, known.token)
            case OrderRolledBack(order_id=order_id):
                booked = self.state.provisional[order_id]
                return _of_order(booked.order, booked.token)
            case Deposited(deposit_id=deposit_id, money=money):
                return RowOrigin(deposit_id, "", DEPOSIT, self._token(money.mint))
            case BalanceAdjusted(mint=mint):
                return RowOrigin(f"entry {entry.seq}", "", DEPOSIT, self._token(mint))
            case MoveClosed(move_id=move_id):
                return self._of_move(self.state.open_moves[move_id].move)
            case MoveRolledBack(move_id=move_id):
                return self._of_move(self.state.provisional_moves[move_id].move)
        return RowOrigin(f"entry {entry.seq}", "", DEPOSIT, NATIVE)

    def _record(self, entry: Entry, cause: RowOrigin) -> None:
        provisional = isinstance(entry.event, OrderClosed | MoveClosed) and entry.event.provisional
        status = PROVISIONAL if provisional else FINAL
        undone = isinstance(entry.event, OrderRolledBack | MoveRolledBack)
        for number, change in enumerate(self.state.realised):
            if isinstance(change, Costs):  # What is undone comes first, then what it came to instead.
                self._cost(entry.at_ns, change, cause, REVERSAL if undone and not number else status)
                continue
            rows = self._gain_rows(entry.at_ns, change, cause, status)
            assert sum(row.gain_micros for row in rows) == change.realised_micros, (entry, rows)
            for row in rows:
                self._gain(row)

    def _gain_rows(self, at_ns: int, change: Disposal, cause: RowOrigin, status: str) -> list[Gain]:
        if change.how is How.SALE_UNDONE:
            return [_reversed(row, at_ns) for row in self._of_sale.pop(OrderId(cause.id))]
        lots = _with_uncovered(change, cause)
        proceeds = shares(change.proceeds_micros, [lot.units for lot in lots])
        if change.how is not How.SALE:  # Whatever becomes of the order, this stays.
            status = REVERSAL if change.how is How.BUY_UNDONE else FINAL
        rows = [
            Gain(at_ns, change.wallet_id, change.token, change.how, lot, micros, cause, status)
            for lot, micros in zip(lots, proceeds, strict=True)
        ]
        if status == PROVISIONAL:
            self._of_sale[OrderId(cause.id)] = rows
        return rows

    def _gain(self, row: Gain) -> None:
        self._realised[row.wallet_id] += row.gain_micros
        self._all.count(row)
        if self._wanted(row):
            self._count(row, row.token, row.strategy)
            self._gains.add(row)

    def _cost(self, at_ns: int, change: Costs, cause: RowOrigin, status: str) -> None:
        row = Cost(at_ns, change.wallet_id, change.fee_lamports, change.rent_lamports, change.micros, cause, status)
        self._realised[row.wallet_id] -= row.micros
        self._all.count(row)
        if self._wanted(row):
            self._count(row, cause.token, cause.strategy)
            self._costs.add(row)

    # What came and went

    def _transfers(self, entry: Entry, micros: int) -> None:
        match entry.event:
            case Deposited(deposit_id=deposit_id, wallet_id=wallet_id, money=money):
                token = self._token(money.mint)
                self._transfer(Transfer(entry.at_ns, wallet_id, "deposit", token, money.units, micros, deposit_id))
            case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
                token, reference = self._token(mint), f"entry {entry.seq}"
                row = Transfer(entry.at_ns, wallet_id, "adjustment", token, units, micros, reference, reason)
                self._transfer(row)

    def _moved(self, event: Event) -> list[tuple[Move, int]]:
        """The moves that this entry makes (1) or undoes (-1), before it is applied."""
        match event:
            case MoveClosed(move_id=move_id, outcome=Filled()):
                return [(self.state.open_moves[move_id].move, 1)]
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                booked = self.state.provisional_moves[move_id]
                undone = [(booked.move, -1)] if isinstance(booked.outcome, Filled) else []
                return [*undone, *([(booked.move, 1)] if isinstance(outcome, Filled) else [])]
        return []

    def _move(self, at_ns: int, move: Move, sign: int, micros: int) -> None:
        """Between two wallets a row each, out of the desk one. `micros`: what it added to the net deposits."""
        token, units = self._token(move.money.mint), sign * move.money.units
        if move.kind is MoveKind.RECLAIM:
            return  # The rent that came back stands among the costs.
        there = move.to_wallet or move.to_address
        given = Transfer(at_ns, move.wallet_id, move.kind, token, -units, micros, move.id, move.reason, there)
        self._transfer(given)
        if move.to_wallet is not None:
            taken = Transfer(at_ns, move.to_wallet, move.kind, token, units, 0, move.id, move.reason, move.wallet_id)
            self._transfer(taken)

    def _of_move(self, move: Move) -> RowOrigin:
        return RowOrigin(move.id, "", DEPOSIT, self._token(move.money.mint))

    def _transfer(self, row: Transfer) -> None:
        self._transferred[row.token.mint] += row.units
        self._all.count(row)
        if self._wanted(row):
            self._count(row, row.token, DEPOSIT)
            self._sink.transfer(row)

    def _wanted(self, row: Gain | Cost | Transfer) -> bool:
        return self._period.holds(row.at_ns) and self._wallet_id in (None, row.wallet_id)

    def _count(self, row: Gain | Cost | Transfer, token: Token, strategy: str) -> None:
        key = Key(row.wallet_id, token.symbol, token.mint, strategy)
        self.sums.setdefault(key, Sums()).count(row)
        self.total.count(row)

    def _settle(self, order_id: OrderId, status: str) -> None:
        self._gains.settle(order_id, status)
        self._costs.settle(order_id, status)

    def _token(self, mint: Mint) -> Token:
        """As listed now or before; what was never listed shows as its mint, in base units."""
        return self._tokens.get(mint) or Token(mint, mint, 0)

    # The proof

    def _prove(self, where: str) -> None:
        rows = {
            **{_realised_by(wallet_id): micros for wallet_id, micros in self._realised.items()},
            **{_transfers_of(mint): units for mint, units in self._transferred.items()},
            FEES_PAID: self._all.fee_lamports,
            RENT_PAID: self._all.rent_lamports,
            NET_DEPOSITS: self._all.transfers_micros,
        }
        self.differences += [f"{where}: {one}" for one in differences(rows, figures_of(self.state))]


Undoable = TypeVar("Undoable", Gain, Cost)


class _Settling(Generic[Undoable]):
    """Rows in the order of booking, each passed on when its fate is known."""

    def __init__(self, pass_on: Callable[[Undoable], None]) -> None:
        self._pass_on: Callable[[Undoable], None] = pass_on
        self._waiting: deque[Undoable] = deque()

    def add(self, row: Undoable) -> None:
        self._waiting.append(row)
        self._flush()

    def settle(self, order_id: OrderId, status: str) -> None:
        for row in self._waiting:
            if row.status == PROVISIONAL and row.cause.id == order_id:
                row.status = status
        self._flush()

    def close(self) -> None:
        while self._waiting:
            self._pass_on(self._waiting.popleft())

    def _flush(self) -> None:
        while self._waiting and self._waiting[0].status != PROVISIONAL:
            self._pass_on(self._waiting.popleft())


def _of_order(order: Order, token: Token) -> RowOrigin:
    return RowOrigin(order.id, order.signal_id, order.strategy, token)


def _with_uncovered(change: Disposal, cause: RowOrigin) -> list[Lot]:
    """What was sold, or taken back, beyond the lots that were there: a fork had taken them before. It has no cost."""
    beyond = change.units - sum(lot.units for lot in change.lots)
    assert beyond >= 0, change
    if not beyond:
        return change.lots
    strategy = None if cause.strategy == DEPOSIT else StrategyType(cause.strategy)
    return [*change.lots, Lot(strategy, beyond, 0)]


def _reversed(row: Gain, at_ns: int) -> Gain:
    lot = structs.replace(row.lot, units=-row.lot.units, cost_micros=-row.lot.cost_micros)
    changed = {"how": How.SALE_UNDONE, "lot": lot, "proceeds_micros": -row.proceeds_micros, "status": REVERSAL}
    return structs.replace(row, at_ns=at_ns, **changed)


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """In proportion, rounded down; the last one has what rounding left."""
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights[:-1]]
    return [*parts, amount - sum(parts)]


Figures = dict[str, int]


def figures_of(state: State) -> Figures:
    """What the books say."""
    ledger = state.ledger
    outside = ledger.accounts.get(DEPOSITS, {})
    return {
        **{_realised_by(wallet_id): book.realised_micros for wallet_id, book in state.wallets.items()},
        **{_transfers_of(mint): -units for mint, units in outside.items()},
        FEES_PAID: ledger.balance(FEES, SOL),
        RENT_PAID: ledger.balance(RENT, SOL),
        NET_DEPOSITS: state.deposited_micros,
    }


def differences(rows: Figures, books: Figures) -> list[str]:
    """Where rows do not come to what the books say; empty when they do."""
    names = sorted({*rows, *books})
    found = [(name, rows.get(name, 0), books.get(name, 0)) for name in names]
    return [f"{name}: the rows come to {one}, the books say {other}" for name, one, other in found if one != other]


def _realised_by(wallet_id: WalletId) -> str:
    return f"realised by {wallet_id}, micro-USD"


def _transfers_of(mint: Mint) -> str:
    return f"transfers of {mint}, base units"
