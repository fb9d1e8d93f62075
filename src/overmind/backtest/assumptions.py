"""What a backtest assumes of its market, in sentences: whoever reads its result has to know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.core.model.money import Token
from overmind.core.model.numbers import decimal_of, written
from overmind.core.model.units import NS, PPM
from overmind.prices.tape import Tape
from overmind.venues.depth.classes import PARAMETERS, ClassFile, Costs, Parameter, Stated
from overmind.venues.paper import PaperModel

PERCENT: Final = PPM // 100
MINUTE_NS: Final = 60 * NS


def assumptions_of(
    tape: Tape,
    seed: int,
    detail: Tape | None = None,
    model: PaperModel | None = None,
    costs: Costs | None = None,
    tokens: Iterable[Token] = (),
) -> Iterator[str]:
    """`detail`: finer candles, if there were any. `model`: of the paper venue; None: its default.

    `costs`: what trading costs by classes, and then the tokens that may be traded; None: what `model` says.
    """
    begin, end = iso_seconds(tape.start_ns)[:16], iso_seconds(tape.end_ns)[:16]
    yield f"Prices are candles of {tape.step_ns / MINUTE_NS:g} minutes from {begin} to {end} UTC, with {_gaps(tape)}."
    yield "A signal is decided on candles that closed before it, and fills at the first opening price after it."
    yield (
        "Inside a candle the price falls to its low before it rises to its high: a stop counts before a target."
        if detail is None
        else f"What happened inside a candle is told by candles of {detail.step_ns / MINUTE_NS:g} minutes; inside those"
        " the price falls to its low before it rises to its high."
    )
    if costs is None:
        yield from _plain(model or PaperModel(), seed)
    else:
        yield from _by_class(costs, [one for one in tokens if one.mint in tape.series], seed)


def _plain(of: PaperModel, seed: int) -> Iterator[str]:
    yield "A token's pool is as deep as the value that was traded in its candle before, and spread adds to its impact."
    yield f"An order of more than {of.depth_share_max_ppm / PERCENT:g} % of that depth is not filled."
    yield (
        f"Whatever the market does, {of.failure_ppm / PERCENT:g} % of sent orders fail, {of.expiry_ppm / PERCENT:g} %"
        f" never land, and {of.route_down_ppm / PERCENT:g} % find no route; chance with seed {seed} decides which."
    )
    yield (
        f"An order lands after {of.latency_min_ms} to {of.latency_max_ms} ms. Until then its price moves either way,"
        f" by up to {of.drift_ppm / PERCENT:g} % of the candle's range."
    )
    yield f"A swap pays up to {of.priority_fee_max_lamports} lamports of priority fee."
    yield "No part of this market was fitted to fills: its numbers are assumptions."


def _by_class(costs: Costs, tokens: list[Token], seed: int) -> Iterator[str]:
    yield (
        f"Costs are those of {costs.name}: depth follows the volume of a rolling time, a fill moves its pool until that"
        f" recovers, and failures and latency grow with volatility; chance with seed {seed} decides about each order."
    )
    for of in costs.classes.values():
        symbols = [one.symbol for one in tokens if costs.class_of(one.symbol) is of]
        if symbols:
            yield from _told(of, ", ".join(symbols))


def _told(of: ClassFile, symbols: str) -> Iterator[str]:
    assumed = [one for one in PARAMETERS if not of.stated[one.name].fills]
    fitted = [one for one in PARAMETERS if of.stated[one.name].fills]
    if assumed:
        values = ", ".join(value_told(one, of.stated[one.name]) for one in assumed)
        yield f"Assumptions about {symbols} (class {of.name}), with no fills behind them: {values}."
    if fitted:
        values = ", ".join(f"{value_told(one, of.stated[one.name])} ({of.stated[one.name].fills})" for one in fitted)
        yield f"Fitted for {symbols} (class {of.name}), with the number of fills: {values}."


def value_told(parameter: Parameter, stated: Stated) -> str:
    """A parameter with its value, in the unit that its file has it in."""
    values = stated.value if isinstance(stated.value, tuple) else (stated.value,)
    told = " / ".join(written(decimal_of(one, parameter.decimals).normalize()) for one in values)
    return f"{parameter.name.replace('_', ' ')} {told}"


def _gaps(tape: Tape) -> str:
    count = len(tape.gaps)
    return f"{count} gap{'' if count == 1 else 's'}, in which nothing has a price" if count else "no gap"
