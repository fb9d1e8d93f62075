"""The limits of a wallet, what no operator may exceed, and how each limit is named and defaulted.

A new limit of a wallet needs a code in `core.model.codes`, a field of `Limits` and its row in `LIMIT_FIELDS`. How it is
enforced stands in `core.entries.limit_table`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.core.model.codes import Unit
from overmind.core.model.units import MICROS, NOTIONAL_MAX_MICROS, PPM
from overmind.core.model.value import Value

COUNT_MAX: Final = 10**12  # No desk holds or makes more; keeps every counter in an int64.


class Limits(Value, frozen=True, omit_defaults=True):
    """The effective limits of one wallet (specification §4).

    A field that is added has a default, and is not written while it has it: so old journals, snapshots and hashes stay.
    """

    daily_loss_max_micros: int
    position_max_micros: int
    exposure_max_ppm: int
    positions_max: int
    stop_loss_ppm: int
    trades_per_day_max: int
    risk_level_ppm: int


class Ceilings(Value, frozen=True):
    """What no operator may exceed in any wallet while the desk runs. Only a wallet's own file may say more."""

    daily_loss_max_micros: int = 2_000 * MICROS
    position_max_micros: int = 20_000 * MICROS
    exposure_max_ppm: int = 900_000
    positions_max: int = 15
    stop_loss_ppm: int = 50_000
    trades_per_day_max: int = 200


class Defaults(NamedTuple):
    """By the rows of the house table, in whole USD, percent or counts. A type or a risk profile takes one row."""

    conservative: int
    primary: int
    arbitrage: int
    hft: int
    experimental: int
    emergency: int  # no new positions; at its widest where the table says nothing, so the profile's row closes it


class Ceiling(Value, frozen=True):
    """The variable that sets a ceiling of the desk."""

    variable: str
    meaning: str
    lowest: str = "0"


class LimitField(Value, frozen=True):
    """How a field of `Limits` is named in a wallet's JSON and by operators, what it counts, and its defaults."""

    field: str
    name: str
    unit: Unit
    defaults: Defaults
    counted: str = ""  # what a count is of
    ceiling: Ceiling | None = None  # of the field of `Ceilings` with the same name; None: there is none
    required: bool = True  # in a wallet's `risk_limits`; otherwise the default holds where it is left out
    in_files: bool = True  # whether `risk_limits` may give it at all
    only_raised: bool = False  # the higher is the stricter

    @property
    def scale(self) -> int:
        """How many of its own units make one as it is typed in the table of defaults."""
        return {Unit.USD: MICROS, Unit.COUNT: 1}.get(self.unit, PPM // 100)


LIMIT_FIELDS: Final = (
    LimitField(
        "daily_loss_max_micros",
        "max_daily_loss",
        Unit.USD,
        Defaults(100, 1_000, 1_500, 2_000, 50, NOTIONAL_MAX_MICROS // MICROS),
        ceiling=Ceiling(
            "OVERMIND_CEILING_DAILY_LOSS_USD",
            "The largest daily loss limit that `overmind limits` can give a wallet. Only a wallet's own file may say "
            "more than a ceiling.",
        ),
    ),
    LimitField(
        "position_max_micros",
        "max_position_size",
        Unit.USD,
        Defaults(1_000, 10_000, 15_000, 20_000, 500, 0),
        ceiling=Ceiling(
            "OVERMIND_CEILING_POSITION_USD",
            "Ceiling of the largest position of a wallet, and of one of its strategies.",
        ),
    ),
    LimitField(
        "exposure_max_ppm",
        "max_exposure_percentage",
        Unit.PERCENT,
        Defaults(20, 80, 85, 90, 10, 100),
        ceiling=Ceiling("OVERMIND_CEILING_EXPOSURE_PERCENT", "Ceiling of a wallet's exposure."),
    ),
    LimitField(
        "positions_max",
        "max_concurrent_positions",
        Unit.COUNT,
        Defaults(3, 10, 12, 15, 2, 0),
        counted="positions",
        ceiling=Ceiling("OVERMIND_CEILING_POSITIONS", "Ceiling of a wallet's concurrent positions."),
    ),
    LimitField(
        "stop_loss_ppm",
        "stop_loss_threshold",
        Unit.PERCENT,
        Defaults(2, 5, 3, 3, 1, 100),
        ceiling=Ceiling(
            "OVERMIND_CEILING_STOP_LOSS_PERCENT",
            "Ceiling of a wallet's stop loss. Having no stop loss is wider than any.",
            lowest="0.0001",
        ),
    ),
    LimitField(
        "trades_per_day_max",
        "daily_trade_limit",
        Unit.COUNT,
        Defaults(10, 100, 150, 200, 5, COUNT_MAX),
        counted="trades",
        ceiling=Ceiling("OVERMIND_CEILING_TRADES_PER_DAY", "Ceiling of a wallet's trades of a day."),
    ),
    LimitField(
        "risk_level_ppm",
        "risk_level",
        Unit.RATIO,
        Defaults(20, 50, 60, 70, 90, 10),
        in_files=False,
        only_raised=True,
    ),
)
