"""What a bot is, and what it may ask of its desk. The same bot trades on a service, and over history in a backtest.

A file of a bot has a function `bot`, which makes one from the words of its command line:

    python examples/momentum_bot.py SOL --usd 500
    overmind backtest TAPE --bot "examples/momentum_bot.py SOL --usd 500"

The bot says how long its bars are, and is asked at the beginning of each. It keeps what it needs to remember, reads no
clock, and asks nobody but its desk: then history and the present are the same to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Protocol

from strategies import Trade


class Answer(Protocol):
    """What the desk decided on a signal."""

    @property
    def status(self) -> str: ...  # placed, refused, recorded or duplicate

    @property
    def selection_reason(self) -> str: ...


class Desk(Protocol):
    def prices(self) -> Mapping[str, Decimal]:
        """By symbol, in USD, those that the desk believes."""
        ...

    def holdings(self, strategy: str) -> Mapping[str, Decimal] | None:
        """What the strategy owns of each token, over all wallets. Lots of other strategies stay out of it.

        None while one of its orders is open: what it will own is not known yet.
        """
        ...

    def equity(self) -> Decimal:
        """In USD, over all wallets."""
        ...

    def submit(self, signal: Mapping[str, str]) -> Answer | None:
        """docs/signals.md lists the fields. None: an earlier run has decided this id already, with another content."""
        ...

    def explain(self, signal_id: str) -> None:
        """Says why it refused a signal, for whoever watches the bot."""
        ...

    def say(self, text: str) -> None:
        """For whoever watches the bot."""
        ...


class Bot(Protocol):
    @property
    def bar_s(self) -> int:
        """Seconds of a bar. Bars are counted from 1970."""
        ...

    def on_bar(self, desk: Desk, at_s: int) -> None:
        """Called as a bar begins, with its time in seconds since 1970."""
        ...


def submit(desk: Desk, name: str, strategy: str, trade: Trade, at_s: int) -> None:
    """The id follows from the bot's name, the token and the time of the bar: one decision a bar, whatever happens.

    That time makes the signal expire by itself, if the desk takes it too late.
    """
    signal_id = f"{name}-{trade.symbol}-{at_s}"
    body = {"signal_id": signal_id, "strategy_type": strategy, "action": trade.action, "symbol": trade.symbol}
    answer = desk.submit({**body, **trade.amount, "timestamp": str(at_s)})
    if answer is None:
        desk.say(f"{signal_id}: an earlier run has decided this bar already, with another amount")
        return
    how = f"{trade.action} {trade.symbol} {' '.join(trade.amount.values())}"
    desk.say(f"{signal_id}: {how}: {answer.status}, {answer.selection_reason}")
    if answer.status == "refused":
        desk.explain(signal_id)


def positive(text: str) -> Decimal:
    """A number of the command line, above zero."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not (number.is_finite() and number > 0):
        raise ValueError(text)
    return number


def count(text: str) -> int:
    """A whole number of the command line, above zero."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
