"""Reads decimal numbers from outside. Digits and exponents are bounded on both sides before anything is computed.

`Decimal("1e-9999999999")` is read at once, but its exact value takes ten billion digits. So every number from outside
is read here: a text, a number of JSON, or a number of a Python caller.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from overmind.core.model.value import Value

WHOLE_DIGITS_MAX: Final = 40  # before the decimal point; more than the largest amount that anybody can hold
DECIMALS_MAX: Final = 64  # after the decimal point
CHARS_MAX: Final = 128
HOW: Final = "write a decimal number with the digits 0 to 9, such as 12.5"
_SHOWN_MAX: Final = 40
_BEYOND: Final[int] = 10**WHOLE_DIGITS_MAX
# What nearly every sender writes. A text of this form is within all bounds.
_PLAIN: Final = re.compile(f"[+-]?[0-9]{{1,{WHOLE_DIGITS_MAX}}}(\\.[0-9]{{1,{DECIMALS_MAX}}})?")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?([0-9]+))?")
_DIGITS: Final = re.compile(f"[0-9]{{1,{WHOLE_DIGITS_MAX}}}")
_EXPONENT_DIGITS_MAX: Final = 6
_TOO_LARGE: Final = "is absurdly large"
_SMALLER: Final = f"write at most {WHOLE_DIGITS_MAX} digits before the decimal point"
_NOT_FINITE: Final = re.compile(r"[+-]?(s?nan[0-9]*|inf|infinity)", re.IGNORECASE)
_FOREIGN: Final = re.compile(r"[^0-9.eE+-]")
# Wide enough for every number within the bounds, so nothing is ever rounded.
_WIDE: Final = Context(prec=2 * CHARS_MAX)


class BadNumber(Value, frozen=True):
    """Why a value from outside is no number that we compute with."""

    sent: str  # the value as it was sent, shortened
    why: str
    fix: str = HOW

    @property
    def problem(self) -> str:
        return f"{self.sent} {self.why}"


def number(value: object) -> Decimal | BadNumber:
    """The exact number. A float of a Python caller is the shortest decimal that equals it. A boolean is no number."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Decimal):
        return _bounded(value, value)
    if isinstance(value, BadNumber):
        return value
    if isinstance(value, bool):
        return BadNumber(shown(value), "is not a number")
    if isinstance(value, int):
        return Decimal(value) if -_BEYOND < value < _BEYOND else BadNumber(shown(value), _TOO_LARGE, _SMALLER)
    if isinstance(value, float):
        return _of_text(repr(float(value)))
    return BadNumber(shown(value), "is not a number")


def json_number(text: str) -> Decimal | BadNumber:
    """For JSON decoders: a number with a fraction or an exponent.

    A number beyond the bounds becomes a BadNumber, which the check of its field refuses by name. Raising here would
    refuse the whole text for a field that nobody reads.
    """
    return _of_text(text)


def whole(value: object, low: int, high: int) -> int | BadNumber:
    """A whole number within bounds, however it was written: 1e3 is 1000."""
    read = number(value)
    how = f"write a whole number from {low} to {high}"
    if isinstance(read, BadNumber):
        return BadNumber(read.sent, read.why, how)
    units = scaled(read, 0)
    if units is None:
        return BadNumber(shown(value), "is not a whole number", how)
    return units if low <= units <= high else BadNumber(shown(value), "is out of bounds", how)


def digits(text: str, most: int) -> int | None:
    """A whole number as programs write it: the digits 0 to 9 and nothing else. None for any other text."""
    return units if _DIGITS.fullmatch(text) and (units := int(text)) <= most else None


def scaled(read: Decimal, decimals: int) -> int | None:
    """The number in units of 10^-decimals; None if it has more decimals than that."""
    moved = read.scaleb(decimals, _WIDE)
    units = int(moved)
    return units if units == moved else None


def scaled_down(read: Decimal, decimals: int) -> int:
    """The number in units of 10^-decimals, further decimals cut off."""
    return int(read.scaleb(decimals, _WIDE))


def scaled_up(read: Decimal, decimals: int) -> int:
    """The number in units of 10^-decimals, a fraction of a unit rounded up."""
    return int(read.scaleb(decimals, _WIDE).to_integral_value(ROUND_CEILING))


def decimal_of(units: int, decimals: int) -> Decimal:
    """An integer of our own, in units of 10^-decimals, as a decimal."""
    return Decimal(units).scaleb(-decimals, _WIDE)


def written(read: Decimal) -> str:
    """All digits, without an exponent. A number beyond our bounds keeps its exponent, so that it stays short."""
    checked = _bounded(read, read)
    return f"{checked:f}" if isinstance(checked, Decimal) else str(read)


def shown(value: object) -> str:
    """A value from outside as it was sent, shortened, for a message."""
    if isinstance(value, int) and not -_BEYOND < value < _BEYOND:
        return "that many"
    if isinstance(value, BadNumber):
        return value.sent
    text = str(value) if isinstance(value, str | int | float | Decimal) else type(value).__name__
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")


def _of_text(text: str) -> Decimal | BadNumber:
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if len(text) > CHARS_MAX:
        return BadNumber(shown(text), "is too long for a number", f"write at most {CHARS_MAX} characters")
    found = _NUMBER.fullmatch(text)
    if found is None:
        return BadNumber(shown(text), _why_unreadable(text))
    if len(found[4] or "") > _EXPONENT_DIGITS_MAX:
        return BadNumber(shown(text), "has an absurd exponent", "write the number out, without an exponent")
    return _bounded(Decimal(text), text)


def _why_unreadable(text: str) -> str:
    if not text.strip():
        return "is not a number: it is blank"
    if _NOT_FINITE.fullmatch(text.strip()):
        return "is not a finite number"
    foreign = _FOREIGN.search(text)
    if foreign is None or not any(letter.isdigit() for letter in text):  # A word needs no such hint.
        return "is not a number"
    return f"is not a number: {foreign[0]!r} is no part of one"


def _bounded(read: Decimal, sent: object) -> Decimal | BadNumber:
    if not read.is_finite():
        return BadNumber(shown(sent), "is not a finite number")
    exponent = read.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has an exponent"
    if read.adjusted() >= WHOLE_DIGITS_MAX:
        return BadNumber(shown(sent), _TOO_LARGE, _SMALLER)
    if exponent < -DECIMALS_MAX:
        return BadNumber(
            shown(sent), f"has more than {DECIMALS_MAX} decimals", f"round it to {DECIMALS_MAX} decimals or fewer"
        )
    return read
