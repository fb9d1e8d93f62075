"""How much of each limit is used, row by row of the limit table: as the gate counts it, open buys included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.limit_table import (
    NO_TOKEN,
    PORTFOLIO_LIMITS,
    WALLET_LIMITS,
    Limit,
    P,
    PortfolioPlace,
    Scope,
    WalletPlace,
)
from overmind.core.model.codes import Code, Unit
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.value import Value


class LimitUse(Value, frozen=True):
    """How much of one row is used: where it counts by token or strategy, of the one that uses most."""

    code: Code
    name: str
    used: int
    limit: int
    scale: int  # how many of these make one of what people count in: a dollar, a trade

    @property
    def percent(self) -> float:
        return percent_of(self.used, self.limit)


def wallet_uses(state: State, book: WalletBook, limits: Sequence[Limit[WalletPlace]] = WALLET_LIMITS) -> list[LimitUse]:
    """Of each limit of the wallet that has a name."""
    places = {
        Scope.ALL: [WalletPlace(state, book, state.at_ns)],
        Scope.TOKEN: [WalletPlace(state, book, state.at_ns, mint) for mint in _mints(book)],
    }
    return list(_uses(limits, places))


def strategy_uses(state: State, book: WalletBook, strategy: StrategyType) -> list[LimitUse]:
    """Of each limit of one strategy in the wallet."""
    places = {
        Scope.STRATEGY: [WalletPlace(state, book, state.at_ns, NO_TOKEN, strategy)],
        Scope.TOKEN_OF_STRATEGY: [WalletPlace(state, book, state.at_ns, mint, strategy) for mint in _mints(book)],
    }
    return list(_uses(WALLET_LIMITS, places))


def portfolio_uses(state: State) -> list[LimitUse]:
    """Of each limit that counts the portfolio as a whole."""
    return list(_uses(PORTFOLIO_LIMITS, {Scope.ALL: [PortfolioPlace(state)]}))


def concentrations(state: State) -> list[LimitUse]:
    """Of the asset and of the strategy that have the most."""
    places = {
        Scope.TOKEN: [PortfolioPlace(state, mint) for mint in (NO_TOKEN, *state.assets)],
        Scope.STRATEGY: [PortfolioPlace(state, NO_TOKEN, strategy) for strategy in StrategyType],
    }
    return list(_uses(PORTFOLIO_LIMITS, places))


def _mints(book: WalletBook) -> tuple[Mint, ...]:
    """What it has, and what it is about to have; never empty."""
    return (NO_TOKEN, *book.positions, *book.entries)


def _uses(limits: Sequence[Limit[P]], places: Mapping[Scope, Sequence[P]]) -> Iterator[LimitUse]:
    """Of the limits of these scopes that have a name; nothing where there is no such limit."""
    for limit in limits:
        if limit.name and limit.scope in places:
            place = max(places[limit.scope], key=limit.used_of)
            allowed = limit.limit_of(place)
            if allowed is not None:
                scale = 1 if limit.code.unit is Unit.COUNT else MICROS
                yield LimitUse(limit.code, limit.name, limit.used_of(place), allowed, scale)


def percent_of(part: int, whole: int) -> float:
    """Of nothing, everything is too much."""
    if whole <= 0:
        return 100.0 if part > 0 else 0.0
    return part * PPM // whole / (PPM / 100)
