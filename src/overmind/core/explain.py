"""Why each wallet was chosen or refused for a signal, term by term: the long form of what `decide` does."""

from __future__ import annotations

from msgspec.structs import replace

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.advising import correction_of
from overmind.core.entries.capacity import capacity_micros
from overmind.core.entries.costs import affordable
from overmind.core.entries.drawing import decides
from overmind.core.entries.ranking import CommonTerms, common_terms, cost_terms
from overmind.core.entries.request import EntryRequest, entry_request, stale_at_ns
from overmind.core.entries.route_costs import route_terms
from overmind.core.entries.routes import entry_routes
from overmind.core.entries.rules import sale_price_refusals, signal_refusals, time_refusals, wallet_refusals
from overmind.core.entries.sizing import SizedRequest, sized_refusals, sized_wallet_refusals
from overmind.core.exits.exit_rules import exit_refusals
from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.codes import Refusal
from overmind.core.model.enums import LEARNER_OFF
from overmind.core.model.ids import WalletId
from overmind.core.model.route import PUBLIC_ALONE, RouteName
from overmind.core.model.selection import CostTerms, Sizing
from overmind.core.model.signal import Signal
from overmind.core.model.value import Value


class Candidate(Value, frozen=True):
    wallet_id: WalletId
    refusals: tuple[Refusal, ...]
    terms: CostTerms | None  # its expected cost, also if the gate refuses; None: unknown
    sizing: Sizing | None = None  # the size in this wallet, for a risk budget
    learned_bps: float | None = None  # the learned correction of its expected cost; None: nothing is learned
    route: RouteName | None = None  # the cheapest that it may take, which the terms are of; None: it has none

    @property
    def eligible(self) -> bool:
        return not self.refusals


def entry_candidates(state: State, signal: Signal, at_ns: int) -> tuple[Candidate, ...]:
    """Each wallet's refusals or cost for an entry, in registration order. Refusals of the signal apply to all."""
    if signal.risk is not None:
        return _sized_candidates(SizedRequest(state, signal, stale_at_ns(state.settings, signal, at_ns)), at_ns)
    entry = entry_request(state, signal, stale_at_ns(state.settings, signal, at_ns))
    general = tuple(signal_refusals(state, entry, at_ns, at_ns))
    common = common_terms(state, entry, at_ns)
    candidates = []
    for book in state.wallets.values():
        capacity = capacity_micros(state, book, signal.strategy)
        refusals = (*general, *wallet_refusals(state, book, entry, at_ns))
        candidates.append(_candidate(state, common, book, entry, capacity, refusals))
    return tuple(candidates)


def _candidate(
    state: State,
    common: CommonTerms,
    book: WalletBook,
    entry: EntryRequest,
    capacity: int,
    refusals: tuple[Refusal, ...],
    sizing: Sizing | None = None,
) -> Candidate:
    """On its cheapest route that the limit of the expected cost leaves, with the learned correction, which is a term of
    the cost where it decides."""
    signal, wallet = entry.signal, book.wallet
    routes = entry_routes(state, wallet, signal)
    if state.settings.expected_cost_max_bps and len(routes) > 1:
        routes = tuple(route for route in routes if affordable(state, route, entry, (book,))[0]) or routes
    found = [_on_route(state, common, book, entry, capacity, route) for route in routes or PUBLIC_ALONE]
    terms, learned, route = min(found, key=lambda one: one[0].total)
    return Candidate(
        wallet.id,
        refusals,
        terms if capacity > 0 and entry.mark_pico else None,
        sizing,
        learned,
        route if routes else None,
    )


def _on_route(
    state: State, common: CommonTerms, book: WalletBook, entry: EntryRequest, capacity: int, route: RouteName
) -> tuple[CostTerms, float | None, RouteName]:
    of_route = route_terms(state, route, entry.notional_micros, common.at_ns)
    terms = cost_terms(common, book, entry, capacity, of_route)
    if state.learner_mode is LEARNER_OFF:
        return terms, None, route
    strategy = entry.signal.strategy
    learned = correction_of(state.settings, state.learned, book.wallet.id, strategy, route) / MICRO
    return replace(terms, learned=learned) if decides(state, entry.signal.id) else terms, learned, route


def _sized_candidates(sized: SizedRequest, at_ns: int) -> tuple[Candidate, ...]:
    """The same at the size that each wallet could take."""
    state, general = sized.state, sized_refusals(sized, at_ns, at_ns)
    candidates = []
    for book in state.wallets.values():
        sizing = sized.size(book)
        entry = sized.request_for(max(sizing.notional_micros, sized.least_micros))
        capacity = capacity_micros(state, book, sized.signal.strategy)
        common = common_terms(state, entry, at_ns)
        refusals = (*general, *sized_wallet_refusals(sized, book, at_ns))
        candidates.append(_candidate(state, common, book, entry, capacity, refusals, sizing))
    return tuple(candidates)


def exit_candidates(state: State, signal: Signal, at_ns: int) -> tuple[Candidate, ...]:
    """Each wallet's refusals for a sale, which only facts can cause."""
    stale_ns = stale_at_ns(state.settings, signal, at_ns)
    general = list(time_refusals(signal, stale_ns, at_ns, at_ns))
    if signal.target_price_pico is None:
        general += sale_price_refusals(state, signal.mint, at_ns)
    return tuple(
        Candidate(book.wallet.id, (*general, *exit_refusals(state, book, signal)), None)
        for book in state.wallets.values()
    )
