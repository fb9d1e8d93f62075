"""The shapes of what other programs send to hooks, as docs/hooks.md writes them. `http.hooks` reads them."""

from __future__ import annotations

from overmind.core.model.value import Value


class TradingViewAlert(Value, frozen=True, omit_defaults=True):
    """The message of an alert. Every value may be a string. A blank one is as if the field were left out."""

    ticker: str  # one of the source's table
    action: str  # buy or sell
    fired_at: str  # when the alert fired, in ISO 8601; without it two equal alerts would be one
    position: str = ""  # what is held after the order: long, short or flat; `sentiment` means the same
    previous: str = ""  # what was held before the order
    contracts: str = ""  # the size of the order
    size: str = ""  # of the position after the order
    previous_size: str = ""  # of the position before the order
    price: str = ""  # nothing reads it
    order_id: str = ""  # it makes this alert another one than the last
    notional_usd: str = ""  # of a buy; the source may have a default


class FreqtradeFill(Value, frozen=True, omit_defaults=True):
    """A filled entry or exit, every value a string. None is as if the field were left out."""

    event: str  # entry or exit
    trade_id: str
    pair: str  # its stake in USDC, USDT or USD, its ticker one of the source's table
    direction: str  # Long; a Short is refused
    amount: str = ""  # of the order, in the token; required of an exit that is not the last
    stake_amount: str = ""  # required of an entry
    rate: str = ""  # of an entry
    sub_trade: str = ""  # of an entry: True if the trade had one before
    final: str = ""  # of an exit: True if nothing is left of the trade
    opened: str = ""  # nothing reads it
    closed: str = ""  # nothing reads it
    tag: str = ""  # nothing reads it
    reason: str = ""  # nothing reads it
