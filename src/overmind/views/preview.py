"""Explains the choice for a signal: why each wallet would be chosen or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import msgspec

from overmind.core.books.state import State
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.explain import Candidate, entry_candidates, exit_candidates
from overmind.core.model.commands import SubmitSignal
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import Answer, Entry, OrderPlaced
from overmind.core.model.ids import SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.views.decisions import (
    Decision,
    DecisionRow,
    PlacedRow,
    SizingRow,
    SplitRow,
    decision_of,
    shown_plan,
    shown_sizing,
)
from overmind.views.refusals import RefusalRow, shown
from overmind.views.remedies import Then, WayRow, ways

SELLS = (TradeAction.SELL, TradeAction.MARKET_SELL)


class CandidateRow(TypedDict):
    """Why a wallet was chosen or not."""

    wallet_id: WalletId
    eligible: bool
    refusals: list[RefusalRow]
    expected_cost_bps: float | None  # null: it is not eligible
    terms: dict[str, float] | None  # of the expected cost, in basis points
    sizing: NotRequired[SizingRow]
    learned_bps: NotRequired[float]  # the learned correction of its expected cost
    route: NotRequired[str]  # the cheapest that it may take


class ExplainedRow(TypedDict):
    """All that the journal records of one signal."""

    signal_id: SignalId
    seq: int  # of the entry with the decision
    at_ns: int
    decision: DecisionRow
    candidates: list[CandidateRow] | None  # at the time of the decision; null: they were not computed
    life: list[Entry]  # all entries of the signal
    changes: list[WayRow]  # of a refused signal: what would have had to change, wallet by wallet


class Route(msgspec.Struct, frozen=True):
    wallet_id: str | None
    selection_reason: str
    refusals: list[RefusalRow]
    candidates: list[CandidateRow]
    sizing: SizingRow | None = None  # how a risk budget became an amount
    orders: Sequence[PlacedRow] = ()  # what would be placed
    split: SplitRow | None = None  # how a buy would be divided among wallets


def route(state: State, signal: Signal, at_ns: int) -> Route:
    """The decision that the engine would make now, and why each wallet is chosen or refused. Changes nothing."""
    command = SubmitSignal(signal, at_ns)
    events = tuple(event for event in decide(state, SelectionIndex(state), command, at_ns) if isinstance(event, Answer))
    decision = decision_of(events)
    return Route(
        wallet_id=decision.wallet_id,
        selection_reason=decision.selection_reason,
        refusals=[shown(refusal) for refusal in decision.refusals],
        candidates=_candidates(state, signal, at_ns),
        sizing=None if decision.sizing is None else shown_sizing(decision.sizing),
        orders=[order.to_json() for order in decision.orders],
        split=None if decision.plan is None else shown_plan(decision.plan, len(decision.orders)),
    )


def _shown(candidate: Candidate) -> CandidateRow:
    terms = candidate.terms
    row: CandidateRow = {
        "wallet_id": candidate.wallet_id,
        "eligible": candidate.eligible,
        "refusals": [shown(refusal) for refusal in candidate.refusals],
        "expected_cost_bps": None if terms is None else round(terms.total, 4),
        "terms": None if terms is None else {name: getattr(terms, name) for name in terms.__struct_fields__},
    }
    if candidate.learned_bps is not None:
        row["learned_bps"] = round(candidate.learned_bps, 4)
    if candidate.route is not None:
        row["route"] = candidate.route.value
    if candidate.sizing is not None:
        row["sizing"] = shown_sizing(candidate.sizing)
    return row


class Explained(msgspec.Struct, frozen=True):
    """All that the journal records of one signal."""

    signal_id: SignalId
    seq: int
    at_ns: int
    decision: Decision
    candidates: list[CandidateRow] | None  # at the time of the decision; None: they were not computed
    life: list[Entry]
    changes: list[WayRow]  # of a refused signal: what would have had to change, wallet by wallet

    def to_json(self) -> ExplainedRow:
        return {
            "signal_id": self.signal_id,
            "seq": self.seq,
            "at_ns": self.at_ns,
            "decision": self.decision.to_json(),
            "candidates": self.candidates,
            "life": self.life,
            "changes": self.changes,
        }


def explain(life: Sequence[Entry], before: State | None) -> Explained:
    """`life`: all entries of the signal. `before`: the state in which it was decided, for the candidates."""
    first = life[0]
    assert isinstance(first.event, Answer), first
    answers = [entry.event for entry in life if isinstance(entry.event, Answer)]
    signal = first.event.signal
    decision = decision_of(
        tuple(event for event in answers if not isinstance(event, OrderPlaced) or event.order.attempt == 0)
    )
    return Explained(
        signal_id=signal.id,
        seq=first.seq,
        at_ns=first.at_ns,
        decision=decision,
        candidates=None if before is None else _candidates(before, signal, first.at_ns),
        life=list(life),
        changes=ways(decision.refusals, Then(signal, first.at_ns, before)),
    )


def _candidates(state: State, signal: Signal, at_ns: int) -> list[CandidateRow]:
    chances = exit_candidates if signal.action in SELLS else entry_candidates
    return [_shown(candidate) for candidate in chances(state, signal, at_ns)]
