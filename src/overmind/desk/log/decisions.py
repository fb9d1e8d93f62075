"""One structured line per decision and outcome, for operators. The journal is the truth."""

from __future__ import annotations

from typing import Final

import structlog

from overmind.core.books.brief_refusals import codes_of, whole
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
    WorkEvent,
)
from overmind.core.model.ids import WalletId
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import MICROS, PICO
from overmind.desk.engine import Engine

MARKS: Final = (PricesMarked, PricesMoved)
REFUSALS_MAX: Final = 8  # of a line

log = structlog.get_logger("desk")  # set up in desk/log/setup.py


class DecisionLog:
    """Writes a line for every committed entry that matters to an operator."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feed = engine.subscribe(_is_told)
        state = engine.state
        self._wallet_of = {order_id: known.order.wallet_id for order_id, known in state.open_orders.items()}
        self._wallet_of |= {order_id: known.order.wallet_id for order_id, known in state.provisional.items()}
        self._wallet_of |= {move_id: known.move.wallet_id for move_id, known in state.open_moves.items()}
        self._wallet_of |= {move_id: known.move.wallet_id for move_id, known in state.provisional_moves.items()}

    async def run(self) -> None:
        """Runs until cancelled. A gap is logged if the log lags too far; the journal has the missing entries."""
        try:
            while True:
                entries = await self._feed.next()
                if entries is None:
                    log.warning("the log lagged behind and lost entries; the journal has them")
                    continue
                for entry in entries:
                    self._write(entry)
        finally:
            self._engine.unsubscribe(self._feed)

    def _write(self, entry: Entry) -> None:
        event = entry.event
        if not isinstance(event, WorkEvent):
            log_entry(entry, None)
            return
        match event:
            case OrderPlaced(order=order):
                self._wallet_of[order.id] = order.wallet_id
                log_entry(entry, order.wallet_id)
            case MovePlaced(move=move):
                self._wallet_of[move.id] = move.wallet_id
                log_entry(entry, move.wallet_id)
            case (
                OrderClosed(order_id=order_id, provisional=True)
                | TicketRecorded(order_id=order_id)
                | OrderLandedOtherwise(order_id=order_id)
                | OrderTakenFromChain(order_id=order_id)
            ):
                log_entry(entry, self._wallet_of.get(order_id))
            case MoveClosed(move_id=move_id, provisional=True):
                log_entry(entry, self._wallet_of.get(move_id))
            case MoveClosed(move_id=move_id) | MoveFinal(move_id=move_id) | MoveRolledBack(move_id=move_id):
                log_entry(entry, self._wallet_of.pop(move_id, None))
            case OrderClosed(order_id=order_id) | OrderFinal(order_id=order_id) | OrderRolledBack(order_id=order_id):
                log_entry(entry, self._wallet_of.pop(order_id, None))


def _is_told(entry: Entry) -> bool:
    """Marks are too many for a reader, and nearly all entries: the log sleeps through them."""
    return not isinstance(entry.event, MARKS)


def log_entry(entry: Entry, wallet_id: WalletId | None) -> None:
    seq = entry.seq
    match entry.event:
        case OrderPlaced(order=order, selection=selection):
            log.info(
                "order placed",
                seq=seq,
                signal_id=order.signal_id,
                order_id=order.id,
                wallet=order.wallet_id,
                strategy=order.strategy.value,
                side=order.side.value,
                mint=order.mint,
                usd=order.notional_micros / MICROS,
                cost_bps=round(selection.terms.total, 1),
                candidates=selection.candidates,
            )
        case SignalRefused(signal=signal) as refused:
            log.info(
                "signal refused",
                seq=seq,
                signal_id=signal.id,
                strategy=signal.strategy.value,
                wallet=None,
                code=codes_of(refused)[0].value,
                refusals=_refusals_told(refused),
            )
        case SignalRecorded(signal=signal):
            log.info("signal recorded", seq=seq, signal_id=signal.id, strategy=signal.strategy.value, wallet=None)
        case TicketRecorded(order_id=order_id, ticket=ticket):
            log.debug("ticket recorded", seq=seq, order_id=order_id, wallet=wallet_id, signature=ticket.signature)
        case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
            fields = _outcome_fields(outcome) | ({"provisional": True} if provisional else {})
            log.info("order closed", seq=seq, order_id=order_id, wallet=wallet_id, **fields)
        case OrderLandedOtherwise(order_id=order_id, why=why):
            log.error("order landed otherwise", seq=seq, order_id=order_id, wallet=wallet_id, why=why)
        case OrderTakenFromChain(order_id=order_id, reason=reason):
            log.warning("order booked from the chain", seq=seq, order_id=order_id, wallet=wallet_id, why=reason)
        case OrderFinal(order_id=order_id):
            log.info("order final", seq=seq, order_id=order_id, wallet=wallet_id)
        case OrderRolledBack(order_id=order_id, outcome=outcome):
            why = "a fork undid what was booked"
            log.warning(
                "order rolled back", seq=seq, order_id=order_id, wallet=wallet_id, why=why, **_outcome_fields(outcome)
            )
        case MovePlaced(move=move):
            log.info(
                "move placed",
                seq=seq,
                move_id=move.id,
                wallet=move.wallet_id,
                to=move.to_wallet or move.to_address,
                units=move.money.units,
                mint=move.money.mint,
                why=move.reason,
            )
        case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
            fields = _outcome_fields(outcome) | ({"provisional": True} if provisional else {})
            log.info("move closed", seq=seq, move_id=move_id, wallet=wallet_id, **fields)
        case MoveFinal(move_id=move_id):
            log.info("move final", seq=seq, move_id=move_id, wallet=wallet_id)
        case MoveRolledBack(move_id=move_id, outcome=outcome):
            why = "a fork undid what was booked"
            log.warning(
                "move rolled back", seq=seq, move_id=move_id, wallet=wallet_id, why=why, **_outcome_fields(outcome)
            )
        case HoldAdded(scope=scope, hold=hold):
            log.warning(
                "hold added",
                seq=seq,
                wallet=scope.wallet_id,
                strategy=scope.strategy,
                cause=hold.cause,
                why=hold.reason,
            )
        case HoldLifted(scope=scope, cause=cause, reason=reason):
            log.warning(
                "hold lifted", seq=seq, wallet=scope.wallet_id, strategy=scope.strategy, cause=cause, why=reason
            )
        case Deposited(deposit_id=deposit_id, wallet_id=wallet_id, money=money):
            log.info("deposited", seq=seq, wallet=wallet_id, deposit_id=deposit_id, units=money.units, mint=money.mint)
        case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
            log.warning("balance adjusted", seq=seq, wallet=wallet_id, mint=mint, units=units, why=reason)
        case BalancesChecked(wallet_id=wallet_id, slot=slot, signature=signature):
            log.debug("balances checked", seq=seq, wallet=wallet_id, slot=slot, signature=signature)
        case HistoryAccepted(wallet_id=wallet_id, reason=reason):
            log.warning("history accepted", seq=seq, wallet=wallet_id, why=reason)
        case LiquidationOrdered(reason=reason):
            log.warning("liquidation ordered", seq=seq, why=reason)
        case CloseOrdered(wallet_id=wallet_id, mint=mint, reason=reason):
            log.info("close ordered", seq=seq, wallet=wallet_id, mint=mint, why=reason)
        case CloseCancelled(wallet_id=wallet_id, mint=mint, reason=reason):
            log.info("close cancelled", seq=seq, wallet=wallet_id, mint=mint, why=reason)
        case DustWrittenOff(wallet_id=wallet_id, mint=mint, units=units, reason=reason):
            log.warning("dust written off", seq=seq, wallet=wallet_id, mint=mint, units=units, why=reason)
        case LimitsChanged(wallet_id=wallet_id, changes=changes, who=who, reason=reason):
            wanted = {name: change.value for name, change in changes.items()}
            log.warning("limits changed", seq=seq, wallet=wallet_id, instead_of_files=wanted, who=who, why=reason)
        case LearnerModeChanged(mode=mode, cause=cause, who=who, reason=reason):
            tell = log.warning if cause.automatic else log.info
            tell("learner's mode changed", seq=seq, mode=mode, cause=cause, who=who, why=reason)
        case MintsChanged(mints=mints, who=who, reason=reason):
            lists = {"blocked": list(mints.blocked), "allowed": mints.allowed and list(mints.allowed)}
            log.warning("mint lists changed", seq=seq, who=who, why=reason, **lists)
        case MintAdmitted(mint=mint, token=token):
            log.info("mint admitted", seq=seq, mint=mint, **({} if token is None else {"unlisted": token.symbol}))
        case MintRefused(mint=mint, findings=findings, turned_away=True):
            log.info("unlisted mint not admitted", seq=seq, mint=mint, why="; ".join(map(str, findings)))
        case MintForgotten(mint=mint, reason=reason):
            log.info("unlisted mint forgotten", seq=seq, mint=mint, why=reason)
        case MintRefused(mint=mint, findings=findings):
            log.error("mint not admitted", seq=seq, mint=mint, why="; ".join(map(str, findings)))
        case AccountsFlagged(wallet_id=wallet_id, flaws=flaws) if flaws:
            log.error("token accounts not used", seq=seq, wallet=wallet_id, accounts=flaws)
        case AccountsFlagged(wallet_id=wallet_id):
            log.warning("all token accounts used again", seq=seq, wallet=wallet_id)
        case WalletConfigured(wallet=wallet):
            log.info("wallet configured", seq=seq, wallet=wallet.id, wallet_type=wallet.type.value)
        case DayRolled(day=day):
            log.info("UTC day rolled", seq=seq, day=day)
        case PriceAccepted(mint=mint, price_pico=price_pico, reason=reason):
            log.warning("price accepted", seq=seq, mint=mint, usd=price_pico / PICO, why=reason)
        case OperatorActed(by=by, action=action, about=about, reason=reason):
            log.warning("operator acted", seq=seq, by=by, action=action, about=about, why=reason)
        case PricesMarked() | PricesMoved():
            pass  # The journal has them.
        case DeskFounded() | DeskConfigured():
            pass  # What the files say. The first line of the service names mode and cluster.


def _refusals_told(refused: SignalRefused) -> list[str]:
    if refused.brief is not None and refused.brief.like:
        return [f"as in entry {refused.brief.like}"]
    refusals = whole(refused, None).refusals[:REFUSALS_MAX]
    return [f"{one.wallet_id or 'desk'}: {one.code} {one.actual} > {one.limit}" for one in refusals]


def _outcome_fields(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Filled(spent_units=spent, received_units=received, fee_lamports=fee):
            return {"outcome": "filled", "spent": spent, "received": received, "fee_lamports": fee}
        case Failed(cause=cause, fee_lamports=fee, detail=detail):
            return {"outcome": "failed", "cause": cause.value, "fee_lamports": fee, "detail": detail}
        case Expired():
            return {"outcome": "expired"}
        case Rejected(cause=cause, detail=detail):
            return {"outcome": "rejected", "cause": cause.value, "detail": detail}
