"""Checks durable events against the truth: nothing is released, booked or made final without evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.sim.checks import Auditor
from tests.sim.external_transfers import ExternalTransfers
from tests.sim.forks import Chain, ExternalChange
from tests.sim.nodes import SimRpc
from tests.sim.restores import Restores

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.model.events import (
    BalanceAdjusted,
    Deposited,
    Event,
    HistoryAccepted,
    HoldAdded,
    HoldLifted,
    MoveClosed,
    MoveFinal,
    MoveRolledBack,
    OrderClosed,
    OrderFinal,
    OrderRolledBack,
)
from overmind.core.model.ids import DepositId, Mint, OrderId, WalletId
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected


class Evidence:
    def __init__(
        self,
        chain: Chain,
        rpc: SimRpc,
        bank: ExternalTransfers,
        restores: Restores,
        auditor: Auditor,
        seen: Counter[str],
    ) -> None:
        self.alarms: set[WalletId] = set()
        self._chain = chain
        self._rpc = rpc
        self._bank = bank
        self._restores = restores
        self._auditor = auditor
        self._seen = seen
        self._deposited: dict[DepositId, Deposited] = {}
        self._adjusted: Counter[tuple[WalletId, Mint]] = Counter()

    def unnoticed(self) -> set[WalletId]:
        """The wallets with a theft that the balances showed, and that raised no alarm."""
        return {wallet_id for wallet_id in self._bank.stolen - self.alarms if self._showed(wallet_id)}

    def _showed(self, wallet_id: WalletId) -> bool:
        durable = [one for deposit_id, one in self._deposited.items() if deposit_id in self._auditor.books.deposits]
        changes = [one for one in self._chain.changes if one.owner == self._bank.public_key(wallet_id)]
        for mint in sorted({one.mint for one in changes if one.units < 0}):
            deposits = [
                (int(one.deposit_id.split(":")[2]), one.money.units)
                for one in durable
                if (one.wallet_id, one.money.mint) == (wallet_id, mint)
            ]
            of_mint = [one for one in changes if one.mint == mint]
            if theft_shows(of_mint, deposits, self._adjusted[wallet_id, mint]):
                return True
            self._seen["theft of what was not booked"] += 1
        return False

    def judge(self, event: Event) -> None:
        """Checks an event before it is folded."""
        match event:
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
                assert provisional is isinstance(outcome, Filled | Failed), event
                self._closed(order_id, outcome)
            case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
                assert provisional is isinstance(outcome, Filled | Failed), event
                self._closed(move_id, outcome)
            case MoveFinal(move_id=move_id):
                booked = self._auditor.books.provisional_moves[move_id]
                self._final(move_id, booked.outcome)
                self._seen[f"{booked.move.kind} final"] += 1
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                self._final(move_id, outcome)
                booked = self._auditor.books.provisional_moves[move_id]
                self._seen[f"{booked.move.kind} undone"] += 1
                undone = f"{type(booked.outcome).__name__} to {type(outcome).__name__}"
                self._seen[f"undone move {undone}"] += 1
            case OrderFinal(order_id=order_id):
                self._final(order_id, self._auditor.books.provisional[order_id].outcome)
                self._seen["final"] += 1
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                self._final(order_id, outcome)
                former = self._auditor.books.provisional[order_id].outcome
                self._seen[f"undone {type(former).__name__} to {type(outcome).__name__}"] += 1
            case HoldAdded(hold=hold) if hold.cause.startswith("deficit:"):
                wallet_id = WalletId(hold.cause.removeprefix("deficit:"))
                known = self._bank.stolen | self._restores.touched
                assert wallet_id in known, f"a false alarm: {hold.reason}"
                self.alarms.add(wallet_id)
                self._seen["deficit held"] += 1
            case HoldAdded(hold=hold) if hold.cause == "quarantine":
                self._seen["quarantined"] += 1
            case Deposited(deposit_id=deposit_id):
                self._deposited[deposit_id] = event
            case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units) if units > 0:
                self._adjusted[wallet_id, mint] += units
            case HistoryAccepted(wallet_id=wallet_id):
                self.alarms.add(wallet_id)  # An operator has looked at everything that is missing.
                self._restores.accepted(wallet_id)
            case HoldLifted(cause=cause) if cause == RESTORED:
                self._restores.lifted()

    def _closed(self, order_id: OrderId, outcome: Outcome) -> None:
        ticket = self._auditor.books.tickets.get(order_id)
        if isinstance(outcome, Rejected):
            sent = ticket is not None and ticket.signature in self._rpc.sent
            assert not sent, f"{order_id} was closed as {outcome}, and had been sent"
        elif isinstance(outcome, Expired):
            self._gone(order_id)
        else:
            assert ticket is not None, order_id
            landings = [one.outcome for one in self._chain.ever.get(ticket.signature, ())]
            assert outcome in landings, f"{order_id}: booked {outcome}, what landed is {landings}"
            self._seen["rent paid"] += isinstance(outcome, Filled) and outcome.rent_lamports > 0

    def _final(self, order_id: OrderId, outcome: Outcome) -> None:
        ticket = self._auditor.books.tickets[order_id]
        if isinstance(outcome, Expired):
            self._gone(order_id)
            return
        landing = self._chain.root.landed.get(ticket.signature)
        assert landing is not None, f"{order_id} is final as {outcome}, and is not finalised"
        same_but_slot = (type(outcome), _effect(outcome)) == (type(landing.outcome), _effect(landing.outcome))
        assert same_but_slot, f"{order_id} is final as {outcome}, the chain says {landing.outcome}"

    def _gone(self, order_id: OrderId) -> None:
        ticket = self._auditor.books.tickets[order_id]
        gone = self._chain.cannot_be_taken(ticket.signature, ticket.blockhash)
        assert gone, f"{order_id} counts as expired, and may still land, or has"


def theft_shows(changes: Iterable[ExternalChange], deposits: Iterable[tuple[int, int]], adjusted: int) -> bool:
    """Whether a theft took units that were in the books, so that a deficit must follow.

    The desk books no surplus of a mint while orders or transfers touch it, and none of a token without a price. A
    theft that takes no more than such a surplus leaves the chain with at least what the books have: balances cannot
    show it, and the next deposit is smaller. On a real chain its signature shows it; an external transfer here has
    none. So the units that came from outside are compared with those booked as deposits, by readings (slot, units)
    from before the theft. Orders and transfers of ours change the books and the chain alike.
    """
    deposits, came = list(deposits), 0
    for change in changes:
        came += change.units
        booked = adjusted + sum(units for slot, units in deposits if slot < change.slot)
        if change.units < 0 and booked > came:
            return True
    return False


def _effect(outcome: Outcome) -> tuple[object, ...]:
    if isinstance(outcome, Filled):
        return outcome.spent_units, outcome.received_units, outcome.fee_lamports, outcome.rent_lamports
    assert isinstance(outcome, Failed), outcome
    return (outcome.fee_lamports,)
