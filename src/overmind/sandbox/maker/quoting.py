"""Prices a swap: a constant-product pool at the feed's price, minus half a spread, rounded against the trader.

It is the formula of the paper venue (`venues/paper.py`), for any pair. A pair of two priced tokens uses the shallower
of the two pools. All arithmetic is integer, so that a quote can be recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import BPS, NS, PICO, PPM, PRICE_MAX_PICO, SCALE, ppm_of, value_micros, value_micros_up
from overmind.core.model.value import Value
from overmind.ports import Tick

UNITS_MAX: Final = 2**64 - 1  # what a token account can hold
_BPS_PPM: Final = PPM // BPS


class Terms(Value, frozen=True):
    """The maker's spread and its limits."""

    half_spread_bps: int = 2
    depth_share_max_ppm: int = 250_000  # of the pool: a larger swap gets no offer
    value_max_micros: int = 10_000_000 * 1_000_000  # of one swap: the maker's own limit against mistakes
    price_age_max_ns: int = 30 * NS


class Priced(Value, frozen=True):
    """A token's current price and depth. No depth: its pool never moves; this is the currency that prices are quoted
    in.
    """

    price_pico: int
    depth_micros: int | None = None


class Deal(Value, frozen=True):
    """What the maker pays for exactly `in_units`."""

    in_units: int
    out_units: int
    impact_bps: int  # rounded up
    in_micros: int
    out_micros: int


class NoDeal(Value, frozen=True):
    """Why there is no offer, in the wording of such servers."""

    error: str


def priced(mint: Mint, currency: Mint, ticks: Mapping[Mint, Tick], now_ns: int, terms: Terms) -> Priced | None:
    """None: there is no price, or it is too old to trade on."""
    if mint == currency:
        return Priced(PICO)
    tick = ticks.get(mint)
    if tick is None or not now_ns - tick.at_ns <= terms.price_age_max_ns:
        return None
    if not 0 < tick.price_pico <= PRICE_MAX_PICO or tick.depth_micros <= 0:
        return None
    return Priced(tick.price_pico, tick.depth_micros)


def deal(given: Token, wanted: Token, units: int, in_price: Priced, out_price: Priced, terms: Terms) -> Deal | NoDeal:
    value = value_micros_up(units, in_price.price_pico, given.decimals)
    if value > terms.value_max_micros:
        return NoDeal("NO_ROUTES_FOUND: more than this maker trades at once")
    depths = [one.depth_micros for one in (in_price, out_price) if one.depth_micros is not None]
    depth = min(depths)
    if value > ppm_of(depth, terms.depth_share_max_ppm):
        return NoDeal("NO_ROUTES_FOUND: insufficient liquidity")
    mid = units * in_price.price_pico * SCALE[wanted.decimals]
    per = out_price.price_pico * SCALE[given.decimals]
    kept_ppm = PPM - terms.half_spread_bps * _BPS_PPM
    out_units = mid * depth * kept_ppm // (per * (depth + value) * PPM)
    if not 0 < out_units <= UNITS_MAX:
        return NoDeal("NO_ROUTES_FOUND: the amount is too small or too large to trade")
    return Deal(
        in_units=units,
        out_units=out_units,
        impact_bps=-(-value * BPS // (depth + value)),
        in_micros=value_micros(units, in_price.price_pico, given.decimals),
        out_micros=value_micros(out_units, out_price.price_pico, wanted.decimals),
    )
