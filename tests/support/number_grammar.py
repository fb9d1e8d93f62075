"""A grammar of numbers as people, programs and attackers write them, and what each of them is worth.

The value is computed from the parts that the grammar put together, in integers and without a look at the text.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Final, NamedTuple

ASCII: Final = "0123456789"
FOREIGN: Final = ("٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGNS: Final = ("", "", "", "", "-", "+", "−", "--", "+-", "±")
SEPARATORS: Final = ("_", ",", " ", "'", "\u00a0", "\u200b", "\x07")
WORDS: Final = (
    "nan",
    "NaN",
    "sNaN123",
    "inf",
    "-Infinity",
    "",
    " ",
    "\t",
    "0x1F",
    "1e",
    "e5",
    ".",
    "-",
    "1.2.3",
    "1e5e5",
    "1/3",
    "½",
    "Ⅷ",
    "null",
    "true",
    "1\u202e0",
    "[1]",
    "1" * 5_000,
)
EXPONENTS: Final = (0, 1, 5, 18, 39, 40, 41, 63, 64, 65, 99, 100, 999, 9_999, 999_999, 1_000_000, 9_999_999_999, 10**25)
LENGTHS: Final = (0, 1, 1, 2, 3, 6, 9, 18, 20, 39, 40, 41, 64, 65, 90, 130, 400)


JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class Written(NamedTuple):
    """A text, and its value `numerator` × 10^`exponent` where it is a number in plain digits."""

    text: str
    numerator: int | None = None
    exponent: int = 0

    @property
    def is_number(self) -> bool:
        return self.numerator is not None

    def scaled(self, decimals: int) -> int | None:
        """The value in units of 10^-decimals where that is whole. For exponents that a computer can bear."""
        assert self.numerator is not None, self
        shift = self.exponent + decimals
        if shift >= 0:
            return int(self.numerator * 10**shift)
        units, rest = divmod(self.numerator, 10**-shift)
        return None if rest else units

    def cut(self, decimals: int) -> int:
        """The value of a positive number in units of 10^-decimals, further decimals cut off."""
        assert self.numerator is not None, self
        shift = self.exponent + decimals
        return int(self.numerator * 10**shift) if shift >= 0 else self.numerator // 10**-shift


def written_number(random: Random) -> Written:
    """One draw of the grammar: usually a number, often at a bound, sometimes nothing that is a number."""
    kind = random.random()
    if kind < 0.1:
        return Written(random.choice(WORDS))
    whole, part = _digits(random), _digits(random) if random.random() < 0.5 else ""
    sign = random.choice(SIGNS)
    point = "." if part or random.random() < 0.1 else ""
    exponent, tail = _exponent(random) if random.random() < 0.5 else (0, "")
    text = sign + whole + point + part + tail
    if sign not in ("", "-", "+") or not whole + part:
        return Written(text)
    if kind < 0.3:
        return Written(_spoilt(random, text))
    value = int((whole + part)[:10_000] or "0")
    return Written(text, -value if sign == "-" else value, exponent - len(part))


def _digits(random: Random) -> str:
    length = random.choice(LENGTHS)
    lead = "0" * random.choice((0, 0, 0, 1, 30))
    return (lead + "".join(random.choices(ASCII, k=length)))[:length]


def _exponent(random: Random) -> tuple[int, str]:
    size, sign = random.choice(EXPONENTS), random.choice(("", "+", "-"))
    zeros = "0" * random.choice((0, 0, 1, 7))
    return (-size if sign == "-" else size), f"{random.choice('eE')}{sign}{zeros}{size}"


def _spoilt(random: Random, text: str) -> str:
    """The text with one thing in it that no number has."""
    if random.random() < 0.5:
        foreign = random.choice(FOREIGN)
        found = [index for index, letter in enumerate(text) if letter in ASCII]
        index = random.choice(found)
        return text[:index] + foreign[ASCII.index(text[index])] + text[index + 1 :]
    index = random.randrange(len(text) + 1)
    return text[:index] + random.choice(SEPARATORS) + text[index:]


def as_json(random: Random, drawn: Written) -> str:
    """The number as a program would put it into JSON: bare where JSON allows it, else in quotes, rarely nested."""
    text = drawn.text if JSON_NUMBER.fullmatch(drawn.text) and random.random() < 0.5 else json.dumps(drawn.text)
    if random.random() < 0.95:
        return text
    depth = random.choice((1, 3, 50, 2_000))
    return "[" * depth + text + "]" * depth if random.random() < 0.5 else '{"x":' * depth + text + "}" * depth
