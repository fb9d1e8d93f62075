"""The signals with their answers, and of each refusal what would have had to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import structs

from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import Answer, Entry, SignalRefused
from overmind.core.model.ids import Mint, WalletId
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
    filters_more = wanted.mint or wanted.status in (DecisionStatus.PLACED, DecisionStatus.RECORDED)
    looked = structs.replace(search, last=LOOKED_MAX if filters_more else search.last)
    lives = past.signals(looked, wanted.strategy, refused)
    return list(islice(_fitting(desk, reversed(lives), wanted), search.last))


def _fitting(desk: Desk, lives: Iterator[list[Entry]], wanted: SignalFilter) -> Iterator[SignalLine]:
    for life in lives:
        if wanted.mint in (ANY, _mint(life)):
            row = signal_row(desk, life)
            if wanted.status in (ANY, row.status):
                yield _line(row, life)


def _mint(life: Sequence[Entry]) -> Mint:
    event = life[0].event
    assert isinstance(event, Answer), event
    return event.signal.mint


def _line(row: SignalRow, life: Sequence[Entry]) -> SignalLine:
    event = life[0].event
    if not isinstance(event, SignalRefused):
        return SignalLine(row, (), "", (), 0)
    wallets = list(dict.fromkeys(one.wallet_id for one in event.refusals if one.wallet_id is not None))
    closest = _closest(event, wallets[0] if wallets else None, life[0].at_ns)
    rules = tuple(in_words(structs.asdict(one)) for one in closest.changes)
    others = max(0, len(wallets) - 1) + event.unlisted
    return SignalLine(row, rules, closest.wallet_id or "", tuple(changes_of(closest)), others)


def _closest(refused: SignalRefused, wallet_id: WalletId | None, at_ns: int) -> WayRow:
    """What holds for every wallet, and what the closest wallet wants besides."""
    said = [one for one in refused.refusals if one.wallet_id in (None, wallet_id)]
    found = ways(said, Then(refused.signal, at_ns))
    changes = tuple(change for way in found for change in way.changes)
    return WayRow(wallet_id, all(way.possible for way in found), changes)


def changes_of(way: WayRow) -> Iterator[str]:
    """Of several amounts the smallest says all."""
    amounts = [one for one in way.changes if one.notional_max_usd is not None]
    least = min(amounts, key=lambda one: one.notional_max_usd or 0.0, default=None)
    for one in way.changes:
        if one.notional_max_usd is None or one is least:
            yield one.change
