"""What an answer's headers say of its age."""

from __future__ import annotations

import pytest

from overmind.core.model.units import NS
from overmind.solana.answer_age import AGE_MAX_S, AnswerAge, age_of

DATED = "Tue, 15 Nov 1994 08:12:31 GMT"


@pytest.mark.parametrize(
    ("headers", "age"),
    [
        ({}, AnswerAge()),
        ({"Age": "0"}, AnswerAge(0)),
        ({"Age": " 17 "}, AnswerAge(17)),
        ({"Age": "9" * 5_000}, AnswerAge(AGE_MAX_S)),
        ({"Age": "-1"}, AnswerAge()),
        ({"Age": "1.5"}, AnswerAge()),
        ({"Age": "١"}, AnswerAge()),
        ({"Date": DATED}, AnswerAge(0, 784_887_151 * NS)),
        ({"Age": "3", "Date": DATED}, AnswerAge(3, 784_887_151 * NS)),
        ({"Date": "yesterday"}, AnswerAge()),
        ({"Date": ""}, AnswerAge()),
    ],
)
def test_the_age_of_an_answer(headers: dict[str, str], age: AnswerAge) -> None:
    assert age_of(headers) == age
