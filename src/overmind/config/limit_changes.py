"""Reads an operator's limit changes like a wallet's JSON: the same names, units and bounds, exact or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.config import kinds
from overmind.config.files import InvalidValue
from overmind.config.kinds import Measure
from overmind.config.problems import Problem
from overmind.config.secrecy import shown
from overmind.core.books.wallet_limits import ALLOCATION, ENABLED
from overmind.core.model import defaults
from overmind.core.model.codes import LIMIT_FIELDS
from overmind.core.model.ids import LimitName

Wanted = dict[LimitName, int | None]  # in the core's units; None: back to the value in the files

NAMES_MAX: Final = 64
_OF_WALLET: Final[Mapping[str, Measure]] = {
    **{row.name: kinds.limit(row) for row in LIMIT_FIELDS},
    ALLOCATION: kinds.fraction(),
}
_OF_STRATEGY: Final[Mapping[str, Measure]] = {"share": kinds.percent(), "max_position_size": kinds.usd()}
_NAMES: Final = f"{', '.join(_OF_WALLET)}, or STRATEGY.share, STRATEGY.max_position_size, STRATEGY.enabled"


def read_changes(given: Mapping[str, object]) -> Wanted | tuple[Problem, ...]:
    """Changes by name; null undoes a change. Returns all problems at once."""
    if len(given) > NAMES_MAX:
        return (Problem("changes", f"more than {NAMES_MAX} limits", "change fewer at once"),)
    wanted: Wanted = {}
    problems: list[Problem] = []
    for text, value in given.items():
        name = _name(text)
        read = name if isinstance(name, InvalidValue) else _value(name, value)
        if isinstance(name, InvalidValue) or isinstance(read, InvalidValue):
            assert isinstance(read, InvalidValue), text
            problems.append(Problem(shown(text), read.problem, read.fix))
        elif name in wanted:
            problems.append(Problem(shown(text), "is named twice", "name it once"))
        else:
            wanted[name] = read
    return tuple(problems) or wanted


def _name(text: str) -> LimitName | InvalidValue:
    strategy, dot, kind = text.strip().rpartition(".")
    if not dot and kind in _OF_WALLET:
        return LimitName(kind)
    known = defaults.STRATEGIES.get(strategy.lower())
    if dot and known is not None and (kind in _OF_STRATEGY or kind == ENABLED):
        return LimitName(f"{known}.{kind}")
    return InvalidValue("is no limit", f"name one of {_NAMES}")


def _value(name: LimitName, value: object) -> int | InvalidValue | None:
    if value is None:
        return None
    kind = name.rpartition(".")[2]
    if kind == ENABLED:
        flag = value if isinstance(value, bool) else kinds.flag().read(str(value))
        return flag if isinstance(flag, InvalidValue) else int(flag)
    measure = _OF_STRATEGY[kind] if "." in name else _OF_WALLET[kind]
    return measure.read(value) if isinstance(value, str) else measure.exact(value)
