"""What trading a class of tokens costs: its parameters, each with where it comes from."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from overmind.core.model.value import Value
from overmind.venues.depth.quantiles import Quantiles

REST: Final = "meme"  # the class of a token that no class names: the costliest


class Level(enum.StrEnum):
    """How kind the market is assumed to be."""

    CALM = "calm"
    NORMAL = "normal"
    STRESS = "stress"


class TokenClass(Value, frozen=True):
    """The parameters of a class. Those of `PARAMETERS`, in the units that the market computes in."""

    name: str
    pool_fee_ppm: int
    spread_ppm: int
    depth_window_ns: int
    depth_per_volume_ppm: int
    depth_floor_micros: int
    depth_share_max_ppm: int
    impact_half_life_ns: int
    volatility_usual_ppm: int
    failure_ppm: int
    failure_rise_ppm: int
    expiry_ppm: int
    route_down_ppm: int
    latency_rise_ppm: int
    latency_ms: Quantiles
    priority_fee_lamports: Quantiles
    tip_lamports: Quantiles


class Parameter(Value, frozen=True):
    """A parameter as a file states it: name with unit, and how it becomes a field of `TokenClass`."""

    name: str
    field: str
    decimals: int  # the field counts in units of 10^-decimals of the file's unit
    least: int  # in the file's unit
    most: int
    means: str
    quantiles: bool = False


BPS: Final = 2  # decimals: of a basis point as parts per million
PERCENT: Final = 4
SECONDS: Final = 9
USD: Final = 6

PARAMETERS: Final = (
    Parameter("pool_fee_bps", "pool_fee_ppm", BPS, 0, 1_000, "what the pool takes of each swap"),
    Parameter("spread_bps", "spread_ppm", BPS, 0, 2_000, "between buying and selling; a swap pays half of it"),
    Parameter("depth_window_s", "depth_window_ns", SECONDS, 60, 604_800, "whose volume and volatility count"),
    Parameter("depth_per_volume_percent", "depth_per_volume_ppm", PERCENT, 0, 10**6, "the depth, of that volume"),
    Parameter("depth_floor_usd", "depth_floor_micros", USD, 1, 10**12, "the depth that is there if nobody trades"),
    Parameter("depth_share_max_percent", "depth_share_max_ppm", PERCENT, 1, 100, "of the depth, in one direction"),
    Parameter("impact_half_life_s", "impact_half_life_ns", SECONDS, 1, 86_400, "in which half an impact recovers"),
    Parameter("volatility_usual_bps", "volatility_usual_ppm", BPS, 1, 10_000, "deviation of a price in a usual hour"),
    Parameter("failure_percent", "failure_ppm", PERCENT, 0, 90, "of swaps land and revert"),
    Parameter("failure_rise_percent", "failure_rise_ppm", PERCENT, 0, 90, "more revert per usual volatility on top"),
    Parameter("expiry_percent", "expiry_ppm", PERCENT, 0, 90, "of swaps never land"),
    Parameter("route_down_percent", "route_down_ppm", PERCENT, 0, 90, "of swaps cannot be sent"),
    Parameter("latency_rise_percent", "latency_rise_ppm", PERCENT, 0, 10**3, "longer per usual volatility on top"),
    Parameter("latency_ms", "latency_ms", 0, 0, 50_000, "from sending to landing", quantiles=True),
    Parameter("priority_fee_lamports", "priority_fee_lamports", 0, 0, 10**9, "that lets a swap land", quantiles=True),
    Parameter("tip_lamports", "tip_lamports", 0, 0, 10**9, "of a swap by a protected route", quantiles=True),
)


class Stated(Value, frozen=True):
    """A parameter's value, and what stands behind it."""

    value: int | Quantiles  # in the field's unit
    source: str
    fills: int  # to which it was fitted; 0: it is an assumption


class ClassFile(Value, frozen=True):
    """A class as a file states it, at one level."""

    name: str
    symbols: tuple[str, ...]  # of its tokens, in upper case
    stated: dict[str, Stated]  # by the parameter's name, in the order of PARAMETERS

    def token_class(self) -> TokenClass:
        values = {one.field: self.stated[one.name].value for one in PARAMETERS}
        return msgspec.convert({"name": self.name, **values}, TokenClass)


class Costs(Value, frozen=True):
    """What trading costs in a market: all classes, and where they were read from."""

    name: str  # of a level, or of a file
    classes: dict[str, ClassFile]

    def class_of(self, symbol: str) -> ClassFile:
        upper = symbol.upper()
        return next((one for one in self.classes.values() if upper in one.symbols), self.classes[REST])
