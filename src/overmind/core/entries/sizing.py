"""From a risk budget to an amount: how much may be bought so that a move of a given distance loses no more than that.

    notional = risk budget / distance

Fixed-fractional sizing by the distance of the stop loss (R. Vince, Portfolio Management Formulas, 1990, ch. 1;
V. Tharp's "percent risk"), and volatility sizing, where the distance is a multiple of what the price moves in a day
("percent volatility", as the Turtles' N). The distance is rounded up and the notional down.

Every limit of the gate then caps it, one small function for each. A cap is a proposal and no permission: what is
placed has passed `signal_refusals` and `wallet_refusals` like any other entry, so a limit that has no cap here yet
refuses where it could have made smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.volatility import MOVES_MIN
from overmind.core.entries.request import EntryRequest, entry_request_of, slippage_ceiling_bps
from overmind.core.entries.rules import entry_stop_ppm, loss_max_micros, signal_refusals, wallet_refusals
from overmind.core.entries.selection_index import Choice, SelectionIndex
from overmind.core.model.codes import PRECEDENCE, Code, Refusal
from overmind.core.model.enums import SizingMethod
from overmind.core.model.ids import WalletId
from overmind.core.model.selection import Sizing
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, MICROS, NOTIONAL_MAX_MICROS, PPM, ppm_of

NO_CAP: Final = NOTIONAL_MAX_MICROS


class SizedRequest:
    """A buy with a risk budget, and what the state says of it now, whichever wallet would take it."""

    def __init__(self, state: State, signal: Signal, stale_at_ns: int) -> None:
        assert signal.risk is not None, signal
        self.state = state
        self.signal = signal
        self.risk = signal.risk
        self.stale_at_ns = stale_at_ns
        equity_share = ppm_of(max(0, state.equity_micros), self.risk.equity_ppm or 0)
        self.budget_micros = equity_share if self.risk.micros is None else self.risk.micros
        self.least_micros = max(1, state.settings.sizing_min_micros)
        self.distance_ppm = self._common_distance_ppm()
        self.caps = [(code, cap(state, signal)) for code, cap in SIGNAL_CAPS]
        self.room_micros = max(0, min(micros for _, micros in self.caps))

    def _common_distance_ppm(self) -> int | None:
        """None: it is the wallet's stop loss; 0: it is not known."""
        if self.risk.method is SizingMethod.STOP:
            return self.signal.exits.stop_loss_ppm if self.signal.exits is not None else None
        known = self.state.volatility.get(self.signal.mint)
        if known is None or not known.is_known:
            return 0
        return -(-known.over_ppm(self.risk.horizon_ns) * self.risk.multiple_ppm // PPM)

    def distance_for(self, stop_loss_ppm: int) -> int:
        """In a wallet with this stop loss; 0: it is not known."""
        return stop_loss_ppm if self.distance_ppm is None else self.distance_ppm

    def wanted_micros(self, stop_loss_ppm: int) -> int:
        """What the budget buys in such a wallet; nothing where the distance is not known."""
        distance = self.distance_for(stop_loss_ppm)
        return self.budget_micros * PPM // distance if distance else 0

    def ask(self, micros: int) -> EntryRequest:
        return entry_request_of(self.state, self.signal, self.stale_at_ns, micros)

    def least_ask(self) -> EntryRequest:
        """The smallest entry: what refuses it refuses every one."""
        return self.ask(self.least_micros)

    def size(self, book: WalletBook) -> Sizing:
        """What this wallet may take of it, cap by cap; zero where nothing."""
        stop_ppm, least = book.wallet.limits.stop_loss_ppm, self.least_ask()
        wanted = self.wanted_micros(stop_ppm)
        caps = [*self.caps, *((code, cap(self.state, book, least)) for code, cap in WALLET_CAPS)]
        caps.sort(key=lambda one: PRECEDENCE[one[0]])
        return Sizing(
            wanted_micros=wanted,
            budget_micros=self.budget_micros,
            distance_ppm=self.distance_for(stop_ppm),
            how=self.risk.method,
            caps=tuple((code, max(0, micros)) for code, micros in caps),
            notional_micros=max(0, min(wanted, *(micros for _, micros in caps))),
        )


class SizedChoice(NamedTuple):
    choice: Choice
    ask: EntryRequest
    sizing: Sizing


def choose_sized(
    index: SelectionIndex, wish: SizedRequest, at_ns: int, received_at_ns: int, excluded: tuple[WalletId, ...]
) -> SizedChoice | None:
    """The cheapest wallet that can take all that the budget wants; if none can, the one that can take most, the
    cheapest of these; ties fall to the wallet registered first. None: no wallet may take the least."""
    if next(_general(wish, at_ns, received_at_ns), None) is not None:
        return None
    found = _whole(index, wish, at_ns, excluded) or _most(index, wish, at_ns, excluded)
    if found is None:
        return None
    choice, entry = found
    if next(signal_refusals(wish.state, entry, at_ns, received_at_ns), None) is not None:
        return None  # A limit that has no cap.
    sizing = wish.size(choice.book)
    assert sizing.notional_micros == entry.notional_micros, (sizing, entry)
    return SizedChoice(choice, entry, sizing)


def _whole(
    index: SelectionIndex, wish: SizedRequest, at_ns: int, excluded: tuple[WalletId, ...]
) -> tuple[Choice, EntryRequest] | None:
    found: list[tuple[float, int, Choice, EntryRequest]] = []
    for stop_ppm, wallets in index.by_stop_loss():
        wanted = wish.wanted_micros(stop_ppm)
        if wish.least_micros <= wanted <= wish.room_micros:
            entry = wish.ask(wanted)
            choice = index.choose(entry, at_ns, excluded, wallets)
            if choice is not None:
                found.append((choice.terms.total, choice.book.slot, choice, entry))
    return min(found, key=lambda one: one[:2])[2:] if found else None


def _most(
    index: SelectionIndex, wish: SizedRequest, at_ns: int, excluded: tuple[WalletId, ...]
) -> tuple[Choice, EntryRequest] | None:
    """From the highest room downwards. The index may believe in more room than there is: where nobody can take what
    it says, these wallets are looked at one by one and stand where they really are."""
    rooms = index.rooms(wish.least_ask(), at_ns, excluded)
    for stop_ppm, wallets in index.by_stop_loss():
        rooms[wallets] = np.minimum(rooms[wallets], min(wish.wanted_micros(stop_ppm), wish.room_micros))
    while len(rooms) and (level := int(rooms.max())) >= wish.least_micros:
        highest, entry = rooms == level, wish.ask(level)
        choice = index.choose(entry, at_ns, excluded, highest)
        if choice is not None:
            return choice, entry
        for slot in highest.nonzero()[0]:
            micros = wish.size(index.books[slot]).notional_micros
            rooms[slot] = micros if micros < level else -1
    return None


def sized_refusals(wish: SizedRequest, at_ns: int, received_at_ns: int) -> list[Refusal]:
    """What stands against it whichever wallet would take it, in order of precedence."""
    return sorted(_general(wish, at_ns, received_at_ns), key=_rank)


def _general(wish: SizedRequest, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    yield from signal_refusals(wish.state, wish.least_ask(), at_ns, received_at_ns)
    if wish.risk.method is SizingMethod.VOLATILITY and not wish.distance_ppm:
        known = wish.state.volatility.get(wish.signal.mint)
        moves = known.moves // PPM if known is not None else 0
        enough = f"{MOVES_MIN} price moves, not all of them nothing"
        yield Refusal(Code.VOLATILITY_UNKNOWN, enough, f"{moves} of {wish.signal.mint}")


def sized_wallet_refusals(wish: SizedRequest, book: WalletBook, at_ns: int) -> list[Refusal]:
    """What stands against it in this wallet, in order of precedence."""
    found = list(wallet_refusals(wish.state, book, wish.least_ask(), at_ns))
    sizing, wallet_id = wish.size(book), book.wallet.id
    if not sizing.distance_ppm and wish.risk.method is SizingMethod.STOP:
        found.append(Refusal(Code.STOP_DISTANCE_UNKNOWN, "a stop loss", "none of signal or wallet", wallet_id))
    elif sizing.distance_ppm and sizing.notional_micros < wish.least_micros:
        by = ", ".join(sizing.binding) or "the risk budget"
        actual = f"{_usd(sizing.notional_micros)} by {by}"
        found.append(Refusal(Code.SIZE_TOO_SMALL, _usd(wish.least_micros), actual, wallet_id))
    return sorted(found, key=_rank)


def _rank(refusal: Refusal) -> int:
    return PRECEDENCE[refusal.code]


def _usd(micros: int) -> str:
    whole, part = divmod(micros, MICROS)
    return f"${whole:,}.{part:06}".rstrip("0").rstrip(".")


# The caps: the largest entry that each limit admits now, in micro-USD.


def _impact_cap(state: State, signal: Signal) -> int:
    """The largest n with n * BPS // (depth + n) within the ceiling."""
    beyond = slippage_ceiling_bps(state.settings, signal) + 1
    if beyond >= BPS:
        return NO_CAP
    return max(0, (beyond * state.settings.costs.depth_micros - 1) // (BPS - beyond))


def _amount_cap(state: State, signal: Signal) -> int:
    return NOTIONAL_MAX_MICROS


def _portfolio_cap(state: State, signal: Signal) -> int:
    return ppm_of(state.equity_micros, state.settings.portfolio_exposure_max_ppm) - state.exposure_micros


def _asset_cap(state: State, signal: Signal) -> int:
    return ppm_of(state.equity_micros, state.settings.asset_max_ppm) - state.assets.get(signal.mint, 0)


def _strategy_cap(state: State, signal: Signal) -> int:
    limit = ppm_of(state.equity_micros, state.settings.strategy_max_ppm)
    return limit - state.strategies.get(signal.strategy, 0)


def _day_loss_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    """The stop loss is rounded up, so what is left divided by it is rounded down."""
    limits, stop_ppm = book.wallet.limits, entry_stop_ppm(book, least.signal)
    costs = loss_max_micros(book, least) - -(-least.notional_micros * stop_ppm // PPM)
    left = limits.daily_loss_max_micros - max(0, -book.day_pnl_micros) - book.loss_in_flight_micros - costs
    if left < 0:
        return 0
    return left * PPM // stop_ppm if stop_ppm else NO_CAP


def _position_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    mint = least.signal.mint
    return book.wallet.limits.position_max_micros - book.used_micros(mint, state.price_pico(mint))


def _strategy_position_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    signal = least.signal
    share = book.wallet.strategies.get(signal.strategy)
    used = book.used_by_micros(signal.mint, signal.strategy, state.price_pico(signal.mint))
    return 0 if share is None else share.position_max_micros - used


def _strategy_share_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    share = book.wallet.strategies.get(least.signal.strategy)
    if share is None:
        return 0
    return ppm_of(book.equity_micros, share.share_ppm) - book.deployed_micros(least.signal.strategy)


def _quote_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    return state.ledger.balance(book.accounts.free, state.settings.quote.mint)


def _exposure_cap(state: State, book: WalletBook, least: EntryRequest) -> int:
    limit = ppm_of(book.equity_micros, book.wallet.limits.exposure_max_ppm)
    return limit - book.positions_micros - book.entries_micros


# A limit that is added to the gate gets its cap here, the wallet's also its room in `SelectionIndex.rooms` if it binds
# often.
SIGNAL_CAPS: Final[tuple[tuple[Code, Callable[[State, Signal], int]], ...]] = (
    (Code.PRICE_IMPACT, _impact_cap),
    (Code.AMOUNT_OUT_OF_RANGE, _amount_cap),
    (Code.PORTFOLIO_EXPOSURE, _portfolio_cap),
    (Code.ASSET_CONCENTRATION, _asset_cap),
    (Code.STRATEGY_CONCENTRATION, _strategy_cap),
)
WALLET_CAPS: Final[tuple[tuple[Code, Callable[[State, WalletBook, EntryRequest], int]], ...]] = (
    (Code.DAILY_LOSS_HEADROOM, _day_loss_cap),
    (Code.POSITION_SIZE, _position_cap),
    (Code.STRATEGY_POSITION_SIZE, _strategy_position_cap),
    (Code.STRATEGY_SHARE, _strategy_share_cap),
    (Code.INSUFFICIENT_QUOTE, _quote_cap),
    (Code.WALLET_EXPOSURE, _exposure_cap),
)
