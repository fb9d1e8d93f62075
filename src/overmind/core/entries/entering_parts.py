"""The answer to a buy that several wallets may serve: an order for each part, all in one decision, or none.

Every part passes the gate at the impact of the whole amount, because all of them trade in the same pool at about the
same time. The whole amount passes the portfolio's limits before any part is placed. Parts are in different wallets, so
no part changes what a wallet's limit says of another.

See specification §7.13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from overmind.core.books.state import State
from overmind.core.entries.choice import Choice
from overmind.core.entries.costs import smallest_within_micros
from overmind.core.entries.entering import entry_order, selection_of
from overmind.core.entries.gate import signal_may_enter, wallet_may_enter
from overmind.core.entries.limit_row import NO_CAP, PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.entries.refusing import LISTED_MAX
from overmind.core.entries.request import EntryRequest, entry_request_of
from overmind.core.entries.routes import tips_fit
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.entries.splitting import Offers, Part, below_micros, divided, may_pay, reachable_micros
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import Split
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import WalletId
from overmind.core.model.order import Order
from overmind.core.model.selection import Plan
from overmind.core.model.signal import Signal


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
    may_be_less, asked = split_of(state.settings, whole.signal) is Split.PARTIAL, whole
    if not signal_may_enter(state, whole, at_ns, received_at_ns):
        smaller = _within_portfolio(state, whole) if may_be_less else None
        if smaller is None or not signal_may_enter(state, smaller, at_ns, received_at_ns):
            return []
        asked = smaller
    planned = _Planner(state, index, asked, at_ns).planned(may_be_less)
    if planned is None:
        return []
    if not tips_fit(state, [one.choice.route for one in planned.placings]):  # Each part pays a tip of its own.
        if planned.alone is None:
            return []
        planned = Planned([Placing(asked, planned.alone)])
    return _orders(state, whole, planned)


def split_refusals(
    state: State, index: SelectionIndex, whole: EntryRequest, at_ns: int, received_at_ns: int
) -> tuple[Refusal, ...]:
    """How much the wallets would have taken together, of a buy that was refused for nothing else."""
    if not signal_may_enter(state, whole, at_ns, received_at_ns):
        return ()
    room = _Planner(state, index, whole, at_ns).room_micros()
    return (Refusal(Code.SPLIT_ROOM, room, whole.notional_micros),) if 0 < room < whole.notional_micros else ()


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
    if micros < max(1, state.settings.order_min_micros):
        return None
    return entry_request_of(state, whole.signal, whole.stale_at_ns, micros)


class Planned(NamedTuple):
    """The parts, and the wallet that would have cost least alone."""

    placings: list[Placing]
    alone: Choice | None = None


class _Planner:
    """Plans parts, and plans again with less room where the gate refuses one. Each round takes room, so it ends."""

    def __init__(self, state: State, index: SelectionIndex, asked: EntryRequest, at_ns: int) -> None:
        self._state, self._index, self._asked, self._at_ns = state, index, asked, at_ns
        self._parts_max = parts_max_of(state, asked.signal)
        self._least = max(1, state.settings.order_min_micros)
        rooms = index.rooms(replace(asked, notional_micros=self._least), at_ns, ())
        self._slots = (rooms >= self._least).nonzero()[0]
        self._high = index.costs(asked, at_ns, self._slots)
        self._offers = self._priced(rooms[self._slots])

    def _request(self, micros: int) -> EntryRequest:
        """An entry of this amount, with the impact of all parts."""
        asked = self._asked
        if micros == asked.notional_micros:
            return asked
        entry = entry_request_of(self._state, asked.signal, asked.stale_at_ns, micros)
        return replace(entry, impact_bps=asked.impact_bps)

    def _priced(self, rooms: NDArray[np.int64]) -> Offers:
        """The expected costs at two amounts tell fixed costs from shares of the amount."""
        high = self._asked.notional_micros * 1.0  # An array of floats takes a float in half the time.
        smaller = max(self._least, self._asked.notional_micros // max(1, self._parts_max))
        low = smaller * 1.0
        square = self._index.headroom_bps(self._asked, self._slots)
        straight = self._high - square * high
        leasts = np.full(len(rooms), self._least)
        if low == high:
            return Offers(rooms, leasts, np.zeros(len(rooms)), straight, square)
        at_low = self._index.costs(replace(self._asked, notional_micros=smaller), self._at_ns, self._slots)
        fixed = (at_low - square * low - straight) * (low * high / (high - low))
        return Offers(rooms, leasts, fixed, straight - fixed / high, square)

    def planned(self, may_be_less: bool) -> Planned | None:
        """None: it cannot be divided, and no wallet can take it alone."""
        asked, offers = self._asked.notional_micros, self._offers
        while len(self._slots):
            wanted = min(asked, reachable_micros(offers, self._parts_max)) if may_be_less else asked
            alone = self._cheapest_alone() if wanted == asked else None
            if alone is not None and not may_pay(offers, alone, asked):
                parts: list[Part] | None = [Part(alone, asked)]
            else:
                parts = divided(offers, wanted, self._parts_max, alone) if wanted else None
            if parts is None and may_be_less and (wanted := below_micros(offers, self._parts_max, wanted)):
                parts = divided(offers, wanted, self._parts_max)
            if parts is None:
                return None
            is_alone = len(parts) == 1 and parts[0].place == alone
            found = self._alone(parts[0].place) if is_alone else self._several(parts, alone)
            if found is not None:
                return found
        return None

    def room_micros(self) -> int:
        """The most that the wallets take together, each at the impact of the whole."""
        rooms, known = self._offers.room, set[int]()
        for _ in range(LISTED_MAX):
            largest: list[int] = rooms.argsort(kind="stable")[-self._parts_max :].tolist()
            place = next((one for one in largest if one not in known and rooms[one] > 0), None)
            if place is None:
                break
            known.add(place)
            self._placed(Part(place, rooms.item(place)))
        return reachable_micros(self._offers, self._parts_max)

    def _cheapest_alone(self) -> int | None:
        """The place of the cheapest wallet that may have room for all of it."""
        costs = np.where(self._offers.room >= self._asked.notional_micros, self._high, np.inf)
        place: int = costs.argmin().item()
        return place if costs[place] < np.inf else None

    def _alone(self, place: int) -> Planned | None:
        """As a buy that may not be split. None: the gate refuses this wallet, and its room is known better."""
        choice = self._index.choose(self._asked, self._at_ns)
        slot = self._slots[place].item()
        if choice is not None and (choice.book.slot == slot or self._may_enter(slot)):
            return Planned([Placing(self._asked, choice)])
        self._know_better(place, self._asked)
        return None

    def _may_enter(self, slot: int) -> bool:
        return wallet_may_enter(self._state, self._index.books[slot], self._asked, self._at_ns)

    def _several(self, parts: list[Part], alone: int | None) -> Planned | None:
        """None: the gate refuses a wallet, and its room is known better."""
        placings = [placing for part in parts if (placing := self._placed(part)) is not None]
        if len(placings) < len(parts):
            return None
        if alone is None:
            return Planned(placings)
        one = self._placed(Part(alone, self._asked.notional_micros))
        if one is None:
            return None
        return Planned(placings, one.choice) if _costs(placings) < _costs([one]) else self._alone(alone)

    def _placed(self, part: Part) -> Placing | None:
        request, slot = self._request(part.micros), self._slots[part.place].item()
        choice = self._index.take(slot, request, self._at_ns)
        if choice is not None:
            return Placing(request, choice._replace(candidates=len(self._slots)))
        self._know_better(part.place, request)
        return None

    def _know_better(self, place: int, refused: EntryRequest) -> None:
        """The bounds of a wallet that the gate refuses: the most that every limit allows, and the least that is worth
        its fixed costs. No room if neither is the reason."""
        book, signal, offers = self._index.books[self._slots[place]], refused.signal, self._offers
        at = WalletPlace(self._state, book, self._at_ns, signal.mint, signal.strategy)
        cap = min(one.cap_micros(at, refused) for one in WALLET_LIMITS if one.adds.largest_of is not None)
        room, least, micros = offers.room.item(place), offers.least.item(place), refused.notional_micros
        if cap < micros:
            room = cap
        elif micros < (worth := smallest_within_micros(self._state, book, refused)):
            least = worth
        else:
            room = -1
        if least <= min(room, self._asked.notional_micros):
            offers.room[place], offers.least[place] = room, least
        else:
            offers.room[place], offers.rate[place] = -1, np.inf


def _costs(placings: list[Placing]) -> float:
    """The total expected cost, in basis points times micro-USD."""
    return sum(_bps(one.choice) * one.request.notional_micros for one in placings)


def _bps(choice: Choice) -> float:
    """Without what was learned: that tells one wallet from another, and not how to divide among several."""
    return choice.terms.total - choice.terms.learned


def _orders(state: State, whole: EntryRequest, planned: Planned) -> list[OrderPlaced]:
    placings, alone = planned.placings, planned.alone
    placed_micros = sum(one.request.notional_micros for one in placings)
    if len(placings) == 1 and placed_micros == whole.notional_micros:
        ((request, choice),) = placings
        order = entry_order(state, choice.book, request, 0, (), choice.route)
        return [OrderPlaced(whole.signal, order, selection_of(state, choice))]
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
            entry_order(state, choice.book, request, 0, (), choice.route, part, len(placings)),
            selection_of(state, choice),
            plan=plan if part == 0 else None,
        )
        for part, (request, choice) in enumerate(placings)
    ]
