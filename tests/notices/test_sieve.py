"""What is told at once, what is folded, and what waits for the digest."""

from __future__ import annotations

from overmind.config.notice_kinds import NoticeKind, Severity, Way
from overmind.config.notices import NoticeSettings
from overmind.core.model.units import NS
from overmind.notices.notice import ABOUT_MAX, TEXT_CHARS_MAX, Told
from overmind.notices.sieve import Sieve

T0 = 1_700_000_000 * NS
SETTINGS = NoticeSettings(rate_max=2, period_ns=60 * NS)


def told(kind: NoticeKind, text: str, seq: int = 1, about: str = "") -> Told:
    return Told(kind, text, T0, seq, about)


def texts(sieve: Sieve, *batch: Told) -> list[str]:
    return [notice.text for notice in sieve.sift(batch)]


def test_what_is_alike_in_one_batch_is_one_notice_with_all_names() -> None:
    sieve = Sieve(SETTINGS, "desk", T0)
    (notice,) = sieve.sift(told(NoticeKind.STOP, "emergency: fire", seq, f"w{seq}") for seq in range(1, 51))
    names = ", ".join(f"w{number}" for number in range(1, ABOUT_MAX + 1))
    assert notice.text == f"{names} and {50 - ABOUT_MAX} more: emergency: fire"
    assert (notice.first_seq, notice.seq, notice.severity) == (1, 50, Severity.CRITICAL)
    assert notice.lines().splitlines()[1] == "2023-11-14T22:13:20+00:00 · entry 50"


def test_past_the_rate_a_kind_is_only_counted_and_other_kinds_are_told() -> None:
    sieve = Sieve(SETTINGS, "desk", T0)
    assert texts(sieve, *(told(NoticeKind.PAUSE, f"p{number}", number) for number in range(1, 6))) == ["p1", "p2"]
    assert texts(sieve, told(NoticeKind.HOLD, "h1", 6)) == ["h1"]
    assert sieve.only_counts(NoticeKind.PAUSE)
    assert not sieve.only_counts(NoticeKind.HOLD)
    sieve.count(NoticeKind.PAUSE, 7)
    assert sieve.digest(T0 + 59 * NS) is None
    digest = sieve.digest(T0 + 60 * NS)
    assert digest is not None
    assert digest.text == "4 × paused, the last: p5"
    assert (digest.first_seq, digest.seq) == (3, 7)
    assert texts(sieve, told(NoticeKind.PAUSE, "p6", 8)) == ["p6"]
    assert sieve.digest(T0 + 121 * NS) is None


def test_a_text_that_was_told_in_this_period_is_only_counted() -> None:
    sieve = Sieve(SETTINGS, "desk", T0)
    assert texts(sieve, told(NoticeKind.PAUSE, "same", 1, "w1")) == ["w1: same"]
    assert texts(sieve, told(NoticeKind.PAUSE, "same", 2, "w2")) == []
    digest = sieve.digest(T0 + 60 * NS)
    assert digest is not None
    assert digest.text == "1 × paused, the last: w2: same"


def test_a_kind_may_be_told_in_the_digest_alone() -> None:
    sieve = Sieve(NoticeSettings(ways={NoticeKind.PAUSE: Way.DIGEST}), "desk", T0)
    assert texts(sieve, told(NoticeKind.PAUSE, "p", 1)) == []
    assert sieve.only_counts(NoticeKind.PAUSE)


def test_the_digest_tells_the_most_severe_first_and_is_as_severe() -> None:
    sieve = Sieve(NoticeSettings(rate_max=1), "desk", T0)
    sieve.sift([told(NoticeKind.DEPOSIT, "d", 1), told(NoticeKind.THEFT, "t1", 2), told(NoticeKind.THEFT, "t2", 3)])
    assert sieve.first_critical_seq == 3
    digest = sieve.end_period(T0)
    assert digest is not None
    assert digest.severity is Severity.CRITICAL
    assert [line.partition(",")[0] for line in digest.text.splitlines()] == [
        "1 × books differ from the chain",
        "1 × deposit",
    ]
    assert sieve.first_critical_seq == 0


def test_a_text_is_bounded_and_moves_no_cursor() -> None:
    (notice,) = Sieve(SETTINGS, "desk", T0).sift([told(NoticeKind.PAUSE, "\x1b[2J" + "x" * 5_000)])
    assert len(notice.text) == TEXT_CHARS_MAX
    assert "\x1b" not in notice.text
