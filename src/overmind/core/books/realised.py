"""What an entry realised: lots that left, and fee and rent that were paid. A wallet's realised PnL is their sum."""

from __future__ import annotations

import enum

import msgspec

from overmind.core.books.positions import Lot
from overmind.core.model.ids import WalletId
from overmind.core.model.money import Token


class How(enum.StrEnum):
    """How lots left or came back."""

    SALE = "sale"
    SALE_UNDONE = "sale undone"  # a fork gave the tokens back: negative amounts
    BUY_UNDONE = "buy undone"  # a fork took them back for the price that was paid
    DEBT = "debt"  # they repaid units that a fork had taken back after they were spent: for nothing
    WITHDRAWAL = "withdrawal"  # at their value
    WRITE_OFF = "write-off"  # dust, for nothing


class Disposal(msgspec.Struct, frozen=True, tag=True):
    """`units` can exceed the lots' units: a fork may have taken lots that were sold."""

    wallet_id: WalletId
    how: How
    token: Token
    units: int
    proceeds_micros: int
    lots: list[Lot]

    @property
    def cost_micros(self) -> int:
        return sum(lot.cost_micros for lot in self.lots)

    @property
    def realised_micros(self) -> int:
        return self.proceeds_micros - self.cost_micros


class Costs(msgspec.Struct, frozen=True, tag=True):
    """The costs of an execution, at the mark of that time. Negative: they came back."""

    wallet_id: WalletId
    fee_lamports: int
    rent_lamports: int
    micros: int
    tip_lamports: int = 0

    @property
    def realised_micros(self) -> int:
        return -self.micros


Realised = Disposal | Costs
