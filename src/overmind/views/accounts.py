"""Folds the journal into the rows of the accounts, and proves that the rows add up to the books.

Each disposed part of a lot is a gain, each execution's fee and rent a cost, and capital from or to outside a transfer.
The amounts are those that `core.books.settle` realised, so they round the same way. A row is provisional while a fork
may undo it. A row that a fork undid stays, and a reversal follows on the day of the rollback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import structs

from overmind.clock.instants import iso
from overmind.core.books.apply import apply
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Costs, Disposal, How
from overmind.core.books.state import SOL_DECIMALS, State, forget_changes
from overmind.core.model.enums import MoveKind, StrategyType
from overmind.core.model.events import (
    AccountsFlagged,
    BalanceAdjusted,
    BalancesChecked,
    CloseCancelled,
    CloseOrdered,
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    DustWrittenOff,
    Entry,
    HistoryAccepted,
    HoldAdded,
    HoldLifted,
    LearnerModeChanged,
    LimitsChanged,
    LiquidationOrdered,
    MintAdmitted,
    MintForgotten,
    MintRefused,
    MintsChanged,
    MoveClosed,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    OperatorActed,
    OrderClosed,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    PriceAccepted,
    PricesMarked,
    PricesMoved,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order
from overmind.core.model.outcome import Filled, Outcome
from overmind.views.account_proof import (
    FEES_PAID,
    NET_DEPOSITS,
    RENT_PAID,
    TIPS_PAID,
    differences,
    figures_of,
    outside_of,
    realised_by,
    sums_of,
    transfers_of,
)
from overmind.views.account_rows import (
    DEPOSIT,
    FINAL,
    PROVISIONAL,
    REVERSAL,
    UNDONE,
    Cost,
    Gain,
    Key,
    Period,
    RowOrigin,
    SettlementQueue,
    Sink,
    Sums,
    Transfer,
)

NATIVE: Final = Token("SOL", SOL, SOL_DECIMALS)


class EntryEffect(NamedTuple):
    """What an entry does to the accounts."""

    origin: RowOrigin
    status: str = FINAL  # of the rows that it adds
    transfers: Sequence[Transfer] = ()  # their `micros` are set once the entry is applied
    final: OrderId | None = None  # whose provisional rows are final now
    rolled_back: OrderId | None = None  # whose provisional rows a fork undid


def may_begin_from(state: State) -> bool:
    """Whether a report may begin here: a fork that undid an earlier row would have to be reversed later."""
    return not state.provisional and not state.provisional_moves


class AccountingReport:
    """Fold every entry of a journal that follows `begin`, then `close`."""

    def __init__(
        self, period: Period, sink: Sink, wallet_id: WalletId | None = None, begin: State | None = None
    ) -> None:
        """`wallet_id`: report this wallet only; None for all. The proof always covers all wallets.

        `begin`: a state from before the period, which `may_begin_from` allows; None: the beginning of the journal. The
        proof then is that the rows come to what the books have changed by since.
        """
        self.state = begin or State()
        self.sums: dict[Key, Sums] = {}  # of the rows passed to the sink
        self.total = Sums()
        self.differences: list[str] = []
        self._period = period
        self._wallet_id = wallet_id
        self._sink = sink
        self._gains = SettlementQueue(sink.gain)
        self._costs = SettlementQueue(sink.cost)
        self._sales: dict[OrderId, list[Gain]] = {}  # the rows of provisional sales: a rollback reverses them
        self._tokens = _tokens_of(self.state)
        self._realised = Counter({key: book.realised_micros for key, book in self.state.wallets.items()})
        self._transferred = Counter({mint: -units for mint, units in outside_of(self.state).items()})
        self._all = sums_of(self.state)
        self._edges = list(period)

    def fold(self, entry: Entry) -> None:
        while self._edges and entry.at_ns >= self._edges[0]:
            self._prove(f"before {iso(self._edges.pop(0))}")
        effect, deposited_micros = self._effect(entry), self.state.deposited_micros
        apply(self.state, entry)
        forget_changes(self.state)
        if effect is None:
            assert not self.state.realised, entry
            return
        if effect.rolled_back is not None:
            self._settle(effect.rolled_back, UNDONE)
        self._record(entry, effect)
        if effect.transfers:  # An entry that undoes one transfer and makes another books the net change on the last.
            effect.transfers[-1].micros = self.state.deposited_micros - deposited_micros
        for row in effect.transfers:
            self._transfer(row)
        if effect.final is not None:
            self._settle(effect.final, FINAL)
            self._sales.pop(effect.final, None)

    @property
    def is_complete(self) -> bool:
        """Whether the period is over, and no fork can undo any of its rows: later entries change nothing."""
        return not (self._edges or self._gains.waiting or self._costs.waiting)

    def close(self) -> None:
        """Passes on the last rows and makes the last comparison."""
        self._gains.close()
        self._costs.close()
        self._prove("at the end")

    # What an entry does

    def _effect(self, entry: Entry) -> EntryEffect | None:
        """Call it before the entry is applied. None: the entry realises nothing and moves no capital in or out."""
        match entry.event:
            case OrderClosed(order_id=order_id, provisional=provisional):
                known = self.state.open_orders[order_id]
                assert known.token is not None, known
                return EntryEffect(_of_order(known.order, known.token), PROVISIONAL if provisional else FINAL)
            case OrderFinal(order_id=order_id):
                return EntryEffect(_of_entry(entry, NATIVE), final=order_id)
            case OrderRolledBack(order_id=order_id):
                booked = self.state.provisional[order_id]
                return EntryEffect(_of_order(booked.order, booked.token), rolled_back=order_id)
            case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
                move = self.state.open_moves[move_id].move
                status = PROVISIONAL if provisional else FINAL
                return EntryEffect(self._of_move(move), status, self._moved(entry, move, 1, outcome))
            case MoveFinal(move_id=move_id):
                return EntryEffect(_of_entry(entry, NATIVE), final=move_id)
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                booked_move = self.state.provisional_moves[move_id]
                undone = self._moved(entry, booked_move.move, -1, booked_move.outcome)
                made = self._moved(entry, booked_move.move, 1, outcome)
                return EntryEffect(self._of_move(booked_move.move), FINAL, [*undone, *made], rolled_back=move_id)
            case Deposited(deposit_id=deposit_id, wallet_id=wallet_id, money=money):
                token = self._token(money.mint)
                row = Transfer(entry.at_ns, wallet_id, "deposit", token, money.units, 0, deposit_id)
                return EntryEffect(RowOrigin(deposit_id, "", DEPOSIT, token), FINAL, [row])
            case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
                token, name = self._token(mint), f"entry {entry.seq}"
                row = Transfer(entry.at_ns, wallet_id, "adjustment", token, units, 0, name, reason)
                return EntryEffect(_of_entry(entry, token), FINAL, [row])
            case DustWrittenOff(mint=mint):
                return EntryEffect(_of_entry(entry, self._token(mint)), FINAL)
            case DeskConfigured(desk=desk):
                self._tokens |= {desk.quote.mint: desk.quote, **desk.tokens}
            case MintAdmitted(mint=mint, token=Token() as token):
                self._tokens.setdefault(mint, token)
            case (  # Decisions and observations move no capital. Prices change what is held, not what is realised.
                SignalRecorded()
                | SignalRefused()
                | OrderPlaced()
                | MovePlaced()
                | TicketRecorded()
                | OrderLandedOtherwise()
                | OrderTakenFromChain()
                | CloseOrdered()
                | CloseCancelled()
                | LiquidationOrdered()
                | HoldAdded()
                | HoldLifted()
                | BalancesChecked()
                | HistoryAccepted()
                | MintAdmitted()
                | MintRefused()
                | MintForgotten()
                | AccountsFlagged()
                | PricesMarked()
                | PricesMoved()
                | PriceAccepted()
                | DayRolled()
                | OperatorActed()
            ):
                pass
            case (
                DeskFounded() | WalletConfigured() | LimitsChanged() | MintsChanged() | LearnerModeChanged()
            ):  # Configuration.
                pass
        return None

    def _moved(self, entry: Entry, move: Move, sign: int, outcome: Outcome) -> list[Transfer]:
        """A move made (`sign` 1) or undone (-1): one row for each of our wallets that takes part."""
        if not isinstance(outcome, Filled) or move.kind is MoveKind.RECLAIM:  # Reclaimed rent is a negative cost.
            return []
        token, units, there = self._token(move.money.mint), sign * move.money.units, move.to_wallet or move.to_address
        row = Transfer(entry.at_ns, move.wallet_id, move.kind, token, -units, 0, move.id, move.reason, there)
        if move.to_wallet is None:
            return [row]
        taken = Transfer(entry.at_ns, move.to_wallet, move.kind, token, units, 0, move.id, move.reason, move.wallet_id)
        return [row, taken]

    def _of_move(self, move: Move) -> RowOrigin:
        return RowOrigin(move.id, "", DEPOSIT, self._token(move.money.mint))

    # What it realised

    def _record(self, entry: Entry, effect: EntryEffect) -> None:
        origin, status, undone = effect.origin, effect.status, effect.rolled_back is not None
        for number, change in enumerate(self.state.realised):
            if isinstance(change, Costs):  # The undone costs come first, then those of the new outcome.
                self._cost(entry.at_ns, change, origin, REVERSAL if undone and not number else status)
                continue
            rows = self._gain_rows(entry.at_ns, change, origin, status)
            assert sum(row.gain_micros for row in rows) == change.realised_micros, (entry, rows)
            for row in rows:
                self._gain(row)

    def _gain_rows(self, at_ns: int, change: Disposal, origin: RowOrigin, status: str) -> list[Gain]:
        if change.how is How.SALE_UNDONE:
            return [_reversed(row, at_ns) for row in self._sales.pop(OrderId(origin.id))]
        lots = _with_uncovered(change, origin)
        proceeds = shares(change.proceeds_micros, [lot.units for lot in lots])
        if change.how is not How.SALE:  # Final, whatever becomes of the order.
            status = REVERSAL if change.how is How.BUY_UNDONE else FINAL
        rows = [
            Gain(at_ns, change.wallet_id, change.token, change.how, lot, micros, origin, status)
            for lot, micros in zip(lots, proceeds, strict=True)
        ]
        if status == PROVISIONAL:
            self._sales[OrderId(origin.id)] = rows
        return rows

    def _gain(self, row: Gain) -> None:
        self._realised[row.wallet_id] += row.gain_micros
        self._all.count(row)
        if self._wanted(row):
            self._count(row, row.token, row.strategy)
            self._gains.add(row)

    def _cost(self, at_ns: int, change: Costs, origin: RowOrigin, status: str) -> None:
        fee, rent, tip = change.fee_lamports, change.rent_lamports, change.tip_lamports
        row = Cost(at_ns, change.wallet_id, fee, rent, change.micros, origin, status, tip)
        self._realised[row.wallet_id] -= row.micros
        self._all.count(row)
        if self._wanted(row):
            self._count(row, origin.token, origin.strategy)
            self._costs.add(row)

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
        """The token as listed now or before. One that was never listed has its mint as symbol and no decimals."""
        return self._tokens.get(mint) or Token(mint, mint, 0)

    # The proof

    def _prove(self, where: str) -> None:
        rows = {
            **{realised_by(wallet_id): micros for wallet_id, micros in self._realised.items()},
            **{transfers_of(mint): units for mint, units in self._transferred.items()},
            FEES_PAID: self._all.fee_lamports,
            RENT_PAID: self._all.rent_lamports,
            TIPS_PAID: self._all.tip_lamports,
            NET_DEPOSITS: self._all.transfers_micros,
        }
        self.differences += [f"{where}: {one}" for one in differences(rows, figures_of(self.state))]


def _tokens_of(state: State) -> dict[Mint, Token]:
    """All tokens that a state knows by name. One that was delisted before, and of which nothing is held, is none."""
    tokens: dict[Mint, Token] = {SOL: NATIVE}
    for book in state.wallets.values():
        tokens |= {mint: position.token for mint, position in book.positions.items()}
    tokens |= {mint: known.token for mint, known in state.unlisted.items()}
    if (desk := state.desk) is not None:
        tokens |= {desk.quote.mint: desk.quote, **desk.tokens}
    return tokens


def _of_entry(entry: Entry, token: Token) -> RowOrigin:
    return RowOrigin(f"entry {entry.seq}", "", DEPOSIT, token)


def _of_order(order: Order, token: Token) -> RowOrigin:
    return RowOrigin(order.id, order.signal_id, order.strategy, token)


def _with_uncovered(change: Disposal, origin: RowOrigin) -> list[Lot]:
    """Adds a lot without cost for units beyond the known lots, which a fork took away before."""
    beyond = change.units - sum(lot.units for lot in change.lots)
    assert beyond >= 0, change
    if not beyond:
        return change.lots
    strategy = None if origin.strategy == DEPOSIT else StrategyType(origin.strategy)
    return [*change.lots, Lot(strategy, beyond, 0)]


def _reversed(row: Gain, at_ns: int) -> Gain:
    lot = structs.replace(row.lot, units=-row.lot.units, cost_micros=-row.lot.cost_micros)
    changed = {"how": How.SALE_UNDONE, "lot": lot, "proceeds_micros": -row.proceeds_micros, "status": REVERSAL}
    return structs.replace(row, at_ns=at_ns, **changed)


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Splits in proportion, rounded down; the last share takes the remainder."""
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights[:-1]]
    return [*parts, amount - sum(parts)]
