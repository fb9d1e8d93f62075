"""The signals with their answers, and of each refusal what would have had to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import structs

from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Answer, Entry, SignalRefused
from overmind.core.model.ids import Mint
from overmind.core.model.value import Value
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.catalogue.topics import ANY
from overmind.views.decisions import DecisionStatus
from overmind.views.past import BadSearch
from overmind.views.refusals import in_words
from overmind.views.remedies import Then, WayRow, ways
from overmind.views.signals import SignalRow, signal_row

LOOKED_MAX: Final = 400  # signals that one view looks at
STATUSES: Final = (DecisionStatus.PLACED, DecisionStatus.REFUSED, DecisionStatus.RECORDED)


class SignalFilter(Value, frozen=True):
    """Blank: any."""

    strategy: str = ANY
    status: str = ANY
    mint: str = ANY
    code: str = ANY  # of a refusal


class SignalLine(Value, frozen=True):
    row: SignalRow
    rules: tuple[str, ...]  # the closest wallet's broken rules, in words
    wallet: str  # that wallet; blank: they hold for every wallet
    changes: tuple[str, ...]  # what would have had to change for them
    more: int  # other wallets that refused it too


def signal_lines(past: Past, desk: Desk, search: Search, wanted: SignalFilter) -> list[SignalLine]:
    """Newest first, among the newest signals. Raises BadSearch."""
    if wanted.code and wanted.code not in {one.value for one in Code}:
        raise BadSearch(f"no code {wanted.code[:64]!r}", "choose one of the list")
    refused = wanted.code or (ANY if wanted.status == DecisionStatus.REFUSED else None)
    lives = past.signals(structs.replace(search, last=LOOKED_MAX), wanted.strategy, refused)
    return list(islice(_fitting(desk, reversed(lives), wanted), search.last))


def _fitting(desk: Desk, lives: Iterator[list[Entry]], wanted: SignalFilter) -> Iterator[SignalLine]:
    for life in lives:
        row = signal_row(desk, life)
        if wanted.status in (ANY, row.status) and wanted.mint in (ANY, _mint(life)):
            yield _line(row, life)


def _mint(life: Sequence[Entry]) -> Mint:
    event = life[0].event
    assert isinstance(event, Answer), event
    return event.signal.mint


def _line(row: SignalRow, life: Sequence[Entry]) -> SignalLine:
    event = life[0].event
    if not isinstance(event, SignalRefused):
        return SignalLine(row, (), "", (), 0)
    found = ways(event.refusals, Then(event.signal, life[0].at_ns))
    closest = first_way(found)
    rules = tuple(in_words(structs.asdict(one)) for one in closest.changes)
    others = max(0, sum(1 for way in found if way.wallet_id is not None) - 1) + event.unlisted
    return SignalLine(row, rules, closest.wallet_id or "", tuple(changes_of(closest)), others)


def changes_of(way: WayRow) -> Iterator[str]:
    """Of several amounts the smallest says all."""
    amounts = [one for one in way.changes if one.notional_max_usd is not None]
    least = min(amounts, key=lambda one: one.notional_max_usd or 0.0, default=None)
    for one in way.changes:
        if one.notional_max_usd is None or one is least:
            yield one.change


def first_way(found: Sequence[WayRow]) -> WayRow:
    """What holds for every wallet, and what the closest wallet wants besides."""
    common, closest = ([*found, *found[:1]] if len(found) == 1 else found)[:2]
    if common.wallet_id is not None or common is closest:
        return common
    return WayRow(closest.wallet_id, common.possible and closest.possible, (*common.changes, *closest.changes))
