"""Reads the fields of an untrusted object strictly: collects every problem, keeps every digit, guesses nothing.

A null counts as absent. An absent field reads as None without a problem; the caller refuses it where it is required.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Container, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

import msgspec
from rapidfuzz.distance import OSA

from overmind.clock.instants import instant_ns
from overmind.core.model.numbers import BadNumber, decimal_of, json_number, number, scaled, scaled_down, shown, written
from overmind.text.characters import BOM_BYTES, unseen
from overmind.text.json_names import repeated_name

LINE_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 64
KNOWN_SHOWN_MAX: Final = 20
SLIPS_MAX: Final = 2  # typing errors in a name that still suggest a known one

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DECODER: Final = msgspec.json.Decoder(float_hook=json_number)

Choice = TypeVar("Choice")


class FieldProblem(NamedTuple):
    """One problem: the field, what is wrong, and how to fix it."""

    field: str
    problem: str
    fix: str


def parse_object(raw: bytes | str) -> dict[str, object] | FieldProblem:
    """One JSON object with exact numbers and without duplicate keys, or why it is not one."""
    try:
        line = (raw.encode() if isinstance(raw, str) else raw).removeprefix(BOM_BYTES)
        if len(line) > LINE_BYTES_MAX:
            return FieldProblem("signal", f"larger than {LINE_BYTES_MAX} bytes", "Send only the fields of a signal")
        if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return FieldProblem("signal", "UTF-16", "Send UTF-8")
        fields = _DECODER.decode(line)
        repeated = None
        if isinstance(fields, dict) and (b"\\" in line or line.count(b'"') != 2 * _strings(fields)):
            repeated = repeated_name(line)
    except UnicodeError:
        return FieldProblem("signal", "broken UTF-8", "Send UTF-8")
    except RecursionError:
        return FieldProblem("signal", "nested too deeply", "Send one flat object")
    except msgspec.ValidationError:
        return FieldProblem("signal", "a number of thousands of digits", "Write a number that somebody can mean")
    except ValueError as error:  # From either parser.
        return _not_json(line, error)
    if not isinstance(fields, dict):
        return FieldProblem("signal", "not an object", 'Send {"signal_id": …, …}')
    if repeated is not None:
        return FieldProblem(bare(repeated), "given more than once", "Keep one of them")
    return fields


def _not_json(line: bytes, error: ValueError) -> FieldProblem:
    """Names the first character that could be the cause and that is not seen."""
    letter = unseen(line.decode(errors="replace"))
    found = "" if letter is None else f"; it holds {letter}"
    return FieldProblem("signal", f"not JSON: {error}{found}", "Send one JSON object on a line of its own")


def _strings(fields: dict[str, object]) -> int:
    """The number of strings in a flat object's text, if it has no duplicate key."""
    count = len(fields)
    for value in fields.values():
        if isinstance(value, str):
            count += 1
        elif isinstance(value, list):
            count += sum(isinstance(one, str) for one in value)
    return count


def bare(name: object) -> str:
    """A field's name as it was sent, shortened, on one line, without quotes."""
    return shown(name)[1:-1]


class FieldReader:
    """The fields of one object, and the problems found so far."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields
        self.problems: list[FieldProblem] = []
        self.notes: list[str] = []  # what was cut from numbers

    def refuse(self, field: str, problem: str, fix: str) -> None:
        self.problems.append(FieldProblem(field, problem, fix))

    def check_names(self, known: frozenset[str], meant: Mapping[str, str], ignored: Container[str]) -> None:
        """Refuses every unknown field that is not ignored. A misspelt known one is never ignored."""
        if len(self.fields) > FIELDS_MAX:
            self.refuse("signal", f"more than {FIELDS_MAX} fields", "Send only the fields of a signal")
            return
        for name in self.fields:
            if name in known:
                continue
            if (right := _meant(str(name), known, meant)) is not None:
                self.refuse(bare(name), "unknown field", f"Did you mean {right}?")
            elif name not in ignored:
                self.refuse(bare(name), "unknown field", "Leave it out, or put it into meta, which nothing reads")

    def id(self, field: str) -> str | None:
        value = self.fields.get(field)
        if isinstance(value, str) and ID.fullmatch(value):
            return value
        problem = "missing" if value is None else f"{shown(value)} is not an id"
        self.refuse(field, problem, "Write 1 to 64 of the characters A-Z a-z 0-9 _ -")
        return None

    def ids(self, field: str, known: Collection[str] | None = None) -> tuple[str, ...]:
        """`known`: each must be one of them. None: nobody here knows which there are."""
        value = self.fields.get(field)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and ID.fullmatch(one) for one in value):
            self.refuse(field, "not a list of ids", 'Write ["wallet_1", "wallet_2"]')
            return ()
        if known is not None and (unknown := [one for one in value if one not in known]):
            more = ", …" if len(known) > KNOWN_SHOWN_MAX else ""
            listed = ", ".join(list(known)[:KNOWN_SHOWN_MAX]) or "none"
            self.refuse(field, f"no wallet {', '.join(map(shown, unknown))}", f"Known are {listed}{more}")
        return tuple(value)

    def choice(self, field: str, spellings: Mapping[str, Choice]) -> Choice | None:
        """One of a fixed set. `spellings` are in lower case; case, blanks, - and _ are ignored."""
        value = self.fields.get(field)
        if value is None:
            return None
        if isinstance(value, str):
            chosen = spellings.get(value.lower()) or spellings.get(_plain(value))
            if chosen is not None:
                return chosen
        self.refuse(field, f"unknown {shown(value)}", f"Write {', '.join(dict.fromkeys(map(str, spellings.values())))}")
        return None

    def number(self, field: str, above: Decimal, most: Decimal) -> Decimal | None:
        """A number in (above, most], with every digit that was sent."""
        value = self.fields.get(field)
        if value is None:
            return None
        read = number(value)
        if isinstance(read, BadNumber):
            self._refuse_number(field, read, read.fix)
        elif read <= above:
            self.refuse(field, f"{shown(value)} is not above {above}", f"Write a number above {above}")
        elif read > most:
            self.refuse(field, f"{shown(value)} is absurdly large", f"Write {written(most.normalize())} at most")
        else:
            return read
        return None

    def scaled(self, field: str, decimals: int, units_max: int) -> int | None:
        """A positive amount in units of 10^-decimals: of a string exactly. A JSON number may carry the noise of a
        sender's floats, such as 0.1 + 0.2: further decimals are cut off, and a note says so.
        """
        if self.fields.get(field) is None:
            return None
        read = self.number(field, _ZERO, _decimal_of(units_max, decimals))
        units = None if read is None else scaled(read, decimals)
        if read is None or units is not None:
            return units
        cut = 0 if isinstance(self.fields[field], str) else scaled_down(read, decimals)
        if not cut:
            self.refuse(field, f"{shown(read)} has more than {decimals} decimals", f"Round it to {decimals}")
            return None
        self.notes.append(f"{field}: {written(read)} was cut to {written(decimal_of(cut, decimals).normalize())}")
        return cut

    def share(self, field: str) -> int | None:
        """A share from 0 to 1 in millionths, rounded down, which is the cautious direction."""
        value = self.fields.get(field)
        if value is None:
            return None
        read, how = number(value), "Write a number from 0 to 1"
        if isinstance(read, BadNumber):
            self._refuse_number(field, read, how)
            return None
        if 0 <= read <= 1:
            return scaled_down(read, _PPM_DIGITS)
        self.refuse(field, f"{shown(value)} is not a share", how)
        return None

    def integer(self, field: str, most: int) -> int | None:
        value = self.fields.get(field)
        if value is None:
            return None
        read, how = number(value), f"Write a whole number from 1 to {most}"
        if isinstance(read, BadNumber):
            self._refuse_number(field, read, how)
            return None
        if 1 <= read <= most and (units := scaled(read, 0)) is not None:
            return units
        self.refuse(field, f"{shown(value)} is not valid", how)
        return None

    def instant(self, field: str) -> int | None:
        value = self.fields.get(field)
        if value is None:
            return None
        how = "Write 2025-04-06T12:00:00Z, or unix seconds or milliseconds"
        read = value if isinstance(value, str) else number(value)
        if isinstance(read, BadNumber):
            self._refuse_number(field, read, how)
            return None
        try:
            return instant_ns(str(read))
        except ValueError as error:
            self.refuse(field, str(error), how)
            return None

    def _refuse_number(self, field: str, bad: BadNumber, how: str) -> None:
        self.refuse(field, bad.problem, how[0].upper() + how[1:])

    def free_object(self, field: str) -> None:
        """An object that nothing reads."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(field, f"{shown(value)} is not an object", 'Write {"name": "value"}')

    def flag(self, field: str) -> bool:
        value = self.fields.get(field)
        if value is not None and not isinstance(value, bool):
            self.refuse(field, f"{shown(value)} is neither true nor false", "Write true or false")
        return value is True


_ZERO: Final = Decimal(0)
_PPM_DIGITS: Final = 6  # of a millionth
_decimal_of: Final = lru_cache(maxsize=256)(decimal_of)  # Few bounds, and each signal meets them.


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _meant(name: str, known: frozenset[str], meant: Mapping[str, str]) -> str | None:
    """The known name that this is a misspelling of. In `meant` an asterisk matches any ending."""
    plain = _plain(name)
    for said, right in meant.items():
        if plain == said or (said.endswith("*") and plain.startswith(said[:-1])):
            return right
    for right in sorted(known):
        other = _plain(right)
        slips_max = min(SLIPS_MAX, len(other) // 4)  # Short names allow fewer errors.
        if OSA.distance(plain, other, score_cutoff=slips_max) <= slips_max:  # added, dropped, changed or swapped
            return right
    return None
