"""What must hold where several wallets serve one buy: it is divided as the signal allows, all at once or not at all."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Final

from msgspec import structs
from tests.sim import rules
from tests.sim.books import Books, WalletBooks

from overmind.core.model.enums import Split
from overmind.core.model.events import Event, OrderPlaced
from overmind.core.model.ids import WalletId
from overmind.core.model.order import Order
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS

TIE_BPS: Final = 1e-6


def split_of(books: Books, signal: Signal) -> Split:
    return Split.NONE if signal.risk is not None else signal.split or books.settings.split


def used_by_others(books: Books, order: Order) -> set[WalletId]:
    """The wallets of the other parts that are under way."""
    own = [one for one in books.open.values() if isinstance(one, Order) and one.signal_id == order.signal_id]
    return {one.wallet_id for one in own if one.part != order.part}


class Splits:
    """Follows the parts of the buy that is being placed."""

    def __init__(self, seen: Counter[str]) -> None:
        self._seen = seen
        self._parts: list[Order] = []
        self._alone_bps: float | None = None  # what the cheapest wallet would have cost alone
        self._cost = 0.0

    def rewind(self) -> None:
        """The journal ends at a batch, so no decision may be incomplete."""
        assert not self._is_incomplete, self._parts
        self._parts = []

    @property
    def _is_incomplete(self) -> bool:
        return bool(self._parts) and len(self._parts) < self._parts[0].parts

    def expect(self, event: Event) -> None:
        """Nothing comes between the parts of one decision, whatever dies in between."""
        if self._is_incomplete:
            first, number = self._parts[0], len(self._parts)
            is_next = isinstance(event, OrderPlaced) and (event.order.signal_id, event.order.part) == (
                first.signal_id,
                number,
            )
            assert is_next, f"part {number} of {first.signal_id} is missing: {event}"

    def check(self, books: Books, placed: OrderPlaced, whole: rules.CheckedEntry) -> None:
        """Called before the part is folded, so the books are those of the decision, but for its earlier parts."""
        order, signal = placed.order, placed.signal
        assert split_of(books, signal) is not Split.NONE, order
        assert signal.notional_micros is not None or signal.quantity is not None, order
        if order.attempt:
            self._seen["part tried again"] += 1
            return
        if order.part == 0:
            self._parts, self._cost = [], 0.0
            self._alone_bps = _alone_bps(books, whole)
        self._parts.append(order)
        part = structs.replace(whole, notional_micros=order.notional_micros)
        fee_micros = books.sol_value_up(books.settings.costs.fee_lamports)
        its_bps = rules.cost_bps(books, books.wallets[order.wallet_id], part)
        self._cost += its_bps * order.notional_micros / BPS + fee_micros
        if len(self._parts) == order.parts:
            self._check_all(books, signal, whole)

    def _check_all(self, books: Books, signal: Signal, whole: rules.CheckedEntry) -> None:
        parts, wanted = self._parts, whole.notional_micros
        placed = sum(one.notional_micros for one in parts)
        least = max(1, books.settings.order_min_micros)
        parts_max = signal.parts_max or books.settings.split_parts_max
        assert len({one.wallet_id for one in parts}) == len(parts) <= parts_max, parts
        assert all(one.notional_micros >= least for one in parts), parts
        assert [one.id for one in parts] == [f"{signal.id}.{number}.0" for number in range(len(parts))], parts
        assert placed == wanted if split_of(books, signal) is Split.ALL else placed <= wanted, (wanted, parts)
        self._seen["split over wallets"] += len(parts) > 1
        self._seen["bought less than asked"] += placed < wanted
        if self._alone_bps is not None and placed == wanted:
            self._seen["split although one could take it"] += 1
            cost_bps = self._cost / wanted * BPS
            assert cost_bps <= self._alone_bps + TIE_BPS, (cost_bps, self._alone_bps, parts)


def _alone_bps(books: Books, whole: rules.CheckedEntry) -> float | None:
    fee_bps = books.sol_value_up(books.settings.costs.fee_lamports) / max(1, whole.notional_micros) * BPS
    costs = [
        rules.cost_bps(books, book, whole) + fee_bps
        for book in books.wallets.values()
        if not rules.broken_by_wallet(books, book, whole)
    ]
    return min(costs, default=None)


def could_be_divided(books: Books, whole: rules.CheckedEntry) -> bool:
    """Whether several wallets could surely have taken it, which was refused."""
    signal, desk = whole.signal, books.settings
    split, wanted = split_of(books, signal), whole.notional_micros
    if split is Split.NONE or wanted <= 0 or rules.broken_by_signal(books, whole):
        return False
    parts_max = signal.parts_max or desk.split_parts_max
    if desk.day_trades_max:
        parts_max = min(parts_max, desk.day_trades_max - rules.trades(books))
    bounds = sorted((_bounds(books, book, whole) for book in books.wallets.values()), reverse=True)
    taken, least = 0, max((one for _, one in bounds), default=0)
    for count, (room, _) in enumerate(bounds[: max(0, parts_max)], 1):
        taken += room
        if taken >= wanted:
            return split is Split.PARTIAL or least * count <= wanted
    return split is Split.PARTIAL and taken > 0


def _bounds(books: Books, book: WalletBooks, whole: rules.CheckedEntry) -> tuple[int, int]:
    """The largest and the smallest part that it surely takes, at the impact of the whole; zeros: none."""
    signal, desk, wanted = whole.signal, books.settings, whole.notional_micros
    room = min(rules.rooms(books, book, signal.strategy, signal.mint, rules.falls_ppm(book, signal)).values())
    room, least = min(room, wanted), max(1, desk.order_min_micros)
    if desk.expected_cost_max_bps:
        # Every share of the amount is rounded up to whole basis points, and the impact is that of the whole.
        impact_bps = wanted * BPS // (desk.costs.depth_micros + wanted)
        left_bps = desk.expected_cost_max_bps - math.ceil(desk.costs.half_spread_bps) - impact_bps
        if left_bps <= 0:
            return 0, 0
        fixed = rules.fixed_cost(books, book, signal.mint)
        least = max(least, math.ceil(Fraction(fixed * BPS, left_bps)))
    if room < least or rules.broken_by_wallet(books, book, structs.replace(whole, notional_micros=room)):
        return 0, 0
    return room, least
