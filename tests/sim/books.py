"""The checker's own books: what each wallet holds by the journal, computed without any code of the core's state.

They are simple on purpose: sums are computed on demand, so that nothing can drift.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
from msgspec import structs
from tests.sim.doubts import Doubts
from tests.sim.exits import Plan
from tests.support import plain_lots
from tests.support.plain_lots import Lot, Lots, Shares

from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.codes import Ceilings, Limits, Refusal
from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import MoveKind, SaleScope, Side, StrategyType
from overmind.core.model.events import (
    AccountsFlagged,
    Answer,
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
    Event,
    HistoryAccepted,
    HoldAdded,
    HoldLifted,
    LimitsChanged,
    LiquidationOrdered,
    MintAdmitted,
    MintRefused,
    MintsChanged,
    MoveClosed,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
    PricesMoved,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model.ids import SOL, DepositId, Mint, OrderId, SignalId, WalletId
from overmind.core.model.mints import AdmissionPolicy
from overmind.core.model.money import Mark, Witness
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.signal import Signal
from overmind.core.model.units import PPM
from overmind.core.model.wallet import StrategyShare, Wallet

SOL_DECIMALS: Final = 9


def ten_to(power: int) -> int:
    return int(10**power)


class Booked(msgspec.Struct):
    """What is needed to undo an outcome."""

    order: Order
    outcome: Filled | Failed
    costs_micros: int
    sold: Lots
    was_closing: bool = False  # an operator's close of it was pending


class BookedMove(msgspec.Struct):
    """What is needed to undo the outcome of a move."""

    move: Move
    outcome: Filled | Failed
    costs_micros: int  # minus what came back


class Tries(msgspec.Struct):
    """How often in a row something failed, and when it may be retried."""

    count: int = 0
    after_ns: int = 0


class WalletBooks(msgspec.Struct):
    wallet: Wallet  # with the limits in force
    files: Wallet
    wanted: dict[str, int] = msgspec.field(default_factory=dict)  # an operator's changes of the files
    causes: set[str] = msgspec.field(default_factory=set)
    accounts: set[Mint] = msgspec.field(default_factory=lambda: {SOL})
    units: Counter[Mint] = msgspec.field(default_factory=Counter)  # including held units, without the float
    lamports: int = 0  # the float, including held lamports
    owed: Counter[Mint] = msgspec.field(default_factory=Counter)  # units that were spent and then taken back by a fork
    owed_lamports: int = 0  # lamports of the float that were spent and then taken back by a fork
    lots: dict[Mint, list[Lot]] = msgspec.field(default_factory=dict)
    plans: dict[Mint, Plan] = msgspec.field(default_factory=dict)  # the exits of what is held

    def plan(self, mint: Mint) -> Plan:
        return self.plans.setdefault(mint, Plan())

    realised_today_micros: int = 0
    realised_micros: int = 0
    unrealised_base_micros: int = 0
    trades_today: int = 0
    placed_ns: list[int] = msgspec.field(default_factory=list)
    liquidating: bool = False
    sweeping: bool = False
    closing: set[Mint] = msgspec.field(default_factory=set)  # mints that an operator ordered to close
    sweeps: Tries = msgspec.field(default_factory=Tries)
    top_ups: Tries = msgspec.field(default_factory=Tries)
    empty_since_ns: dict[Mint, int] = msgspec.field(default_factory=dict)


# The field of each ceiling, by its name in a wallet's JSON.
CAPPED: Final = {
    "max_daily_loss": "daily_loss_max_micros",
    "max_position_size": "position_max_micros",
    "max_exposure_percentage": "exposure_max_ppm",
    "max_concurrent_positions": "positions_max",
    "stop_loss_threshold": "stop_loss_ppm",
    "daily_trade_limit": "trades_per_day_max",
}


def wallet_in_force(files: Wallet, wanted: dict[str, int], ceilings: Ceilings) -> Wallet:
    """The wallet with an operator's changes, as far as ceilings and files allow them."""
    limits: dict[str, int] = {"risk_level_ppm": max(files.limits.risk_level_ppm, wanted.get("risk_level", 0))}
    for name, field in CAPPED.items():
        file, ceiling = getattr(files.limits, field), getattr(ceilings, field)
        limits[field] = min(wanted.get(name, file), max(file, ceiling))
        if name == "stop_loss_threshold" and 0 in (file, wanted.get(name, file)):  # No stop loss (0) is wider than any.
            limits[field] = wanted.get(name, file) if not file else max(file, ceiling)
    shares = {
        strategy: StrategyShare(
            wanted.get(f"{strategy}.share", share.share_ppm),
            min(
                wanted.get(f"{strategy}.max_position_size", share.position_max_micros),
                max(share.position_max_micros, ceilings.position_max_micros),
            ),
            bool(wanted.get(f"{strategy}.enabled", share.enabled)),
        )
        for strategy, share in files.strategies.items()
    }
    if sum(share.share_ppm for share in shares.values() if share.enabled) > PPM:
        shares = {
            strategy: StrategyShare(
                min(share.share_ppm, files.strategies[strategy].share_ppm),
                share.position_max_micros,
                share.enabled and files.strategies[strategy].enabled,
            )
            for strategy, share in shares.items()
        }
    return structs.replace(files, limits=Limits(**limits), strategies=shares)


class Books:
    def __init__(self) -> None:
        self.seq = 0
        self.at_ns = 0
        self.day = 0
        self.desk: Desk | None = None
        self.wallets: dict[WalletId, WalletBooks] = {}
        self.marks: dict[Mint, Mark] = {}
        self.believed: tuple[Mark, ...] = ()  # of the newest marks
        self.tokens: list[Mint] = []  # by their numbers in columns of marks
        self.admitted: dict[Mint, bool] = {}  # by the newest look at each mint
        self.flagged: dict[WalletId, set[Mint]] = {}  # token accounts that are not used
        self.doubts = Doubts()
        self.stops: set[str] = set()
        self.blocked: set[Mint] = set()
        self.allowed: set[Mint] | None = None
        self.paused: dict[StrategyType, set[str]] = {}
        self.deposits: set[DepositId] = set()
        self.decisions: dict[SignalId, list[Answer]] = {}
        self.decision_seqs: dict[SignalId, int] = {}
        self.briefs: dict[int, BriefRefusals] = {}  # of every entry that others may be like
        self.open: dict[OrderId, Order] = {}
        self.shares: dict[OrderId, Shares] = {}  # of each open sale: whose lots it takes
        self.sources: dict[OrderId, str] = {}  # of every order: who sent its signal
        self.tickets: dict[OrderId, Ticket] = {}
        self.outcomes: dict[OrderId, Outcome] = {}
        self.provisional: dict[OrderId, Booked] = {}
        self.moves: dict[OrderId, Move] = {}  # all moves since the beginning
        self.open_moves: dict[OrderId, Move] = {}
        self.provisional_moves: dict[OrderId, BookedMove] = {}
        self.asked_today: dict[OrderId, int] = {}  # of withdrawals, micro-USD
        self.batch_seq = 0  # of the newest transfer of a rebalance; its other transfers come right before it
        self.of: dict[OrderId, tuple[WalletId, ...]] = {}
        self.decimals: dict[Mint, int] = {}

    @property
    def settings(self) -> Desk:
        assert self.desk is not None
        return self.desk

    def fold(self, entry: Entry) -> None:
        assert entry.seq == self.seq + 1, (entry.seq, self.seq)
        assert entry.at_ns >= self.at_ns, (entry.at_ns, self.at_ns)
        self.seq, self.at_ns = entry.seq, entry.at_ns
        self._take(entry.event)

    def _take(self, event: Event) -> None:
        match event:
            case PricesMarked(marks=marks, doubted=doubted):
                self._mark(marks, doubted)
            case PricesMoved() as moved:
                self._mark(*self._marks_told_by(moved))
            case OrderPlaced() as placed:
                self._place(placed)
            case SignalRefused() as refused:
                self._remember_answer(self.told_whole(refused))
                if refused.brief is not None and not refused.brief.like:
                    self.briefs[self.seq] = refused.brief
            case SignalRecorded():
                self._remember_answer(event)
            case TicketRecorded(order_id=order_id, ticket=ticket):
                is_open = order_id in self.open or order_id in self.open_moves
                assert is_open, f"a ticket for {order_id}, which is not open"
                assert order_id not in self.tickets, f"a second ticket for {order_id}"
                self.tickets[order_id] = ticket
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
                self._close(order_id, outcome, provisional)
            case OrderFinal(order_id=order_id):
                del self.provisional[order_id]
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                self._roll_back(self.provisional.pop(order_id), outcome)
            case MovePlaced(move=move):
                self._place_move(move)
            case MoveClosed(move_id=order_id, outcome=outcome, provisional=provisional):
                self._close_move(order_id, outcome, provisional)
            case MoveFinal(move_id=order_id):
                final = self.provisional_moves.pop(order_id)
                self._end(final.move, final.outcome)
            case MoveRolledBack(move_id=order_id, outcome=outcome):
                self._roll_back_move(self.provisional_moves.pop(order_id), outcome)
            case LiquidationOrdered(sweep=sweep):
                for book in self.wallets.values():
                    book.liquidating, book.sweeping = True, book.sweeping or sweep
            case CloseOrdered(wallet_id=wallet_id, mint=mint):
                closer = self.wallets[wallet_id]
                assert mint in closer.lots, f"{event}: there is nothing to close"
                assert mint not in closer.closing, f"{event}: it was ordered already"
                closer.closing.add(mint)
            case CloseCancelled(wallet_id=wallet_id, mint=mint):
                self.wallets[wallet_id].closing.remove(mint)
                for booked in self.provisional.values():
                    booked.was_closing &= (booked.order.wallet_id, booked.order.mint) != (wallet_id, mint)
            case DustWrittenOff() as written:
                self._write_off(self.wallets[written.wallet_id], written)
            case BalanceAdjusted() as adjusted:
                self._adjust(self.wallets[adjusted.wallet_id], adjusted.mint, adjusted.units)
            case BalancesChecked(wallet_id=wallet_id) | HistoryAccepted(wallet_id=wallet_id):
                assert wallet_id in self.wallets, event
            case Deposited() as deposited:
                self._deposit(deposited)
            case DayRolled(day=day):
                self._roll(day)
            case HoldAdded(scope=scope, hold=hold):
                again = hold.cause == "restored"  # The journal may be an older copy once more.
                assert again or hold.cause not in self.causes(scope), event
                self.causes(scope).add(hold.cause)
                self._allocate()
            case HoldLifted(scope=scope, cause=cause):
                self.causes(scope).remove(cause)
                if cause == "emergency" and scope.wallet_id is not None:
                    lifted = self.wallets[scope.wallet_id]
                    lifted.liquidating = lifted.sweeping = False
                self._allocate()
            case WalletConfigured(wallet=wallet):
                book = self.wallets.setdefault(wallet.id, WalletBooks(wallet, wallet))
                book.files = wallet
                self._agree(book)
            case LimitsChanged(wallet_id=wallet_id, changes=changes):
                self.wallets[wallet_id].wanted = {name: change.value for name, change in changes.items()}
                self._agree(self.wallets[wallet_id])
            case MintsChanged(mints=mints):
                self.blocked = set(mints.blocked)
                self.allowed = None if mints.allowed is None else set(mints.allowed)
            case MintAdmitted(mint=mint) | MintRefused(mint=mint):
                self.admitted[mint] = isinstance(event, MintAdmitted)
            case AccountsFlagged(wallet_id=wallet_id, flaws=flaws):
                self.flagged[wallet_id] = set(flaws)
            case DeskConfigured(desk=desk):
                if self.desk is not None and _admits_by(self.desk) != _admits_by(desk):
                    self.admitted.clear()
                self.desk = desk
                if not desk.price_jump_max_ppm and not desk.witness_bound_bps:
                    self.doubts = Doubts()
                known = {desk.quote.mint: desk.quote, **desk.tokens}
                self.decimals |= {mint: token.decimals for mint, token in known.items()}
                for book in self.wallets.values():
                    self._agree(book)
            case DeskFounded():
                assert self.seq == 1, event

    def _agree(self, book: WalletBooks) -> None:
        """Recomputes the limits in force after the files, the changes or the ceilings changed."""
        book.wallet = wallet_in_force(book.files, book.wanted, self.settings.ceilings) if book.wanted else book.files
        self._allocate()

    def _allocate(self) -> None:
        """Applies the operator's allocations if they sum to at most 1; otherwise each wallet gets the lower of both
        values.
        """
        there = [book for book in self.wallets.values() if "removed" not in book.causes]
        too_much = sum(book.wanted.get("allocation", book.files.allocation_ppm) for book in there) > PPM
        for book in self.wallets.values():
            files = book.files.allocation_ppm
            wanted = book.wanted.get("allocation", files)
            aim_ppm = min(wanted, files) if too_much else wanted
            book.wallet = structs.replace(book.wallet, allocation_ppm=aim_ppm)

    def causes(self, scope: Scope) -> set[str]:
        if scope.wallet_id is not None:
            return self.wallets[scope.wallet_id].causes
        return self.paused.setdefault(scope.strategy, set()) if scope.strategy is not None else self.stops

    def _mark(self, marks: tuple[Mark, ...], doubted: tuple[Mark, ...]) -> None:
        self.believed = marks
        for mark in (*marks, *doubted):
            known = self.marks.get(mark.mint)
            newest = self.doubts.doubted.get(mark.mint, known)
            assert mark.price_pico > 0, mark
            assert newest is None or mark.at_ns > newest.at_ns, (mark, newest)
            believed = self.doubts.judge(mark, known, self.settings)
            assert believed is (mark in marks), f"{mark} after {known}: believed is {believed}"
            if believed:
                self._raise_peaks(mark.mint, known.price_pico if known is not None else 0, mark.price_pico)
                self.marks[mark.mint] = mark

    def _raise_peaks(self, mint: Mint, before_pico: int, price_pico: int) -> None:
        for book in self.wallets.values():
            if mint in book.lots:
                plan = book.plan(mint)
                plan.peak_pico = max(plan.peak_pico, min(before_pico, price_pico))

    def _marks_told_by(self, moved: PricesMoved) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
        """The believed and the doubted ones, one by one."""
        self.tokens += moved.named
        marks: list[Mark] = []
        for place, token in enumerate(moved.tokens):
            mint = self.tokens[token]
            shown, ages_ns = self.sale_mark(mint), moved.ages_ns or (0,)
            age_ns = ages_ns[place] if len(ages_ns) > 1 else ages_ns[0]
            price_pico = moved.by_pico[place] + (shown.price_pico if shown is not None else 0)
            marks.append(Mark(mint, price_pico, self.at_ns - age_ns))
        for said in moved.witnesses:
            places, ahead_ns = said.places or range(len(marks)), said.ahead_ns or (0,)
            for number, place in enumerate(places):
                mark, later_ns = marks[place], ahead_ns[number] if len(ahead_ns) > 1 else ahead_ns[0]
                price_pico = mark.price_pico + said.off_pico[number]
                witness = Witness(said.source, price_pico, mark.at_ns + later_ns, said.of_sale)
                marks[place] = structs.replace(mark, witness=witness)
        believed = len(marks) - moved.doubted
        return tuple(marks[:believed]), tuple(marks[believed:])

    def sale_mark(self, mint: Mint) -> Mark | None:
        """The newest price of a token, believed or not: a sale needs one that is fresh."""
        return self.doubts.doubted.get(mint) or self.marks.get(mint)

    def told_whole(self, refused: SignalRefused) -> SignalRefused:
        """The answer with its refusals, one by one, whether the journal has them in brief or not."""
        brief = refused.brief
        if brief is None:
            return refused
        named = self.briefs[brief.like] if brief.like else brief
        numbers, refusals, before = brief.numbers or named.numbers, list[Refusal](), Counter[int]()
        for place, by in zip(named.places, named.by, strict=True):
            code, *said = structs.astuple(named.rules[place])
            for number in (0, 1):
                if said[number] == 0:
                    column = numbers[2 * place + number]
                    said[number] = column[before[place] if len(column) > 1 else 0]
            before[place] += 1
            refusals.append(Refusal(code, *said, named.wallets[by - 1] if by else None))
        assert brief.codes == tuple(dict.fromkeys(one.code for one in refusals)), refused
        return structs.replace(refused, refusals=tuple(refusals), brief=None)

    def _remember_answer(self, answer: Answer) -> None:
        signal_id = answer.signal.id
        assert signal_id not in self.decisions, f"signal {signal_id} was decided twice"
        self.decisions[signal_id] = [answer]
        self.decision_seqs[signal_id] = self.seq

    def _place(self, placed: OrderPlaced) -> None:
        order = placed.order
        assert order.id == f"{placed.signal.id}.{order.part}.{order.attempt}", order
        assert order.id not in self.open, order
        assert order.id not in self.outcomes, order
        if order.attempt > 0:
            self._check_failover(order)
        elif order.part == 0:
            self._remember_answer(placed)
        else:
            parts = self.decisions[order.signal_id]
            assert len(parts) == order.part, "parts of one sale stand together, in order"
            assert self.seq == self.decision_seqs[order.signal_id] + order.part, order
            parts.append(placed)
        self.sources[order.id] = placed.signal.source
        if order.side is Side.SELL:
            self.shares[order.id] = self._shares(order, order.spend.units)
        self.open[order.id] = order
        self.of[order.id] = (order.wallet_id,)
        if order.is_entry:
            self.wallets[order.wallet_id].placed_ns.append(self.at_ns)

    def _check_failover(self, order: Order) -> None:
        former = f"{order.signal_id}.{order.part}.{order.attempt - 1}"
        outcome = self.outcomes.get(OrderId(former))
        assert outcome is not None, f"{order.id} was placed before {former} closed"
        assert not isinstance(outcome, Filled | Failed), f"{order.id} follows {former}, which had landed"
        assert order.wallet_id not in order.tried, order
        assert len(order.tried) == order.attempt, order

    def _close(self, order_id: OrderId, outcome: Outcome, provisional: bool) -> None:
        assert order_id in self.open, f"{order_id} was closed, but was not open"
        order, shares = self.open.pop(order_id), self.shares.pop(order_id, Shares())
        self.outcomes[order_id] = outcome
        book = self.wallets[order.wallet_id]
        if isinstance(outcome, Filled):
            book.trades_today += self._counts(order)
        wanted = order.mint in book.closing
        booked = self._book(book, order, outcome, shares)
        if booked is not None:
            booked.was_closing = wanted
        if order.to_float:
            self._tried(book.top_ups, outcome)
        assert booked is not None or not provisional, f"{order_id} has {outcome}, which no fork can undo"
        if booked is not None and provisional:
            self.provisional[order_id] = booked

    def reserved(self, book: WalletBooks, mint: Mint) -> Shares:
        """What open sales take of each owner."""
        open_sales = ((self.open[order_id], shares) for order_id, shares in self.shares.items())
        here = [shares for one, shares in open_sales if (one.wallet_id, one.mint) == (book.wallet.id, mint)]
        return sum(here, Shares())

    def _shares(self, order: Order, units: int) -> Shares:
        book = self.wallets[order.wallet_id]
        lots, reserved = book.lots.get(order.mint, []), self.reserved(book, order.mint)
        return plain_lots.shares_of(lots, order, self.sources[order.id], units, reserved)

    def sellable(self, book: WalletBooks, signal: Signal) -> int:
        """The free units that a sale by this signal may take in this wallet."""
        free = self.free(book, signal.mint)
        if signal.scope is SaleScope.DESK:
            return free
        own = [lot for lot in book.lots.get(signal.mint, ()) if plain_lots.may_sell_by(lot, signal)]
        reserved, owners = self.reserved(book, signal.mint), {lot.owner for lot in own}
        return max(0, min(free, plain_lots.total(own) - sum(reserved[owner] for owner in owners)))

    def _counts(self, order: Order) -> bool:
        """Whether it is a trade of the day: an entry. By the first rules a sale was one, too."""
        return order.is_entry or (self.settings.booking_rules < 3 and not order.to_float)

    def _book(self, book: WalletBooks, order: Order, outcome: Outcome, shares: Shares) -> Booked | None:
        """Books an outcome; only a landed transaction changes anything."""
        booked = None
        if isinstance(outcome, Filled):
            costs = self._pay(book, outcome.fee_lamports + outcome.rent_lamports + outcome.tip_lamports)
            if order.to_float:
                booked = Booked(order, outcome, costs + self._fill_float(book, order, outcome), [])
            else:
                booked = Booked(order, outcome, costs, self._fill(book, order, outcome, shares))
        elif isinstance(outcome, Failed):
            booked = Booked(order, outcome, self._pay(book, outcome.fee_lamports + outcome.tip_lamports), [])
        self._make_good(book)
        return booked

    def _fill_float(self, book: WalletBooks, order: Order, fill: Filled) -> int:
        """Books SOL for the float, which is no trade and no position. Returns the loss against the mark."""
        self._take_back(book, order.spend.mint, fill.spent_units)
        book.lamports += fill.received_units
        lost = fill.spent_units - self.sol_value(fill.received_units)
        self._realise(book, -lost)
        return lost

    def _fill(self, book: WalletBooks, order: Order, fill: Filled, shares: Shares) -> Lots:
        """Returns the sold lots."""
        self._take_back(book, order.spend.mint, fill.spent_units)
        book.units[order.receive] += fill.received_units
        self._use_account(book, order.receive)
        if order.side is Side.BUY:
            lots = book.lots.setdefault(order.receive, [])
            lots.append(
                Lot(order.strategy, fill.received_units, fill.spent_units, self.at_ns, order.id, self.sources[order.id])
            )
            paid_pico = fill.spent_units * ten_to(self.decimals[order.mint] + 6) // fill.received_units
            book.plan(order.mint).add(order.exits, paid_pico, self.at_ns)
            return []
        lots = book.lots.get(order.mint, [])
        sold = plain_lots.sell(lots, min(plain_lots.total(lots), fill.spent_units), shares)
        _forget_empty(book, order.mint)
        if order.mint not in book.lots and order.mint != SOL:
            book.empty_since_ns[order.mint] = self.at_ns
        self._realise(book, fill.received_units - plain_lots.cost(sold))
        return sold

    def _pay(self, book: WalletBooks, lamports: int) -> int:
        self._take_lamports(book, lamports)
        worth = self.sol_value_up(lamports)
        self._realise(book, -worth)
        return worth

    def _use_account(self, book: WalletBooks, mint: Mint) -> None:
        book.accounts.add(mint)
        book.empty_since_ns.pop(mint, None)

    def _realise(self, book: WalletBooks, micros: int) -> None:
        book.realised_today_micros += micros
        book.realised_micros += micros

    # Moves

    def _place_move(self, move: Move) -> None:
        assert move.id not in self.moves, f"{move.id} was placed twice"
        number = len(self.moves) if move.kind is not MoveKind.WITHDRAWAL else move.id.rsplit(":", 1)[1]
        assert move.id == f"move:{move.kind}:{number}", move
        self.moves[move.id] = self.open_moves[move.id] = move
        self.of[move.id] = (move.wallet_id,) if move.to_wallet is None else (move.wallet_id, move.to_wallet)
        book = self.wallets[move.wallet_id]
        assert self.free(book, move.money.mint) >= 0 or move.money.mint == SOL, f"{move.id} holds what is not there"
        assert book.lamports >= self.held_lamports(book), f"{move.id} holds what is not there"
        if move.kind is MoveKind.REBALANCE:
            self.batch_seq = self.seq
        elif move.kind is MoveKind.WITHDRAWAL:
            self.asked_today[move.id] = move.notional_micros
        elif move.kind is MoveKind.RECLAIM:
            book.accounts.discard(move.money.mint)
            book.empty_since_ns.pop(move.money.mint, None)

    def _close_move(self, move_id: OrderId, outcome: Outcome, provisional: bool) -> None:
        assert move_id in self.open_moves, f"{move_id} was closed, but was not open"
        move = self.open_moves.pop(move_id)
        self.outcomes[move_id] = outcome
        costs = self._book_move(move, outcome)
        if provisional:
            assert isinstance(outcome, Filled | Failed), f"{move_id} has {outcome}, which no fork can undo"
            self.provisional_moves[move_id] = BookedMove(move, outcome, costs)
        else:
            self._end(move, outcome)
        if move.kind is MoveKind.SWEEP:
            self._tried(self.wallets[move.wallet_id].sweeps, outcome)
        elif move.kind is MoveKind.TOP_UP and move.to_wallet is not None:
            self._tried(self.wallets[move.to_wallet].top_ups, outcome)

    def _end(self, move: Move, outcome: Outcome) -> None:
        """A withdrawal that failed for good no longer counts as requested."""
        if not isinstance(outcome, Filled):
            self.asked_today.pop(move.id, None)

    def _tried(self, tries: Tries, outcome: Outcome) -> None:
        if isinstance(outcome, Filled):
            tries.count = tries.after_ns = 0
            return
        tries.after_ns = self.at_ns + self.settings.exit_retry_ns * 2 ** min(tries.count, 5)
        tries.count += 1

    def _book_move(self, move: Move, outcome: Outcome) -> int:
        """Books a move; only a landed transaction changes anything. Returns its cost, minus what came back."""
        book, costs = self.wallets[move.wallet_id], 0
        if isinstance(outcome, Filled):
            costs = self._pay(book, outcome.fee_lamports + outcome.rent_lamports) - self._shift(move, outcome)
        elif isinstance(outcome, Failed):
            costs = self._pay(book, outcome.fee_lamports)
        if move.kind is MoveKind.RECLAIM and not isinstance(outcome, Filled):
            book.accounts.add(move.money.mint)
            book.empty_since_ns[move.money.mint] = self.at_ns
        for wallet_id in self.of[move.id]:
            self._make_good(self.wallets[wallet_id])
        return costs

    def _shift(self, move: Move, fill: Filled) -> int:
        """Moves the units out of one wallet, and into the other if it is ours. Returns the gain."""
        book, mint = self.wallets[move.wallet_id], move.money.mint
        if move.kind is MoveKind.RECLAIM:
            book.lamports += fill.received_units
            gain = self.sol_value(fill.received_units)
            self._realise(book, gain)
            return gain
        assert fill.spent_units == fill.received_units == move.money.units, (move, fill)
        self._take_purse(book, mint, fill.spent_units)
        if move.to_wallet is not None:
            receiver = self.wallets[move.to_wallet]
            self._add_purse(receiver, mint, fill.received_units)
            receiver.accounts.add(mint)
        return 0

    def _take_purse(self, book: WalletBooks, mint: Mint, units: int) -> None:
        if mint == SOL:
            self._take_lamports(book, units)
        else:
            self._take_back(book, mint, units)

    def _add_purse(self, book: WalletBooks, mint: Mint, units: int) -> None:
        if mint == SOL:
            book.lamports += units
        else:
            book.units[mint] += units

    def _roll_back_move(self, known: BookedMove, outcome: Outcome) -> None:
        move, former = known.move, known.outcome
        book, mint = self.wallets[move.wallet_id], move.money.mint
        self.outcomes[move.id] = outcome
        book.lamports += former.fee_lamports
        self._realise(book, known.costs_micros)
        if isinstance(former, Filled):
            book.lamports += former.rent_lamports
            if move.kind is MoveKind.RECLAIM:
                self._take_lamports(book, former.received_units)
            else:
                if move.to_wallet is not None:
                    receiver = self.wallets[move.to_wallet]
                    self._take_purse(receiver, mint, former.received_units)
                    if former.rent_lamports:
                        receiver.accounts.discard(mint)
                self._add_purse(book, mint, former.spent_units)
        if move.to_wallet is None:
            self._make_good(book)
        self._book_move(move, outcome)
        self._end(move, outcome)

    # Rollbacks by a fork

    def _roll_back(self, known: Booked, outcome: Outcome) -> None:
        order, former = known.order, known.outcome
        book = self.wallets[order.wallet_id]
        self.outcomes[order.id] = outcome
        wanted = order.mint in book.closing
        book.lamports += former.fee_lamports + former.tip_lamports
        self._realise(book, known.costs_micros)
        if isinstance(former, Filled):
            self._undo(book, known, former)
        elif isinstance(outcome, Filled):
            book.trades_today += self._counts(order)  # The undone trade stays counted.
        sells = order.side is Side.SELL and isinstance(outcome, Filled)
        self._book(book, order, outcome, self._shares(order, outcome.spent_units) if sells else Shares())
        if wanted and order.mint in book.lots:
            book.closing.add(order.mint)

    def _undo(self, book: WalletBooks, known: Booked, fill: Filled) -> None:
        order = known.order
        if fill.rent_lamports:
            book.lamports += fill.rent_lamports
            book.accounts.discard(order.receive)
            book.empty_since_ns.pop(order.receive, None)
        if order.to_float:
            self._take_lamports(book, fill.received_units)
            book.units[order.spend.mint] += fill.spent_units
            return
        self._take_back(book, order.receive, fill.received_units)
        book.units[order.spend.mint] += fill.spent_units
        if order.side is Side.BUY:
            lots, excess = book.lots.get(order.mint, []), self._excess(book, order.mint)
            gone = plain_lots.undo_buy(lots, excess, order, self.sources[order.id])
            _forget_empty(book, order.mint)
            self._realise(book, fill.spent_units - plain_lots.cost(gone))
        else:
            lots = book.lots.setdefault(order.mint, [])
            cost = plain_lots.undo_sale(lots, known.sold, order, self.sources[order.id], fill.spent_units)
            self._realise(book, cost - fill.received_units)
            if known.was_closing:
                book.closing.add(order.mint)
        self._realise(book, -self._drop_excess(book, order.mint))

    def _take_back(self, book: WalletBooks, mint: Mint, units: int) -> None:
        there = min(units, self.free(book, mint))
        book.units[mint] -= there
        book.owed[mint] += units - there

    def _take_lamports(self, book: WalletBooks, lamports: int) -> None:
        there = min(lamports, book.lamports - self.held_lamports(book))
        book.lamports -= there
        book.owed_lamports += lamports - there

    def _make_good(self, book: WalletBooks) -> None:
        """Pays debts from free units, and drops lots without units behind them."""
        mints = {mint for mint, units in book.owed.items() if units} | ({SOL} if book.owed_lamports else set())
        for mint in sorted(mints):
            back = min(book.owed[mint], self.free(book, mint))
            book.units[mint] -= back
            book.owed[mint] -= back
            if mint == SOL:
                back = min(book.owed_lamports, book.lamports - self.held_lamports(book))
                book.lamports -= back
                book.owed_lamports -= back
            self._realise(book, -self._drop_excess(book, mint))

    def _excess(self, book: WalletBooks, mint: Mint) -> int:
        """How many units of the lots do not exist."""
        held = plain_lots.total(book.lots.get(mint, ()))
        return max(0, held - max(0, book.units[mint] - book.owed[mint]))

    def _drop_excess(self, book: WalletBooks, mint: Mint) -> int:
        """Drops lots without units behind them, the newest first. Returns their cost."""
        gone = plain_lots.take_newest(book.lots.get(mint, []), self._excess(book, mint))
        _forget_empty(book, mint)
        return plain_lots.cost(gone)

    # Deposits and withdrawals

    def _deposit(self, deposited: Deposited) -> None:
        assert deposited.deposit_id not in self.deposits, f"deposit {deposited.deposit_id} was booked twice"
        self.deposits.add(deposited.deposit_id)
        book, money = self.wallets[deposited.wallet_id], deposited.money
        if deposited.to_float:
            book.lamports += money.units
        else:
            book.units[money.mint] += money.units
            self._use_account(book, money.mint)
            self._add_lot(book, money.mint, money.units, deposited.deposit_id)
        self._make_good(book)

    def _adjust(self, book: WalletBooks, mint: Mint, units: int) -> None:
        if units < 0:
            self._withdraw(book, mint, -units)
        elif mint == SOL:
            book.lamports += units
        else:
            book.units[mint] += units
            self._use_account(book, mint)
            self._add_lot(book, mint, units)
        self._make_good(book)

    def _write_off(self, book: WalletBooks, written: DustWrittenOff) -> None:
        mint, units = written.mint, plain_lots.total(book.lots[written.mint])
        assert self.is_dust(book, mint), written
        assert (units, self.held(book, mint)) == (written.units, 0), written
        book.units[mint] -= units
        self._realise(book, -self._drop_excess(book, mint))

    def is_dust(self, book: WalletBooks, mint: Mint) -> bool:
        """Worth less than the bound, at a known price."""
        return mint in self.marks and self.position(book, mint) < self.settings.dust_micros

    def _withdraw(self, book: WalletBooks, mint: Mint, units: int) -> None:
        """SOL leaves the float first. Lots leave at their value: no gain, no loss."""
        if mint == SOL:
            from_float = min(units, book.lamports - self.held_lamports(book))
            from_position = min(units - from_float, self.free(book, SOL))
            book.lamports -= from_float
            book.units[SOL] -= from_position
            book.owed_lamports += units - from_float - from_position
        else:
            self._take_back(book, mint, units)
        worth = self.position(book, mint)
        cost = self._drop_excess(book, mint)
        self._realise(book, worth - self.position(book, mint) - cost)

    def _add_lot(self, book: WalletBooks, mint: Mint, units: int, origin: str = "") -> None:
        if mint in book.lots or mint in self.settings.tokens:
            book.lots.setdefault(mint, []).append(Lot(None, units, self.value(mint, units), self.at_ns, origin))

    def _roll(self, day: int) -> None:
        assert day > self.day, (day, self.day)
        self.day = day
        self.asked_today.clear()
        for book in self.wallets.values():
            book.unrealised_base_micros = self.unrealised(book)
            book.realised_today_micros = 0
            book.trades_today = 0

    # Values at the newest marks, rounded down

    def value(self, mint: Mint, units: int) -> int:
        mark = self.marks.get(mint)
        return units * mark.price_pico // ten_to(self.decimals[mint] + 6) if mark else 0

    def sol_value_up(self, lamports: int) -> int:
        mark = self.marks.get(SOL)
        return -(-lamports * mark.price_pico // ten_to(SOL_DECIMALS + 6)) if mark else 0

    def sol_value(self, lamports: int) -> int:
        mark = self.marks.get(SOL)
        return lamports * mark.price_pico // ten_to(SOL_DECIMALS + 6) if mark else 0

    def position(self, book: WalletBooks, mint: Mint) -> int:
        return self.value(mint, sum(lot.units for lot in book.lots.get(mint, ())))

    def price_for_sale(self, mint: Mint) -> int:
        """The price that a sale without a signal reckons with."""
        if mint in self.doubts.doubted:
            return self.doubts.credible(mint, self.settings.price_jump_max_ppm)
        return self.marks[mint].price_pico

    def position_by(self, book: WalletBooks, mint: Mint, strategy: StrategyType) -> int:
        return self.value(mint, sum(lot.units for lot in book.lots.get(mint, ()) if lot.strategy is strategy))

    def positions(self, book: WalletBooks) -> int:
        return sum(self.position(book, mint) for mint in book.lots)

    def unrealised(self, book: WalletBooks) -> int:
        cost = sum(lot.cost_micros for lots in book.lots.values() for lot in lots)
        return self.positions(book) - cost

    def day_pnl(self, book: WalletBooks) -> int:
        return book.realised_today_micros + self.unrealised(book) - book.unrealised_base_micros

    def equity(self, book: WalletBooks) -> int:
        quote = self.settings.quote.mint
        cash, lamports = book.units[quote] - book.owed[quote], book.lamports - book.owed_lamports
        return cash + self.positions(book) + self.sol_value(lamports)

    def total_equity(self) -> int:
        return sum(self.equity(book) for book in self.wallets.values())

    # Units held by open orders

    def entries(self, book: WalletBooks) -> list[Order]:
        wallet_id = book.wallet.id
        return [one for one in self.open.values() if one.wallet_id == wallet_id and one.is_entry]

    def held(self, book: WalletBooks, mint: Mint) -> int:
        wallet_id = book.wallet.id
        orders = (one for one in self.open.values() if one.wallet_id == wallet_id)
        spent = sum(one.spend.units for one in orders if one.spend.mint == mint)
        return spent + (sum(one.money.units for one in self.moves_of(book) if one.money.mint == mint != SOL))

    def free(self, book: WalletBooks, mint: Mint) -> int:
        return book.units[mint] - self.held(book, mint)

    def held_lamports(self, book: WalletBooks) -> int:
        wallet_id = book.wallet.id
        orders = (one for one in self.open.values() if one.wallet_id == wallet_id)
        moved = sum(one.money.units for one in self.moves_of(book) if one.money.mint == SOL)
        return moved + sum(one.fee_max_lamports + one.rent_max_lamports for one in (*orders, *self.moves_of(book)))

    def came_to_nothing(self, move_id: OrderId) -> bool:
        """Whether it failed for good, and the receiver got no money."""
        outcome = self.outcomes.get(move_id)
        return outcome is not None and not isinstance(outcome, Filled) and move_id not in self.provisional_moves

    def moves_of(self, book: WalletBooks) -> list[Move]:
        """The open moves that this wallet pays."""
        return [one for one in self.open_moves.values() if one.wallet_id == book.wallet.id]

    def asset(self, mint: Mint) -> int:
        positions = sum(self.position(book, mint) for book in self.wallets.values())
        return positions + sum(one.notional_micros for one in self.open.values() if _buys(one, mint))

    def deployed(self, strategy: StrategyType) -> int:
        """The capital of one strategy in all wallets."""
        held = (self.position_by(book, mint, strategy) for book in self.wallets.values() for mint in book.lots)
        buys = (one for one in self.open.values() if one.is_entry and one.strategy is strategy)
        return sum(held) + sum(one.notional_micros for one in buys)

    def may_be_bought(self, mint: Mint) -> bool:
        """Whether the newest looks at it and at the quote currency speak for it."""
        if self.settings.admission is AdmissionPolicy.OFF:
            return True
        return all(self.admitted.get(one, False) for one in (mint, self.settings.quote.mint))

    def exposure(self) -> int:
        positions = sum(self.positions(book) for book in self.wallets.values())
        return positions + sum(one.notional_micros for one in self.open.values() if one.is_entry)


def _admits_by(desk: Desk) -> tuple[object, ...]:
    """With other rules or another list every mint has to be looked at again."""
    return desk.admission, desk.admission_exit, desk.unlisted, desk.quote, desk.tokens


def _buys(order: Order, mint: Mint) -> bool:
    return order.is_entry and order.receive == mint


def _forget_empty(book: WalletBooks, mint: Mint) -> None:
    """A close of a position ends when nothing is left."""
    if mint in book.lots and not book.lots[mint]:
        del book.lots[mint]
        book.plans.pop(mint, None)
        book.closing.discard(mint)
