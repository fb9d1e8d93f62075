"""Tries a new source before it is kept: every ticker that it names must give a signal that the desk could decide."""

from __future__ import annotations

from overmind.core.model.commands import CommandRefused
from overmind.desk.sources.source import Source
from overmind.http.hooks.alert import BUY
from overmind.http.hooks.bodies import Words
from overmind.http.hooks.reading import Market
from overmind.signals.decode import BadSignal, read_signal


def refuse_unusable(source: Source, market: Market) -> None:
    """Raises CommandRefused with all that is wrong with its table and its defaults."""
    problems = dict[str, None]()
    for ticker in source.symbols:
        fields = {"notional_usd": "1", **source.defaults, "action": BUY, "signal_id": "sample"}
        try:
            read_signal({**fields, **Words(source, {}).traded("ticker", ticker)}, market.tokens, market.quote)
        except BadSignal as bad:
            problems |= dict.fromkeys(f"{one.field}: {one.problem}. {one.fix}" for one in bad.problems)
    if problems:
        raise CommandRefused("; ".join(problems))
