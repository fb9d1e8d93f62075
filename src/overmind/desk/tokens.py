"""The tokens of a live desk, which may become more while it runs: an admission makes a token known that no list has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from overmind.core.books.state import State
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token


class Knows(Protocol):
    """The part of an engine that is used here."""

    @property
    def state(self) -> State: ...


class LiveTokens(Mapping[Mint, Token]):
    """Those of the start, and those that no list has and that the state knows."""

    def __init__(self, engine: Knows, at_start: Mapping[Mint, Token]) -> None:
        self._engine = engine
        self._at_start = at_start

    def __getitem__(self, mint: Mint) -> Token:
        token = self._at_start.get(mint)
        return self._engine.state.unlisted[mint].token if token is None else token

    def __iter__(self) -> Iterator[Mint]:
        yield from self._at_start
        yield from (mint for mint in self._engine.state.unlisted if mint not in self._at_start)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class PricedMints:
    """The mints that are priced now. One that is only known for its empty accounts is not."""

    def __init__(self, engine: Knows, at_start: Mapping[Mint, Token]) -> None:
        self._engine = engine
        self._at_start = at_start

    def __iter__(self) -> Iterator[Mint]:
        yield from self._at_start
        unlisted = self._engine.state.unlisted.items()
        yield from (mint for mint, one in unlisted if one.traded and mint not in self._at_start)
