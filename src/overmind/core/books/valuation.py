"""All positions as columns: what new prices make of them is found by a few vector operations, not one by one.

A cache of the positions and never an authority. Each row is a position, or what one strategy owns of it. What comes
out is what `Position.value_micros` would say, to the last unit; what is too large for that is left to the plain loop.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import DEPOSIT, Position
from overmind.core.books.triggers import profit_pico, set_stops, shown_twice_pico, trailing_ppm
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.units import PPM

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Row = tuple[int, ...]  # one row of the columns

WHOLE: Final = ""  # the owner of a row for a whole position
OWNERS: Final = (WHOLE, DEPOSIT, *StrategyType)
NUMBERS: Final = {by: number for number, by in enumerate(OWNERS)}

FAR: Final = 2**63 - 1  # represents itself and all higher prices
SCALE_MAX: Final = 10**18  # three times this still fits an int64, and a double holds it exactly
VALUE_MAX: Final = 2**50  # four roundings of 2**-53 each then stay below half a micro-USD
SUM_MAX: Final = 2**62
ROWS_MIN: Final = 64
FEW: Final = 20  # number of positions that the plain loop values in the same time, measured

NO_TRIGGERS: Final = (FAR - 1, 0, 0, FAR, False, FAR, 0, False)
EMPTY: Final = (0, 0, NUMBERS[DEPOSIT], 0, 1, 0, *NO_TRIGGERS)


class Columns(NamedTuple):
    """One integer per row. The row of a strategy's part has no triggers."""

    slot: Integers
    token: Integers
    owner: Integers
    units: Integers
    scale: Integers
    value: Integers  # micro-USD
    peak: Integers  # prices, like the next and the last but one
    stop: Integers
    kept: Integers  # of the peak, in ppm: the trailing stop is due at or below this share
    profit: Integers
    reached: Integers  # 0 or 1
    floor: Integers  # micro-USD at the highest stop; FAR: there is none
    at_risk: Integers  # micro-USD between value and floor
    dust: Integers  # 0 or 1


class Gains(NamedTuple):
    """The changes of sums in micro-USD, without the positions that are left to the plain loop."""

    by_owner: list[tuple[WalletBook, str, int]]  # of each strategy in a wallet, and of the wallet (WHOLE)
    by_token: list[tuple[Mint, int]]
    at_risk: list[tuple[WalletBook, int]]
    left: list[tuple[WalletBook, Position]]
    sifted: list[tuple[WalletBook, Position]]  # positions that became dust, or are dust no more


class Valuation:
    """Gets the changes by trades from `note`, and values all positions at new marks in `revalue`."""

    def __init__(self, few: int = FEW) -> None:
        """`few`: with fewer positions the plain loop is faster and is used."""
        self._few = few
        self._forget()

    def _forget(self) -> None:
        self._table = np.zeros((len(Columns._fields), ROWS_MIN), np.int64)
        self._positions: list[Position] = []  # by row
        self._rows: dict[tuple[int, Mint], dict[str, int]] = {}  # by slot and token, then by owner
        self._free: list[int] = []  # rows of nothing
        self._tokens: dict[Mint, int] = {}  # the tokens' numbers
        self._noted: dict[tuple[int, Mint], None] = {}
        self._knows_all = False

    def note(self, book: WalletBook, mint: Mint) -> None:
        """Notes that something other than a mark has changed this position."""
        self._noted[book.slot, mint] = None

    def revalue(
        self, books: Sequence[WalletBook], prices: Mapping[Mint, int], before: Mapping[Mint, int], dust_micros: int = 0
    ) -> Gains:
        """Bring peaks, and what is reached, to these prices. `books` are by slot; `before` says of each price that was
        marked anew what it was."""
        if sum(len(book.positions) for book in books) < self._few:
            self._knows_all = False
            return Gains([], [], [], _held(books, before), [])
        self._follow(books, {**prices, **before})
        rows = Columns(*self._table[:, : len(self._positions)])
        twice = {mint: shown_twice_pico(was_pico, prices[mint]) for mint, was_pico in before.items()}
        price, shown_twice = self._by_row(rows, prices), self._by_row(rows, twice)
        values, fit = _values(rows, price)
        left = self._leave(rows, fit, books, before)
        gains = np.where(fit, values - rows.value, 0)
        rows.value[:] += gains
        self._raise_peaks(rows, fit & (shown_twice > rows.peak), shown_twice, books)
        self._reach(rows, fit, price, books)
        at_risk = _at_risk(rows, fit, books)
        sifted = self._sift(rows, fit, price, books, dust_micros)
        return Gains(_by_owner(rows, gains, books), self._by_token(rows, gains), at_risk, left, sifted)

    def _follow(self, books: Sequence[WalletBook], prices: Mapping[Mint, int]) -> None:
        """`prices` are those of the current sums."""
        if not self._knows_all:
            self._forget()
            self._noted = {(book.slot, mint): None for book in books for mint in book.positions}
            self._knows_all = True
        written: dict[int, Row] = {}
        for slot, mint in self._noted:
            written.update(self._read(books[slot], mint, prices.get(mint, 0)))
        self._noted.clear()
        self._write(written)

    def _read(self, book: WalletBook, mint: Mint, price_pico: int) -> Iterator[tuple[int, Row]]:
        """Rows of a sold position are free for others: a desk may hold thousands of tokens in its life."""
        place, position = (book.slot, mint), book.positions.get(mint)
        rows = self._rows.setdefault(place, {})
        for row in rows.values():
            yield row, EMPTY
        if position is None:
            self._free += self._rows.pop(place).values()
            return
        token, scale = self._tokens.setdefault(mint, len(self._tokens)), position.scale
        for by, units in ((WHOLE, position.units), *position.units_by.items()):
            if by not in rows:
                rows[by] = self._free.pop() if self._free else self._new_row(position)
            row = rows[by]
            self._positions[row] = position
            value = min(units * price_pico // scale, FAR)
            triggers = _triggers(book, position, value) if by == WHOLE else NO_TRIGGERS
            yield row, (book.slot, token, NUMBERS[by], min(units, FAR), min(scale, FAR), value, *triggers)

    def _new_row(self, position: Position) -> int:
        self._positions.append(position)
        return len(self._positions) - 1

    @property
    def size(self) -> int:
        """How many rows it has, the free ones included."""
        return len(self._positions)

    def _write(self, written: dict[int, Row]) -> None:
        while len(self._positions) > self._table.shape[1]:
            self._table = np.concatenate((self._table, np.zeros_like(self._table)), axis=1)
        if written:
            self._table[:, [*written]] = np.array([*written.values()], np.int64).T

    def _by_row(self, rows: Columns, prices: Mapping[Mint, int]) -> Integers:
        return np.array([min(prices.get(mint, 0), FAR) for mint in self._tokens], np.int64)[rows.token]

    def _leave(
        self, rows: Columns, fit: Flags, books: Sequence[WalletBook], before: Mapping[Mint, int]
    ) -> list[tuple[WalletBook, Position]]:
        """If one owner's part does not fit, the whole position is left to the plain loop."""
        left: dict[tuple[int, Mint], tuple[WalletBook, Position]] = {}
        for row in np.flatnonzero(~fit & (rows.units > 0)).tolist():
            book, position = books[rows.slot[row]], self._positions[row]
            place = book.slot, position.token.mint
            fit[[*self._rows[place].values()]] = False
            if place[1] in before:
                left[place] = book, position
                self._noted[place] = None
        return list(left.values())

    def _raise_peaks(self, rows: Columns, rising: Flags, peak: Integers, books: Sequence[WalletBook]) -> None:
        rows.peak[rising] = peak[rising]
        for row, peak_pico in zip(np.flatnonzero(rising).tolist(), peak[rising].tolist(), strict=True):
            self._positions[row].peak_pico = peak_pico
        for row in np.flatnonzero(rising & (rows.kept > 0)).tolist():
            set_stops(books[rows.slot[row]], self._positions[row])
            rows.floor[row] = _floor(self._positions[row])

    def _reach(self, rows: Columns, fit: Flags, price: Integers, books: Sequence[WalletBook]) -> None:
        """`triggers.reach`, for all rows at once: peak * kept in two parts that are int64 each."""
        trail = rows.peak // PPM * rows.kept + rows.peak % PPM * rows.kept // PPM
        reached = (price <= np.maximum(rows.stop, trail)) | (price >= rows.profit)
        flipped = fit & (rows.owner == NUMBERS[WHOLE]) & (reached != rows.reached)
        rows.reached[flipped] ^= 1
        for row in np.flatnonzero(flipped).tolist():
            books[rows.slot[row]].reached ^= {self._positions[row].token.mint}

    def _sift(
        self, rows: Columns, fit: Flags, price: Integers, books: Sequence[WalletBook], dust_micros: int
    ) -> list[tuple[WalletBook, Position]]:
        if not dust_micros:  # A change of the bound is noted for every position.
            return []
        dust = (rows.value < min(dust_micros, FAR)) & (price > 0)
        flipped = fit & (rows.owner == NUMBERS[WHOLE]) & (rows.units > 0) & (dust != rows.dust)
        rows.dust[flipped] ^= 1
        return [(books[rows.slot[row]], self._positions[row]) for row in np.flatnonzero(flipped).tolist()]

    def _by_token(self, rows: Columns, gains: Integers) -> list[tuple[Mint, int]]:
        sums = np.zeros(len(self._tokens), np.int64)
        np.add.at(sums, rows.token, np.where(rows.owner == NUMBERS[WHOLE], gains, 0))
        return [(mint, micros) for mint, micros in zip(self._tokens, sums.tolist(), strict=True) if micros]


def _held(books: Sequence[WalletBook], mints: Container[Mint]) -> list[tuple[WalletBook, Position]]:
    return [(book, position) for book in books for mint, position in book.positions.items() if mint in mints]


def _floor(position: Position) -> int:
    return FAR if position.floor_micros is None else min(position.floor_micros, FAR)


def _triggers(book: WalletBook, position: Position, value: int) -> Row:
    trailing, profit = trailing_ppm(book, position), profit_pico(book, position)
    peak, stop = min(position.peak_pico, FAR), min(position.stop_pico or 0, FAR)
    kept = 0 if trailing is None else PPM - trailing
    far, mint = FAR if profit is None else min(profit, FAR), position.token.mint
    floor = _floor(position)
    return peak, stop, kept, far, mint in book.reached, floor, max(0, value - floor), mint in book.dust


def _values(rows: Columns, price: Integers) -> tuple[Integers, Flags]:
    """units * price / scale, rounded down, and for which rows that can be told so.

    The quotient of doubles is at most one off, and what it leaves of the product says to which side: the product may
    wrap round an int64, what is left of it does not.
    """
    quotient = rows.units.astype(np.float64) * price / rows.scale
    value_max = min(VALUE_MAX, SUM_MAX // max(1, len(price)))
    fit = (quotient < value_max) & (rows.value < value_max)
    fit &= (rows.units < FAR) & (price < FAR) & (rows.peak < FAR) & (rows.scale <= SCALE_MAX)
    values = np.where(fit, quotient, 0).astype(np.int64)
    left = rows.units * price - values * rows.scale
    return values - (left < 0) + (left >= rows.scale), fit


def _at_risk(rows: Columns, fit: Flags, books: Sequence[WalletBook]) -> list[tuple[WalletBook, int]]:
    """`triggers.at_risk_micros` for all rows at once: the changes by wallet."""
    gains = np.where(fit, np.maximum(rows.value - rows.floor, 0) - rows.at_risk, 0)
    rows.at_risk[:] += gains
    sums = np.zeros(len(books), np.int64)
    np.add.at(sums, rows.slot, gains)
    return [(book, micros) for book, micros in zip(books, sums.tolist(), strict=True) if micros]


def _by_owner(rows: Columns, gains: Integers, books: Sequence[WalletBook]) -> list[tuple[WalletBook, str, int]]:
    sums = np.zeros(len(books) * len(OWNERS), np.int64)
    np.add.at(sums, rows.slot * len(OWNERS) + rows.owner, gains)
    found = np.flatnonzero(sums)
    return [
        (books[place // len(OWNERS)], OWNERS[place % len(OWNERS)], micros)
        for place, micros in zip(found.tolist(), sums[found].tolist(), strict=True)
    ]
