"""The ways by which a signed transaction reaches the chain, and what the configuration expects of each."""

from __future__ import annotations

import enum
from typing import Final

from overmind.core.model.value import Value


class RouteName(enum.StrEnum):
    PUBLIC = "public"  # JSON-RPC: anybody may see the transaction before it lands
    RELAY = "relay"  # a block engine's relay: nobody sees the transaction before it lands, and a tip pays for it

    @property
    def protects(self) -> bool:
        """Whether an order that must be protected from front-running may take it."""
        return self is RouteName.RELAY


PUBLIC_ALONE: Final = (RouteName.PUBLIC,)


class Expected(Value, frozen=True, omit_defaults=True):
    """What one route is expected to do with one transaction, and what it costs beyond the fee of every swap."""

    landing_ppm: int = 950_000  # of the transactions that are sent
    slots: int = 2  # from signing to landing
    priority_lamports: int = 0  # priority fee on top of `CostModel.fee_lamports`
    tip_lamports: int = 0
    tip_max_lamports: int = 0  # a single tip's cap: reserved with the fee
