"""A signal is refused with every reason: those of the signal, then wallet by wallet, the closest wallet first."""

from __future__ import annotations

from typing import Final

from overmind.core.model.codes import PRECEDENCE, Code, Refusal
from overmind.core.model.events import SignalRefused
from overmind.core.model.signal import Signal

LISTED_MAX: Final = 64  # wallets whose refusals are listed one by one; the rest are counted


def refused(signal: Signal, general: list[Refusal], listed: list[list[Refusal]], unlisted: int) -> SignalRefused:
    if not listed and not general:
        general = [Refusal(Code.WALLET_STATUS, "at least one wallet", "no wallet is configured")]
    closest_first = sorted((one for one in listed if one), key=lambda one: -PRECEDENCE[one[0].code])
    # Otherwise one of the wallets has no refusal.
    closest = closest_first.pop(0) if closest_first and all(listed) else []
    head = sorted([*general, *closest], key=lambda one: PRECEDENCE[one.code])
    refusals = [*head, *(refusal for one in closest_first for refusal in one)]
    return SignalRefused(signal, tuple(refusals), unlisted)
