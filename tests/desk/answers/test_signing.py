"""Signatures are those of Standard Webhooks, and two keys sign while one is rotated."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import DAY_NS
from overmind.desk.answers.changes import rotate_answers_key, send_answers, stop_answers
from overmind.desk.answers.signing import PREFIX, headers_of, new_key
from overmind.desk.sources.changes import SourceChange
from overmind.desk.sources.source import AnswersKey, Source, SourceKind, SourceSecret

# The example of the specification of Standard Webhooks.
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
URL = "https://bot.example.org/a"
SOURCE = Source("tv", SourceKind.TRADINGVIEW, {"SOLUSD": "SOL"}, {}, (SourceSecret("0" * 64),), "", "")


def test_the_signature_is_the_one_of_the_specification() -> None:
    headers = headers_of(ID, AT_S, BODY, [KEY])
    assert headers == {
        "content-type": "application/json",
        "webhook-id": ID,
        "webhook-timestamp": str(AT_S),
        "webhook-signature": SIGNED,
    }


def test_every_part_is_signed() -> None:
    those = [
        headers_of(ID, AT_S, BODY, [KEY]),
        headers_of(ID + "1", AT_S, BODY, [KEY]),
        headers_of(ID, AT_S + 1, BODY, [KEY]),
        headers_of(ID, AT_S, BODY + b" ", [KEY]),
        headers_of(ID, AT_S, BODY, [new_key()]),
    ]
    assert len({one["webhook-signature"] for one in those}) == len(those)


def test_nothing_is_sent_without_a_key() -> None:
    with pytest.raises(AssertionError, match="signature"):
        headers_of(ID, AT_S, BODY, [])


def test_a_rotated_key_signs_for_a_day_more() -> None:
    first = send_answers("tv", URL, KEY, 0, 0).of({"tv": SOURCE})
    second = rotate_answers_key("tv", new_key(), 5).of(first)["tv"]
    assert [one.is_valid(5 + DAY_NS - 1) for one in second.answers_keys] == [True, True]
    assert [one.is_valid(5 + DAY_NS) for one in second.answers_keys] == [True, False]
    signatures = headers_of(ID, AT_S, BODY, [one.key for one in second.answers_keys])["webhook-signature"]
    assert signatures.split(" ")[1] == SIGNED
    assert len(rotate_answers_key("tv", new_key(), 6).of({"tv": second})["tv"].answers_keys) == 2


SENDING = replace(SOURCE, answers_url=URL, answers_keys=(AnswersKey(KEY),), answers_after=7)
MOVED = "https://bot.example.org/b"


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (SOURCE, send_answers("tv", URL, KEY, 7, 9), SENDING),
        (SOURCE, send_answers("tv", URL, KEY, None, 7), SENDING),
        # A target that moves misses nothing, and keeps its key.
        (SENDING, send_answers("tv", MOVED, "other", None, 9), replace(SENDING, answers_url=MOVED)),
        (SENDING, send_answers("tv", URL, "other", 0, 9), replace(SENDING, answers_after=0)),
        (SENDING, stop_answers("tv"), SOURCE),
    ],
)
def test_changes_of_answers(before: Source, change: SourceChange, after: Source) -> None:
    assert change.of({"tv": before}) == {"tv": after}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (send_answers("ft", URL, KEY, None, 0), "no source 'ft'"),
        (stop_answers("ft"), "no source 'ft'"),
        (stop_answers("tv"), "has no answers"),
        (rotate_answers_key("tv", KEY, 0), "has no answers"),
    ],
)
def test_changes_that_are_refused(change: SourceChange, told: str) -> None:
    with pytest.raises(CommandRefused, match=told):
        change.of({"tv": SOURCE})


def test_the_journal_hears_of_no_path_of_a_target() -> None:
    assert send_answers("tv", URL, KEY, None, 0).about == "tv, https://bot.example.org"


def test_a_key_shows_itself_to_nobody() -> None:
    assert new_key().startswith(PREFIX)
    assert KEY not in repr(replace(SOURCE, answers_keys=(AnswersKey(KEY),)).answers_keys)
