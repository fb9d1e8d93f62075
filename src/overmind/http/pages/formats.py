"""How the page writes amounts, shares and instants. What it writes is for eyes; nothing reads it back."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

from overmind.clock.instants import iso_seconds
from overmind.core.model.units import NS
from overmind.text.amount import Amount

MINUS: Final = "\u2212"  # As wide as a plus, so that columns of signs line up.
NONE: Final = "\u2013"
SMALL_USD: Final = 0.01
WHOLE_USD: Final = 100
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
WORD_BEGINS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
PRICE_CHARS: Final = 10
MINT_CHARS: Final = 12  # A longer mint is shortened in the middle.


def usd(amount: float | None) -> str:
    """Dollars and cents; what is less than a cent keeps its first digits."""
    if amount is None:
        return NONE
    size = abs(amount)
    shown = f"{size:.3g}" if 0 < size < SMALL_USD else f"{size:,.2f}"
    return f"{MINUS if amount < 0 else ''}${shown}"


def signed_usd(amount: float | None) -> str:
    """With a plus before a gain."""
    return f"+{usd(amount)}" if amount is not None and amount > 0 else usd(amount)


def price(amount: float | None) -> str:
    """A price keeps five digits at least: some tokens cost less than a cent."""
    if amount is None:
        return NONE
    if abs(amount) >= 1_000:
        return f"${amount:,.2f}"
    return f"${amount:.5g}" if amount == 0 or abs(amount) >= 1e-4 else f"${amount:.4e}"


def quantity(amount: float | None) -> str:
    """A quantity of tokens, to six digits."""
    if amount is None:
        return NONE
    size = abs(amount)
    shown = f"{size:,.0f}" if size >= 100_000 else f"{size:,.6g}" if size >= 1 or size == 0 else f"{size:.6f}"
    return f"{MINUS if amount < 0 else ''}{shown}"


def percent(value: float | None, digits: int = 1) -> str:
    if value is None:
        return NONE
    shown = f"{abs(value):.{digits}f}"
    return f"{MINUS if value < 0 and shown.strip('0.') else ''}{shown} %"


def signed_percent(value: float | None) -> str:
    """With two digits, since a day's gain is often small."""
    return f"+{percent(value, 2)}" if value is not None and value > 0 else percent(value, 2)


def used(amount: Amount | float | int) -> str:
    """The used or the allowed amount of a limit: USD, unless it is a count."""
    return f"{amount:,}" if isinstance(amount, int) else usd(amount)


def setting(value: Amount | float | int | bool | None, unit: str) -> str:
    """The value of a limit in its unit."""
    match value, unit:
        case None, _:
            return NONE
        case bool(), _:
            return "yes" if value else "no"
        case _, "usd":
            return usd(value)
        case _, "percent":
            return f"{value:g} %"
        case _:
            return f"{value:,}"


def decimal(text: str | None) -> str:
    """A price as views write it: exact, in the quote currency."""
    return NONE if text is None else text if len(text) <= PRICE_CHARS else f"{text[:PRICE_CHARS].rstrip('.')}"


def iso_instant(text: str | None) -> Markup | str:
    """Of a time as views write it."""
    return NONE if text is None else _time(text.removesuffix("+00:00"))


def brief(amount: Amount | float | int) -> str:
    """As `used`, without cents where they do not matter."""
    return used(amount) if isinstance(amount, int) or abs(amount) < WHOLE_USD else usd(amount)[:-3]


def instant(at_ns: int | None) -> Markup | str:
    """Date and time, UTC."""
    if at_ns is None:
        return NONE
    return _time(iso_seconds(at_ns).removesuffix("+00:00"))


def _time(text: str) -> Markup:
    day, _, time = text.partition("T")
    return Markup('<time datetime="{}Z">{} <b>{}</b></time>').format(text, day, time)


def clock(at_ns: int | None) -> Markup | str:
    """The time of the day, UTC; the date is in the title."""
    if at_ns is None:
        return NONE
    text = iso_seconds(at_ns).removesuffix("+00:00")
    return Markup('<time datetime="{0}Z" title="{0} UTC">{1}</time>').format(text, text.partition("T")[2])


def span(ns: int | None) -> str:
    """How long, in its two largest units."""
    if ns is None:
        return NONE
    seconds = max(0, ns // NS)
    days, hours, minutes = seconds // DAY_S, seconds % DAY_S // HOUR_S, seconds % HOUR_S // MINUTE_S
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds % MINUTE_S:02} s" if minutes else f"{seconds} s"


def words(name: str) -> str:
    """A name of the code as words: `day_loss` is day loss, `AIDecision` is AI Decision."""
    return WORD_BEGINS.sub(" ", name).replace("_", " ")


def label(name: str) -> str:
    """The same, as a label begins."""
    spaced = words(name)
    return spaced[:1].upper() + spaced[1:]


def short(name: str) -> str:
    """A mint or a signature, shortened in the middle."""
    return name if len(name) <= MINT_CHARS else f"{name[:5]}…{name[-4:]}"


def commands(text: str) -> Markup:
    """A text whose commands stand between backticks, with these as code."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if number % 2 else one for number, one in enumerate(pieces)
    )


FILTERS: Final = {
    "commands": commands,
    "usd": usd,
    "signed_usd": signed_usd,
    "price": price,
    "quantity": quantity,
    "percent": percent,
    "signed_percent": signed_percent,
    "used": used,
    "brief": brief,
    "setting": setting,
    "decimal": decimal,
    "iso_instant": iso_instant,
    "instant": instant,
    "clock": clock,
    "span": span,
    "words": words,
    "label": label,
    "short": short,
}
