"""The use of each limit, from the limit table: counted as the gate counts it, with open buys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.limit_row import NO_TOKEN, Limit, P, PortfolioPlace, Scope, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.model.codes import Code, Unit
from overmind.core.model.enums import EMERGENCY, StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.units import PPM
from overmind.core.model.value import Value


class LimitUse(Value, frozen=True):
    """The use of one limit. A limit per token or strategy shows the token or strategy that uses most."""

    code: Code
    name: str
    used: int
    limit: int
    is_count: bool  # else both are micro-USD

    @property
    def percent(self) -> float:
        return percent_of(self.used, self.limit)


def wallet_uses(state: State, book: WalletBook, limits: Sequence[Limit[WalletPlace]] = WALLET_LIMITS) -> list[LimitUse]:
    """The use of each named limit of the wallet. An Emergency wallet has none: it takes no entries."""
    if book.wallet.type is EMERGENCY:
        return []
    places = {
        Scope.ALL: [WalletPlace(state, book, state.at_ns)],
        Scope.TOKEN: [WalletPlace(state, book, state.at_ns, _largest(state, book))],
    }
    return list(_uses(limits, places))


def _largest(state: State, book: WalletBook) -> Mint:
    """The token that uses most. Written out, because everybody who looks at a desk asks for each of its wallets.

    The only named row of a wallet's tokens counts `used_micros`.
    """
    entries, marks = book.entries, state.marks
    found, most = NO_TOKEN, -1
    for mint, position in book.positions.items():
        mark = marks.get(mint)
        used = position.units * mark.price_pico // position.scale if mark is not None else 0
        if used > most and mint not in entries:
            found, most = mint, used
    for mint in entries:
        used = book.used_micros(mint, state.price_pico(mint))
        if used > most:
            found, most = mint, used
    return found


def strategy_uses(state: State, book: WalletBook, strategy: StrategyType) -> list[LimitUse]:
    """The use of each limit of one strategy in the wallet."""
    places = {
        Scope.STRATEGY: [WalletPlace(state, book, state.at_ns, NO_TOKEN, strategy)],
        Scope.TOKEN_OF_STRATEGY: [WalletPlace(state, book, state.at_ns, mint, strategy) for mint in _mints(book)],
    }
    return list(_uses(WALLET_LIMITS, places))


def portfolio_uses(state: State) -> list[LimitUse]:
    """The use of each limit of the whole portfolio."""
    return list(_uses(PORTFOLIO_LIMITS, {Scope.ALL: [PortfolioPlace(state)]}))


def concentrations(state: State) -> list[LimitUse]:
    """The use of the asset limit and of the strategy limit, by the largest asset and strategy."""
    places = {
        Scope.TOKEN: [PortfolioPlace(state, mint) for mint in (NO_TOKEN, *state.assets)],
        Scope.STRATEGY: [PortfolioPlace(state, NO_TOKEN, strategy) for strategy in StrategyType],
    }
    return list(_uses(PORTFOLIO_LIMITS, places))


def _mints(book: WalletBook) -> tuple[Mint, ...]:
    """Mints that it holds or is buying, and a placeholder, so that it is never empty."""
    return (NO_TOKEN, *book.positions, *book.entries)


def _uses(limits: Sequence[Limit[P]], places: Mapping[Scope, Sequence[P]]) -> Iterator[LimitUse]:
    """The use of the named limits of these scopes, where the limit is set."""
    for limit in limits:
        if limit.name and limit.scope in places:
            place = max(places[limit.scope], key=limit.used_of)
            allowed = limit.limit_of(place)
            if allowed is not None:
                is_count = limit.code.unit is Unit.COUNT
                yield LimitUse(limit.code, limit.name, limit.used_of(place), allowed, is_count)


def percent_of(part: int, whole: int) -> float:
    """100 % of a limit of zero, if anything is used."""
    if whole <= 0:
        return 100.0 if part > 0 else 0.0
    return part * PPM // whole / (PPM / 100)
