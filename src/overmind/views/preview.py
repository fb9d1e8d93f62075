"""Explains the choice for a signal: why each wallet would be chosen or refused."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from overmind.core.books.state import State
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.explain import Candidate, entry_candidates, exit_candidates
from overmind.core.model.commands import SubmitSignal
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import Answer, Entry, OrderPlaced
from overmind.core.model.signal import Signal
from overmind.views.decisions import Decision, decision_of, shown_sizing
from overmind.views.refusals import shown
from overmind.views.remedies import Then, WayRow, ways

SELLS = (TradeAction.SELL, TradeAction.MARKET_SELL)


class Route(msgspec.Struct, frozen=True):
    wallet_id: str | None
    selection_reason: str
    refusals: list[dict[str, object]]
    candidates: list[dict[str, object]]
    sizing: dict[str, object] | None = None  # how a risk budget became an amount


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
    )


def _shown(candidate: Candidate) -> dict[str, object]:
    terms = candidate.terms
    return {
        "wallet_id": candidate.wallet_id,
        "eligible": candidate.eligible,
        "refusals": [shown(refusal) for refusal in candidate.refusals],
        "expected_cost_bps": None if terms is None else round(terms.total, 4),
        "terms": None if terms is None else {name: getattr(terms, name) for name in terms.__struct_fields__},
        **({} if candidate.sizing is None else {"sizing": shown_sizing(candidate.sizing)}),
    }


class Explained(msgspec.Struct, frozen=True):
    """All that the journal records of one signal."""

    signal_id: str
    seq: int
    at_ns: int
    decision: Decision
    candidates: list[dict[str, object]] | None  # at the time of the decision; None: they were not computed
    life: list[Entry]
    changes: list[WayRow]  # of a refused signal: what would have had to change, wallet by wallet

    def to_json(self) -> dict[str, object]:
        return {**msgspec.structs.asdict(self), "decision": self.decision.to_json()}


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


def _candidates(state: State, signal: Signal, at_ns: int) -> list[dict[str, object]]:
    chances = exit_candidates if signal.action in SELLS else entry_candidates
    return [_shown(candidate) for candidate in chances(state, signal, at_ns)]
