"""Command in, events out. Reads the state, never changes it.

`decide` yields facts one by one, and its caller applies each before asking for the next: what follows may look at
what was just decided (a closed order frees capital for the next attempt). Deciding twice is harmless: a command whose
fact is in the journal already yields nothing. A command that cannot be done raises CommandRefused and yields nothing;
a signal is never an error here: it is placed, recorded or refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from msgspec.structs import replace

from overmind.core.balances import QUARANTINE, accept, compare, is_of_chain
from overmind.core.book import OpenOrder, WalletBook
from overmind.core.gate import (
    FUTURE_MAX_NS,
    Ask,
    ask,
    base_units,
    exit_refusals,
    loss_max_micros,
    price_refusals,
    rent_lamports,
    sellable_units,
    signal_refusals,
    slippage_bps,
    sold_min,
    stale_at_ns,
    time_refusals,
    wallet_refusals,
)
from overmind.core.index import SelectionIndex
from overmind.core.messages import (
    PRECEDENCE,
    AcceptBalances,
    AddHold,
    Code,
    Command,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    CostTerms,
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    EmergencyStop,
    Event,
    FoundDesk,
    Hold,
    HoldAdded,
    HoldLifted,
    LiftHold,
    MarkPrices,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
    ReactivateWallet,
    RecordBalances,
    RecordDeposit,
    RecordFinal,
    RecordOutcome,
    RecordTicket,
    Refusal,
    RemoveWallet,
    Scope,
    Selection,
    SignalRecorded,
    SignalRefused,
    SubmitSignal,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model import (
    DAY_NS,
    PRICE_MAX_PICO,
    SOL,
    Desk,
    Expired,
    Failed,
    Filled,
    Mark,
    Mint,
    Money,
    Order,
    OrderId,
    Outcome,
    Rejected,
    Side,
    Signal,
    Ticket,
    TradeAction,
    WalletId,
    WalletStatus,
    WalletType,
    units_of,
    value_micros_up,
)
from overmind.core.state import State

LISTED_MAX: Final = 64  # wallets whose refusals are listed one by one; the rest are counted
CAUSE_OF_STATUS: Final = {
    WalletStatus.INACTIVE: "inactive",
    WalletStatus.SUSPENDED: "suspended",
    WalletStatus.EMERGENCY: "emergency",
    WalletStatus.MAINTENANCE: "maintenance",
}
EXITS: Final = frozenset({TradeAction.SELL, TradeAction.MARKET_SELL})


def decide(state: State, index: SelectionIndex, command: Command, at_ns: int) -> Iterator[Event]:
    if at_ns // DAY_NS > state.day and state.desk is not None:
        yield DayRolled(at_ns // DAY_NS)
    match command:
        case SubmitSignal(signal=signal, received_at_ns=received_at_ns):
            if signal.id not in state.decided:
                yield from _answer(state, index, signal, at_ns, received_at_ns)
        case RecordTicket(order_id=order_id, ticket=ticket):
            yield from _record_ticket(state, order_id, ticket)
        case RecordOutcome(order_id=order_id, outcome=outcome, provisional=provisional):
            known = state.open_orders.get(order_id)
            if known is not None:
                if known.ticket is None and not isinstance(outcome, Rejected):
                    raise CommandRefused(f"order {order_id} cannot have {outcome}: it was never signed")
                yield OrderClosed(order_id, outcome, provisional and isinstance(outcome, Filled | Failed))
                yield from _quarantine(state, known.order, at_ns)
                yield from _next_attempt(state, index, known, outcome, at_ns)
        case RecordFinal(order_id=order_id, outcome=outcome):
            yield from _finalise(state, order_id, outcome, at_ns)
        case RecordBalances() as record:
            yield from compare(state, record, at_ns)
        case AcceptBalances() as accepted:
            yield from accept(state, accepted)
        case MarkPrices(marks=marks):
            if newer := _newer(state, marks, at_ns):
                yield PricesMarked(newer)
        case FoundDesk() as found:
            yield from _found(state, found)
        case ConfigureDesk(desk=desk):
            _check_same_money(state, desk)
            if state.desk != desk:
                yield DeskConfigured(desk)
        case ConfigureWallet() as configure:
            yield from _configure_wallet(state, configure, at_ns)
        case RemoveWallet(wallet_id=wallet_id):
            yield from _add_hold(state, Scope(wallet_id), Hold("removed", "no longer configured", at_ns))
        case RecordDeposit() as deposit:
            yield from _deposit(state, deposit)
        case AddHold(scope=scope, cause=cause, reason=reason, until_ns=until_ns):
            yield from _add_hold(state, scope, Hold(cause, reason, at_ns, until_ns))
        case LiftHold(scope=scope, cause=cause, reason=reason):
            if cause == "emergency" and scope.wallet_id is not None:
                raise CommandRefused(f"only `reactivate {scope.wallet_id}` with a reason lifts an emergency")
            if is_of_chain(cause):
                raise CommandRefused(f"only `accept WALLET` with a reason lifts {cause}: it looks at the chain first")
            if cause in _holds(state, scope):
                yield HoldLifted(scope, cause, reason)
        case EmergencyStop(reason=reason):
            for wallet_id in state.wallets:
                yield from _add_hold(state, Scope(wallet_id), Hold("emergency", reason, at_ns))
        case ReactivateWallet(wallet_id=wallet_id, reason=reason):
            if "emergency" in _holds(state, Scope(wallet_id)):
                yield HoldLifted(Scope(wallet_id), "emergency", reason)
        case _:
            assert_never(command)


# Signals


def _answer(state: State, index: SelectionIndex, signal: Signal, at_ns: int, received_at_ns: int) -> Iterator[Event]:
    if signal.action is TradeAction.HOLD:
        yield SignalRecorded(signal)
    elif signal.action in EXITS:
        yield from _exit(state, index, signal, at_ns, received_at_ns)
    else:
        entry = ask(state, signal, stale_at_ns(state.settings, signal, received_at_ns))
        placed = _enter(state, index, entry, at_ns, received_at_ns)
        yield placed if placed is not None else _refuse_entry(state, index, entry, at_ns, received_at_ns)


def _enter(
    state: State, index: SelectionIndex, ask: Ask, at_ns: int, received_at_ns: int, failed: Order | None = None
) -> OrderPlaced | None:
    """The best wallet that may take it, as an order; None if there is none."""
    if next(signal_refusals(state, ask, at_ns, received_at_ns), None) is not None:
        return None
    tried = (*failed.tried, failed.wallet_id) if failed is not None else ()
    choice = index.choose(ask, at_ns, tried)
    if choice is None:
        return None
    attempt = failed.attempt + 1 if failed is not None else 0
    order = entry_order(state, choice.book, ask, attempt, tried)
    return OrderPlaced(ask.signal, order, Selection(choice.terms, choice.candidates, len(state.wallets)))


def entry_order(state: State, book: WalletBook, ask: Ask, attempt: int, tried: tuple[WalletId, ...]) -> Order:
    desk, signal = state.settings, ask.signal
    return Order(
        id=OrderId(f"{signal.id}.0.{attempt}"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=signal.strategy,
        side=Side.BUY,
        spend=Money(ask.notional_micros, desk.quote.mint),
        receive=signal.mint,
        received_min=ask.received_min,
        notional_micros=ask.notional_micros,
        loss_max_micros=loss_max_micros(book, ask),
        fee_max_lamports=desk.costs.fee_max_lamports,
        rent_max_lamports=rent_lamports(desk, book, signal.mint),
        slippage_max_bps=ask.slippage_max_bps,
        mark_pico=ask.mark_pico,
        expires_at_ns=ask.stale_at_ns,
        part=0,
        attempt=attempt,
        tried=tried,
        mev_protected=signal.mev_protected or book.wallet.type is WalletType.MEV_PROTECTION,
    )


def _refuse_entry(state: State, index: SelectionIndex, ask: Ask, at_ns: int, received_at_ns: int) -> SignalRefused:
    """Every rule broken, by the wallet that came closest first."""
    general = list(signal_refusals(state, ask, at_ns, received_at_ns))
    listed = [
        list(wallet_refusals(state, book, ask, at_ns)) for book in index.roomiest(ask.signal.strategy, LISTED_MAX)
    ]
    return _refused(ask.signal, general, listed, unlisted=max(0, len(state.wallets) - LISTED_MAX))


def _refused(signal: Signal, general: list[Refusal], listed: list[list[Refusal]], unlisted: int) -> SignalRefused:
    if not listed and not general:
        general = [Refusal(Code.WALLET_STATUS, "at least one wallet", "no wallet is configured")]
    closest_first = sorted((one for one in listed if one), key=lambda one: -PRECEDENCE[one[0].code])
    head = sorted([*general, *(closest_first[0] if closest_first else [])], key=lambda one: PRECEDENCE[one.code])
    refusals = [*head, *(refusal for one in closest_first[1:] for refusal in one)]
    return SignalRefused(signal, tuple(refusals), unlisted)


def _exit(state: State, index: SelectionIndex, signal: Signal, at_ns: int, received_at_ns: int) -> Iterator[Event]:
    """Sell what is held: from one wallet where one holds enough, else in parts, the largest holding first."""
    stale_ns = stale_at_ns(state.settings, signal, received_at_ns)
    general = list(time_refusals(signal, stale_ns, at_ns, received_at_ns))
    if signal.target_price_pico is None:  # A limit protects a sale as well as a mark does.
        general += price_refusals(state, (signal.mint,), at_ns)
    users = index.users(signal.mint) or list(state.wallets.values())
    holders = [book for book in users if next(exit_refusals(state, book, signal), None) is None]
    if general or not holders:
        listed = [list(exit_refusals(state, book, signal)) for book in users[:LISTED_MAX]]
        yield _refused(signal, general, listed, unlisted=max(0, len(users) - LISTED_MAX))
        return
    held = {book.wallet.id: sellable_units(state, book, signal.mint) for book in holders}
    wanted, sellable = _units_to_sell(state, signal, holders[0], sum(held.values())), sum(held.values())
    if not 0 < wanted <= sellable:
        too_much = Refusal(Code.INSUFFICIENT_TOKENS, sellable, wanted)
        nothing = Refusal(Code.AMOUNT_OUT_OF_RANGE, "at least one base unit", str(wanted))
        yield _refused(signal, [too_much if wanted > 0 else nothing], [], unlisted=0)
        return
    trusted = not list(price_refusals(state, (signal.mint,), at_ns))
    for part, (book, units) in enumerate(_parts(holders, held, wanted, signal)):
        order = _exit_order(state, book, signal, units, part, stale_ns, trusted)
        terms = CostTerms(0.0, 0.0, state.settings.costs.half_spread_bps, 0.0, 0.0)
        yield OrderPlaced(signal, order, Selection(terms, len(holders), len(state.wallets)))


def _units_to_sell(state: State, signal: Signal, holder: WalletBook, held_units: int) -> int:
    token = holder.positions[signal.mint].token
    if signal.quantity is not None:
        return base_units(signal.quantity, token.decimals)
    if signal.notional_micros is not None:
        mark = state.marks.get(signal.mint)
        price = mark.price_pico if mark is not None else signal.target_price_pico
        assert price is not None, signal  # Refused before, when there is neither.
        return units_of(signal.notional_micros, price, token.decimals)
    return held_units


def _parts(
    holders: list[WalletBook], held: dict[WalletId, int], wanted: int, signal: Signal
) -> list[tuple[WalletBook, int]]:
    """One wallet if one holds enough (its own lots of the strategy, then the preferred type, first)."""
    enough = [book for book in holders if held[book.wallet.id] >= wanted]
    if enough:
        return [(min(enough, key=lambda book: _sale_rank(book, signal)), wanted)]
    parts: list[tuple[WalletBook, int]] = []
    for book in sorted(holders, key=lambda book: (-held[book.wallet.id], book.slot)):
        units = min(wanted, held[book.wallet.id])
        if units:
            parts.append((book, units))
            wanted -= units
    return parts


def _sale_rank(book: WalletBook, signal: Signal) -> tuple[bool, bool, int]:
    own_lots = signal.strategy in book.positions[signal.mint].units_by
    return (not own_lots, book.wallet.type is not signal.preferred_type, book.slot)


def _exit_order(
    state: State, book: WalletBook, signal: Signal, units: int, part: int, stale_ns: int, mark_trusted: bool
) -> Order:
    """The least to receive comes from the mark if it can be trusted, and from the signal's limit price."""
    desk, token, mark = state.settings, book.positions[signal.mint].token, state.marks.get(signal.mint)
    slippage = slippage_bps(desk, signal)
    price = mark.price_pico if mark is not None else signal.target_price_pico
    assert price is not None, signal
    mark_pico = price if mark_trusted else None
    return Order(
        id=OrderId(f"{signal.id}.{part}.0"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=signal.strategy,
        side=Side.SELL,
        spend=Money(units, signal.mint),
        receive=desk.quote.mint,
        received_min=sold_min(units, mark_pico, token.decimals, slippage, signal.target_price_pico),
        notional_micros=value_micros_up(units, price, token.decimals),
        loss_max_micros=0,
        fee_max_lamports=desk.costs.fee_max_lamports,
        rent_max_lamports=rent_lamports(desk, book, desk.quote.mint),
        slippage_max_bps=slippage,
        mark_pico=price,
        expires_at_ns=stale_ns,
        part=part,
        attempt=0,
        mev_protected=signal.mev_protected,
    )


def _next_attempt(
    state: State, index: SelectionIndex, known: OpenOrder, outcome: Outcome, at_ns: int
) -> Iterator[Event]:
    """Failover (SPEC §7.8): another wallet through the same gate, if another wallet could do better, and in time."""
    order = known.order
    of_wallet = isinstance(outcome, Expired) or (isinstance(outcome, Rejected) and outcome.cause.of_wallet)
    if order.side is Side.SELL or not of_wallet:
        return
    if order.attempt + 1 >= state.settings.attempts_max or at_ns >= order.expires_at_ns:
        return
    entry = ask(state, known.signal, order.expires_at_ns)
    placed = _enter(state, index, entry, at_ns, received_at_ns=at_ns, failed=order)
    if placed is not None:
        yield placed


def _finalise(state: State, order_id: OrderId, outcome: Outcome, at_ns: int) -> Iterator[Event]:
    """What was booked stands, or a fork undid it and something else became of the order."""
    known = state.provisional.get(order_id)
    if known is None:
        return
    if isinstance(outcome, Rejected):
        raise CommandRefused(f"order {order_id} was sent: it cannot have {outcome}")
    if _same_effect(known.outcome, outcome):
        yield OrderFinal(order_id)
        return
    yield OrderRolledBack(order_id, outcome)
    yield from _quarantine(state, known.order, at_ns)


def _quarantine(state: State, order: Order, at_ns: int) -> Iterator[Event]:
    """Whose suspense account owes something takes no entries until an operator has looked."""
    book = state.wallets[order.wallet_id]
    if book.in_suspense:
        owed = ", ".join(sorted(book.in_suspense))
        reason = f"order {order.id} found less than a fork had left before: {owed} is owed from suspense"
        yield from _add_hold(state, Scope(book.wallet.id), Hold(QUARANTINE, reason, at_ns))


def _same_effect(booked: Filled | Failed, outcome: Outcome) -> bool:
    """It may have landed again in another slot, with the same effect."""
    if isinstance(booked, Filled):
        return isinstance(outcome, Filled) and replace(booked, slot=outcome.slot) == outcome
    return isinstance(outcome, Failed) and booked.fee_lamports == outcome.fee_lamports


# Marks, money, settings, holds


def _newer(state: State, marks: tuple[Mark, ...], at_ns: int) -> tuple[Mark, ...]:
    """The newest price of each token, never backwards in time. What is no price, or is dated in the future and would
    shut out the ones that follow, is dropped: the old mark then grows stale, which refuses."""
    newest: dict[Mint, Mark] = {}
    for mark in marks:
        known = newest.get(mark.mint) or state.marks.get(mark.mint)
        sane = 0 < mark.price_pico <= PRICE_MAX_PICO and mark.at_ns <= at_ns + FUTURE_MAX_NS
        if sane and (known is None or mark.at_ns > known.at_ns):
            newest[mark.mint] = mark
    return tuple(newest.values())


def _record_ticket(state: State, order_id: OrderId, ticket: Ticket) -> Iterator[Event]:
    """Who asks is about to send these bytes: only the one ticket of an open order may be."""
    known = state.open_orders.get(order_id)
    if known is None:
        raise CommandRefused(f"order {order_id} is not open: its ticket must not be sent")
    if known.ticket is None:
        yield TicketRecorded(order_id, ticket)
    elif known.ticket != ticket:
        raise CommandRefused(f"order {order_id} has ticket {known.ticket.signature}, not {ticket.signature}")


def _check_same_money(state: State, desk: Desk) -> None:
    """What was booked in one unit cannot be read in another."""
    if state.desk is None:
        return
    if state.desk.quote != desk.quote:
        raise CommandRefused(f"this desk's quote currency is {state.desk.quote}, and cannot become {desk.quote}")
    for mint, token in state.desk.tokens.items():
        if mint in desk.tokens and desk.tokens[mint].decimals != token.decimals:
            raise CommandRefused(f"{token.symbol} has {token.decimals} decimals, not {desk.tokens[mint].decimals}")


def _found(state: State, found: FoundDesk) -> Iterator[Event]:
    stamp = DeskFounded(found.mode, found.cluster, found.genesis_hash)
    if state.founded is None and state.seq == 0:
        yield stamp
    elif state.founded is None:
        raise CommandRefused("this journal does not begin with an identity: it is not a desk's journal")
    elif state.founded != stamp:
        raise CommandRefused(
            f"this journal belongs to {state.founded.mode} on {state.founded.cluster} "
            f"(genesis {state.founded.genesis_hash}), not to {found.mode} on {found.cluster} "
            f"(genesis {found.genesis_hash}): use another OVERMIND_DATA_DIR for it"
        )


def _configure_wallet(state: State, configure: ConfigureWallet, at_ns: int) -> Iterator[Event]:
    wallet = configure.wallet
    book = state.wallets.get(wallet.id)
    if book is not None and book.wallet.public_key != wallet.public_key:
        raise CommandRefused(
            f"wallet {wallet.id} has key {wallet.public_key} in the configuration, "
            f"but the journal knows it with {book.wallet.public_key}: give the new key a new wallet id"
        )
    for other in state.wallets.values():
        if other is not book and other.wallet.public_key == wallet.public_key:
            raise CommandRefused(
                f"wallet {wallet.id} has the key that the journal knows as {other.wallet.id}: keep the id, "
                "or its money would be counted twice"
            )
    if book is None or book.wallet != wallet:
        yield WalletConfigured(wallet)
    scope = Scope(wallet.id)
    others = [other for other in state.wallets.values() if other is not state.wallets.get(wallet.id)]
    if book is None and others and all("emergency" in other.holds for other in others):
        yield from _add_hold(state, scope, Hold("emergency", "configured while everything was stopped", at_ns))
    if book is not None and "removed" in book.holds:
        yield HoldLifted(scope, "removed", "configured again")
    wanted = CAUSE_OF_STATUS.get(wallet.status)
    for cause in ("inactive", "suspended", "maintenance"):
        if book is not None and cause in book.holds and cause != wanted:
            yield HoldLifted(scope, cause, f"configured as {wallet.status}")
    if wanted is not None:
        yield from _add_hold(state, scope, Hold(wanted, f"configured as {wallet.status}", at_ns))


def _deposit(state: State, deposit: RecordDeposit) -> Iterator[Event]:
    if deposit.deposit_id in state.deposits:
        return
    money, desk = deposit.money, state.settings
    if deposit.wallet_id not in state.wallets:
        raise CommandRefused(f"deposit {deposit.deposit_id}: no wallet {deposit.wallet_id!r}; known: {_known(state)}")
    if money.units <= 0:
        raise CommandRefused(f"deposit {deposit.deposit_id}: {money.units} base units; a deposit is positive")
    if deposit.to_float and money.mint != SOL:
        raise CommandRefused(f"deposit {deposit.deposit_id}: only SOL goes to the float, not {money.mint}")
    if not deposit.to_float and money.mint != desk.quote.mint:
        if money.mint not in desk.tokens:
            raise CommandRefused(f"deposit {deposit.deposit_id}: {money.mint} is not a listed token")
        if money.mint not in state.marks:
            raise CommandRefused(f"deposit {deposit.deposit_id}: {money.mint} has no price yet, so its cost is unknown")
    yield Deposited(deposit.deposit_id, deposit.wallet_id, money, deposit.to_float)


def _holds(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        if (book := state.wallets.get(scope.wallet_id)) is None:
            raise CommandRefused(f"no wallet {scope.wallet_id!r}; known: {_known(state)}")
        return book.holds
    if scope.strategy is not None:
        return state.paused.get(scope.strategy, {})
    return state.holds


def _add_hold(state: State, scope: Scope, hold: Hold) -> Iterator[Event]:
    if hold.cause not in _holds(state, scope):
        yield HoldAdded(scope, hold)


def _known(state: State) -> str:
    return ", ".join(state.wallets) or "none"
