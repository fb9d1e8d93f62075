"""Ids, most of them as the outside world names things. Ids of exits without a signal and of moves are derived."""

from __future__ import annotations

from typing import Final, NewType

WalletId = NewType("WalletId", str)
SignalId = NewType("SignalId", str)  # Chosen by the sender: the end-to-end idempotency key.
OrderId = NewType("OrderId", str)  # "{signal}.{part}.{attempt}": derived, never random.
DepositId = NewType("DepositId", str)  # What the outside world calls the credit, e.g. its signature.
Mint = NewType("Mint", str)
LimitName = NewType("LimitName", str)  # as a wallet's JSON has it: `max_daily_loss`, `Arbitrage.share`
SOL = Mint("So11111111111111111111111111111111111111112")
OWN: Final = ":"  # part of the ids that the desk makes itself, and forbidden in ids from outside


def is_own(signal_id: SignalId) -> bool:
    """Whether the desk made the signal itself: a stop loss, a liquidation, an operator's close."""
    return OWN in signal_id
