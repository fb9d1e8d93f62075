"""Reads what freqtrade's webhooks send: all its values are texts, of entries and of exits that were filled."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.core.model.numbers import written
from overmind.core.model.signal import Sender
from overmind.http.hooks.alert import BUY, SELL, Alert
from overmind.http.hooks.bodies import Words, refuse_all

EVENTS: Final = {"entry": BUY, "exit": SELL, "entry_fill": BUY, "exit_fill": SELL}
DIRECTIONS: Final = {"long": "long", "short": "short"}
FLAGS: Final = {"true": "true", "false": "false"}
QUOTES: Final = ("USDC", "USDT", "USD")  # a stake in another currency is no amount in USD
UNREAD: Final = ("opened", "closed", "tag", "reason", "exchange")
# The stake that freqtrade tells with a further entry is that of the whole trade. Fees make less difference than this.
WHOLE_STAKE: Final = Decimal("0.98")


def ticker_of(text: str) -> str:
    """SOL/USDC, also as SOL/USDC:USDC, is SOLUSDC."""
    return text.partition(":")[0].replace("/", "").strip().upper()


def alert_of(words: Words) -> Alert:
    """Raises BadSignal."""
    action, trade, pair = words.choice(EVENTS, "event"), words.text("trade_id"), words.text("pair")
    direction, final = words.choice(DIRECTIONS, "direction"), words.choice(FLAGS, "final")
    further = words.choice(FLAGS, "sub_trade") == "true"
    stake, rate, amount = words.amount("stake_amount"), words.amount("rate"), words.amount("amount")
    words.drop(UNREAD)
    required: dict[str, object] = {"event": action, "trade_id": trade, "pair": pair, "direction": direction}
    required |= {"stake_amount": stake} if action == BUY else {"amount": amount} if final != "true" else {}
    for field, given in required.items():
        if given is None and not any(one.field == field for one in words.problems):
            words.missing(field)
    if action is None or trade is None or pair is None or words.problems:
        refuse_all(words)
    fields = {**words.left, **words.traded("pair", ticker_of(pair)), "action": action}
    if (quote := quote_of(pair)) not in QUOTES:
        words.refuse("pair", f"a stake in {quote[:12] or 'no currency'}", f"Trade a pair of {', '.join(QUOTES)}")
    if words.problems:
        refuse_all(words)
    notes = list[str]()
    if action == BUY and stake is not None:
        fields["notional_usd"] = entry_notional(stake, rate, amount, further)
        if fields["notional_usd"] != stake:
            notes.append(f"stake_amount: {written(stake)} is that of the whole trade; this entry is rate times amount")
    return Alert(fields, Sender(trade, amount, None, final == "true", direction == "short"), tuple(notes))


def quote_of(pair: str) -> str:
    return pair.partition(":")[0].rpartition("/")[2].strip().upper()


def entry_notional(stake: Decimal, rate: Decimal | None, amount: Decimal | None, further: bool) -> Decimal:
    """What this entry has cost: the stake, or of a further entry of the same trade the amount at its rate."""
    if rate is None or amount is None:
        return stake
    cost = rate * amount
    return cost if 0 < cost < stake and (further or cost < stake * WHOLE_STAKE) else stake
