"""The answer to a buy that several wallets may serve: an order for each part, all in one decision, or none.

Every part passes the gate at the impact of the whole amount, because all of them trade in the same pool at about the
same time. The whole amount passes the portfolio's limits before any part is placed. Parts are in different wallets, so
no part changes what a wallet's limit says of another.

See specification §7.13.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.choice import Choice
from overmind.core.entries.entering import entry_order, selection_of
from overmind.core.entries.gate import signal_may_enter
from overmind.core.entries.limit_row import NO_CAP, PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.entries.request import EntryRequest, entry_request_of
from overmind.core.entries.routes import tips_fit
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.entries.splitting import Offers, Part, divided, reachable_micros
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import Split
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import WalletId
from overmind.core.model.order import Order
from overmind.core.model.selection import Plan
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS

Micros = np.int64


class Placing(NamedTuple):
    """A part with the wallet that takes it."""

    request: EntryRequest
    choice: Choice


def split_of(desk: Desk, signal: Signal) -> Split:
    """Whether several wallets may serve this buy."""
    if signal.risk is not None:  # Its amount depends on the wallet.
        return Split.NONE
    return signal.split if signal.split is not None else desk.split


def parts_max_of(state: State, signal: Signal) -> int:
    """How many wallets may serve it. Each part is a trade of the portfolio's day."""
    desk = state.settings
    wanted = signal.parts_max if signal.parts_max is not None else desk.split_parts_max
    left = desk.day_trades_max - state.trades_today - state.entries_open
    return min(wanted, left) if desk.day_trades_max else wanted


def enter_parts(
    state: State, index: SelectionIndex, whole: EntryRequest, at_ns: int, received_at_ns: int
) -> list[OrderPlaced]:
    """The orders of a buy that may be split: one wallet if it is the cheapest, else several. Empty: it is refused."""
    may_be_less = split_of(state.settings, whole.signal) is Split.PARTIAL
    asked = whole
    if not signal_may_enter(state, whole, at_ns, received_at_ns):
        smaller = _within_portfolio(state, whole) if may_be_less else None
        if smaller is None or not signal_may_enter(state, smaller, at_ns, received_at_ns):
            return []
        asked = smaller
    alone = index.choose(asked, at_ns)
    if alone is not None and alone.advice is not None and alone.advice.explored:  # The draw stands.
        return _orders(state, whole, [Placing(asked, alone)], alone)
    placings = _Planner(state, index, asked, at_ns, alone).placings(may_be_less)
    if alone is not None and _costs(placings) >= _bps(alone) * asked.notional_micros:
        placings = [Placing(asked, alone)]
    if not tips_fit(state, [one.choice.route for one in placings]):  # Each part pays a tip of its own.
        placings = [] if alone is None else [Placing(asked, alone)]
    return _orders(state, whole, placings, alone)


def part_request(state: State, signal: Signal, failed: Order) -> EntryRequest:
    """What the next attempt of a part asks for: the part's own amount, at the newest marks."""
    return entry_request_of(state, signal, failed.expires_at_ns, failed.spend.units)


def used_by_others(state: State, failed: Order) -> tuple[WalletId, ...]:
    """The wallets in which other parts of the same signal are under way."""
    return tuple(
        known.order.wallet_id
        for known in state.open_orders.values()
        if known.order.signal_id == failed.signal_id and known.order.part != failed.part
    )


def _within_portfolio(state: State, whole: EntryRequest) -> EntryRequest | None:
    """The largest entry like this one that the limits of the portfolio allow. None: not even the smallest."""
    if whole.notional_micros <= 0:
        return None
    place = PortfolioPlace(state, whole.signal.mint, whole.signal.strategy)
    caps = [one.cap_micros(place, whole) for one in PORTFOLIO_LIMITS if one.adds.largest_of is not None]
    micros = min(whole.notional_micros, NO_CAP, *caps)
    if micros < _least(state.settings):
        return None
    return entry_request_of(state, whole.signal, whole.stale_at_ns, micros)


def _least(desk: Desk) -> int:
    return max(1, desk.order_min_micros)


def _costs(placings: list[Placing]) -> float:
    """The total expected cost, in basis points times micro-USD; infinite without a part."""
    if not placings:
        return math.inf
    return sum(_bps(one.choice) * one.request.notional_micros for one in placings)


def _bps(choice: Choice) -> float:
    """Without what was learned: that tells one wallet from another, and not how to divide among several."""
    return choice.terms.total - choice.terms.learned


class _Planner:
    """Plans parts, and plans again with less room where the gate refuses one."""

    def __init__(self, state: State, index: SelectionIndex, asked: EntryRequest, at_ns: int, alone: Choice | None):
        self._state, self._index, self._asked, self._at_ns = state, index, asked, at_ns
        self._parts_max = parts_max_of(state, asked.signal)
        self._least = _least(state.settings)
        smallest = self._request(max(self._least, asked.notional_micros // max(1, self._parts_max)))
        rooms = index.rooms(self._request(self._least), at_ns, ())
        self._slots = (rooms >= self._least).nonzero()[0]
        self._offers = self._priced(smallest, rooms)
        self._alone = None if alone is None else np.searchsorted(self._slots, alone.book.slot).item()

    def _request(self, micros: int) -> EntryRequest:
        """An entry of this amount, with the impact of all parts."""
        asked = self._asked
        if micros == asked.notional_micros:
            return asked
        entry = entry_request_of(self._state, asked.signal, asked.stale_at_ns, micros)
        return replace(entry, impact_bps=asked.impact_bps)

    def _priced(self, smallest: EntryRequest, rooms: np.ndarray[tuple[int], np.dtype[Micros]]) -> Offers:
        """The expected costs at two amounts tell fixed costs from shares of the amount."""
        index, slots, asked = self._index, self._slots, self._asked
        square = index.headroom_bps(asked, slots)
        low, high = smallest.notional_micros, asked.notional_micros
        at_low = index.costs(smallest, self._at_ns, slots) - square * low
        at_high = index.costs(asked, self._at_ns, slots) - square * high
        fixed = (at_low - at_high) * (low * high / (high - low)) if high > low else np.zeros(len(slots))
        return Offers(rooms[slots], fixed / BPS, (at_high - fixed / high) / BPS, square / BPS)

    def placings(self, may_be_less: bool) -> list[Placing]:
        """Empty: it cannot be divided. Each round of the loop takes room from a wallet, so it ends."""
        while len(self._slots):
            wanted = self._asked.notional_micros
            if may_be_less:
                wanted = min(wanted, reachable_micros(self._offers, self._parts_max))
            alone = self._alone if wanted == self._asked.notional_micros else None
            parts = divided(self._offers, wanted, self._parts_max, self._least, alone) if wanted else None
            if parts is None or (len(parts) == 1 and parts[0].place == alone):
                return []
            placings = [placing for part in parts if (placing := self._placed(part)) is not None]
            if len(placings) == len(parts):
                return placings
        return []

    def _placed(self, part: Part) -> Placing | None:
        """None: the gate refuses it, and the wallet's room is known better."""
        request, slot = self._request(part.micros), self._slots[part.place].item()
        choice = self._index.choose(request, self._at_ns, among=self._index.only(slot))
        if choice is not None:
            return Placing(request, choice._replace(candidates=len(self._slots)))
        cap = _cap_micros(self._state, self._index.books[slot], request, self._at_ns)
        self._offers.room[part.place] = cap if self._least <= cap < part.micros else -1
        return None


def _cap_micros(state: State, book: WalletBook, request: EntryRequest, at_ns: int) -> int:
    """The largest entry that every limit of the wallet allows."""
    place = WalletPlace(state, book, at_ns, request.signal.mint, request.signal.strategy)
    return min(one.cap_micros(place, request) for one in WALLET_LIMITS if one.adds.largest_of is not None)


def _orders(state: State, whole: EntryRequest, placings: list[Placing], alone: Choice | None) -> list[OrderPlaced]:
    placed_micros = sum(one.request.notional_micros for one in placings)
    is_whole = len(placings) == 1 and placed_micros == whole.notional_micros
    plan = None
    if placings and not is_whole:
        plan = Plan(
            wanted_micros=whole.notional_micros,
            placed_micros=placed_micros,
            cost_bps=_costs(placings) / placed_micros,
            alone=None if alone is None else alone.book.wallet.id,
            alone_bps=None if alone is None else _bps(alone),
        )
    return [
        OrderPlaced(
            whole.signal,
            _order(state, placing, part, 0 if is_whole else len(placings)),
            selection_of(state, placing.choice),
            plan=plan if part == 0 else None,
        )
        for part, placing in enumerate(placings)
    ]


def _order(state: State, placing: Placing, part: int, parts: int) -> Order:
    choice = placing.choice
    return entry_order(state, choice.book, placing.request, 0, (), choice.route, part, parts)
