"""How the views that tell what was write rules, basis points and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from overmind.clock.instants import instant_ns, iso_seconds
from overmind.http.pages.formats import MINUS, NONE, instant, short
from overmind.views.refusals import in_words

NAMES_SHOWN: Final = 3
ADDRESS: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,}")


def short_id(name: str) -> str:
    """An id of the desk's own, with the mint in it shortened."""
    return ADDRESS.sub(lambda found: short(found[0]), name)


def since(at: str | None) -> Markup | str:
    """An ISO 8601 instant as date and time, UTC. A file that somebody edited by hand may have anything else."""
    if not at:
        return NONE
    try:
        return instant(instant_ns(at))
    except ValueError:
        return at


def moment(at_ns: int) -> str:
    """Date and time as plain text."""
    return f"{iso_seconds(at_ns).removesuffix('+00:00').replace('T', ' ')} UTC"


def rule(row: Mapping[str, object]) -> str:
    """A broken rule in words."""
    return in_words(row)


def bps(value: float | None) -> str:
    """Basis points with a sign."""
    if value is None:
        return NONE
    sign = MINUS if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):.1f} bps"


def alike(ways: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Wallets that would have needed the same changes, as one row where the first of them stands."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for way in ways:
        key = tuple((change["code"], change["change"]) for change in way["changes"])
        row = rows.setdefault(key, {"wallets": [], "changes": way["changes"]})
        row["wallets"].append(way["wallet_id"] or "every wallet")
    return list(rows.values())


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def by_cost(candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that may take it first, the cheapest first."""
    return sorted(candidates, key=_place)


def _place(candidate: Mapping[str, Any]) -> tuple[bool, bool, float]:
    cost = candidate["expected_cost_bps"]
    return bool(candidate["refusals"]), cost is None, cost or 0.0


def sol(amount: float) -> str:
    return f"{amount:,.4f}"


FILTERS: Final = {
    "alike": alike,
    "some": some,
    "short_id": short_id,
    "since": since,
    "moment": moment,
    "rule": rule,
    "bps": bps,
    "by_cost": by_cost,
    "sol": sol,
}
