"""Reads what trading costs from TOML files: one table for each class of tokens, and in it one for each parameter.

Every parameter must be there, with a value and a source; what nobody knows is refused. Nothing has a hidden default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Final

from overmind.core.model.numbers import BadNumber, json_number, number, scaled, whole
from overmind.venues.depth.classes import PARAMETERS, ClassFile, Costs, Level, Parameter, Stated
from overmind.venues.depth.quantiles import SHARES_PPM

PLAIN: Final = "plain"  # the market without classes, depth and memory
LEVELS: Final = tuple(one.value for one in Level)
FILE_BYTES_MAX: Final = 256 * 1024
FILLS_MAX: Final = 10**9
ONE: Final = "value"  # of a parameter that has one value for all levels, as calibration writes it
SYMBOLS: Final = "symbols"
SHIPPED: Final = ("sol", "major", "stable", "meme")


class BadCosts(Exception):
    """A file of costs that cannot be used: where, why, and what would be right."""

    def __init__(self, file: str, key: str, what: str, fix: str) -> None:
        super().__init__(f"{file}{f': {key}' if key else ''}: {what}. {fix}.")


def shipped_costs(level: Level = Level.NORMAL) -> Costs:
    """The classes of the package, at this level."""
    folder = resources.files("overmind") / "data" / "costs"
    read = [_classes(f"{name}.toml", (folder / f"{name}.toml").read_text("utf-8"), level) for name in SHIPPED]
    return Costs(level.value, {one.name: one for classes in read for one in classes})


def costs_named(told: str) -> Costs | None:
    """A level, or a file; None: the plain market. Raises BadCosts."""
    if told == PLAIN:
        return None
    return shipped_costs(Level(told)) if told in LEVELS else costs_from(Path(told))


def costs_from(path: Path) -> Costs:
    """The package's classes at the level normal, those that the file states replaced by it. Raises BadCosts."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadCosts(path.name, "", "too large", f"A file of costs has {FILE_BYTES_MAX} bytes at most")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadCosts(path.name, "", f"cannot be read: {error.strerror}", "Name a file of costs") from None
    except UnicodeDecodeError:
        raise BadCosts(path.name, "", "broken UTF-8", "Write the file as UTF-8") from None
    shipped = shipped_costs()
    return Costs(path.name, shipped.classes | {one.name: one for one in _classes(path.name, text, Level.NORMAL)})


def _classes(file: str, text: str, level: Level) -> list[ClassFile]:
    try:
        tables = tomllib.loads(text, parse_float=json_number)
    except tomllib.TOMLDecodeError as error:
        raise BadCosts(file, "", f"no TOML: {error}", "Correct the line") from None
    if not tables:
        raise BadCosts(file, "", "it states no class", f"Write a table such as [{SHIPPED[0]}]")
    return [_class(file, name, table, level) for name, table in tables.items()]


def _class(file: str, name: str, table: object, level: Level) -> ClassFile:
    if name not in SHIPPED:
        raise BadCosts(file, name[:40], "no such class", f"The classes are {', '.join(SHIPPED)}")
    entries = _table(file, name, table)
    known = {one.name for one in PARAMETERS} | {SYMBOLS}
    _refuse_unknown(file, name, entries, known)
    symbols = entries.get(SYMBOLS, [])
    if not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
        raise BadCosts(file, f"{name}.{SYMBOLS}", "no list of symbols", 'Write ["JUP", "RAY"], or [] for none')
    stated = {one.name: _stated(file, f"{name}.{one.name}", one, entries.get(one.name), level) for one in PARAMETERS}
    return ClassFile(name, tuple(one.upper() for one in symbols), stated)


def _stated(file: str, key: str, parameter: Parameter, entry: object, level: Level) -> Stated:
    if entry is None:
        raise BadCosts(file, key, "missing", f"Write [{key}] with a value and a source: {parameter.means}")
    fields = _table(file, key, entry)
    _refuse_unknown(file, key, fields, {ONE, *LEVELS, "source", "fills"})
    source = fields.get("source")
    if not isinstance(source, str) or not source.strip():
        raise BadCosts(file, f"{key}.source", "missing", "Say where the value comes from, in a sentence")
    fills = whole(fields.get("fills", 0), 0, FILLS_MAX)
    if isinstance(fills, BadNumber):
        raise BadCosts(file, f"{key}.fills", fills.problem, fills.fix.capitalize())
    names = (ONE,) if ONE in fields else LEVELS
    if ONE in fields and any(one in fields for one in LEVELS):
        raise BadCosts(file, key, f"{ONE} beside {', '.join(LEVELS)}", f"Write {ONE} alone, or the three levels")
    values = {one: _value(file, f"{key}.{one}", parameter, fields.get(one)) for one in names}
    return Stated(values[ONE] if ONE in values else values[level.value], source.strip(), fills)


def _value(file: str, key: str, parameter: Parameter, told: object) -> int | tuple[int, int, int, int, int]:
    if not parameter.quantiles:
        return _number(file, key, parameter, told)
    if not isinstance(told, list) or len(told) != len(SHARES_PPM):
        fix = "Write five numbers: the least, the median, of 90 %, of 99 %, the most"
        raise BadCosts(file, key, "no list of five numbers", fix)
    least, median, most_of, nearly_all, most = (_number(file, key, parameter, one) for one in told)
    found = (least, median, most_of, nearly_all, most)
    if any(after < before for before, after in pairwise(found)):
        raise BadCosts(file, key, "a number less than the one before", "Write them in rising order")
    return found


def _number(file: str, key: str, parameter: Parameter, told: object) -> int:
    fix = f"Write a number from {parameter.least} to {parameter.most}: {parameter.means}"
    if told is None:
        raise BadCosts(file, key, "missing", fix)
    read = number(told)
    if isinstance(read, BadNumber):
        raise BadCosts(file, key, read.problem, fix)
    if not parameter.least <= read <= parameter.most:
        raise BadCosts(file, key, f"{read} is out of bounds", fix)
    if (units := scaled(read, parameter.decimals)) is None:
        raise BadCosts(file, key, f"{read} has too many decimals", f"Write {parameter.decimals} of them at most")
    return units


def _table(file: str, key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadCosts(file, key, "no table", f"Write [{key}] and its fields below")
    return value


def _refuse_unknown(file: str, key: str, fields: Iterable[str], known: set[str]) -> None:
    for name in fields:
        if name not in known:
            raise BadCosts(file, f"{key}.{name[:40]}", "nobody knows it", f"The fields are {', '.join(sorted(known))}")
