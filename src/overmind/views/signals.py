"""Signals with their answers: what was asked, what was decided and why, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from overmind.clock.instants import iso_seconds
from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Answer, Entry, OrderPlaced
from overmind.core.model.ids import OrderId, SignalId, WalletId, is_own
from overmind.core.model.value import Value
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.catalogue.topics import ANY
from overmind.views.amounts import symbol_of
from overmind.views.decisions import decision_of
from overmind.views.lines import size_of
from overmind.views.orders import closed_orders
from overmind.views.past import BadSearch
from overmind.views.refusals import RefusalRow, grouped

OPEN = "open"


class SignalRow(Value, frozen=True):
    signal_id: SignalId
    seq: int  # of the entry that decided it
    at: str  # ISO 8601, UTC
    strategy: str
    action: str
    symbol: str
    size: str  # what was asked for, in words: an amount, a quantity, `all`, or a risk budget
    own: bool  # the desk made it itself: a stop loss, a liquidation, an operator's close
    status: str  # placed, refused or recorded
    wallet_id: WalletId | None
    orders: tuple[OrderId, ...]  # retries included
    outcome: str  # of its orders: how the last attempts ended, or `open`; blank: it has none
    why: str
    refusals: Sequence[RefusalRow]
    unlisted: int  # further wallets that refused it


def signals_in(
    past: Past, desk: Desk | None, search: Search, strategy: str = ANY, code: str | None = None
) -> list[SignalRow]:
    """The newest signals, oldest first. `code`: only those refused with it; ANY: with any. Raises BadSearch."""
    if code and code not in {one.value for one in Code}:
        raise BadSearch(f"no code {code[:64]!r}", "operations.md lists them, such as POSITION_SIZE")
    return [] if desk is None else [signal_row(desk, life) for life in past.signals(search, strategy, code)]


def signal_row(desk: Desk, life: Sequence[Entry]) -> SignalRow:
    first, answers = life[0], [entry.event for entry in life if isinstance(entry.event, Answer)]
    signal = answers[0].signal
    decision = decision_of(
        tuple(event for event in answers if not isinstance(event, OrderPlaced) or event.order.attempt == 0)
    )
    return SignalRow(
        signal_id=signal.id,
        seq=first.seq,
        at=iso_seconds(first.at_ns),
        strategy=signal.strategy.value,
        action=signal.action.value,
        symbol=symbol_of(desk, signal.mint),
        size=size_of(signal),
        own=is_own(signal.id),
        status=decision.status.value,
        wallet_id=decision.wallet_id,
        orders=tuple(event.order.id for event in answers if isinstance(event, OrderPlaced)),
        outcome=_outcome(desk, life, [event for event in answers if isinstance(event, OrderPlaced)]),
        why=decision.selection_reason,
        refusals=grouped(decision.refusals),
        unlisted=decision.unlisted,
    )


def _outcome(desk: Desk, life: Sequence[Entry], placed: Sequence[OrderPlaced]) -> str:
    """Of each part the last attempt counts."""
    last = {event.order.part: event.order.id for event in placed}
    states = {row.order_id: row.state for row in closed_orders(life, desk)}
    return ", ".join(dict.fromkeys(states.get(order_id, OPEN) for order_id in last.values()))
