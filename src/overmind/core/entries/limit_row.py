"""What a row of the limit table is: where it counts, what an entry adds, and all that follows from it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.request import EntryRequest
from overmind.core.model.codes import Code, Limits, Refusal
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.units import NOTIONAL_MAX_MICROS
from overmind.core.model.wallet import StrategyShare

NO_CAP: Final = NOTIONAL_MAX_MICROS
NO_TOKEN: Final = Mint("")  # a token that no wallet has
BLOCKED: Final = -1  # less than any entry


class Scope(enum.Enum):
    """What a row counts: all of a wallet or of the portfolio, or one token or strategy in it."""

    ALL = "all"
    TOKEN = "token"
    STRATEGY = "strategy"
    TOKEN_OF_STRATEGY = "token of strategy"


class WalletPlace(NamedTuple):
    """The wallet, token and strategy for which a wallet's limit is evaluated."""

    state: State
    book: WalletBook
    at_ns: int
    mint: Mint = NO_TOKEN
    strategy: StrategyType | None = None

    @property
    def wallet_id(self) -> WalletId:
        return self.book.wallet.id

    @property
    def limits(self) -> Limits:
        return self.book.wallet.limits

    @property
    def share(self) -> StrategyShare | None:
        """None: the wallet does not trade the strategy."""
        return None if self.strategy is None else self.book.wallet.strategies.get(self.strategy)


class PortfolioPlace(NamedTuple):
    """The token and strategy for which a limit of the portfolio is evaluated."""

    state: State
    mint: Mint = NO_TOKEN
    strategy: StrategyType | None = None

    @property
    def wallet_id(self) -> None:
        return None

    @property
    def desk(self) -> Desk:
        return self.state.settings


P = TypeVar("P", WalletPlace, PortfolioPlace)


class Addition(msgspec.Struct, Generic[P], frozen=True, kw_only=True):
    """What an entry adds to the used amount, and the largest entry for a given headroom."""

    units_of: Callable[[P, EntryRequest], int | None]  # None: the limit does not count this entry
    largest_of: Callable[[int, P, EntryRequest], int] | None = None  # None: the amount does not matter
    capacity_of: Callable[[int, P], int]  # the same before the signal is known; never less than the later result


class Limit(msgspec.Struct, Generic[P], frozen=True, kw_only=True):
    """An entry is refused if the used amount plus its own exceeds the limit."""

    code: Code
    scope: Scope
    limit_of: Callable[[P], int | None]  # None: there is no such limit
    used_of: Callable[[P], int]
    adds: Addition[P]
    name: str = ""  # in the views of utilisation; blank: not shown there
    told: Callable[[P, int, int], tuple[int, int]] | None = None  # limit and actual in the code's unit, if it differs
    unless: Code | None = None  # not listed if this code is
    eases: bool = False  # its used amount falls with time, so no capacity can be cached

    def refusal(self, place: P, request: EntryRequest) -> Refusal | None:
        limit, added = self.limit_of(place), self.adds.units_of(place, request)
        if limit is None or added is None:
            return None
        actual = self.used_of(place) + added
        if actual <= limit:
            return None
        if self.told is not None:
            limit, actual = self.told(place, limit, actual)
        return Refusal(self.code, limit, actual, place.wallet_id)

    def headroom(self, place: P) -> int | None:
        """The remaining amount in the row's unit; None: there is no such limit."""
        limit = self.limit_of(place)
        return None if limit is None else limit - self.used_of(place)

    def cap_micros(self, place: P, request: EntryRequest) -> int:
        """The largest entry like this one that the row allows; only for rows that depend on the amount."""
        assert self.adds.largest_of is not None, self.code
        headroom = self.headroom(place)
        return NO_CAP if headroom is None else self.adds.largest_of(headroom, place, request)

    def capacity_micros(self, place: P) -> int:
        """The largest entry that the row allows for any signal; BLOCKED: none."""
        headroom = None if self.eases else self.headroom(place)
        return NO_CAP if headroom is None else self.adds.capacity_of(headroom, place)
