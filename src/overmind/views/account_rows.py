"""The rows of the accounts: gains (disposed parts of lots), costs of executions, and transfers from and to outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from overmind.core.books.positions import Lot
from overmind.core.books.realised import How
from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.money import Token

DEPOSIT: Final = "deposit"  # the strategy of capital that no strategy bought
FINAL, PROVISIONAL, UNDONE, REVERSAL = "final", "provisional", "undone", "reversal"


class Period(NamedTuple):
    from_ns: int  # inclusive
    to_ns: int  # exclusive

    def holds(self, at_ns: int) -> bool:
        return self.from_ns <= at_ns < self.to_ns


class RowOrigin(NamedTuple):
    """The order or the move that an entry's rows come from."""

    id: str
    signal_id: str
    strategy: str
    token: Token


class Gain(msgspec.Struct):
    """A disposed part of a lot. A reversal has negative amounts."""

    at_ns: int
    wallet_id: WalletId
    token: Token
    how: How
    lot: Lot  # the disposed part only
    proceeds_micros: int
    origin: RowOrigin
    status: str

    @property
    def strategy(self) -> str:
        return self.lot.strategy or DEPOSIT

    @property
    def gain_micros(self) -> int:
        return self.proceeds_micros - self.lot.cost_micros


class Cost(msgspec.Struct):
    """Fee, rent and tip of one execution. Negative: returned."""

    at_ns: int
    wallet_id: WalletId
    fee_lamports: int
    rent_lamports: int
    micros: int
    origin: RowOrigin
    status: str
    tip_lamports: int = 0


class Transfer(msgspec.Struct):
    """Capital that came in, or left (negative)."""

    at_ns: int
    wallet_id: WalletId
    kind: str
    token: Token
    units: int
    micros: int  # its share in the net deposits
    reference: str
    reason: str = ""
    counterparty: str = ""  # the other wallet or the external address, if known


class Sums(msgspec.Struct):
    """Sums of one wallet, asset and strategy, or of everything."""

    gains: int = 0
    proceeds_micros: int = 0
    cost_micros: int = 0
    fee_lamports: int = 0
    rent_lamports: int = 0  # net of what came back
    costs_micros: int = 0
    transfers_micros: int = 0
    tip_lamports: int = 0

    @property
    def gain_micros(self) -> int:
        return self.proceeds_micros - self.cost_micros

    @property
    def realised_micros(self) -> int:
        """Gains less costs: the wallet's realised PnL."""
        return self.gain_micros - self.costs_micros

    def count(self, row: Gain | Cost | Transfer) -> None:
        match row:
            case Gain(lot=lot, proceeds_micros=proceeds):
                self.gains += 1
                self.proceeds_micros += proceeds
                self.cost_micros += lot.cost_micros
            case Cost(fee_lamports=fee, rent_lamports=rent, micros=micros, tip_lamports=tip):
                self.fee_lamports += fee
                self.tip_lamports += tip
                self.rent_lamports += rent
                self.costs_micros += micros
            case Transfer(micros=micros):
                self.transfers_micros += micros


class Key(NamedTuple):
    wallet_id: WalletId
    asset: str
    mint: Mint
    strategy: str


class Sink(Protocol):
    """Receives the rows of the period in the order of booking."""

    def gain(self, row: Gain) -> None: ...

    def cost(self, row: Cost) -> None: ...

    def transfer(self, row: Transfer) -> None: ...


Undoable = TypeVar("Undoable", Gain, Cost)


class SettlementQueue(Generic[Undoable]):
    """Passes rows on in the order of booking, each once it is final or undone."""

    def __init__(self, pass_on: Callable[[Undoable], None]) -> None:
        self._pass_on: Callable[[Undoable], None] = pass_on
        self._waiting: deque[Undoable] = deque()

    @property
    def waiting(self) -> int:
        """How many rows were not passed on yet."""
        return len(self._waiting)

    def add(self, row: Undoable) -> None:
        self._waiting.append(row)
        self._flush()

    def settle(self, order_id: OrderId, status: str) -> None:
        for row in self._waiting:
            if row.status == PROVISIONAL and row.origin.id == order_id:
                row.status = status
        self._flush()

    def close(self) -> None:
        while self._waiting:
            self._pass_on(self._waiting.popleft())

    def _flush(self) -> None:
        while self._waiting and self._waiting[0].status != PROVISIONAL:
            self._pass_on(self._waiting.popleft())
