"""How much a transaction tips: what lately landed, by urgency, within hard caps. In lamports, by integers alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from overmind.core.model.numbers import BadNumber, number, scaled_up
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.value import Value
from overmind.keys.secret_key import is_address

TIP_MIN_LAMPORTS: Final = 1_000  # of a bundle. Source: solana-facts §5.4
SOL_PLACES: Final = 9
TIP_ACCOUNTS_MAX: Final = 64
ENTRY_PERCENTILE: Final = "50th"
EXIT_PERCENTILE: Final = "75th"


class TipFloor(Value, frozen=True):
    """What bundles that landed lately had tipped."""

    entry_lamports: int
    exit_lamports: int


def read_tip_accounts(told: object) -> tuple[str, ...] | None:
    """None: that is no list of accounts."""
    if not isinstance(told, list) or not 0 < len(told) <= TIP_ACCOUNTS_MAX:
        return None
    accounts = tuple(one for one in told if isinstance(one, str) and is_address(one))
    return accounts if len(accounts) == len(told) else None


def read_tip_floor(told: object) -> TipFloor | None:
    """None: it cannot be read. A tip beyond 1 SOL is taken for a mistake."""
    first = told[0] if isinstance(told, list) and told else told
    if not isinstance(first, Mapping):
        return None
    entry, exit_ = (
        _lamports(first.get(f"landed_tips_{one}_percentile")) for one in (ENTRY_PERCENTILE, EXIT_PERCENTILE)
    )
    return None if entry is None or exit_ is None else TipFloor(entry, exit_)


def _lamports(sol: object) -> int | None:
    """Told as SOL, rounded up."""
    read = number(sol) if isinstance(sol, int | float | str | Decimal) else None
    if read is None or isinstance(read, BadNumber) or not 0 <= read <= 1:
        return None
    return scaled_up(read, SOL_PLACES)


def tip_for(order: Order, wanted_lamports: int) -> int | Rejected:
    """The tip of an order, at most what was reserved for it when it was decided."""
    tip = min(max(wanted_lamports, TIP_MIN_LAMPORTS), order.tip_max_lamports)
    if tip < TIP_MIN_LAMPORTS:
        detail = f"{order.tip_max_lamports} lamports may be tipped, and the relay takes {TIP_MIN_LAMPORTS} or more"
        return Rejected(Cause.ROUTE_DOWN, detail)
    return tip
