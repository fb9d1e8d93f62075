"""A refusal as operators and programs read it."""

from __future__ import annotations

from overmind.core.books.state import SOL_DECIMALS
from overmind.core.model.codes import Refusal
from overmind.core.model.refusal_units import UNITS
from overmind.core.model.units import PPM


def shown(refusal: Refusal) -> dict[str, object]:
    """A refusal as operators and programs read it: numbers in the unit that UNITS names."""
    unit = UNITS[refusal.code]
    return {
        "code": refusal.code.value,
        "limit": _shown(refusal.limit, unit),
        "actual": _shown(refusal.actual, unit),
        "unit": unit,
        "wallet_id": refusal.wallet_id,
    }


def _shown(amount: int | str | None, unit: str) -> float | int | str | None:
    if not isinstance(amount, int):
        return amount
    match unit:
        case "usd":
            return amount / PPM
        case "percent":
            return amount / (PPM // 100)
        case "ratio":
            return amount / PPM
        case "sol":
            return amount / 10**SOL_DECIMALS
        case _:  # counted in whole numbers
            return amount
