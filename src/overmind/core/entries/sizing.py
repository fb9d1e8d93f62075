"""Sizing: the largest buy that loses no more than its risk budget if the price moves by a given distance.

    notional = risk budget / distance

Fixed-fractional sizing by the distance of the stop loss (R. Vince, Portfolio Management Formulas, 1990, ch. 1;
V. Tharp's "percent risk"), and volatility sizing, where the distance is a multiple of what the price moves in a day
("percent volatility", as the Turtles' N). The distance is rounded up and the notional down.

Every limit that an amount matters to then caps it: `limit_table` says which and how. A cap is a proposal and no
permission: what is placed has passed the gate like any other entry.

See specification §7.12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.volatility import MOVES_MIN
from overmind.core.entries.broken_limits import ROWS
from overmind.core.entries.choice import Choice
from overmind.core.entries.gate import signal_may_enter
from overmind.core.entries.limit_row import NO_CAP, Limit, P, PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.entries.request import EntryRequest, entry_request_of
from overmind.core.entries.rules import signal_refusals, wallet_refusals
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.codes import PRECEDENCE, Code, Refusal, rank_of
from overmind.core.model.enums import SizingMethod
from overmind.core.model.ids import WalletId
from overmind.core.model.selection import Sizing
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, PPM, ppm_of


class SizedRequest:
    """A buy with a risk budget, and what is common to all wallets that could take it."""

    def __init__(self, state: State, signal: Signal, stale_at_ns: int) -> None:
        assert signal.risk is not None, signal
        self.state = state
        self.signal = signal
        self.risk = signal.risk
        self.stale_at_ns = stale_at_ns
        equity_share = ppm_of(max(0, state.equity_micros), self.risk.equity_ppm or 0)
        self.budget_micros = equity_share if self.risk.micros is None else self.risk.micros
        self.least_micros = max(1, state.settings.sizing_min_micros, state.settings.order_min_micros)
        self.distance_ppm = self._common_distance_ppm()
        place = PortfolioPlace(state, signal.mint, signal.strategy)
        self.caps = [(Code.AMOUNT_OUT_OF_RANGE, NO_CAP), *_caps(PORTFOLIO_LIMITS, place, self.least_ask())]
        self.room_micros = max(0, min(micros for _, micros in self.caps))

    def _common_distance_ppm(self) -> int | None:
        """None: each wallet's own stop loss is the distance. 0: the distance is unknown."""
        if self.risk.method is SizingMethod.STOP:
            return self.signal.exits.stop_loss_ppm if self.signal.exits is not None else None
        known = self.state.volatility.get(self.signal.mint)
        if known is None or not known.is_known:
            return 0
        return -(-known.over_ppm(self.risk.horizon_ns) * self.risk.multiple_ppm // PPM)

    @property
    def lacks_volatility(self) -> bool:
        return self.risk.method is SizingMethod.VOLATILITY and not self.distance_ppm

    def distance_for(self, stop_loss_ppm: int) -> int:
        """The distance in a wallet with this stop loss. 0: it is unknown."""
        return stop_loss_ppm if self.distance_ppm is None else self.distance_ppm

    def wanted_micros(self, stop_loss_ppm: int) -> int:
        """What the budget buys in a wallet with this stop loss. 0: the distance is unknown."""
        distance = self.distance_for(stop_loss_ppm)
        return self.budget_micros * PPM // distance if distance else 0

    def request_for(self, micros: int) -> EntryRequest:
        return entry_request_of(self.state, self.signal, self.stale_at_ns, micros)

    def least_ask(self) -> EntryRequest:
        """The smallest entry. A rule that refuses it refuses every size."""
        return self.request_for(self.least_micros)

    def size(self, book: WalletBook, limits: Sequence[Limit[WalletPlace]] = WALLET_LIMITS) -> Sizing:
        """The size in this wallet, with every cap. Zero: the wallet can take nothing."""
        stop_ppm, signal = book.wallet.limits.stop_loss_ppm, self.signal
        wanted = self.wanted_micros(stop_ppm)
        place = WalletPlace(self.state, book, self.state.at_ns, signal.mint, signal.strategy)
        caps = [*self.caps, *_caps(limits, place, self.least_ask())]
        caps.sort(key=lambda one: PRECEDENCE[one[0]])
        return Sizing(
            wanted_micros=wanted,
            budget_micros=self.budget_micros,
            distance_ppm=self.distance_for(stop_ppm),
            how=self.risk.method,
            caps=tuple((code, max(0, micros)) for code, micros in caps),
            notional_micros=max(0, min(wanted, *(micros for _, micros in caps))),
        )


def _caps(limits: Sequence[Limit[P]], place: P, least: EntryRequest) -> Iterator[tuple[Code, int]]:
    """The largest entry that each limit admits now, in micro-USD."""
    return ((one.code, one.cap_micros(place, least)) for one in limits if one.adds.largest_of is not None)


class SizedChoice(NamedTuple):
    choice: Choice
    request: EntryRequest
    sizing: Sizing


def choose_sized(
    index: SelectionIndex, sized: SizedRequest, at_ns: int, received_at_ns: int, excluded: tuple[WalletId, ...]
) -> SizedChoice | None:
    """The cheapest wallet that can take the whole amount. If none can, the cheapest of those that can take most.

    Ties go to the wallet that was registered first. None: no wallet may take the smallest entry.
    """
    if sized.lacks_volatility or not signal_may_enter(sized.state, sized.least_ask(), at_ns, received_at_ns):
        return None
    found = _whole(index, sized, at_ns, excluded) or _most(index, sized, at_ns, excluded)
    if found is None:
        return None
    choice, entry = found
    if not signal_may_enter(sized.state, entry, at_ns, received_at_ns):
        return None  # Refused by a limit that has no cap, such as a count.
    sizing = sized.size(choice.book)
    assert sizing.notional_micros == entry.notional_micros, (sizing, entry)
    return SizedChoice(choice, entry, sizing)


def _whole(
    index: SelectionIndex, sized: SizedRequest, at_ns: int, excluded: tuple[WalletId, ...]
) -> tuple[Choice, EntryRequest] | None:
    found: list[tuple[float, int, Choice, EntryRequest]] = []
    for stop_ppm, wallets in index.by_stop_loss():
        wanted = sized.wanted_micros(stop_ppm)
        if sized.least_micros <= wanted <= sized.room_micros:
            entry = sized.request_for(wanted)
            choice = index.choose(entry, at_ns, excluded, wallets)
            if choice is not None:
                found.append((choice.terms.total, choice.book.slot, choice, entry))
    return min(found, key=lambda one: one[:2])[2:] if found else None


def _most(
    index: SelectionIndex, sized: SizedRequest, at_ns: int, excluded: tuple[WalletId, ...]
) -> tuple[Choice, EntryRequest] | None:
    """Tries the largest room first. The index may overestimate a room. If no wallet can take the amount, the rooms of
    these wallets are computed exactly and the search goes on."""
    rooms = index.rooms(sized.least_ask(), at_ns, excluded)
    for stop_ppm, wallets in index.by_stop_loss():
        rooms[wallets] = np.minimum(rooms[wallets], min(sized.wanted_micros(stop_ppm), sized.room_micros))
    while len(rooms) and (level := int(rooms.max())) >= sized.least_micros:
        highest, entry = rooms == level, sized.request_for(level)
        choice = index.choose(entry, at_ns, excluded, highest)
        if choice is not None:
            return choice, entry
        for slot in highest.nonzero()[0]:
            micros = sized.size(index.books[slot]).notional_micros
            rooms[slot] = micros if micros < level else -1
    return None


def sized_refusals(sized: SizedRequest, at_ns: int, received_at_ns: int) -> list[Refusal]:
    """The refusals that do not depend on the wallet, in order of precedence."""
    found = list(signal_refusals(sized.state, sized.least_ask(), at_ns, received_at_ns))
    if sized.lacks_volatility:
        known = sized.state.volatility.get(sized.signal.mint)
        moves = known.moves // PPM if known is not None else 0
        enough = f"{MOVES_MIN} price moves, not all of them nothing"
        found.append(Refusal(Code.VOLATILITY_UNKNOWN, enough, f"{moves} of {sized.signal.mint}"))
    return sorted(found, key=rank_of)


def sized_wallet_refusals(sized: SizedRequest, book: WalletBook, at_ns: int) -> list[Refusal]:
    """The refusals of this wallet, in order of precedence. The smallest entry breaks every rule that all sizes break,
    and its fixed costs weigh most: the expected cost is that of the whole size."""
    smallest = wallet_refusals(sized.state, book, sized.least_ask(), at_ns)
    found = [refusal for refusal in smallest if refusal.code is not Code.EXPECTED_COST]
    sizing, wallet_id = sized.size(book), book.wallet.id
    if sizing.notional_micros >= sized.least_micros:
        place = WalletPlace(sized.state, book, at_ns, sized.signal.mint, sized.signal.strategy)
        if (dear := ROWS[Code.EXPECTED_COST].refusal(place, sized.request_for(sizing.notional_micros))) is not None:
            found.append(dear)
    if not sizing.distance_ppm and sized.risk.method is SizingMethod.STOP:
        found.append(Refusal(Code.STOP_DISTANCE_UNKNOWN, "a stop loss", "none of signal or wallet", wallet_id))
    elif sizing.distance_ppm and sizing.notional_micros < sized.least_micros:
        by = ", ".join(sizing.binding) or "the risk budget"
        actual = f"{_usd(sizing.notional_micros)} by {by}"
        found.append(Refusal(Code.SIZE_TOO_SMALL, _usd(sized.least_micros), actual, wallet_id))
    return sorted(found, key=rank_of)


def _usd(micros: int) -> str:
    whole, part = divmod(micros, MICROS)
    return f"${whole:,}.{part:06}".rstrip("0").rstrip(".")
