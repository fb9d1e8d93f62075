"""Reads a sweep's file: what is played, what varies, and how the best is chosen. All problems are told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from overmind.backtest.stamps import Stamps
from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.core.model.numbers import BadNumber, json_number, number, whole, written
from overmind.core.model.value import Value
from overmind.sweep.lines import lines_of
from overmind.sweep.told import Figures, Settings, Work
from overmind.venues.depth.classes import Level
from overmind.venues.depth.reading import LEVELS, PLAIN

VARY, FIXED = "vary", "fixed"
SEED_MAX: Final = 2**63 - 1
RUNS_MAX: Final = 10_000
RUNS_EVER: Final = 1_000_000
DECIMALS: Final = 4  # of a value within a range: as many as a percentage has
PARTS_MAX: Final = 50
DRAWS_MAX: Final = 100_000
VALUES_MAX: Final = 1_000  # of one setting
FILE_BYTES_MAX: Final = 1 << 20
SOL_USD_MAX: Final = 1_000_000
# Of all of these, more is better.
CHOICES: Final = (
    "total_return",
    "yearly_return",
    "sharpe",
    "sortino",
    "calmar",
    "drawdown",
    "gain_usd",
    "profit_factor",
    "expectancy_usd",
    "win_rate",
)
assert set(CHOICES) <= set(Figures.__struct_fields__), CHOICES
TOP: Final = (
    "tape",
    "signals",
    "stamps",
    "detail",
    "tokens",
    "timeframe",
    "costs",
    "sol_price",
    "seeds",
    "parts",
    "choose_by",
    "draws",
    "draw_seed",
    "runs_max",
    FIXED,
    VARY,
)


class Span(Value, frozen=True):
    """Values from `low` to `high`. `steps` None: any of them, for random draws."""

    low: Decimal
    high: Decimal
    steps: int | None
    is_whole: bool  # written without a point, and further apart than 1

    def values(self) -> tuple[str, ...]:
        """Evenly spaced; without steps its two ends."""
        last = (self.steps or 2) - 1
        return tuple(dict.fromkeys(self.at(Decimal(place) / last) for place in range(last + 1)))

    def at(self, share: Decimal) -> str:
        """With four decimals, or with those that its ends have."""
        found = self.low + (self.high - self.low) * share
        return _typed(round(found, 0 if self.is_whole else max(DECIMALS, _decimals(self.low), _decimals(self.high))))


Varied = Mapping[str, tuple[str, ...] | Span]


class Plan(Value, frozen=True):
    work: Work
    varied: dict[str, tuple[str, ...] | Span]
    seeds: tuple[int, ...]
    choose_by: str
    draws: int | None  # None: the whole grid
    draw_seed: int
    runs_max: int
    lines: dict[str, int]


def read_plan(path: Path) -> Plan:
    """Raises ConfigError with every problem."""
    findings = Findings()
    text = _text(path, findings)
    try:
        read = tomllib.loads(text, parse_float=json_number)
    except tomllib.TOMLDecodeError as error:
        findings.refuse(str(path), f"not TOML: {error}", "correct it; a text stands in quotes, and a list in [ ]")
        read = {}
    _require_sound(findings)
    plan = _Reader(path, read, lines_of(text), findings).plan()
    _require_sound(findings)
    return plan


def _require_sound(findings: Findings) -> None:
    if (error := findings.error()) is not None:
        raise error


def _text(path: Path, findings: Findings) -> str:
    try:
        with path.open("rb") as file:
            body = file.read(FILE_BYTES_MAX + 1)
        if len(body) > FILE_BYTES_MAX:
            findings.refuse(str(path), "larger than 1 MiB", "name the sweep's file")
        return body[:FILE_BYTES_MAX].decode()
    except OSError as error:
        findings.refuse(str(path), error.strerror or "cannot be read", "name a file that describes a sweep")
    except UnicodeDecodeError:
        findings.refuse(str(path), "not UTF-8", "write it as UTF-8")
    return ""


class _Reader:
    """Records what is wrong and goes on with a default."""

    def __init__(self, path: Path, read: Mapping[str, object], lines: dict[str, int], findings: Findings) -> None:
        self._path = path
        self._read = read
        self._lines = lines
        self._findings = findings

    def plan(self) -> Plan:
        for name in self._read:
            if name not in TOP:
                self._refuse(name, "it is no key of a sweep", f"use {', '.join(TOP)}")
        draws = self._whole("draws", 1, DRAWS_MAX)
        return Plan(
            work=self._work(),
            varied=self._varied(is_drawn=draws is not None),
            seeds=self._seeds(),
            choose_by=self._choice("choose_by", CHOICES) or CHOICES[0],
            draws=draws,
            draw_seed=self._whole("draw_seed", 0, SEED_MAX) or 0,
            runs_max=self._whole("runs_max", 1, RUNS_EVER) or RUNS_MAX,
            lines=self._lines,
        )

    def _work(self) -> Work:
        stamps = self._choice("stamps", tuple(Stamps))
        return Work(
            tape=self._file("tape") or self._missing("tape", "candles, as `overmind backtest` takes them"),
            signals=self._file("signals") or self._missing("signals", "signals, as `overmind backtest --signals` does"),
            stamps=None if stamps is None else Stamps(stamps),
            detail=self._file("detail"),
            tokens=self._file("tokens"),
            timeframe=self._text("timeframe"),
            costs=self._costs(),
            sol_usd=self._dollars("sol_price"),
            fixed=self._fixed(),
            parts=self._whole("parts", 1, PARTS_MAX) or 1,
        )

    def _missing(self, name: str, of: str) -> str:
        if name not in self._read:
            self._refuse(name, "is missing", f"name the file or folder of {of}")
        return ""

    def _file(self, name: str) -> str | None:
        """Relative to the sweep's file."""
        said = self._read.get(name)
        if said is None:
            return None
        if not isinstance(said, str) or not said:
            self._refuse(name, "is no path", f'write {name} = "…"')
            return ""
        found = (self._path.parent / Path(said).expanduser()).absolute()
        if not found.exists():
            self._refuse(name, f"{found} does not exist", "correct the path; it begins at the sweep's file")
        return str(found)

    def _text(self, name: str) -> str | None:
        said = self._read.get(name)
        if said is not None and not isinstance(said, str):
            self._refuse(name, f"{_shown(said)} is no text", f'write {name} = "…"')
            return None
        return said

    def _costs(self) -> str:
        """The name of a level, or the path of a file."""
        said = self._text("costs") or Level.NORMAL.value
        return said if said in (*LEVELS, PLAIN) else self._file("costs") or Level.NORMAL.value

    def _choice(self, name: str, known: tuple[str, ...]) -> str | None:
        said = self._read.get(name)
        if said is not None and said not in known:
            self._refuse(name, f"{_shown(said)} is not known", f"use {', '.join(known)}")
            return None
        return None if said is None else str(said)

    def _whole(self, name: str, low: int, high: int) -> int | None:
        said = self._read.get(name)
        if said is None:
            return None
        read = whole(said, low, high)
        if isinstance(read, BadNumber):
            self._refuse(name, read.problem, read.fix)
            return None
        return read

    def _dollars(self, name: str) -> float | None:
        said = self._read.get(name)
        if said is None:
            return None
        read = number(said)
        if isinstance(read, BadNumber) or not 0 < read <= SOL_USD_MAX:
            self._refuse(name, f"{_shown(said)} is no price", f"write dollars above 0, up to {SOL_USD_MAX:,}")
            return None
        return float(read)

    def _seeds(self) -> tuple[int, ...]:
        said = self._read.get("seeds", [0])
        read = [whole(one, 0, SEED_MAX) for one in said] if isinstance(said, list) else []
        seeds = tuple(one for one in read if isinstance(one, int))
        if not seeds or len(seeds) < len(read) or len(set(seeds)) < len(seeds):
            self._refuse("seeds", f"{_shown(said)} are no seeds", "write a list of different whole numbers, as [0, 1]")
        return seeds

    def _fixed(self) -> Settings:
        table = self._table(FIXED)
        found: Settings = {}
        for name, said in table.items():
            value = _value(said)
            if isinstance(value, InvalidValue):
                self._refuse(f"{FIXED}.{name}", value.problem, "write one value; what varies belongs into [vary]")
            else:
                found[name] = value
        return found

    def _varied(self, *, is_drawn: bool) -> dict[str, tuple[str, ...] | Span]:
        table = self._table(VARY)
        if not table:
            self._refuse(VARY, "nothing varies", "name at least one setting under [vary], with a list of its values")
        found: dict[str, tuple[str, ...] | Span] = {}
        for name, said in table.items():
            read = _span(said, is_drawn) if isinstance(said, dict) else _list(said)
            if isinstance(read, InvalidValue):
                self._refuse(f"{VARY}.{name}", read.problem, read.fix)
            else:
                found[name] = read
        for name in found.keys() & self._table(FIXED).keys():
            self._refuse(f"{FIXED}.{name}", "it varies too", f"keep it in [{FIXED}] or in [{VARY}]")
        return found

    def _table(self, name: str) -> dict[str, object]:
        said = self._read.get(name, {})
        if not isinstance(said, dict):
            self._refuse(name, "is no table", f"write [{name}] and a line for each setting")
            return {}
        return _flat(said)

    def _refuse(self, key: str, problem: str, fix: str) -> None:
        self._findings.refuse(place(self._path, self._lines, key), problem, fix)


def place(path: Path, lines: Mapping[str, int], key: str) -> str:
    """File, line and key. A key that does not stand there has no line."""
    line = lines.get(key)
    return f"{path}{'' if line is None else f', line {line}'}: {shown(key)}"


def _flat(table: Mapping[str, object], before: str = "") -> dict[str, object]:
    """`hft_wallet.allocation` without quotes is a table in a table."""
    found: dict[str, object] = {}
    for name, said in table.items():
        if isinstance(said, dict) and not {"from", "to"} & said.keys():
            found |= _flat(said, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = said
    return found


def _list(said: object) -> tuple[str, ...] | InvalidValue:
    form = "write a list such as [20, 40, 60], or { from = 20, to = 60, steps = 3 }"
    if not isinstance(said, list):
        return InvalidValue(f"{_shown(said)} is no list of values", form)
    if not 0 < len(said) <= VALUES_MAX:
        return InvalidValue(f"{len(said)} values", f"{form}, of 1 to {VALUES_MAX:,}")
    values = [_value(one) for one in said]
    for value in values:
        if isinstance(value, InvalidValue):
            return InvalidValue(value.problem, form)
    texts = tuple(value for value in values if isinstance(value, str))
    if len(set(texts)) < len(texts):
        return InvalidValue("a value stands there twice", "keep one of them")
    return texts


def _span(said: Mapping[str, object], is_drawn: bool) -> Span | InvalidValue:
    form = "write { from = 1, to = 5, steps = 5 }; steps may be left out where `draws` draws at random"
    low, high = number(said.get("from")), number(said.get("to"))
    steps = None if "steps" not in said else whole(said["steps"], 2, VALUES_MAX)
    if isinstance(low, BadNumber) or isinstance(high, BadNumber) or isinstance(steps, BadNumber):
        return InvalidValue("is no range", form)
    if said.keys() - {"from", "to", "steps"} or low >= high or (steps is None and not is_drawn):
        return InvalidValue("is no range", form)
    is_whole = isinstance(said["from"], int) and isinstance(said["to"], int) and high - low > 1
    return Span(low, high, steps, is_whole)


def _value(said: object) -> str | InvalidValue:
    """As it would be typed into the configuration."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, str):
        return said
    read = number(said)
    return InvalidValue(f"{_shown(said)} is no value", "") if isinstance(read, BadNumber) else _typed(read)


def _decimals(read: Decimal) -> int:
    return len(written(read.normalize()).partition(".")[2])


def _typed(read: Decimal) -> str:
    return written(read.normalize())


def _shown(said: object) -> str:
    return repr(shown(str(said)))
