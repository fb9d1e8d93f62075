"""A refusal as operators and programs read it."""

from __future__ import annotations

from overmind.core.model.codes import Refusal, Unit
from overmind.core.model.units import PPM
from overmind.text.amount import Amount
from overmind.views.amounts import sol_of, tokens_of, usd_of


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


def _shown(amount: int | str | None, unit: Unit) -> Amount | float | int | str | None:
    if not isinstance(amount, int):
        return amount
    match unit:
        case Unit.USD:
            return usd_of(amount)
        case Unit.PERCENT:
            return amount / (PPM // 100)
        case Unit.RATIO:
            return amount / PPM
        case Unit.SOL:
            return sol_of(amount)
        case Unit.BASE_UNITS:
            return tokens_of(amount, 0)
        case Unit.COUNT | Unit.MILLISECONDS | Unit.BASIS_POINTS | Unit.TEXT | Unit.FLAG:
            return amount
