"""A refusal as operators and programs read it."""

from __future__ import annotations

from overmind.core.model.codes import Refusal, Unit
from overmind.core.model.units import LAMPORTS, MICROS, PPM


def shown(refusal: Refusal) -> dict[str, object]:
    """A refusal as operators and programs read it: numbers in the unit of its code."""
    unit = refusal.code.unit
    return {
        "code": refusal.code.value,
        "limit": _shown(refusal.limit, unit),
        "actual": _shown(refusal.actual, unit),
        "unit": unit.value,
        "wallet_id": refusal.wallet_id,
    }


def _shown(amount: int | str | None, unit: Unit) -> float | int | str | None:
    if not isinstance(amount, int):
        return amount
    match unit:
        case Unit.USD:
            return amount / MICROS
        case Unit.PERCENT:
            return amount / (PPM // 100)
        case Unit.RATIO:
            return amount / PPM
        case Unit.SOL:
            return amount / LAMPORTS
        case Unit.COUNT | Unit.MILLISECONDS | Unit.BASIS_POINTS | Unit.BASE_UNITS | Unit.TEXT | Unit.FLAG:
            return amount
