"""How the page writes amounts and names."""

from __future__ import annotations

import pytest

from overmind.http.pages import formats
from overmind.text.amount import Amount

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        ("usd", Amount("1234567.891"), "$1,234,567.89"),
        ("usd", Amount("-0.5"), "−$0.50"),
        ("usd", Amount("0.000123"), "$0.000123"),
        ("usd", None, "–"),
        ("signed_usd", Amount("3"), "+$3.00"),
        ("signed_usd", Amount("0"), "$0.00"),
        ("signed_usd", Amount("-3"), "−$3.00"),
        ("price", Amount("1803.4321"), "$1,803.43"),
        ("price", Amount("119.931"), "$119.93"),
        ("price", Amount("0.00123456"), "$0.0012346"),
        ("price", Amount("0.0000000123"), "$1.2300e-08"),
        ("quantity", Amount("7.7510712"), "7.75107"),
        ("quantity", Amount("1234567.8"), "1,234,568"),
        ("quantity", Amount("0.0731341"), "0.073134"),
        ("quantity", Amount("-2"), "−2"),
        ("percent", 12.345, "12.3 %"),
        ("percent", -0.01, "0.0 %"),
        ("signed_percent", 0.017, "+0.02 %"),
        ("signed_percent", -0.017, "−0.02 %"),
        ("used", 3, "3"),
        ("used", Amount("250"), "$250.00"),
        ("brief", Amount("250.75"), "$250"),
        ("brief", Amount("99.5"), "$99.50"),
        ("brief", 12, "12"),
        ("span", 59 * 10**9, "59 s"),
        ("span", 61 * 10**9, "1 min 01 s"),
        ("span", 3_660 * 10**9, "1 h 01 min"),
        ("span", 2 * DAY_NS + 3_600 * 10**9, "2 d 1 h"),
        ("span", -5, "0 s"),
        ("words", "day_loss", "day loss"),
        ("words", "AIDecision", "AI Decision"),
        ("words", "MeteoraDAMM", "Meteora DAMM"),
        ("words", "SoulMeteorSniping", "Soul Meteor Sniping"),
        ("label", "day_loss", "Day loss"),
        ("short", "SOL", "SOL"),
        ("short", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "EPjFW…Dt1v"),
        ("instant", 0, '<time datetime="1970-01-01T00:00:00Z">1970-01-01 <b>00:00:00</b></time>'),
        ("clock", 0, '<time datetime="1970-01-01T00:00:00Z" title="1970-01-01T00:00:00 UTC">00:00:00</time>'),
    ],
)
def test_what_is_written(write: str, value: object, text: str) -> None:
    assert formats.FILTERS[write](value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "usd", "–"),
        (True, "flag", "yes"),
        (False, "flag", "no"),
        (Amount("500"), "usd", "$500.00"),
        (2.5, "percent", "2.5 %"),
        (1_000, "count", "1,000"),
        (0.5, "ratio", "0.5"),
    ],
)
def test_the_value_of_a_limit(value: Amount | float | int | bool | None, unit: str, text: str) -> None:
    assert formats.setting(value, unit) == text


def test_a_command_in_a_text_is_shown_as_code() -> None:
    told = formats.commands("`overmind stop --reason …`, or <b>`run`")
    assert told == "<code>overmind stop --reason …</code>, or &lt;b&gt;<code>run</code>"
