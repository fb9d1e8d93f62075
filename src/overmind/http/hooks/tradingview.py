"""Reads an alert of TradingView: the message that docs/hooks.md gives, or the shorter form of other bridges."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.core.model.signal import Sender
from overmind.http.hooks.alert import BUY, SELL, Alert
from overmind.http.hooks.bodies import Words, refuse_all

LONG, SHORT, FLAT = "long", "short", "flat"
ACTIONS: Final = {"buy": BUY, "sell": SELL, "exit": SELL}
POSITIONS: Final = {"long": LONG, "short": SHORT, "flat": FLAT, "bullish": LONG, "bearish": SHORT}
UNREAD: Final = ("price", "order_id", "exchange", "interval", "comment")  # none of it bears on what is traded
SHORT_LEFT_OUT: Final = "position: the long position is sold; the short one after it is not opened"


def ticker_of(text: str) -> str:
    """Without its exchange: the table has SOLUSDC, for BINANCE:SOLUSDC too."""
    return text.rpartition(":")[2].strip().upper()


def alert_of(words: Words) -> Alert:
    """Raises BadSignal."""
    ticker, action = words.text("ticker"), words.choice(ACTIONS, "action")
    position = words.choice(POSITIONS, "position", "sentiment")
    previous = words.choice(POSITIONS, "previous", "prev_market_position")
    contracts = words.amount("contracts")
    size, before = words.amount("size", "market_position_size"), words.amount("previous_size")
    fired_at = words.text("fired_at")
    words.drop(UNREAD)
    for field, given in (("ticker", ticker), ("action", action), ("fired_at", fired_at)):
        if given is None and not any(one.field == field for one in words.problems):
            words.missing(field)
    if ticker is None or action is None or words.problems:
        refuse_all(words)
    fields = {**words.left, **words.traded("ticker", ticker_of(ticker)), "action": action, "timestamp": fired_at}
    if words.problems:
        refuse_all(words)
    turns = action == SELL and (previous, position) == (LONG, SHORT)
    ends = action == SELL and (turns or position == FLAT or (position is None and size == 0))
    if size is not None:  # It says what is held after its order, so nothing has to be added up.
        contracts, before = _of_size(action, contracts, size, before)
    sender = Sender("", contracts, before, ends, is_short(action, position, previous))
    return Alert(fields, sender, (SHORT_LEFT_OUT,) if turns else ())


def _of_size(
    action: str, contracts: Decimal | None, size: Decimal, before: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Contracts of the order and of the position before it, which after the order has this size."""
    if action == BUY:
        return size, Decimal(0)
    return contracts, before if before is not None or contracts is None else size + contracts


def is_short(action: str, position: str | None, previous: str | None) -> bool:
    """Whether the order opens, covers or changes a short position. One that turns a long position round opens one."""
    if position == SHORT:
        return True
    if action == BUY:
        return position == FLAT or (previous == SHORT and position is None)
    return position is None and previous in (FLAT, SHORT)
