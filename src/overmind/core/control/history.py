"""What happened after a journal's last entry, if the journal may be an older copy. Nothing is sent before it is known.

It is known of a wallet when the chain's history was read and holds nothing that the journal lacks, or when an operator
has accepted it. See specification §14.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import adjust_to_chain, refuse_unacceptable, unknown_signature_cause
from overmind.core.model.commands import AcceptHistory, CommandRefused, RecordHistory, RequireHistory
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.events import Event, HistoryAccepted, HoldAdded, HoldLifted, MoveClosed, OrderClosed
from overmind.core.model.ids import WalletId
from overmind.core.model.outcome import Cause, Rejected

MAY_BE_DONE: Final = Rejected(
    Cause.STOPPED, "the journal is an older copy: this may have been sent after it was made; ask again if it was not"
)


HistoryCommand = RequireHistory | RecordHistory | AcceptHistory


def decide_history(state: State, command: HistoryCommand, at_ns: int) -> Iterator[Event]:
    match command:
        case RequireHistory():
            return _require_history(command, at_ns)
        case RecordHistory():
            return _record_history(state, command)
        case AcceptHistory():
            return _accept_history(state, command)


def _require_history(command: RequireHistory, at_ns: int) -> Iterator[Event]:
    """Adds the hold anew even if it stands: the journal may be an older copy once more, with what was accepted then."""
    yield HoldAdded(Scope(), Hold(RESTORED, command.reason, at_ns))


def wallets_unknown(state: State) -> list[WalletId]:
    """The wallets whose history nobody has accepted. A removed one counts, since its key signed for this desk too."""
    return [wallet_id for wallet_id in state.wallets if wallet_id not in state.history_accepted]


def _record_history(state: State, command: RecordHistory) -> Iterator[Event]:
    """Lifts the hold once every wallet is known. A wallet with an unknown transaction is not."""
    if RESTORED not in state.holds:
        return
    known = {one for one in command.wallet_ids if unknown_signature_cause(one) not in state.holds}
    if known.issuperset(wallets_unknown(state)):
        yield HoldLifted(Scope(), RESTORED, command.reason)


def _accept_history(state: State, command: AcceptHistory) -> Iterator[Event]:
    """Takes the chain's balances, and ends what the wallet has not signed yet: it may have been sent already."""
    found = command.found
    refuse_unacceptable(state, found)
    if RESTORED not in state.holds:
        raise CommandRefused("the history of every wallet is known: there is no hold restored")
    yield from _end_unsigned(state, found.wallet_id)
    yield from adjust_to_chain(state, found)
    if found.wallet_id not in state.history_accepted:
        yield HistoryAccepted(found.wallet_id, found.reason)
    if not wallets_unknown(state):
        yield HoldLifted(Scope(), RESTORED, f"the history of every wallet is accepted: {found.reason}")


def _end_unsigned(state: State, wallet_id: WalletId) -> Iterator[Event]:
    for known in list(state.open_orders.values()):
        if known.ticket is None and known.order.wallet_id == wallet_id:
            yield OrderClosed(known.order.id, MAY_BE_DONE)
    for moving in list(state.open_moves.values()):
        if moving.ticket is None and wallet_id in moving.move.wallets:
            yield MoveClosed(moving.move.id, MAY_BE_DONE)
