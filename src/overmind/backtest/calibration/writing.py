"""Writes a fit as a file of costs, which `--costs` reads: fitted numbers with their fills, all others assumed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import structs

from overmind.backtest.calibration.fitting import Fit, Interval
from overmind.core.model.numbers import decimal_of, written
from overmind.venues.depth.classes import PARAMETERS, ClassFile, Parameter, Stated
from overmind.venues.depth.quantiles import Quantiles

BY_NAME: Final = {one.name: one for one in PARAMETERS}


def fitted(of: ClassFile, fit: Fit) -> ClassFile:
    """The class with what the fills say. What they are silent about stays as it was."""
    known: dict[str, Stated] = {
        "pool_fee_bps": _number("pool_fee_bps", fit.fixed_bps, fit.fills, "with half the spread in it"),
        "spread_bps": Stated(0, f"in pool_fee_bps: {fit.fills} fills cannot tell the two apart", fit.fills),
        "failure_percent": _number("failure_percent", fit.failure_percent, fit.sent, "in the volatility of that time"),
        "expiry_percent": _number("expiry_percent", fit.expiry_percent, fit.sent, "in the volatility of that time"),
        "latency_ms": _quantiles("latency_ms", fit.latency_ms, fit.fills),
        "priority_fee_lamports": _quantiles("priority_fee_lamports", fit.priority_fee_lamports, fit.fills),
    }
    if fit.depth_usd is not None:
        known["depth_floor_usd"] = _number("depth_floor_usd", fit.depth_usd, fit.fills, "as deep at all times")
        known["depth_per_volume_percent"] = Stated(0, f"in depth_floor_usd, of {fit.fills} fills", fit.fills)
    return structs.replace(of, stated=of.stated | known)


def _number(name: str, found: Interval, fills: int, more: str) -> Stated:
    parameter = BY_NAME[name]
    bounded = min(max(found.value, parameter.least), parameter.most)
    units = round(bounded * 10**parameter.decimals)
    bounds = f"{found.low:.6g} to {found.high:.6g}"
    return Stated(units, f"fitted to {fills} orders, {more}; 95 % sure of {bounds}", fills)


def _quantiles(name: str, found: Quantiles, fills: int) -> Stated:
    low, high = BY_NAME[name].least, BY_NAME[name].most
    least, median, most_of, nearly_all, most = (min(max(one, low), high) for one in found)
    value = (least, median, most_of, nearly_all, most)
    return Stated(value, f"the quantiles of {fills} fills; a longer tail than they show is not in it", fills)


def costs_text(classes: Iterable[ClassFile]) -> str:
    """TOML that `costs_from` reads as the same classes."""
    return "\n".join(line for one in classes for line in _lines(one)) + "\n"


def _lines(of: ClassFile) -> Iterable[str]:
    yield f"[{of.name}]"
    yield f"symbols = [{', '.join(map(_quoted, of.symbols))}]"
    for parameter in PARAMETERS:
        stated = of.stated[parameter.name]
        yield ""
        yield f"[{of.name}.{parameter.name}]"
        yield f"value = {told(parameter, stated.value)}"
        yield f"source = {_quoted(stated.source)}"
        yield f"fills = {stated.fills}"
    yield ""


def _quoted(text: str) -> str:
    """A string of JSON is one of TOML."""
    return msgspec.json.encode(text).decode()


def told(parameter: Parameter, value: int | Quantiles) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return written(decimal_of(value, parameter.decimals).normalize())
