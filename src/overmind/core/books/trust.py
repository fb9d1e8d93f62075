"""Whether a mark is believed, and what the prices of a token that is not believed may still be used for.

Only believed marks value, gate, and trip breakers. A mark is believed

- with a second source: if that source agrees with it within a bound;
- without one: if it did not jump further than the band of `price_band` allows.

A doubted mark may still make an exit due, because a true crash must be sold. It then counts as the nearest price
within the band, and the sale must bring at least the band's lower end, unless a simulated sale confirms the price. See
specification §2.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from overmind.core.books.price_band import Band, Reference
from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark
from overmind.core.model.units import BPS, PICO


class Judged(NamedTuple):
    believed: tuple[Mark, ...]
    doubted: tuple[Mark, ...]


def judge(state: State, marks: tuple[Mark, ...]) -> Judged:
    if not state.settings.doubts_prices:
        return Judged(marks, ())
    believed = {mark.mint for mark in marks if is_believed(state, mark)}
    return Judged(
        tuple(mark for mark in marks if mark.mint in believed),
        tuple(mark for mark in marks if mark.mint not in believed),
    )


def is_believed(state: State, mark: Mark) -> bool:
    desk = state.settings
    if mark.mint == desk.quote.mint:
        return True  # It values nothing: it can only show a depeg, and a false one holds entries.
    if desk.witness_bound_bps:
        return _agrees(desk, mark)
    return not desk.price_jump_max_ppm or credible_band(state, mark).holds(mark.price_pico)


def _agrees(desk: Desk, mark: Mark) -> bool:
    """Whether the second source confirms it for every purpose."""
    return mark.witness is not None and not mark.witness.of_sale and _is_repeated(desk, mark)


def _is_repeated(desk: Desk, mark: Mark) -> bool:
    """Whether the witness says the same, within the bound of its kind."""
    witness, bound_bps = mark.witness, _bound_bps(desk, mark)
    if witness is None or not bound_bps or not _is_current(desk, mark) or witness.price_pico <= 0:
        return False
    low, high = sorted((mark.price_pico, witness.price_pico))
    return (high - low) * BPS <= low * bound_bps


def _bound_bps(desk: Desk, mark: Mark) -> int:
    of_sale = mark.witness is not None and mark.witness.of_sale
    return desk.proceeds_bound_bps if of_sale else desk.witness_bound_bps


def _is_current(desk: Desk, mark: Mark) -> bool:
    """Whether the second source spoke at about the same time."""
    return mark.witness is not None and abs(mark.at_ns - mark.witness.at_ns) <= desk.mark_age_max_ns


def _is_denied(desk: Desk, mark: Mark) -> bool:
    """Whether the second source says something else now. Silence denies nothing."""
    return bool(_bound_bps(desk, mark)) and _is_current(desk, mark) and not _is_repeated(desk, mark)


def follow(state: State, believed: Iterable[Mark], doubted: Iterable[Mark]) -> None:
    """Keeps what later marks are measured against. Comes before the marks themselves change."""
    desk, references = state.settings, state.references
    for mark in believed:
        state.doubted.pop(mark.mint, None)
        if desk.witness_bound_bps:
            references[mark.mint] = Reference(mark.price_pico, mark.at_ns)
        else:
            known = _reference(state, mark.mint, mark)
            references[mark.mint] = known.inside(
                mark.price_pico, mark.at_ns, desk.price_jump_max_ppm, desk.booking_rules
            )
    for mark in doubted:
        references[mark.mint] = _after_doubt(desk, mark, _reference(state, mark.mint, mark))
        state.doubted[mark.mint] = mark


def _after_doubt(desk: Desk, mark: Mark, known: Reference) -> Reference:
    if _is_denied(desk, mark):  # One of the two lies, and time does not tell which.
        return known.undoubted()
    if known.band(mark.at_ns, desk.price_jump_max_ppm).holds(mark.price_pico):
        return known.inside(mark.price_pico, mark.at_ns, desk.price_jump_max_ppm, desk.booking_rules)
    return known.outside(mark.at_ns, desk.booking_rules)


def _reference(state: State, mint: Mint, newest: Mark) -> Reference:
    """A token that was marked before there were references is measured against its last mark, a new one against its
    first.
    """
    known = state.references.get(mint)
    if known is not None:
        return known
    first = state.marks.get(mint, newest)
    return Reference(first.price_pico, first.at_ns)


def credible_band(state: State, mark: Mark) -> Band:
    """Where a price of this token is credible, at the time of this mark."""
    return _reference(state, mark.mint, mark).band(mark.at_ns, state.settings.price_jump_max_ppm)


# Prices to use


class ExitPrice(NamedTuple):
    """What an exit reckons with."""

    price_pico: int  # decides whether it is due
    basis_pico: int  # its slippage counts from here
    floor_pico: int  # it must bring at least this; 0: only its slippage bounds it


def fresh_price_pico(state: State, mint: Mint, at_ns: int) -> int | None:
    """The price of a token whose newest mark is believed and not stale."""
    mark = state.marks.get(mint)
    if mark is None or at_ns - mark.at_ns > state.settings.mark_age_max_ns or mint in state.doubted:
        return None
    return mark.price_pico


def exit_price(state: State, mint: Mint, at_ns: int) -> ExitPrice | None:
    """None: the newest mark is stale, or there is none."""
    doubted = state.doubted.get(mint)
    if doubted is None:
        price = fresh_price_pico(state, mint, at_ns)
        return None if price is None else ExitPrice(price, price, 0)
    if at_ns - doubted.at_ns > state.settings.mark_age_max_ns:
        return None
    if _is_repeated(state.settings, doubted):
        return ExitPrice(doubted.price_pico, doubted.price_pico, 0)
    band = credible_band(state, doubted)
    credible = band.nearest(doubted.price_pico)
    # A price that jumped up asks for no more than the last believed one: a lie must not prevent a sale.
    return ExitPrice(credible, min(credible, state.price_pico(mint) or credible), band.low_pico)


def sells_in_parts(state: State, mint: Mint) -> bool:
    """Whether exits of this token sell slowly: nobody confirms its newest price."""
    doubted = state.doubted.get(mint)
    return doubted is not None and not _is_repeated(state.settings, doubted)


def doubts_to_tell(state: State) -> dict[Mint, Mark]:
    """The doubted prices that somebody should look at.

    A token that nobody holds and that the second source does not know is doubted for ever; that is no news.
    """
    return {
        mint: mark
        for mint, mark in state.doubted.items()
        if mint == SOL
        or mint in state.users
        or _is_denied(state.settings, mark)
        or not credible_band(state, mark).holds(mark.price_pico)
    }


def doubt_text(state: State, mark: Mark) -> str:
    """Why a mark is not believed, for an operator."""
    desk, witness = state.settings, mark.witness
    shown = f"{usd_text(mark.price_pico)} is shown"
    if witness is not None and witness.of_sale:
        verb = "confirms it for sales" if _is_repeated(desk, mark) else f"would bring {usd_text(witness.price_pico)}"
        return f"{shown}, a sale by {witness.source} {verb}"
    if not desk.witness_bound_bps:
        band = credible_band(state, mark)
        return f"{shown}, believed is {usd_text(band.low_pico)} to {usd_text(band.high_pico)}"
    if witness is None:
        return f"{shown}, and the second source has no price"
    if not _is_current(desk, mark):
        return f"{shown}, and the price of {witness.source} is too old"
    return f"{shown}, {witness.source} says {usd_text(witness.price_pico)}"


def usd_text(pico: int) -> str:
    whole, part = divmod(pico, PICO)
    return f"${whole:,}.{part:012}".rstrip("0").rstrip(".")
