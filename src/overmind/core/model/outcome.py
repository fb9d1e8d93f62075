"""The outcomes of orders and moves."""

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
    NOT_VERIFIED = "NOT_VERIFIED"  # the transaction to sign does not match the order
    REVERTED = "REVERTED"  # it landed, or would have landed, with an error of the chain
    NO_KEY = "NO_KEY"  # the wallet is no longer configured
    NOT_CONFIRMED = "NOT_CONFIRMED"  # no quote confirms the price that made an exit due
    NO_PROTECTED_ROUTE = "NO_PROTECTED_ROUTE"  # MEV protection is required, and this cluster has no protected route
    CANCELLED = "CANCELLED"  # by an operator, before it started
    MINT_NOT_ADMITTED = "MINT_NOT_ADMITTED"  # the last look before the buy found what the policy does not allow
    ACCOUNT_UNSAFE = "ACCOUNT_UNSAFE"  # a stranger can dispose of the wallet's token account, or it is frozen
    NOT_ALLOWED = "NOT_ALLOWED"  # the settings no longer allow the withdrawal

    @property
    def of_wallet(self) -> bool:
        """Whether another wallet could succeed (specification §7.8). After a market cause it would only burn another
        fee.
        """
        return self in (Cause.WALLET_FUNDS, Cause.ROUTE_DOWN, Cause.NO_PROTECTED_ROUTE, Cause.ACCOUNT_UNSAFE)


class Filled(Value, frozen=True, tag=True, omit_defaults=True):
    """The swap landed: what was spent, received, and paid. Atomic: there are no partial fills."""

    spent_units: int
    received_units: int
    fee_lamports: int
    rent_lamports: int = 0
    slot: int = 0  # where it landed
    tip_lamports: int = 0  # paid to the route beside `fee_lamports`


class Failed(Value, frozen=True, tag=True, omit_defaults=True):
    """Landed and reverted: only the fee was paid."""

    fee_lamports: int
    cause: Cause
    detail: str = ""
    slot: int = 0
    tip_lamports: int = 0


class Expired(Value, frozen=True, tag=True):
    """Proved never to land."""


class Rejected(Value, frozen=True, tag=True):
    """Ended before anything was sent: nothing moved, nothing was paid."""

    cause: Cause
    detail: str = ""


Outcome = Filled | Failed | Expired | Rejected
