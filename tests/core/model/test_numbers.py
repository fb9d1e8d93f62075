"""The parser of numbers from outside: what it accepts is exact and small, and all else is refused with the reason."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from random import Random

import pytest
from tests.support.number_grammar import Written, written_number

from overmind.core.model.numbers import (
    CHARS_MAX,
    DECIMALS_MAX,
    WHOLE_DIGITS_MAX,
    BadNumber,
    decimal_of,
    digits,
    json_number,
    number,
    scaled,
    scaled_down,
    scaled_up,
    whole,
    written,
)

DRAWS = [pytest.param(1, 10_000, id="quick"), pytest.param(2, 200_000, marks=pytest.mark.soak, id="soak")]

# text | its value, written out, or why it is refused
TEXTS = """
0                       | 0
-0                      | -0
007                     | 7
12.50                   | 12.50
+5                      | 5
.5                      | 0.5
5.                      | 5
1e3                     | 1000
1E-3                    | 0.001
1e+0000003              | '1e+0000003' has an absurd exponent
1e-64                   | 0.0000000000000000000000000000000000000000000000000000000000000001
1e-65                   | '1e-65' has more than 64 decimals
1e39                    | 1000000000000000000000000000000000000000
1e40                    | '1e40' is absurdly large
0e39                    | 0
0e40                    | '0e40' is absurdly large
0e-65                   | '0e-65' has more than 64 decimals
1e-9999999999           | '1e-9999999999' has an absurd exponent
1e9999999999            | '1e9999999999' has an absurd exponent
1e-999999               | '1e-999999' has more than 64 decimals
nan                     | 'nan' is not a finite number
-Infinity               | '-Infinity' is not a finite number
sNaN12                  | 'sNaN12' is not a finite number
1_000                   | '1_000' is not a number: '_' is no part of one
1,5                     | '1,5' is not a number: ',' is no part of one
$5                      | '$5' is not a number: '$' is no part of one
−5                      | '−5' is not a number: '−' is no part of one
٣                       | '٣' is not a number: '٣' is no part of one
½5                      | '½5' is not a number: '½' is no part of one
0x10                    | '0x10' is not a number: 'x' is no part of one
1 0                     | '1 0' is not a number: ' ' is no part of one
much                    | 'much' is not a number
--5                     | '--5' is not a number
1.2.3                   | '1.2.3' is not a number
1e                      | '1e' is not a number
.                       | '.' is not a number
"""


@pytest.mark.parametrize("row", TEXTS.strip().splitlines())
def test_a_text_is_read_exactly_or_refused_with_the_reason(row: str) -> None:
    text, expected = (cell.strip() for cell in row.split("|"))
    read = number(text)
    assert (read.problem if isinstance(read, BadNumber) else f"{read:f}") == expected
    assert json_number(text) == read or isinstance(read, BadNumber)


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_a_blank_is_no_number(text: str) -> None:
    read = number(text)
    assert isinstance(read, BadNumber)
    assert read.problem == f"{text!r} is not a number: it is blank"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        (-(10**40) + 1, str(-(10**40) + 1)),
        (10**40, "that many is absurdly large"),
        (10**5_000, "that many is absurdly large"),
        (0.1, "0.1"),
        (1e-5, "0.00001"),
        (1e22, "10000000000000000000000"),
        (5e-324, "'5e-324' has more than 64 decimals"),
        (sys.float_info.max, "'1.7976931348623157e+308' is absurdly large"),
        (float("nan"), "'nan' is not a finite number"),
        (Decimal("2.50"), "2.50"),
        (Decimal("1e-9999999999"), "'1E-9999999999' has more than 64 decimals"),
        (Decimal("1e9999999999"), "'1E+9999999999' is absurdly large"),
        (Decimal("sNaN"), "'sNaN' is not a finite number"),
        (True, "'True' is not a number"),
        (None, "'NoneType' is not a number"),
        ([5], "'list' is not a number"),
        (json_number("1e99"), "'1e99' is absurdly large"),
    ],
    ids=lambda part: type(part).__name__,  # Python does not print the largest of them.
)
def test_a_value_of_json_or_of_a_caller(value: object, expected: str) -> None:
    read = number(value)
    assert (read.problem if isinstance(read, BadNumber) else f"{read:f}") == expected


def test_a_refusal_says_what_would_be_right() -> None:
    for text in ("1e99", "1e-99", "1e9999999999", "x", "9" * 200):
        read = number(text)
        assert isinstance(read, BadNumber)
        assert read.fix.startswith(("write ", "round "))
        assert len(read.problem) < 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1e3", 1_000), ("7.0", 7), (1, 1), ("7.5", "whole"), ("0", "bounds"), ("1001", "bounds"), ("1e99", "absurd")],
)
def test_a_whole_number_within_bounds(value: object, expected: int | str) -> None:
    read = whole(value, 1, 1_000)
    if isinstance(read, BadNumber):
        assert str(expected) in read.problem
        assert read.fix == "write a whole number from 1 to 1000"
    else:
        assert read == expected


@pytest.mark.parametrize(
    ("text", "read"), [("0", 0), ("18", 18), ("19", None), ("1e1", None), ("", None), ("٣", None), ("9" * 5_000, None)]
)
def test_digits_alone(text: str, read: int | None) -> None:
    assert digits(text, 18) == read


def test_a_number_in_units() -> None:
    most = Decimal("9" * WHOLE_DIGITS_MAX + "." + "9" * DECIMALS_MAX)
    assert scaled(most, DECIMALS_MAX) == 10 ** (WHOLE_DIGITS_MAX + DECIMALS_MAX) - 1
    assert scaled(most, DECIMALS_MAX - 1) is None
    assert scaled_down(Decimal("1.999"), 2) == 199
    assert scaled_up(Decimal("1.991"), 2) == 200
    assert decimal_of(1_500_000, 6) == Decimal("1.5")
    assert written(Decimal("1E+5")) == "100000"
    assert written(Decimal("1E+9999999999")) == "1E+9999999999"


def check(drawn: Written) -> bool:
    """Whether the parser accepts it. What it accepts is within the bounds, and equal to the independent computation."""
    read = number(drawn.text)
    if isinstance(read, BadNumber):
        assert read.problem
        assert not is_plain(drawn), drawn
        return False
    assert drawn.is_number, drawn
    exponent = read.as_tuple().exponent
    assert isinstance(exponent, int)
    assert -DECIMALS_MAX <= exponent <= WHOLE_DIGITS_MAX
    assert read.adjusted() < WHOLE_DIGITS_MAX
    assert scaled(read, DECIMALS_MAX) == drawn.scaled(DECIMALS_MAX), drawn
    return True


def is_plain(drawn: Written) -> bool:
    """A number that everybody would expect to be read."""
    small = -30 <= drawn.exponent <= 9 and abs(drawn.numerator or 0) < 10**30
    return drawn.is_number and small and len(drawn.text) <= CHARS_MAX and "e" not in drawn.text.lower()


@pytest.mark.parametrize(("seed", "count"), DRAWS)
def test_whatever_the_grammar_writes_is_read_exactly_or_refused(seed: int, count: int) -> None:
    random = Random(seed)
    started = time.process_time()
    accepted = sum(check(written_number(random)) for _ in range(count))
    assert count // 10 < accepted < count
    assert time.process_time() - started < count / 1_000, "a number took more than a millisecond on average"


def test_no_input_of_any_length_takes_long() -> None:
    for text in ("9" * 10**6, "1e" + "9" * 10**6, "0." + "0" * 10**6, "1" + "_1" * 10**5, "nan" + "1" * 10**6):
        started = time.process_time()
        assert isinstance(number(text), BadNumber)
        assert time.process_time() - started < 0.1
