"""The selection index: capacities of all wallets as arrays, so that a choice takes a few vector operations.

It is a cache of the state and never an authority: the gate checks every proposal again, in integers. It must choose
exactly what the plain loop over all wallets would choose (`tests/core` has that loop).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from overmind.core.books.book import WalletBook
from overmind.core.books.execution_score import excess_all_ppm
from overmind.core.books.state import State
from overmind.core.entries.advising import WalletOnRoute, advice_of, compared, corrections_of, favours
from overmind.core.entries.capacity import strategy_capacity_micros, wallet_capacity_micros
from overmind.core.entries.choice import Choice
from overmind.core.entries.column import ROOMY, Column, room_of
from overmind.core.entries.costs import pays_rent
from overmind.core.entries.drawing import decides as learner_decides
from overmind.core.entries.drawing import explored, may_explore
from overmind.core.entries.gate import wallet_may_enter
from overmind.core.entries.ranking import CommonTerms, common_terms, cost_terms
from overmind.core.entries.request import EntryRequest
from overmind.core.entries.route_places import Places, RouteFlags, cheapest_by_slot
from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.enums import LEARNER_OFF, StrategyType, WalletType
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.route import RouteName
from overmind.core.model.units import NS, PPM

Micros = NDArray[np.int64]
Flags = NDArray[np.bool_]

ONE: Final = np.array(1)
TOUCHED_MAX: Final = 64  # changes that cost less one by one than all wallets anew, however few wallets there are


class SelectionIndex:
    """Refreshed lazily from `state.touched` (changed wallets), `state.repriced` (all capacities changed) and
    `state.revalued` (rebuild). Columns of a token are built when a signal names it.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._rebuild()

    def choose(
        self, request: EntryRequest, at_ns: int, excluded: tuple[WalletId, ...] = (), among: Flags | None = None
    ) -> Choice | None:
        """The eligible wallet with the lowest expected cost, or None; among equals the first registered one."""
        self.refresh()
        candidates = self.candidates(request, at_ns, excluded)
        if among is not None:
            candidates = candidates[among[candidates]]
        if not len(candidates):
            return None
        return self._best_of(request, at_ns, candidates, explores=not excluded and among is None)

    def take(self, slot: int, request: EntryRequest, at_ns: int) -> Choice | None:
        """The choice of this candidate alone; None: the gate refuses it."""
        return self._best_of(request, at_ns, np.array([slot]), explores=False)

    def _best_of(
        self, request: EntryRequest, at_ns: int, candidates: NDArray[np.intp], explores: bool
    ) -> Choice | None:
        common = common_terms(self._state, request, at_ns)
        capacity = self._capacity[request.signal.strategy]
        costs = self._costs(request, common, capacity, candidates)
        if self._weighs:
            draws = explores and may_explore(self._state, request)
            return self._weighed(request, at_ns, common, candidates, costs, draws)
        for _ in candidates:
            best = costs.argmin()
            slot = int(candidates[best])
            book = self.books[slot]
            if wallet_may_enter(self._state, book, request, at_ns):
                return Choice(book, cost_terms(common, book, request, int(capacity[slot])), len(candidates))
            costs[best] = np.inf
        return None

    def _weighed(
        self,
        request: EntryRequest,
        at_ns: int,
        common: CommonTerms,
        candidates: NDArray[np.intp],
        costs: NDArray[np.float64],
        explores: bool,
    ) -> Choice | None:
        """The same choice over wallets and routes, and with what was learned."""
        places = self._routes.places(self._state, request, at_ns, candidates, costs)
        if self._state.learner_mode is not LEARNER_OFF:
            found = self._advised(request, at_ns, common, places, explores)
        else:
            best = self._cheapest(request, at_ns, places.slots, places.costs)
            found = None if best is None else self._choice(request, common, places, best)
        return found if found is None else found._replace(candidates=len(candidates))

    def _cheapest(
        self, request: EntryRequest, at_ns: int, candidates: NDArray[np.intp], costs: NDArray[np.float64]
    ) -> int | None:
        """The place of the cheapest candidate that the gate lets in. Crosses out the others that it tried."""
        for _ in candidates:
            best = int(costs.argmin())
            if wallet_may_enter(self._state, self.books[candidates[best]], request, at_ns):
                return best
            costs[best] = np.inf
        return None

    def _choice(self, request: EntryRequest, common: CommonTerms, places: Places, best: int) -> Choice:
        slot, block = places.slots[best].item(), places.block(best)
        book, capacity = self.books[slot], self._capacity[request.signal.strategy]
        terms = cost_terms(common, book, request, capacity[slot].item(), block.terms)
        return Choice(book, terms, len(places.slots), route=block.route)

    def _advised(
        self, request: EntryRequest, at_ns: int, common: CommonTerms, places: Places, explores: bool
    ) -> Choice | None:
        """The same choice with the learner's advice. Only a draw, or a learner that decides this signal, changes it."""
        slots, costs = places.slots, places.costs
        best = self._cheapest(request, at_ns, slots, costs)
        if best is None:
            return None
        state, strategy, books = self._state, request.signal.strategy, self.books
        learned = self._corrections(strategy, places)
        corrected = costs + learned / MICRO
        favoured = best if corrected.argmin() == best else self._cheapest(request, at_ns, slots, corrected)
        assert favoured is not None, "the gate let one in before"
        chosen, wanted = self._pair(places, best), self._pair(places, favoured)
        if wanted != chosen and not favours(
            state, strategy, wanted, chosen, float(corrected[best] - corrected[favoured]), at_ns
        ):
            favoured, wanted = best, chosen
        decides = learner_decides(state, request.signal.id)
        place, drawn = favoured if decides else best, None
        if explores:
            deciding = corrected if decides else costs
            drawn = explored(state, request, at_ns, deciding, place, lambda at: books[slots[at]])
            place = place if drawn is None else drawn.drawn.place
        choice = self._choice(request, common, places, place)
        correction: int = learned[place].item()
        advice = advice_of(state, wanted, self._pair(places, place), strategy, correction, decides)
        advice = compared(advice, corrected, place, best, favoured, drawn)
        terms = replace(choice.terms, learned=correction / MICRO) if decides else choice.terms
        return choice._replace(terms=terms, advice=advice)

    def _pair(self, places: Places, place: int) -> WalletOnRoute:
        return self.books[places.slots[place]].wallet.id, places.block(place).route

    def _corrections(self, strategy: StrategyType, places: Places) -> Micros:
        blocks = places.blocks
        found = [self._learned_by(strategy, route)[places.slots[start:end]] for route, _, start, end in blocks]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _learned_by(self, strategy: StrategyType, route: RouteName) -> Micros:
        """By slot, what was learned adds to the expected cost of an entry on this route. Anew after each lesson."""
        learned = self._learned.get((strategy, route))
        if learned is None:
            state, biases = self._state, self._biases[strategy]
            learned = corrections_of(state.settings, state.learned, strategy, self._landing, biases, route)
            self._learned[strategy, route] = learned
        return learned

    def rooms(self, request: EntryRequest, at_ns: int, excluded: tuple[WalletId, ...]) -> Micros:
        """By slot, an upper bound of the largest entry like this one that could be allowed; -1: none."""
        self.refresh()
        signal = request.signal
        rooms = np.full(len(self.books), -1, np.int64)
        may = self.candidates(request, at_ns, excluded)
        rooms[may] = self._capacity[signal.strategy][may]
        if signal.mint in self._accounts:
            column = self._column(signal.mint)
            for room in (column.room, self._room_by(column, signal.mint, signal.strategy)):
                rooms[may] = np.minimum(rooms[may], room[may])
        return rooms

    def costs(self, request: EntryRequest, at_ns: int, slots: NDArray[np.intp]) -> NDArray[np.float64]:
        """What this entry is expected to cost in each of these wallets on its cheapest route, in basis points, without
        what was learned."""
        common = common_terms(self._state, request, at_ns)
        costs = self._costs(request, common, self._capacity[request.signal.strategy], slots)
        if not self._routes.has_several:
            return costs
        return cheapest_by_slot(self._routes.places(self._state, request, at_ns, slots, costs), slots)

    def headroom_bps(self, request: EntryRequest, slots: NDArray[np.intp]) -> NDArray[np.float64]:
        """The part of these costs that each micro-USD of the amount adds."""
        shares: NDArray[np.float64] = 1.0 / np.maximum(self._capacity[request.signal.strategy][slots], ONE)
        return shares * self._state.settings.costs.headroom_bps

    def by_stop_loss(self) -> list[tuple[int, Flags]]:
        """The stop losses of the wallets' limits, and which wallets have each."""
        self.refresh()
        return [(int(stop), self._stop_loss == stop) for stop in np.unique(self._stop_loss)]

    def roomiest(self, strategy: StrategyType, count: int) -> list[WalletBook]:
        """The wallets closest to taking an entry of this strategy: by capacity, then in order of registration. Those
        that do not trade it come last."""
        self.refresh()
        order = np.lexsort((-self._capacity[strategy], ~self._trades[strategy]))
        return [self.books[slot] for slot in order[:count]]

    def users(self, mint: Mint) -> list[WalletBook]:
        """The wallets that hold this token or have an open buy of it."""
        self.refresh()
        there = sorted(self._accounts.get(mint, {}).items())
        return [book for _, book in there if mint in book.positions or mint in book.entries]

    def candidates(self, request: EntryRequest, at_ns: int, excluded: tuple[WalletId, ...]) -> NDArray[np.intp]:
        """Slots of the wallets whose capacity, risk level, rate and position limits fit."""
        signal = request.signal
        # Converted once: each comparison with an int would convert it again.
        notional = np.array(request.notional_micros)
        fits = self._capacity[signal.strategy] >= notional
        if signal.risk_tolerance_ppm < self._risk_max:
            fits &= self._risk <= signal.risk_tolerance_ppm
        if self._full_slots:
            fits &= self._column(signal.mint).uses | ~self._full
        if at_ns < self._limited_until_max:
            fits &= self._limited_until <= at_ns
        if signal.mint in self._accounts:  # Some wallet holds or buys it.
            column = self._column(signal.mint)
            fits &= column.room >= notional
            fits &= self._room_by(column, signal.mint, signal.strategy) >= notional
        if self._routes.knows_routes and (signal.mev_protected or not self._routes.fits_all):
            fits &= self._routes.fitting(self._state, signal)
        for wallet_id in (*signal.exclude, *excluded):
            if (book := self._state.wallets.get(wallet_id)) is not None:
                fits[book.slot] = False
        return fits.nonzero()[0]

    def _costs(
        self, request: EntryRequest, common: CommonTerms, capacity: Micros, candidates: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """`ranking.cost_terms(...).total` of every candidate: same terms, same order, same bits."""
        headroom: NDArray[np.float64] = np.array(float(request.notional_micros)) / np.maximum(capacity[candidates], ONE)
        headroom *= np.array(common.headroom_bps)
        base = np.array((common.fee + common.slippage, common.fee + common.rent + common.slippage))
        column = self._column(request.signal.mint) if request.signal.mint in self._accounts else None
        headroom += base[1] if column is None else base[column.missing[candidates]]
        if request.signal.preferred_type is not None:
            preferred = self._type[candidates] == _TYPE_RANK[request.signal.preferred_type]
            headroom += np.where(preferred, -common.preference_bps, 0.0)
        costs = common.desk.costs
        if costs.in_flight_bps:
            headroom += costs.in_flight_bps * self._open[candidates]
        if self._missing_slots and costs.miss_bps:
            ages_ns = common.at_ns - self._missed_ns[candidates]
            missed_ppm = excess_all_ppm(self._missed_ppm[candidates], ages_ns, costs.miss_half_life_ns)
            headroom += costs.miss_bps / PPM * missed_ppm
        return headroom

    def refresh(self) -> None:
        state = self._state
        if state.revalued or len(state.touched) > self._touched_max:
            self._rebuild()
            return
        if state.repriced:
            for book in self.books:
                self._refresh_wallet(book)
            self._columns.clear()
            state.repriced = False
        if state.touched:
            refreshed = set[WalletId]()
            for wallet_id, mint, strategy in set(state.touched):
                book = state.wallets[wallet_id]
                if wallet_id not in refreshed:
                    refreshed.add(wallet_id)
                    self._refresh_wallet(book)
                self._refresh_mint(book, mint, strategy)
            state.touched.clear()

    def _rebuild(self) -> None:
        state = self._state
        self.books = list(state.wallets.values())
        count = len(self.books)
        self._touched_max = max(count, TOUCHED_MAX)
        self._capacity: dict[StrategyType, Micros] = {s: np.full(count, -1, np.int64) for s in StrategyType}
        self._strategy_position_max: dict[StrategyType, Micros] = {s: np.zeros(count, np.int64) for s in StrategyType}
        self._trades: dict[StrategyType, Flags] = {s: np.zeros(count, np.bool_) for s in StrategyType}
        self._risk = np.zeros(count, np.int64)
        self._risk_max = max((book.wallet.limits.risk_level_ppm for book in self.books), default=0)
        self._type = np.zeros(count, np.int64)
        self._stop_loss = np.zeros(count, np.int64)
        self._position_max = np.zeros(count, np.int64)
        self._full = np.zeros(count, np.bool_)
        self._full_slots: set[int] = set()  # the same
        self._open = np.zeros(count, np.int64)  # entries, where they cost anything
        self._weighs_open = state.desk is not None and bool(state.desk.costs.in_flight_bps)
        self._missed_ppm = np.zeros(count, np.int64)
        self._missed_ns = np.zeros(count, np.int64)
        self._missing_slots: set[int] = set()  # wallets whose share of failed attempts is not zero
        self._landing = np.zeros(count, np.int64)  # what was learned of each wallet
        self._biases: dict[StrategyType, Micros] = {s: np.zeros(count, np.int64) for s in StrategyType}
        self._lessons = [0] * count  # how many of each wallet are in these
        self._learned: dict[tuple[StrategyType, RouteName], Micros] = {}
        self._rate_max = state.desk.rate_max_per_s if state.desk is not None else 0
        self._limited_until = np.zeros(count, np.int64)  # by the rate limit
        self._limited_until_max = 0
        self._accounts: dict[Mint, dict[int, WalletBook]] = {}  # by token and slot: the wallets that may hold it
        self._columns: dict[Mint, Column] = {}
        self._routes = RouteFlags(self.books, state)
        # Whether a choice is more than the cheapest wallet. A change of the mode has all wallets looked at again.
        self._weighs = self._routes.has_several or (state.desk is not None and state.learner_mode is not LEARNER_OFF)
        for book in self.books:
            limits = book.wallet.limits
            self._risk[book.slot] = limits.risk_level_ppm
            self._stop_loss[book.slot] = limits.stop_loss_ppm
            self._type[book.slot] = _TYPE_RANK[book.wallet.type]
            self._position_max[book.slot] = min(limits.position_max_micros, ROOMY)
            for strategy, share in book.wallet.strategies.items():
                self._strategy_position_max[strategy][book.slot] = min(share.position_max_micros, ROOMY)
                self._trades[strategy][book.slot] = share.enabled and book.wallet.type is not WalletType.EMERGENCY
        for book in self.books:
            self._refresh_wallet(book)
            for mint in (*book.positions, *book.entries, *book.token_accounts):
                self._accounts.setdefault(mint, {})[book.slot] = book
        state.touched.clear()
        state.revalued = state.repriced = False

    def _refresh_wallet(self, book: WalletBook) -> None:
        slot, state = book.slot, self._state
        common, capacity = wallet_capacity_micros(state, book), self._capacity
        for strategy in book.wallet.strategies:
            capacity[strategy][slot] = strategy_capacity_micros(book, strategy, common)
        if self._weighs_open:
            self._open[slot] = book.entries_open
        if state.learned.wallets:
            self._refresh_learned(book)
        if book.missed_ppm or slot in self._missing_slots:
            self._refresh_missed(book)
        placed, rate_max = book.placed_ns, self._rate_max
        if placed and len(placed) >= rate_max:
            self._limited_until[slot] = until_ns = placed[-rate_max] + NS
            self._limited_until_max = max(self._limited_until_max, until_ns)
        full = book.mints_in_use >= book.wallet.limits.positions_max
        if full != (slot in self._full_slots):
            self._full[slot] = full
            self._full_slots ^= {slot}

    def _refresh_learned(self, book: WalletBook) -> None:
        known = self._state.learned.wallets.get(book.wallet.id)
        if known is not None and known.outcomes != self._lessons[book.slot]:
            self._lessons[book.slot] = known.outcomes
            self._learned.clear()  # A lesson is one of its route and of its strategy too.
            self._landing[book.slot] = known.landing.mean
            for strategy, bias in known.bias.items():
                self._biases[strategy][book.slot] = bias.mean

    def _refresh_missed(self, book: WalletBook) -> None:
        self._missed_ppm[book.slot], self._missed_ns[book.slot] = book.missed_ppm, book.missed_ns
        if book.missed_ppm:
            self._missing_slots.add(book.slot)
        else:
            self._missing_slots.discard(book.slot)

    def _refresh_mint(self, book: WalletBook, mint: Mint, strategy: StrategyType | None) -> None:
        self._accounts.setdefault(mint, {})[book.slot] = book
        if (column := self._columns.get(mint)) is None:
            return
        self._fill(column, book, mint)
        for one in column.room_by if strategy is None else (strategy,):
            if (room_by := column.room_by.get(one)) is not None:
                self._fill_strategy(room_by, book, mint, one)

    def _column(self, mint: Mint) -> Column:
        column = self._columns.get(mint)
        if column is None:
            count = len(self.books)
            column = Column(np.zeros(count, np.bool_), np.ones(count, np.intp), self._position_max.copy(), {})
            for book in self._accounts.get(mint, {}).values():
                self._fill(column, book, mint)
            self._columns[mint] = column
        return column

    def _fill(self, column: Column, book: WalletBook, mint: Mint) -> None:
        slot = book.slot
        price_pico = self._state.price_pico(mint)
        column.uses[slot] = book.uses(mint)
        column.missing[slot] = pays_rent(self._state.settings, book, mint)
        column.room[slot] = room_of(book.wallet.limits.position_max_micros, book.used_micros(mint, price_pico))

    def _room_by(self, column: Column, mint: Mint, strategy: StrategyType) -> Micros:
        room_by = column.room_by.get(strategy)
        if room_by is None:
            room_by = column.room_by[strategy] = self._strategy_position_max[strategy].copy()
            for book in self._accounts.get(mint, {}).values():
                self._fill_strategy(room_by, book, mint, strategy)
        return room_by

    def _fill_strategy(self, room_by: Micros, book: WalletBook, mint: Mint, strategy: StrategyType) -> None:
        share = book.wallet.strategies.get(strategy)
        if share is not None:  # A wallet without a share has no capacity either.
            used = book.used_by_micros(mint, strategy, self._state.price_pico(mint))
            room_by[book.slot] = room_of(share.position_max_micros, used)


_TYPE_RANK: Final = {wallet_type: rank for rank, wallet_type in enumerate(WalletType)}
