"""Which wallets may take which route, as arrays, and the pairs of wallet and route that one choice compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.costs import affordable
from overmind.core.entries.request import EntryRequest
from overmind.core.entries.route_costs import NO_TERMS, RouteTerms, route_terms
from overmind.core.entries.routes import ROUTE_RULES, is_open
from overmind.core.model.enums import MEV_PROTECTION
from overmind.core.model.route import PUBLIC_ALONE, RouteName
from overmind.core.model.signal import Signal

Flags = NDArray[np.bool_]


class Block(NamedTuple):
    """The places of one route: from `start` up to `end`."""

    route: RouteName
    terms: RouteTerms
    start: int
    end: int


class Places(NamedTuple):
    """Every pair of a candidate and a route that it may take, route by route; among equals the first one is chosen."""

    slots: NDArray[np.intp]
    costs: NDArray[np.float64]
    blocks: tuple[Block, ...]

    def block(self, place: int) -> Block:
        return next(block for block in self.blocks if place < block.end)


class RouteFlags:
    """By slot. Routes of the desk, wallets and their types change only when all wallets are looked at again."""

    def __init__(self, books: Sequence[WalletBook], state: State) -> None:
        desk = state.desk
        self._books = books
        self.knows_routes = desk is not None and desk.booking_rules >= ROUTE_RULES
        self.has_several = desk is not None and self.knows_routes and bool(desk.routing.routes)
        names = PUBLIC_ALONE if desk is None else tuple(desk.routing.routes) or PUBLIC_ALONE
        self._may = {
            route: np.array(
                [
                    route in one.wallet.routes and (route.protects or one.wallet.type is not MEV_PROTECTION)
                    for one in books
                ],
                np.bool_,
            )
            for route in names
        }
        self.fits_all = not self.knows_routes or (not self.has_several and bool(self._may[RouteName.PUBLIC].all()))

    def fitting(self, state: State, signal: Signal) -> Flags:
        """The wallets with a route that this entry may take now."""
        found = [may for route, may in self._may.items() if _is_for(signal, route) and is_open(state, route)]
        return np.logical_or.reduce(found) if found else np.zeros(len(state.wallets), np.bool_)

    def places(
        self,
        state: State,
        request: EntryRequest,
        at_ns: int,
        slots: NDArray[np.intp],
        costs: NDArray[np.float64],
        too_dear: bool = False,
    ) -> Places:
        """The candidates on each of their routes, with what the route costs on top.

        `too_dear`: also the places that are expected to cost more than the limit, which no order may take.
        """
        if not self.has_several:
            return Places(slots, costs, (Block(RouteName.PUBLIC, NO_TERMS, 0, len(slots)),))
        chosen, totals, blocks, end = [], [], [], 0
        is_limited = state.settings.expected_cost_max_bps and not too_dear
        books = [self._books[slot] for slot in slots.tolist()] if is_limited else ()
        for route, may in self._may.items():
            if not (_is_for(request.signal, route) and is_open(state, route)):
                continue
            terms, taken = route_terms(state, route, request.notional_micros, at_ns), may[slots]
            if is_limited:
                taken &= affordable(state, route, request, books)
            chosen.append(slots[taken])
            totals.append(costs[taken] + terms.total)
            blocks.append(Block(route, terms, end, end := end + len(chosen[-1])))
        return Places(np.concatenate(chosen), np.concatenate(totals), tuple(blocks))


def _is_for(signal: Signal, route: RouteName) -> bool:
    return route.protects or not signal.mev_protected


def cheapest_by_slot(places: Places, slots: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of each of these slots, which ascend: the cost on its cheapest route; infinite if it has none."""
    cheapest = np.full(len(slots), np.inf)
    np.minimum.at(cheapest, np.searchsorted(slots, places.slots), places.costs)
    return cheapest
