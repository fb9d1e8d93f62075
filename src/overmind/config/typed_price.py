"""A price as an operator types it, in USD, exact to the last digit or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.config.files import InvalidValue
from overmind.config.kinds import Measure
from overmind.core.model.units import PICO, PRICE_MAX_PICO

PRICE: Final = Measure("USD", PICO, Decimal("0.000000000001"), Decimal(PRICE_MAX_PICO // PICO))


def price_typed(text: str) -> int | InvalidValue:
    """In pico-USD."""
    return PRICE.read(text)
