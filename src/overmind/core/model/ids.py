"""Names for things, as the outside world already calls them. Ids of our own causes are derived, never random."""

from __future__ import annotations

from typing import Final, NewType

WalletId = NewType("WalletId", str)
SignalId = NewType("SignalId", str)  # Chosen by the sender: the end-to-end idempotency key.
OrderId = NewType("OrderId", str)  # "{signal}.{part}.{attempt}": derived, never random.
DepositId = NewType("DepositId", str)  # What the outside world calls the credit, e.g. its signature.
Mint = NewType("Mint", str)
LimitName = NewType("LimitName", str)  # as a wallet's JSON has it: `max_daily_loss`, `Arbitrage.share`
SOL = Mint("So11111111111111111111111111111111111111112")
OWN: Final = ":"  # stands in the ids of our own causes, and in none that comes from outside


def is_own(signal_id: SignalId) -> bool:
    """Whether a signal is of our own making: a stop loss, a liquidation, an operator's close."""
    return OWN in signal_id
