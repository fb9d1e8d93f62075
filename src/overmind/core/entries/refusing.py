"""A signal is refused with every reason: those of the signal, then wallet by wallet, the closest wallet first.

A wallet that can never take such an entry, because of its type, strategies or routes or because the signal excludes it,
comes last: a refusal leads with what would have to change.
"""

from __future__ import annotations

from typing import Final

from overmind.core.model.codes import PRECEDENCE, Code, Refusal, rank_of
from overmind.core.model.events import SignalRefused
from overmind.core.model.signal import Signal

NEVER: Final = frozenset(  # if said of a wallet
    {Code.WALLET_TYPE, Code.WALLET_EXCLUDED, Code.STRATEGY_NOT_ENABLED, Code.NO_PROTECTED_ROUTE}
)
LISTED_MAX: Final = 64  # wallets whose refusals are listed one by one; the rest are counted


def refused(signal: Signal, general: list[Refusal], listed: list[list[Refusal]], unlisted: int) -> SignalRefused:
    if not listed and not general:
        general = [Refusal(Code.WALLET_STATUS, "at least one wallet", "no wallet is configured")]
    closest_first = sorted((one for one in listed if one), key=_distance)
    # Otherwise one of the wallets has no refusal.
    is_refused = bool(closest_first) and all(listed)
    joins = is_refused and not (general and _never(closest_first[0]))
    closest = closest_first.pop(0) if joins else []
    head = sorted([*general, *closest], key=rank_of)
    refusals = [*head, *(refusal for one in closest_first for refusal in one)]
    return SignalRefused(signal, tuple(refusals), unlisted)


def _never(refusals: list[Refusal]) -> bool:
    return any(one.code in NEVER for one in refusals)


def _distance(refusals: list[Refusal]) -> tuple[bool, int]:
    """Of a wallet's refusals, in order of precedence: the later the first of them, the closer the wallet came."""
    return _never(refusals), -PRECEDENCE[refusals[0].code]
