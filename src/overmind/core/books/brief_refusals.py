"""Journals refusals in brief and reads them back, to the last word: each rule once, numbers in a column.

A stopped desk refuses signal after signal for the same reasons. Such an answer names the entry that has them, and of
its own only the numbers that differ. The newest of those entries stay in the state, so that a decision can compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from overmind.core.books.state import State
from overmind.core.model.brief_refusals import IN_NUMBERS, BriefRefusals, RefusedRule
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.events import Entry, SignalRefused
from overmind.core.model.ids import WalletId

BRIEF_RULES: Final = 4  # of `Desk.booking_rules`
PATTERNS_KEPT: Final = 16


def in_brief(state: State, refused: SignalRefused) -> SignalRefused:
    """What the journal keeps of this answer."""
    if state.settings.booking_rules < BRIEF_RULES:
        return refused
    brief = _brief(refused.refusals)
    for seq, known in state.refusal_patterns:
        if _same_pattern(known, brief):
            numbers = () if known.numbers == brief.numbers else brief.numbers
            brief = BriefRefusals(brief.codes, seq, numbers)
            break
    return replace(refused, refusals=(), brief=brief)


def _same_pattern(one: BriefRefusals, other: BriefRefusals) -> bool:
    return (one.places, one.by, one.rules, one.wallets) == (other.places, other.by, other.rules, other.wallets)


def _brief(refusals: Sequence[Refusal]) -> BriefRefusals:
    rules: dict[RefusedRule, int] = {}
    wallets: dict[WalletId, int] = {}
    limits, actuals = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
    places, by = [], []
    for one in refusals:
        rule = RefusedRule(one.code, _in_words(one.limit), _in_words(one.actual))
        place = rules.setdefault(rule, len(rules))
        places.append(place)
        by.append(0 if one.wallet_id is None else wallets.setdefault(one.wallet_id, len(wallets) + 1))
        for column, amount in ((limits[place], one.limit), (actuals[place], one.actual)):
            if isinstance(amount, int):
                column.append(amount)
    numbers = tuple(_once(column[place]) for place in range(len(rules)) for column in (limits, actuals))
    codes = tuple(dict.fromkeys(rule.code for rule in rules))
    return BriefRefusals(codes, 0, numbers, tuple(rules), tuple(places), tuple(wallets), tuple(by))


def _once(column: list[int]) -> tuple[int, ...]:
    return (column[0],) if column and column.count(column[0]) == len(column) else tuple(column)


def _in_words(amount: int | str | None) -> int | str | None:
    return IN_NUMBERS if isinstance(amount, int) else amount


def remember_pattern(state: State, seq: int, brief: BriefRefusals | None) -> None:
    """Keeps the newest entries that have all columns: later ones may be like them."""
    if brief is None or brief.like:
        return
    state.refusal_patterns.append((seq, brief))
    if len(state.refusal_patterns) > PATTERNS_KEPT:
        del state.refusal_patterns[0]


def codes_of(refused: SignalRefused) -> tuple[Code, ...]:
    """Each code of its refusals once. The first is the signal's."""
    if refused.brief is not None:
        return refused.brief.codes
    return tuple(dict.fromkeys(one.code for one in refused.refusals))


def whole(refused: SignalRefused, pattern: BriefRefusals | None) -> SignalRefused:
    """The answer with every refusal. `pattern`: what the entry has that it is like; None if it is like none."""
    brief = refused.brief
    if brief is None:
        return refused
    if brief.like:
        assert pattern is not None, refused
        brief = replace(pattern, numbers=brief.numbers or pattern.numbers)
    return replace(refused, refusals=tuple(_refusals(brief)), brief=None)


def whole_by(entry_of: Callable[[int], Entry], refused: SignalRefused) -> SignalRefused:
    """The same with a journal at hand: `entry_of` reads the entry of a number."""
    brief = refused.brief
    if brief is None or not brief.like:
        return whole(refused, None)
    named = entry_of(brief.like).event
    assert isinstance(named, SignalRefused), (refused, named)
    return whole(refused, named.brief)


def _refusals(brief: BriefRefusals) -> Iterator[Refusal]:
    counts = [brief.places.count(place // 2) for place in range(len(brief.numbers))]
    columns = [iter(one * count if len(one) == 1 else one) for one, count in zip(brief.numbers, counts, strict=True)]
    for place, wallet in zip(brief.places, brief.by, strict=True):
        rule = brief.rules[place]
        limit = next(columns[2 * place]) if rule.limit == IN_NUMBERS else rule.limit
        actual = next(columns[2 * place + 1]) if rule.actual == IN_NUMBERS else rule.actual
        yield Refusal(rule.code, limit, actual, brief.wallets[wallet - 1] if wallet else None)
