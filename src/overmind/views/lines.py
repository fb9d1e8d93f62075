"""One line for each entry of the journal, in plain words, for whoever watches a desk go on."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from overmind.clock.instants import iso
from overmind.core.books.brief_refusals import whole
from overmind.core.books.state import State
from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY
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
    Event,
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
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS, PICO, PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import dollars, symbol_of
from overmind.views.orders import amount_told, booked_amounts, outcome_name, outcome_told
from overmind.views.refusals import grouped, in_words

PATTERNS_KEPT: Final = 64  # refusals in full, for later ones that are like them
SIGNATURE_CHARS: Final = 16  # `explain` shows all of it


_DeskEvent = (
    DeskFounded
    | DeskConfigured
    | WalletConfigured
    | Deposited
    | PricesMarked
    | PricesMoved
    | PriceAccepted
    | DayRolled
    | HoldAdded
    | HoldLifted
    | BalancesChecked
    | BalanceAdjusted
    | HistoryAccepted
    | LiquidationOrdered
    | CloseOrdered
    | CloseCancelled
    | DustWrittenOff
    | LimitsChanged
    | MintsChanged
    | LearnerModeChanged
    | MintAdmitted
    | MintRefused
    | MintForgotten
    | AccountsFlagged
    | OperatorActed
)


class Tone(enum.StrEnum):
    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    DANGER = "danger"


class Line(Value, frozen=True):
    seq: int
    at: str  # ISO 8601, UTC
    kind: str  # what happened, in a word or two
    about: str  # the signal, order, move, wallet or token that it happened to
    text: str
    tone: Tone = Tone.PLAIN


class Said(Value, frozen=True):
    """A line without its place in the journal."""

    kind: str
    about: str
    text: str
    tone: Tone = Tone.PLAIN


def _nothing(_: object) -> None:
    return None


class Teller:
    """Tells entries in order. What they refer to it knows from those before, or looks it up."""

    def __init__(
        self,
        desk: Desk | None,
        orders: Mapping[OrderId, Order],
        patterns: Sequence[tuple[int, BriefRefusals]],
        find_order: Callable[[OrderId], Order | None] = _nothing,
        find_pattern: Callable[[int], BriefRefusals | None] = _nothing,
    ) -> None:
        """`find_order` and `find_pattern`: for orders and refusals in full that are older than the first entry."""
        self._desk = desk
        self._orders = dict(orders)  # those that may still be told of
        self._patterns = dict(patterns)
        self._find_order = find_order
        self._find_pattern = find_pattern

    @classmethod
    def after(cls, state: State) -> Teller:
        """For the entries that follow this state."""
        orders = [one.order for one in state.open_orders.values()]
        orders += [one.order for one in state.provisional.values()]
        return cls(state.desk, {order.id: order for order in orders}, state.refusal_patterns)

    def tell(self, entry: Entry) -> Line:
        self._learn(entry)
        said = self._said(entry)
        self._forget(entry.event)
        return Line(entry.seq, iso(entry.at_ns), said.kind, said.about, said.text, said.tone)

    def skip(self, entry: Entry) -> None:
        """Keeps what later entries refer to, and tells nothing."""
        self._learn(entry)
        self._forget(entry.event)

    def _learn(self, entry: Entry) -> None:
        match entry.event:
            case DeskConfigured(desk=desk):
                self._desk = desk
            case OrderPlaced(order=order):
                self._orders[order.id] = order
            case SignalRefused(brief=BriefRefusals(like=0) as brief):
                self._patterns[entry.seq] = brief
                if len(self._patterns) > PATTERNS_KEPT:
                    del self._patterns[next(iter(self._patterns))]
            case _:
                pass

    def _forget(self, event: Event) -> None:
        match event:
            case (
                OrderClosed(order_id=order_id, provisional=False)
                | OrderFinal(order_id=order_id)
                | OrderRolledBack(order_id=order_id)
            ):
                self._orders.pop(order_id, None)
            case _:
                pass

    def _said(self, entry: Entry) -> Said:
        match entry.event:
            case OrderPlaced(order=order, selection=selection):
                about = order.signal_id if order.part == order.attempt == 0 else order.id
                cost = f"(cost {selection.terms.total:.0f} bps)"
                text = (
                    f"{order.side} {self._symbol(order.mint)} {_usd(order.notional_micros)} → {order.wallet_id} {cost}"
                )
                return Said("placed", about, text, Tone.GOOD)
            case SignalRefused(signal=signal) as refused:
                return Said("refused", signal.id, f"{self._asked(signal)}: {self._why(refused)}", Tone.WARNING)
            case SignalRecorded(signal=signal):
                return Said("recorded", signal.id, f"{self._asked(signal)}: nothing is executed")
            case TicketRecorded(order_id=order_id, ticket=ticket):
                return Said("signed", order_id, f"{ticket.signature[:SIGNATURE_CHARS]}…")
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
                return self._ended(order_id, outcome, " (provisional)" if provisional else "")
            case OrderFinal(order_id=order_id):
                return Said("final", order_id, "no fork can undo it")
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                ended = self._ended(order_id, outcome, "")
                return Said("rolled back", order_id, f"a fork undid it; {ended.kind}: {ended.text}", Tone.DANGER)
            case OrderLandedOtherwise(order_id=order_id, why=why):
                return Said("otherwise", order_id, f"it landed otherwise: {why}", Tone.DANGER)
            case OrderTakenFromChain(order_id=order_id, reason=reason):
                return Said("booked", order_id, f"as the chain shows it: {reason}", Tone.WARNING)
            case MovePlaced(move=move):
                to = move.to_wallet or move.to_address
                amount = self._amount(move.money.mint, move.money.units)
                return Said("move", move.id, f"{amount} {move.wallet_id} → {to}: {move.reason}")
            case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
                after = " (provisional)" if provisional else ""
                return _moved(move_id, outcome, after)
            case MoveFinal(move_id=move_id):
                return Said("final", move_id, "no fork can undo it")
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                return Said("rolled back", move_id, f"a fork undid it; {outcome_name(outcome)} instead", Tone.DANGER)
            case _:
                return self._of_desk(entry.event)  # All other events: mypy checks it.

    def _of_desk(self, event: _DeskEvent) -> Said:
        """What happened to the desk, a wallet or a token."""
        match event:
            case HoldAdded(scope=scope, hold=hold):
                return Said("held", _named(scope), f"{hold.cause}: {hold.reason}", Tone.DANGER)
            case HoldLifted(scope=scope, cause=cause, reason=reason):
                return Said("lifted", _named(scope), f"{cause}: {reason}", Tone.GOOD)
            case Deposited(wallet_id=wallet_id, money=money, to_float=to_float):
                for_fees = " for fees" if to_float else ""
                return Said("deposited", wallet_id, f"{self._amount(money.mint, money.units)}{for_fees}", Tone.GOOD)
            case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
                return Said("adjusted", wallet_id, f"{self._amount(mint, units)}: {reason}", Tone.WARNING)
            case BalancesChecked(wallet_id=wallet_id, slot=slot):
                return Said("checked", wallet_id, f"its signatures up to slot {slot}")
            case HistoryAccepted(wallet_id=wallet_id, reason=reason):
                return Said("accepted", wallet_id, f"its history: {reason}", Tone.WARNING)
            case LiquidationOrdered(reason=reason):
                return Said("liquidation", "portfolio", reason, Tone.DANGER)
            case CloseOrdered(wallet_id=wallet_id, mint=mint, reason=reason):
                return Said("closing", f"{wallet_id}:{self._symbol(mint)}", reason)
            case CloseCancelled(wallet_id=wallet_id, mint=mint, reason=reason):
                return Said("kept", f"{wallet_id}:{self._symbol(mint)}", f"its close is cancelled: {reason}")
            case DustWrittenOff(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
                return Said("written off", wallet_id, f"{self._amount(mint, units)}: {reason}", Tone.WARNING)
            case LimitsChanged(wallet_id=wallet_id, changes=changes, who=who, reason=reason):
                what = ", ".join(changes) or "none, so the files apply"
                return Said("limits", wallet_id, f"changed by operators: {what} ({who}: {reason})", Tone.WARNING)
            case MintsChanged(who=who, reason=reason):
                return Said("mints", "portfolio", f"the lists of mints were changed ({who}: {reason})", Tone.WARNING)
            case LearnerModeChanged(mode=mode, cause=cause, who=who, reason=reason):
                tone = Tone.WARNING if cause.automatic else Tone.PLAIN
                return Said("learner", "portfolio", f"its mode is {mode} ({who}: {reason})", tone)
            case WalletConfigured(wallet=wallet):
                return Said(
                    "configured", wallet.id, f"{wallet.type}, {wallet.allocation_ppm * 100 / PPM:g} % of the capital"
                )
            case AccountsFlagged(wallet_id=wallet_id, flaws=flaws):
                what = "; ".join(f"{self._symbol(mint)}: {flaw}" for mint, flaw in flaws.items())
                told = f"accounts that are not used: {what}" if flaws else "all its token accounts are used"
                return Said("accounts", wallet_id, told, Tone.DANGER if flaws else Tone.GOOD)
            case MintAdmitted(mint=mint):
                return Said("admitted", self._symbol(mint), "its mint may be bought")
            case MintRefused(mint=mint, findings=findings):
                return Said("not admitted", self._symbol(mint), "; ".join(map(str, findings)), Tone.WARNING)
            case MintForgotten(mint=mint, reason=reason):
                return Said("forgotten", self._symbol(mint), reason)
            case PriceAccepted(mint=mint, price_pico=price_pico, reason=reason):
                told = f"${price_pico / PICO:,.8g} by an operator: {reason}"
                return Said("price", self._symbol(mint), told, Tone.WARNING)
            case PricesMarked(marks=marks, doubted=doubted):
                return _prices(len(marks), len(doubted))
            case PricesMoved(tokens=tokens, doubted=doubted_count):
                return _prices(len(tokens) - doubted_count, doubted_count)
            case OperatorActed(by=by, action=action, about=about, reason=reason):
                return Said("acted", about or "portfolio", f"{action} by {by}: {reason}", Tone.WARNING)
            case DayRolled(day=day):
                return Said("day", "portfolio", f"{iso(day * DAY_NS)[:10]} begins")
            case DeskFounded(mode=mode, cluster=cluster):
                return Said("founded", "portfolio", f"trading mode {mode}, cluster {cluster}")
            case DeskConfigured():
                return Said("configured", "portfolio", "the desk's settings")

    def _ended(self, order_id: OrderId, outcome: Outcome, after: str) -> Said:
        """What became of an order. Of one that nobody finds, only how it ended."""
        order = self._orders.get(order_id) or self._find_order(order_id)
        if order is None or self._desk is None:
            return Said(outcome_name(outcome), order_id, after.strip())
        if not isinstance(outcome, Filled):
            told = outcome_told(self._desk, order, outcome).partition("; ")[2] or "it never landed"
            what = f"{order.side} {self._symbol(order.mint)} {_usd(order.notional_micros)}"
            return Said(outcome_name(outcome), order_id, f"{what}: {told}{after}", Tone.WARNING)
        booked = booked_amounts(self._desk, order, outcome)
        quantity, price = booked["received" if order.side is BUY else "spent"], booked["price"]
        what = f"{_short(quantity)}{self._symbol(order.mint)}{f' at {_short(price)}' if price else ''}".rstrip()
        return Said("filled", order_id, f"{order.side} {what}, {order.wallet_id}{after}", Tone.GOOD)

    def _asked(self, signal: Signal) -> str:
        return f"{signal.action} {self._symbol(signal.mint)} {size_of(signal)}".rstrip()

    def _why(self, refused: SignalRefused) -> str:
        """Its first rule, with the wallets that broke it, and how many rules besides."""
        brief = refused.brief
        pattern = None if brief is None or not brief.like else self._patterns.get(brief.like)
        if brief is not None and brief.like and pattern is None:
            pattern = self._find_pattern(brief.like)
            if pattern is None:
                return f"{brief.codes[0]}, as in entry {brief.like}"
        rows = grouped(whole(refused, pattern).refusals)
        first, others = rows[0], len({row["code"] for row in rows}) - 1
        more = f"; {others} more rule{'s' if others > 1 else ''}" if others else ""
        return f"{in_words(first)}{_where(first)}{more}"

    def _symbol(self, mint: Mint) -> str:
        return mint if self._desk is None else symbol_of(self._desk, mint)

    def _amount(self, mint: Mint, units: int) -> str:
        return f"{units} base units of {mint}" if self._desk is None else amount_told(self._desk, mint, units)


def _short(amount: str | None) -> str:
    """Six digits. The exact amount stands in `orders`."""
    return "" if amount is None else f"{Amount(amount):,.6g} "


def _where(row: Mapping[str, object]) -> str:
    wallets = row.get("wallet_ids") or [row["wallet_id"]]
    assert isinstance(wallets, list), row
    further, first = row.get("more", 0), wallets[0]
    assert isinstance(further, int), row
    if first is None:
        return ""
    more = len(wallets) - 1 + further
    return f", {first}" + (f" and {more} wallet{'s' if more > 1 else ''} more" if more else "")


def size_of(signal: Signal) -> str:
    """How much a signal asks for."""
    if signal.notional_micros is not None:
        return _usd(signal.notional_micros)
    if signal.quantity is not None:
        return f"{signal.quantity:f}"
    if signal.sell_all:
        return "all"
    if signal.risk is None:
        return ""
    share, micros = signal.risk.equity_ppm, signal.risk.micros
    return f"risking {share * 100 / PPM:g} %" if share is not None else f"risking {_usd(micros or 0)}"


def _moved(move_id: OrderId, outcome: Outcome, after: str) -> Said:
    match outcome:
        case Filled():
            return Said("moved", move_id, f"it arrived{after}", Tone.GOOD)
        case Failed(cause=cause, detail=detail) | Rejected(cause=cause, detail=detail):
            return Said(outcome_name(outcome), move_id, f"{detail or cause}{after}", Tone.WARNING)
        case Expired():
            return Said("expired", move_id, "it never landed", Tone.WARNING)


def _prices(believed: int, doubted: int) -> Said:
    told = f"{believed} new" + (f", {doubted} not believed" if doubted else "")
    return Said("prices", "market", told, Tone.WARNING if doubted else Tone.PLAIN)


def _named(scope: Scope) -> str:
    return scope.wallet_id or scope.strategy or "portfolio"


def _usd(micros: int) -> str:
    return dollars(micros / MICROS)
