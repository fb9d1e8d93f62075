"""What must hold for every journal, at every prefix and at the end.

The auditor checks each entry when it becomes durable, with its own books and rules. `replay` then folds the journal
with the real core, entry by entry, and compares the two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import Final, Protocol

from msgspec import structs
from tests.sim import rules
from tests.sim.books import Books, WalletBooks, ten_to
from tests.sim.losses import Losses
from tests.sim.servers import honest
from tests.sim.splits import Splits, could_be_divided, used_by_others
from tests.support import plain_lots

from overmind.core.books import ledger
from overmind.core.books.apply import apply
from overmind.core.books.state import State, encode_state
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.model.codes import Code
from overmind.core.model.enums import MoveKind, Side, SizingMethod, StrategyType, TradeAction
from overmind.core.model.events import (
    AccountsFlagged,
    CloseOrdered,
    DayRolled,
    Entry,
    Event,
    HoldAdded,
    HoldLifted,
    LiquidationOrdered,
    MintAdmitted,
    MintRefused,
    MoveClosed,
    MovePlaced,
    MoveRolledBack,
    OrderClosed,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
    PricesMoved,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId, is_own
from overmind.core.model.order import Move, Order, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, PPM

OF_SIGNAL: Final = rules.OF_SIGNAL | {Code.STRATEGY_NOT_ENABLED}
BUYS: Final = (TradeAction.BUY, TradeAction.MARKET_BUY)
ROUNDING_UNITS: Final = 2  # base units by which a guaranteed minimum may be rounded
COST_TIE_BPS: Final = 1e-6


class Judge(Protocol):
    """Knows the true state of the chain."""

    def judge(self, event: Event) -> None:
        """Checks an event before it is folded. Raises AssertionError."""

    def unnoticed(self) -> set[WalletId]:
        """The wallets with a theft that the balances showed, and that raised no alarm."""


class AcceptingJudge:
    """`Judge` that accepts everything."""

    def judge(self, event: Event) -> None:
        """Accepts every event."""

    def unnoticed(self) -> set[WalletId]:
        """None: nothing is known of thefts."""
        return set()


class Auditor:
    """Folds durable entries into its own books, and checks each before it is folded."""

    def __init__(self, seen: Counter[str]) -> None:
        self.books = Books()
        self.received: defaultdict[SignalId, list[int]] = defaultdict(list)  # when the clients sent each signal
        self.evidence: Judge = AcceptingJudge()
        self.losses = Losses(honest(), seen)
        self.true_pico: dict[Mint, int] = {}
        self._seen = seen
        self._parts: list[OrderPlaced] = []
        self._splits = Splits(seen)
        self._debtors: set[WalletId] = set()
        self._waited: set[OrderId] = set()  # withdrawals that waited for a hold to end
        self._to_quarantine: set[WalletId] = set()
        self._to_close: set[tuple[WalletId, Mint]] = set()  # their mint was refused

    def rewind(self, entries: Iterable[Entry]) -> None:
        """An older copy of the journal, which ends at a batch, took its place."""
        self.books = Books()
        for entry in entries:
            self.books.fold(entry)
        self._debtors = _debtors(self.books)
        self._to_quarantine.clear()
        self._to_close.clear()
        self._waited &= self.books.open_moves.keys()
        self.losses.rewind()
        self._splits.rewind()

    def take(self, entry: Entry) -> None:
        self._check_day(entry)
        self.evidence.judge(entry.event)
        self._splits.expect(entry.event)
        match entry.event:
            case OrderPlaced(order=order) if order.to_float:
                broken = rules.broken_by_swap_for_float(self.books, order, entry.at_ns)
                assert not broken, f"{order.id}: {broken}: {order}"
                self._seen["swap for the float"] += 1
            case OrderPlaced(order=order) as placed if order.side is Side.BUY:
                self._check_entry(placed, entry.at_ns)
            case MovePlaced(move=move):
                broken = rules.broken_by_move(self.books, move, entry.at_ns)
                assert not broken, f"{move.id}: {broken}: {move}"
                self._seen[f"move {move.kind}"] += 1
            case MoveClosed(move_id=move_id, outcome=outcome):
                self._check_outcome_of_move(move_id, outcome, entry.at_ns)
            case HoldLifted(scope=scope) if scope.strategy is None:
                self._note_waiting(scope.wallet_id, entry.at_ns)
            case OrderPlaced() as placed:
                self._check_exit(placed, entry.at_ns)
            case SignalRefused(signal=signal) as refused if signal.action in BUYS:
                self._check_refused_entry(self.books.told_whole(refused), entry.at_ns)
            case SignalRefused() as refused:
                self._check_refused_exit(self.books.told_whole(refused), entry.at_ns)
            case OrderClosed(order_id=order_id, outcome=outcome):
                self._check_outcome(self.books.open[order_id], outcome)
        self._check_quarantine(entry.event)
        self._check_admission(entry.event)
        self._check_losses(entry.event)
        self.books.fold(entry)
        if isinstance(entry.event, PricesMarked | PricesMoved):
            self.losses.note_marks(self.books.believed, self.true_pico)
        self._note_debtors(entry.event)

    def _check_admission(self, event: Event) -> None:
        """No buy is signed after a look refused its mint. What is held of it is closed if the desk says so."""
        books = self.books
        if self._to_close:
            assert isinstance(event, CloseOrdered), f"{self._to_close} are not closed: {event}"
            self._to_close.discard((event.wallet_id, event.mint))
        match event:
            case TicketRecorded(order_id=order_id) if (
                order := books.open.get(order_id)
            ) is not None and order.is_entry:
                assert books.may_be_bought(order.mint), f"{order_id} is signed, and its mint is not admitted"
            case MintRefused(mint=mint):
                self._seen["mint refused"] += 1
                held = [one for one in books.wallets.items() if mint in one[1].lots and mint not in one[1].closing]
                self._seen["mint refused while it is held"] += bool(held)
                if books.settings.admission_exit:
                    self._to_close = {(wallet_id, mint) for wallet_id, _ in held}
            case MintAdmitted(mint=mint):
                self._seen["mint admitted again"] += books.admitted.get(mint) is False
            case AccountsFlagged(flaws=flaws) if flaws:
                self._seen["account flagged"] += 1

    def _check_losses(self, event: Event) -> None:
        """No lie about prices takes more than its bound."""
        books, losses = self.books, self.losses
        match event:
            case OrderPlaced(signal=signal, order=order):
                losses.place(order, signal.target_price_pico, books.decimals[order.mint])
            case OrderClosed(order_id=order_id, outcome=Filled() as fill):
                losses.fill(books.open[order_id], fill, books.settings.price_jump_max_ppm)

    def _check_quarantine(self, event: Event) -> None:
        """A wallet with a new debt must take no more entries: the very next event must be its quarantine."""
        if not self._to_quarantine:
            return
        is_hold = isinstance(event, HoldAdded | LiquidationOrdered)
        assert is_hold, f"{self._to_quarantine} owe what they spent, and are not quarantined: {event}"
        if isinstance(event, HoldAdded) and event.hold.cause == "quarantine":
            self._to_quarantine.discard(event.scope.wallet_id or WalletId(""))

    def _note_debtors(self, event: Event) -> None:
        wallets, debtors = self.books.wallets, _debtors(self.books)
        by_order = isinstance(event, OrderClosed | OrderRolledBack | MoveClosed | MoveRolledBack)
        new = debtors - self._debtors if by_order else set()
        self._to_quarantine |= {one for one in new if "quarantine" not in wallets[one].causes}
        self._debtors = debtors

    def _check_day(self, entry: Entry) -> None:
        """The day rolls with its first marks, and at once if no marks come. A withdrawal is of its own day."""
        books, event, today = self.books, entry.event, entry.at_ns // DAY_NS
        if isinstance(event, DayRolled) or books.day in (0, today):
            assert getattr(event, "day", today) == today, entry
            return
        newest_ns = max((mark.at_ns for mark in books.marks.values()), default=0)
        assert newest_ns // DAY_NS < today, f"the day did not roll with its first marks: {entry}"
        fresh = entry.at_ns - newest_ns <= books.settings.mark_age_max_ns
        assert fresh or isinstance(event, PricesMarked | PricesMoved), f"the day did not roll without marks: {entry}"
        assert not (isinstance(event, MovePlaced) and event.move.kind is MoveKind.WITHDRAWAL), entry
        self._seen["before the day's first marks"] += 1

    def _check_entry(self, placed: OrderPlaced, at_ns: int) -> None:
        books, order, signal = self.books, placed.order, placed.signal
        entry = self._checked_entry(signal, order, at_ns)
        if order.parts:
            self._splits.check(books, placed, entry)
        if signal.risk is not None or order.parts:
            entry = structs.replace(entry, notional_micros=order.notional_micros)
        book = books.wallets[order.wallet_id]
        broken = rules.broken_by_signal(books, entry) | rules.broken_by_wallet(books, book, entry)
        assert not broken, f"{order.id} in {order.wallet_id} breaks {sorted(broken)}: {order}"
        for name, expected in rules.expected_entry(books, book, entry).items():
            assert getattr(order, name) == expected, f"{order.id}: {name} is {getattr(order, name)}, not {expected}"
        assert order.spend.units == order.notional_micros, order
        assert order.spend.mint == books.settings.quote.mint, order
        assert order.attempt < books.settings.attempts_max, order
        assert order.wallet_id not in order.tried, order
        self._check_least(order, signal, at_ns)
        if signal.risk is not None:
            self._check_size(placed, entry)
        elif not order.parts or order.attempt:
            self._check_choice(order, entry)

    def _checked_entry(self, signal: Signal, order: Order, at_ns: int) -> rules.CheckedEntry:
        """A later attempt is judged by the current time, within the expiry of the first one."""
        if order.attempt:
            return rules.checked_entry(self.books, signal, at_ns, at_ns, order.expires_at_ns)
        entries = [rules.checked_entry(self.books, signal, at_ns, ns) for ns in self.received[signal.id]]
        return max((one for one in entries if one.stale_ns == order.expires_at_ns), key=lambda one: one.received_ns)

    def _check_least(self, order: Order, signal: Signal, at_ns: int) -> None:
        exact = rules.least_received(self.books, order, signal, at_ns)
        assert abs(Fraction(order.received_min) - max(exact, Fraction(1))) <= ROUNDING_UNITS, (order, float(exact))

    def _check_choice(self, order: Order, entry: rules.CheckedEntry) -> None:
        """The chosen wallet must be the cheapest eligible one."""
        books = self.books
        taken = used_by_others(books, order) if order.parts else set()
        assert order.wallet_id not in taken, order
        may = [book for book in books.wallets.values() if book.wallet.id not in {*order.tried, *taken}]
        costs = {
            book.wallet.id: rules.cost_bps(books, book, entry)
            for book in may
            if not rules.broken_by_wallet(books, book, entry)
        }
        cheapest = min(costs.values())
        assert costs[order.wallet_id] <= cheapest + COST_TIE_BPS, f"{order.id} is not in the cheapest wallet: {costs}"

    def _check_size(self, placed: OrderPlaced, entry: rules.CheckedEntry) -> None:
        """The size must follow from the budget. No cheaper wallet could take all of it, and no other wallet more."""
        books, order, signal, sizing = self.books, placed.order, placed.signal, placed.sizing
        assert sizing is not None, placed
        self._seen["sized, capped" if sizing.binding else "sized in full"] += 1
        self._seen[f"sized by {sizing.how}"] += 1
        found = {}
        for book in books.wallets.values():
            size = rules.sized(books, book, signal, sizing.distance_ppm)
            its = structs.replace(entry, notional_micros=size)
            may = size >= rules.least_size(books) and book.wallet.id not in order.tried
            if may and not rules.broken_by_wallet(books, book, its):
                is_whole = size == rules.wanted(books, book, signal, sizing.distance_ppm)
                found[book.wallet.id] = (is_whole, size, rules.whole_cost_bps(books, book, its))
        whole, size, cost = found[order.wallet_id]
        assert size == order.notional_micros == sizing.notional_micros, (found, placed)
        wholes = [one for one in found.values() if one[0]]
        assert whole or not wholes, (found, placed)
        most = max(one[1] for one in found.values())
        rivals = wholes if whole else [one for one in found.values() if one[1] == most]
        assert whole or size == most, (found, placed)
        assert cost <= min(one[2] for one in rivals) + COST_TIE_BPS, (found, placed)

    def _check_exit(self, placed: OrderPlaced, at_ns: int) -> None:
        books, order, signal = self.books, placed.order, placed.signal
        book = books.wallets[order.wallet_id]
        assert order.attempt == 0, order
        assert order.wallet_id not in signal.exclude, order
        assert 0 < order.spend.units <= books.sellable(book, signal), order
        assert RESTORED not in books.stops, f"{order.id} is sold before the history is known"
        assert order.scope is signal.scope, order
        costs = books.settings.costs
        rent = rules.rent_lamports(books, book, order.receive)
        assert (order.fee_max_lamports, order.rent_max_lamports) == (costs.fee_max_lamports, rent), order
        assert order.fee_max_lamports + rent <= rules.free_lamports(books, book), order
        assert order.loss_max_micros == 0, order
        if is_own(signal.id):
            broken = rules.broken_by_own_exit(books, order, at_ns)
            assert not broken, f"{order.id}: {broken}: {order}"
            self._seen[f"own exit {signal.id.split(':')[0]}"] += 1
            self._seen["own exit at a doubted price"] += order.mint in books.doubts.doubted
        else:
            self._seen[f"sale of the {order.scope}'s lots"] += 1
            times = [rules.checked_entry(books, signal, at_ns, ns) for ns in self.received[signal.id]]
            assert any(
                order.expires_at_ns == one.stale_ns and not rules.broken_times(signal, at_ns, one.stale_ns)
                for one in times
            ), order
        self._check_least(order, signal, at_ns)
        self._check_parts(placed)

    def _check_parts(self, placed: OrderPlaced) -> None:
        """All parts together must sell what the signal asked for. Parts of one sale follow each other."""
        if placed.order.part == 0:
            self._parts = []
        self._parts.append(placed)
        if len(self._parts) > 1:
            self._seen["sale in parts"] += 1
            wallets = {one.order.wallet_id for one in self._parts}
            assert len(wallets) == len(self._parts), self._parts

    def _check_refused_entry(self, refused: SignalRefused, at_ns: int) -> None:
        """At least one rule must be broken, and all broken rules must be named."""
        books, signal = self.books, refused.signal
        named = {one.code for one in refused.refusals}
        self._seen.update(f"refused {code}" for code in named)
        faults = [
            self._unexplained(refused, rules.checked_entry(books, signal, at_ns, ns)) for ns in self.received[signal.id]
        ]
        assert not all(faults), f"{signal.id} was refused without reason, or not for every reason: {faults} {refused}"

    def _unexplained(self, refused: SignalRefused, entry: rules.CheckedEntry) -> list[str]:
        """The differences between the named refusals and the broken rules."""
        books = self.books
        general = rules.broken_by_signal(books, entry)
        named = {one.code for one in refused.refusals if one.wallet_id is None}
        broken = {book.wallet.id: rules.broken_by_wallet(books, book, entry) for book in books.wallets.values()}
        faults = [
            f"{one} could have taken it"
            for one, codes in broken.items()
            if not general and not codes and not self._has_no_size(refused, books.wallets[one])
        ]
        if could_be_divided(books, entry):
            faults.append("several wallets could have taken it")
        if broken and named & OF_SIGNAL != general:
            faults.append(f"named {sorted(named)}, broken {sorted(general)}")
        if general & {Code.PRICE_MISSING, Code.MINT_NOT_ADMITTED}:
            return faults  # It has no size, so the refusals by wallets mean little.
        for wallet_id, codes in broken.items():
            named = {one.code for one in refused.refusals if one.wallet_id == wallet_id}
            # The expected cost is that of the whole size, which nobody has told here.
            sized = {Code.EXPECTED_COST} if entry.signal.risk is not None else set()
            if named & rules.OF_WALLET - sized != codes - sized:
                faults.append(f"{wallet_id}: named {sorted(named)}, broken {sorted(codes)}")
        return faults

    def _has_no_size(self, refused: SignalRefused, book: WalletBooks) -> bool:
        """Whether its risk budget gives too small a size in this wallet, and the refusal says so."""
        signal, wallet_id = refused.signal, book.wallet.id
        if signal.risk is None:
            return False
        if signal.risk.method is SizingMethod.VOLATILITY:
            said = {one.code for one in refused.refusals if one.wallet_id in (None, wallet_id)}
            return bool(said & {Code.VOLATILITY_UNKNOWN, Code.SIZE_TOO_SMALL})
        said = {one.code for one in refused.refusals if one.wallet_id == wallet_id}
        if not book.wallet.limits.stop_loss_ppm:
            return Code.STOP_DISTANCE_UNKNOWN in said
        small = rules.sized(self.books, book, signal, 0) < rules.least_size(self.books)
        return small and Code.SIZE_TOO_SMALL in said

    def _check_refused_exit(self, refused: SignalRefused, at_ns: int) -> None:
        """Only facts may stop a sale of held units."""
        books, signal = self.books, refused.signal
        named = {one.code for one in refused.refusals}
        self._seen.update(f"exit refused {code}" for code in named)
        if RESTORED in books.stops:
            assert Code.PORTFOLIO_STOPPED in named, refused
            return
        assert named <= rules.OF_EXIT, f"an exit was blocked by {named - rules.OF_EXIT}"
        if not any(self._late(signal, at_ns, ns) for ns in self.received[signal.id]):
            unpriced = signal.target_price_pico is None and rules.broken_sale_price(books, signal.mint, at_ns)
            assert unpriced or not 0 < self._wanted(signal) <= self._sellable(signal), refused

    def _late(self, signal: Signal, at_ns: int, received_ns: int) -> bool:
        entry = rules.checked_entry(self.books, signal, at_ns, received_ns)
        return bool(rules.broken_times(signal, at_ns, entry.stale_ns))

    def _holders(self, signal: Signal) -> list[WalletBooks]:
        books = self.books
        costs, quote = books.settings.costs, books.settings.quote.mint
        return [
            book
            for book in books.wallets.values()
            if book.wallet.id not in signal.exclude
            and signal.mint in book.lots
            and books.sellable(book, signal) > 0
            and rules.free_lamports(books, book) >= costs.fee_max_lamports + rules.rent_lamports(books, book, quote)
        ]

    def _sellable(self, signal: Signal) -> int:
        return sum(self.books.sellable(book, signal) for book in self._holders(signal))

    def _wanted(self, signal: Signal) -> int:
        if not self._holders(signal):
            return 0
        scale = ten_to(self.books.decimals[signal.mint])
        if signal.quantity is not None:
            return rules.base_units(signal.quantity, self.books.decimals[signal.mint])
        if signal.notional_micros is None:
            return self._sellable(signal) if signal.sell_all else 0
        mark = self.books.marks.get(signal.mint)
        price = mark.price_pico if mark is not None else signal.target_price_pico
        assert price is not None, signal
        return signal.notional_micros * scale * PPM // price

    def _note_waiting(self, wallet_id: WalletId | None, at_ns: int) -> None:
        """Notes the withdrawals that were due but for the hold that has just ended."""
        for move in self.books.open_moves.values():
            due = move.kind is MoveKind.WITHDRAWAL and at_ns > move.not_before_ns and move.id not in self.books.tickets
            if due and wallet_id in (None, move.wallet_id):
                self._waited.add(move.id)

    def _check_outcome_of_move(self, move_id: OrderId, outcome: Outcome, at_ns: int) -> None:
        move = self.books.open_moves[move_id]
        self._seen[f"{move.kind} {type(outcome).__name__}"] += 1
        if not isinstance(outcome, Rejected):
            assert move_id in self.books.tickets, f"{move_id} has an outcome of a chain and no ticket"
            self._seen["withdrawal paid after a hold"] += move_id in self._waited and isinstance(outcome, Filled)
            return
        self._seen[f"{move.kind} rejected {outcome.cause}"] += 1
        if move.kind is MoveKind.WITHDRAWAL:
            self._check_unpaid(move, outcome, at_ns)
        blocked = move.kind.protects and outcome.cause is Cause.STOPPED and RESTORED not in self.books.stops
        assert not blocked, f"what protects was stopped: {move_id} {outcome}"
        early = outcome.cause is Cause.CANCELLED and move_id in self.books.tickets
        assert not early, f"{move_id} was cancelled, and is signed"

    def _check_unpaid(self, move: Move, outcome: Rejected, at_ns: int) -> None:
        """A temporary hold must not reject it. A cause that rejects it must be in the books, unless a STOP file caused
        it.
        """
        causes = self.books.stops | self.books.wallets[move.wallet_id].causes
        ends = {
            Cause.NOT_ALLOWED: not rules.may_be_paid(self.books, move),
            Cause.STOPPED: any(map(rules.is_alarm, causes)) or outcome.detail == "STOP file" or RESTORED in causes,
            Cause.SIGNAL_EXPIRED: at_ns >= move.expires_at_ns,
        }
        assert ends.get(outcome.cause, True), f"{move.id} was ended by {outcome}, under {causes}"

    def _check_outcome(self, order: Order, outcome: Outcome) -> None:
        self._seen[f"closed {type(outcome).__name__}"] += 1
        if isinstance(outcome, Rejected):
            self._seen[f"rejected {outcome.cause}"] += 1
            blocked = order.side is Side.SELL and outcome.cause in (Cause.STOPPED, Cause.SIGNAL_EXPIRED)
            by_history = RESTORED in self.books.stops and outcome.cause is Cause.STOPPED
            assert by_history or not blocked, f"an exit was stopped: {order.id} {outcome}"
            by_mint = order.side is Side.SELL and outcome.cause is Cause.MINT_NOT_ADMITTED
            assert not by_mint, f"an exit was stopped by its mint: {order.id} {outcome}"
            if order.side is Side.SELL and outcome.cause is Cause.ACCOUNT_UNSAFE:
                flagged = self.books.flagged.get(order.wallet_id, set())
                assert order.receive in flagged, f"an exit was stopped by the account that it empties: {order.id}"
        else:
            assert order.id in self.books.tickets, f"{order.id} has an outcome of a chain and no ticket"


def _debtors(books: Books) -> set[WalletId]:
    wallets = books.wallets.items()
    return {wallet_id for wallet_id, book in wallets if book.owed_lamports or any(book.owed.values())}


def fold(entries: Iterable[Entry]) -> State:
    """The state that recovery must arrive at, whatever snapshot it started from."""
    state = State()
    for entry in entries:
        apply(state, entry)
    return state


def replay(entries: Iterable[Entry]) -> State:
    """Folds with the real core, checks the invariants after each entry, and compares with the checker's books."""
    state, books = State(), Books()
    for entry in entries:
        apply(state, entry)
        books.fold(entry)
        assert not any(state.ledger.totals().values()), f"money was created or destroyed by {entry}"
        if not isinstance(entry.event, PricesMarked | PricesMoved):  # The next event is judged by these marks.
            _compare_holds(state, books)
            _compare_wallets(state, books)
    return state


def _compare_holds(state: State, books: Books) -> None:
    assert set(state.open_orders) == set(books.open), (set(state.open_orders), set(books.open))
    assert set(state.provisional) == set(books.provisional), (set(state.provisional), set(books.provisional))
    assert set(state.holds) == books.stops, (state.holds, books.stops)
    held: Counter[tuple[str, Mint]] = Counter()
    for order in books.open.values():
        held[ledger.held(order.wallet_id), order.spend.mint] += order.spend.units
        held[ledger.sol_float_held(order.wallet_id), SOL] += order.fee_max_lamports + order.rent_max_lamports
    assert set(state.open_moves) == set(books.open_moves), (set(state.open_moves), set(books.open_moves))
    assert set(state.provisional_moves) == set(books.provisional_moves), state.provisional_moves
    assert state.withdrawn_today_micros == sum(books.asked_today.values()), (books.asked_today, books.seq)
    for move in books.open_moves.values():
        account = ledger.sol_float_held if move.money.mint == SOL else ledger.held
        held[account(move.wallet_id), move.money.mint] += move.money.units
        held[ledger.sol_float_held(move.wallet_id), SOL] += move.fee_max_lamports + move.rent_max_lamports
    for wallet_id in books.wallets:
        for account in (ledger.held(wallet_id), ledger.sol_float_held(wallet_id)):
            for mint, units in state.ledger.accounts.get(account, {}).items():
                assert units == held[account, mint], f"{account} holds {units} of {mint}, not {held[account, mint]}"


def _compare_wallets(state: State, books: Books) -> None:
    equity = 0
    for wallet_id, mine in books.wallets.items():
        book, totals = state.wallets[wallet_id], state.ledger.balance
        equity += book.equity_micros
        assert book.equity_micros == (books.equity(mine) if books.desk else 0), wallet_id
        assert book.day_pnl_micros == books.day_pnl(mine), (wallet_id, book.day_pnl_micros, books.day_pnl(mine))
        assert book.realised_micros == mine.realised_micros, wallet_id
        assert book.trades_today == mine.trades_today, wallet_id
        assert book.entries_open == len(books.entries(mine)), wallet_id
        assert book.loss_in_flight_micros == sum(one.loss_max_micros for one in books.entries(mine)), wallet_id
        assert book.at_risk_micros == (rules.at_risk(books, mine) if books.desk else 0), wallet_id
        assert book.entries_micros == sum(one.notional_micros for one in books.entries(mine)), wallet_id
        assert set(book.holds) == mine.causes, wallet_id
        assert book.wallet == mine.wallet, (wallet_id, book.wallet, mine.wallet)
        assert (book.liquidating, book.sweeping) == (mine.liquidating, mine.sweeping), wallet_id
        assert set(book.closing) == mine.closing, (wallet_id, book.closing, mine.closing)
        dust = {mint for mint in mine.lots if books.is_dust(mine, mint)}
        assert book.dust == dust, (wallet_id, book.dust, dust)
        assert book.token_accounts == mine.accounts, (wallet_id, book.token_accounts, mine.accounts)
        assert book.empty_since_ns == mine.empty_since_ns, (wallet_id, book.empty_since_ns, mine.empty_since_ns)
        for ours, theirs in ((book.sweep, mine.sweeps), (book.top_up, mine.top_ups)):
            assert (ours.tries, ours.after_ns) == (theirs.count, theirs.after_ns), (wallet_id, ours, theirs)
        lamports = totals(ledger.sol_float(wallet_id), SOL) + totals(ledger.sol_float_held(wallet_id), SOL)
        assert lamports == mine.lamports, (wallet_id, lamports, mine.lamports)
        assert totals(book.accounts.float_suspense, SOL) == -mine.owed_lamports, (wallet_id, mine.owed_lamports)
        for mint in book.positions.keys() | mine.lots.keys():
            held = book.positions[mint].units_by if mint in book.positions else {}
            by_source = book.positions[mint].units_of_sources if mint in book.positions else {}
            owned, of_sources = plain_lots.Shares(), plain_lots.Shares()
            for lot in mine.lots.get(mint, ()):
                owned[lot.strategy or "deposit"] += lot.units
                of_sources[lot.owner] += lot.units if lot.source else 0
            assert held == owned, (wallet_id, mint, held, owned)
            assert by_source == +of_sources, (wallet_id, mint, by_source, of_sources)
            reserved = books.reserved(mine, mint)
            assert book.reserved.get(mint, {}) == reserved, (wallet_id, mint, book.reserved, reserved)
        for mint, units in mine.units.items():
            booked = totals(ledger.free(wallet_id), mint) + totals(ledger.held(wallet_id), mint)
            assert booked == units, (wallet_id, mint, booked, units)
            owed = -totals(ledger.suspense(wallet_id), mint)
            assert owed == mine.owed[mint], (wallet_id, mint, owed, mine.owed[mint])
    assert state.trades_today == sum(mine.trades_today for mine in books.wallets.values()), state.trades_today
    assert state.equity_micros == equity, (state.equity_micros, equity)
    assert state.exposure_micros == books.exposure(), (state.exposure_micros, books.exposure())
    assert state.entries_open == sum(one.is_entry for one in books.open.values()), state.entries_open
    users = Counter(mint for mine in books.wallets.values() for mint in rules.used_mints(books, mine))
    assert state.users == users, (state.users, users)
    for strategy in StrategyType:
        deployed = books.deployed(strategy)
        assert state.strategies.get(strategy, 0) == deployed, (strategy, state.strategies, deployed)


def same_state(one: State, other: State, what: str) -> None:
    assert encode_state(one) == encode_state(other), what


def nothing_held(state: State) -> None:
    assert not state.open_orders, state.open_orders
    assert not state.open_moves, state.open_moves
    for wallet_id, book in state.wallets.items():
        for account in (ledger.held(wallet_id), ledger.sol_float_held(wallet_id)):
            assert not any(state.ledger.accounts.get(account, {}).values()), f"capital left on hold in {account}"
        assert not book.entries, wallet_id
        assert (book.entries_open, book.entries_micros, book.loss_in_flight_micros) == (0, 0, 0), wallet_id


def nothing_provisional(state: State) -> None:
    assert not state.provisional, state.provisional
    assert not state.provisional_moves, state.provisional_moves
    for wallet_id, book in state.wallets.items():
        for account in (ledger.suspense(wallet_id), book.accounts.float_suspense):
            for mint, units in state.ledger.accounts.get(account, {}).items():
                # The float and a SOL position are one account on the chain; each may have paid the other's debt.
                assert not units or mint == SOL, f"{account} still owes {-units} of {mint}"


def books_equal_chain(state: State, chain: Counter[tuple[WalletId, Mint]]) -> None:
    """Compares per wallet and mint. SOL float and SOL position are one asset on the chain."""
    booked: Counter[tuple[WalletId, Mint]] = Counter()
    for wallet_id, book in state.wallets.items():
        for account in book.accounts.names:
            for mint, units in state.ledger.accounts.get(account, {}).items():
                booked[wallet_id, mint] += units
    for wallet_id, mint in sorted({*booked, *chain}):
        ours, theirs = booked[wallet_id, mint], chain[wallet_id, mint]
        assert ours == theirs, f"{wallet_id} {mint}: books say {ours}, the chain {theirs}"


def chain_agrees(books: Books, landed: dict[str, tuple[Work, Filled | Failed]]) -> None:
    """Every landed transaction must be booked as it happened, and every order that did not land must be closed so."""
    by_order = Counter(order.id for order, _ in landed.values())
    assert set(by_order.values()) <= {1}, f"landed twice: {by_order}"
    orders = [(o, outcome) for o, outcome in landed.values() if isinstance(o, Order)]
    filled = Counter((o.signal_id, o.part) for o, outcome in orders if isinstance(outcome, Filled))
    assert set(filled.values()) <= {1}, f"one signal was filled twice: {filled}"
    true_outcomes = {order.id: outcome for order, outcome in landed.values()}
    for order_id, outcome in books.outcomes.items():
        if isinstance(outcome, Rejected | Expired):
            assert order_id not in true_outcomes, f"{order_id} was closed as {outcome}, and landed"
        else:
            assert _of_no_slot(true_outcomes[order_id]) == _of_no_slot(outcome), (order_id, outcome, true_outcomes)
    assert set(true_outcomes) <= set(books.outcomes), "a landing was never booked"


def _of_no_slot(outcome: Filled | Failed) -> Filled | Failed:
    """Two landings on two branches with the same effect are one fact."""
    return structs.replace(outcome, slot=0)


def ticket_before_send(books: Books, ticket: Ticket, work: Work) -> None:
    assert books.tickets.get(work.id) == ticket, f"{work.id}: sent before its ticket was durable"


def may_send(books: Books, work: Work, stop_file: bool, now_ns: int) -> None:
    """Checks at every send that the durable journal allows it."""
    assert work.id in books.open or work.id in books.open_moves, f"{work.id} was sent, and is closed"
    assert RESTORED not in books.stops, f"{work.id} was sent before the history is known"
    if isinstance(work, Order) and work.side is Side.SELL:
        return
    assert now_ns < work.expires_at_ns, f"{work.id} was sent after its time"
    if isinstance(work, Move) and work.kind.protects:
        return
    stops = books.stops if isinstance(work, Order) and work.is_entry else rules.of_moves(books.stops)
    assert not stops, f"{work.id} was sent although the portfolio was stopped: {books.stops}"
    for wallet_id in books.of[work.id]:
        assert "emergency" not in books.wallets[wallet_id].causes, f"{work.id} was sent after an emergency stop"
    assert not stop_file, f"{work.id} was sent although there is a STOP file"
    if isinstance(work, Move) and work.kind is MoveKind.WITHDRAWAL:
        assert rules.may_be_paid(books, work), f"{work.id} was sent to {work.to_address}: {books.settings}"
        held = rules.of_moves(books.wallets[work.wallet_id].causes)
        assert not held, f"{work.id} was sent although its wallet was held: {held}"
