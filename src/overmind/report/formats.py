"""How the page writes figures, for eyes alone: JSON and CSV have them in full."""

from __future__ import annotations

from typing import Final

MINUS: Final = "\u2212"
NONE: Final = "\u2013"
CENT: Final = 0.01
DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60


def usd(amount: float | None) -> str:
    """Dollars and cents; what is less than a cent keeps three digits."""
    if amount is None:
        return NONE
    size = abs(amount)
    return f"{MINUS if amount < 0 else ''}${f'{size:.3g}' if 0 < size < CENT else f'{size:,.2f}'}"


def signed_usd(amount: float | None) -> str:
    return f"+{usd(amount)}" if amount is not None and amount > 0 else usd(amount)


def exact_usd(amount: object) -> str:
    """Every digit, so that anybody can add it up."""
    return str(amount).replace("-", MINUS)


def percent(share: float | None) -> str:
    """Of a fraction."""
    if share is None:
        return NONE
    shown = f"{abs(100 * share):,.2f}"
    return f"{MINUS if share < 0 and shown.strip('0.') else ''}{shown} %"


def signed_percent(share: float | None) -> str:
    return f"+{percent(share)}" if share is not None and share > 0 else percent(share)


def ratio(value: float | None) -> str:
    return NONE if value is None else f"{MINUS if value < 0 else ''}{abs(value):,.2f}"


def points(percents: float) -> str:
    """Of a number that is percent already."""
    return percent(percents / 100)


def signed_points(percents: float | None) -> str:
    return NONE if percents is None else signed_percent(percents / 100)


def price(amount: float | None) -> str:
    """To six digits: some tokens cost less than a cent."""
    return NONE if amount is None else f"{amount:,.2f}" if abs(amount) >= 10_000 else f"{amount:.6g}"


def span(seconds: float | None) -> str:
    """How long, in its two largest units."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    days, hours, minutes = whole // DAY_S, whole % DAY_S // HOUR_S, whole % HOUR_S // MINUTE_S
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {whole % MINUTE_S:02} s" if minutes else f"{whole} s"


def instant(text: str) -> str:
    """A time as views write it, which is in UTC."""
    return text.removesuffix("+00:00").replace("T", " ") or NONE


def typed(text: str) -> str:
    """With the signs of a keyboard, so that it can be copied into a calculation."""
    return text.replace(MINUS, "-").replace(NONE, "-")


FILTERS: Final = {
    "usd": usd,
    "signed_usd": signed_usd,
    "exact_usd": exact_usd,
    "percent": percent,
    "signed_percent": signed_percent,
    "ratio": ratio,
    "points": points,
    "signed_points": signed_points,
    "price": price,
    "span": span,
    "instant": instant,
}
