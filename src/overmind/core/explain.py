"""Every wallet's chances for a signal, winners and losers, term by term: the long form of what `decide` does."""

from __future__ import annotations

from overmind.core.gate import (
    ask,
    capacity_micros,
    price_refusals,
    signal_refusals,
    stale_at_ns,
    time_refusals,
    wallet_refusals,
)
from overmind.core.messages import CostTerms, Refusal
from overmind.core.model import Signal, Value, WalletId
from overmind.core.ranking import CommonTerms, cost_terms
from overmind.core.state import State
from overmind.core.treasury import exit_refusals


class Candidate(Value, frozen=True):
    wallet_id: WalletId
    refusals: tuple[Refusal, ...]
    terms: CostTerms | None  # what it would cost, also where the gate says no; None where it cannot be said

    @property
    def eligible(self) -> bool:
        return not self.refusals


def entry_candidates(state: State, signal: Signal, at_ns: int) -> tuple[Candidate, ...]:
    """Each wallet's answer to an entry, in registration order; what concerns the signal refuses in each of them."""
    sized = ask(state, signal, stale_at_ns(state.settings, signal, at_ns))
    general = tuple(signal_refusals(state, sized, at_ns, at_ns))
    common = CommonTerms(state, sized)
    candidates = []
    for book in state.wallets.values():
        capacity = capacity_micros(state, book, signal.strategy)
        terms = cost_terms(common, book, sized, capacity) if capacity > 0 and sized.mark_pico else None
        refusals = (*general, *wallet_refusals(state, book, sized, at_ns))
        candidates.append(Candidate(book.wallet.id, refusals, terms))
    return tuple(candidates)


def exit_candidates(state: State, signal: Signal, at_ns: int) -> tuple[Candidate, ...]:
    """Each wallet's answer to a sale: only facts can stop it."""
    stale_ns = stale_at_ns(state.settings, signal, at_ns)
    general = list(time_refusals(signal, stale_ns, at_ns, at_ns))
    if signal.target_price_pico is None:
        general += price_refusals(state, (signal.mint,), at_ns)
    return tuple(
        Candidate(book.wallet.id, (*general, *exit_refusals(state, book, signal)), None)
        for book in state.wallets.values()
    )
