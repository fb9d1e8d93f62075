"""Marks as they are journaled: in columns, if they say something new or if their heartbeat is due.

A mark says a price, that two marks in a row have shown it, and what a second source says. If the journal says all of
that already, only the time of the mark is news. It is then left out until the heartbeat, which is far shorter than a
mark may be old. So a mark becomes stale at the same moment as if every mark had been journaled.

See specification §2.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from overmind.core.books.price_band import MINUTE_NS
from overmind.core.books.state import State
from overmind.core.books.trust import Judged
from overmind.core.model.events import PricesMarked, PricesMoved, WitnessColumns
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark, Witness
from overmind.core.model.units import DAY_NS

HEARTBEATS_MIN: Final = 3  # within the time that a mark may be old

Column = tuple[int, ...]


def journaled(state: State, judged: Judged, at_ns: int) -> Iterator[PricesMarked | PricesMoved]:
    """The fact that these new marks make; none if the journal needs none of them now."""
    if not state.settings.mark_heartbeat_ns:
        yield PricesMarked(*judged)
        return
    if at_ns // DAY_NS == state.day:  # The first marks of a day are the base of its losses.
        judged = _worth_telling(state, judged, at_ns)
    if judged.believed or judged.doubted:
        yield _in_columns(state, judged, at_ns)


def _worth_telling(state: State, judged: Judged, at_ns: int) -> Judged:
    desk, marks = state.settings, state.marks
    due_ns = at_ns - min(desk.mark_heartbeat_ns, desk.mark_age_max_ns // HEARTBEATS_MIN)
    return Judged(
        tuple(
            [
                mark
                for mark in judged.believed
                if (known := marks.get(mark.mint)) is None
                or known.price_pico != mark.price_pico
                or _changes_more_than_a_price(state, known, mark, due_ns)
            ]
        ),
        tuple([mark for mark in judged.doubted if _changes_what_is_doubted(state, mark, due_ns)]),
    )


def _changes_more_than_a_price(state: State, known: Mark, mark: Mark, due_ns: int) -> bool:
    return (
        known.at_ns <= due_ns
        or state.before_pico[mark.mint] != mark.price_pico  # So far only one mark has shown it.
        or mark.mint in state.doubted
        or _say_otherwise(known.witness, mark.witness)
        or _moves_reference(state, mark)
    )


def _changes_what_is_doubted(state: State, mark: Mark, due_ns: int) -> bool:
    """A doubt that somebody waits for counts each mark: its time widens the band of credible prices."""
    known = state.doubted.get(mark.mint)
    return (
        known is None
        or mark.mint in state.users
        or mark.mint == SOL
        or known.price_pico != mark.price_pico
        or known.at_ns <= due_ns
        or _say_otherwise(known.witness, mark.witness)
    )


def _say_otherwise(known: Witness | None, new: Witness | None) -> bool:
    if known is None or new is None:
        return known is not new
    return known.price_pico != new.price_pico or known.source != new.source or known.of_sale != new.of_sale


def _moves_reference(state: State, mark: Mark) -> bool:
    """Whether the price that later marks are measured against would follow it. With a second source it does anyway."""
    desk, reference = state.settings, state.references.get(mark.mint)
    if reference is None or not desk.price_jump_max_ppm or desk.witness_bound_bps:
        return False
    return reference.price_pico != mark.price_pico and mark.at_ns - reference.at_ns >= MINUTE_NS


# The columns


def _in_columns(state: State, judged: Judged, at_ns: int) -> PricesMoved:
    marks, numbers, shown = judged.believed + judged.doubted, state.mark_numbers, _shown(state)
    named = tuple([mark.mint for mark in marks if mark.mint not in numbers])
    if named:
        numbers = {**numbers, **{mint: len(numbers) + place for place, mint in enumerate(named)}}
    return PricesMoved(
        tokens=tuple([numbers[mark.mint] for mark in marks]),
        by_pico=tuple(
            [
                mark.price_pico - (known.price_pico if (known := shown.get(mark.mint)) is not None else 0)
                for mark in marks
            ]
        ),
        ages_ns=_less(at_ns, [mark.at_ns for mark in marks]),
        doubted=len(judged.doubted),
        witnesses=_witness_columns(marks),
        named=named,
    )


def _shown(state: State) -> Mapping[Mint, Mark]:
    """The newest marks, believed or not."""
    return {**state.marks, **state.doubted} if state.doubted else state.marks


def _witness_columns(marks: Sequence[Mark]) -> tuple[WitnessColumns, ...]:
    places: dict[tuple[str, bool], list[int]] = {}
    for place, mark in enumerate(marks):
        if (said := mark.witness) is not None:
            places.setdefault((said.source, said.of_sale), []).append(place)
    return tuple(_said_by(source, of_sale, marks, its) for (source, of_sale), its in places.items())


def _said_by(source: str, of_sale: bool, marks: Sequence[Mark], places: list[int]) -> WitnessColumns:
    said = [(marks[place], witness) for place in places if (witness := marks[place].witness) is not None]
    return WitnessColumns(
        source,
        () if len(places) == len(marks) else tuple(places),
        tuple(witness.price_pico - mark.price_pico for mark, witness in said),
        _less(0, [mark.at_ns - witness.at_ns for mark, witness in said]),
        of_sale,
    )


def _less(at_ns: int, times: Sequence[int]) -> Column:
    """How long before that time each is. Marks of one source have one time."""
    first = times[0]
    if times.count(first) == len(times):
        return (at_ns - first,) if first != at_ns else ()
    return tuple([at_ns - time_ns for time_ns in times])


def _for_each(column: Sequence[int], count: int) -> Sequence[int]:
    return column if len(column) == count else [*column] * count


def marks_of(state: State, moved: PricesMoved, at_ns: int) -> Judged:
    """The marks that the columns tell, in a state that knows the tokens they name and not yet their marks."""
    mints, shown, count = [*state.mark_numbers], _shown(state), len(moved.tokens)
    times = [at_ns - age_ns for age_ns in moved.ages_ns or (0,)]
    marks = [
        Mark(mint := mints[token], by_pico + (one.price_pico if (one := shown.get(mint)) is not None else 0), seen_ns)
        for token, by_pico, seen_ns in zip(moved.tokens, moved.by_pico, _for_each(times, count), strict=True)
    ]
    for columns in moved.witnesses:
        _add_witnesses(marks, columns)
    first_doubted = count - moved.doubted
    return Judged(tuple(marks[:first_doubted]), tuple(marks[first_doubted:]))


def _add_witnesses(marks: list[Mark], columns: WitnessColumns) -> None:
    source, of_sale, count = columns.source, columns.of_sale, len(columns.off_pico)
    places, ahead_ns = columns.places or range(count), _for_each(columns.ahead_ns or (0,), count)
    for place, off_pico, later_ns in zip(places, columns.off_pico, ahead_ns, strict=True):
        mark = marks[place]
        witness = Witness(source, mark.price_pico + off_pico, mark.at_ns + later_ns, of_sale)
        marks[place] = Mark(mark.mint, mark.price_pico, mark.at_ns, witness)
