"""What became of an order or a move."""

from __future__ import annotations

import enum

from overmind.core.model.value import Value


class Cause(enum.StrEnum):
    """Why an order was not filled."""

    SLIPPAGE = "SLIPPAGE"
    LIMIT_PRICE = "LIMIT_PRICE"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    PRICE_IMPACT = "PRICE_IMPACT"
    QUOTE_OFF_MARK = "QUOTE_OFF_MARK"
    PRICE_UNAVAILABLE = "PRICE_UNAVAILABLE"
    BAD_QUOTE = "BAD_QUOTE"
    STOPPED = "STOPPED"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    WALLET_FUNDS = "WALLET_FUNDS"
    ROUTE_DOWN = "ROUTE_DOWN"
    NOT_VERIFIED = "NOT_VERIFIED"  # what was to be signed is not what was ordered
    REVERTED = "REVERTED"  # it landed, or would have, with an error of the chain
    NO_KEY = "NO_KEY"  # the wallet is not configured any more
    NOT_CONFIRMED = "NOT_CONFIRMED"  # no quote shows the price that made an exit due
    NO_PROTECTED_ROUTE = "NO_PROTECTED_ROUTE"  # MEV protection is a must, and this cluster has no route for it
    CANCELLED = "CANCELLED"  # by an operator, before it was begun
    NOT_ALLOWED = "NOT_ALLOWED"  # a withdrawal that the settings do not allow any more

    @property
    def of_wallet(self) -> bool:
        """Whether another wallet could do better (specification §7.8). A market cause would only burn another fee."""
        return self in (Cause.WALLET_FUNDS, Cause.ROUTE_DOWN, Cause.NO_PROTECTED_ROUTE)


class Filled(Value, frozen=True, tag=True):
    """The swap happened: what left, what came, what it cost. Atomic: there are no partial fills."""

    spent_units: int
    received_units: int
    fee_lamports: int
    rent_lamports: int = 0
    slot: int = 0  # where it landed


class Failed(Value, frozen=True, tag=True):
    """Landed on chain and reverted: nothing moved, but the fee was burnt."""

    fee_lamports: int
    cause: Cause
    detail: str = ""
    slot: int = 0


class Expired(Value, frozen=True, tag=True):
    """Proven never to land."""


class Rejected(Value, frozen=True, tag=True):
    """Refused before anything was sent: nothing moved, nothing was paid."""

    cause: Cause
    detail: str = ""


Outcome = Filled | Failed | Expired | Rejected
