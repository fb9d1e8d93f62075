"""What is wrong with a venue's quote, against the journaled order and the newest mark (specification §8.7)."""

from __future__ import annotations

from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY, SELL
from overmind.core.model.order import Order, Quote
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import BPS, units_of, value_micros


def quote_rejection(
    desk: Desk, order: Order, quote: Quote, mark_pico: int | None, witness_pico: int | None = None
) -> Rejected | None:
    """What is wrong with a venue's quote, compared with the journaled order and the newest mark; None: it may be
    signed.

    `witness_pico`: the second source's price. The venue may be the first source, so its quote must fit both prices.
    """
    if (quote.order_id, quote.spend, quote.receive) != (order.id, order.spend, order.receive):
        asked = f"{order.spend.units} of {order.spend.mint} for {order.receive}"
        return Rejected(Cause.BAD_QUOTE, f"asked {asked}, quoted {quote.spend.units} of {quote.spend.mint}")
    if quote.received < quote.received_min or quote.received_min < order.received_min:
        detail = f"expects {quote.received}, guarantees {quote.received_min}, must be {order.received_min}"
        return Rejected(Cause.BAD_QUOTE, detail)
    if order.received_max is not None and quote.received > order.received_max:
        detail = f"{quote.received} offered, due only at {order.received_max} or less"
        return Rejected(Cause.NOT_CONFIRMED, detail)
    if quote.impact_bps > order.slippage_max_bps:
        return Rejected(Cause.PRICE_IMPACT, f"{quote.impact_bps} bps, at most {order.slippage_max_bps}")
    token = desk.tokens.get(order.mint)
    if desk.fill_within_ns:
        return None  # The mark is of before the price that the order waited for, and a tape is its own witness.
    if mark_pico is None or token is None:
        # A sale under a limit price needs no mark; an entry without one is never signed.
        return None if order.side is SELL else Rejected(Cause.PRICE_UNAVAILABLE, "no mark to check the quote by")
    bps_max = max(desk.quote_off_mark_max_bps, order.slippage_max_bps if order.side is SELL else 0)
    off_bps = _off_bps(order, quote, mark_pico, token.decimals)
    if off_bps > bps_max:
        return Rejected(Cause.QUOTE_OFF_MARK, f"{off_bps} bps from the mark, at most {desk.quote_off_mark_max_bps}")
    if witness_pico is None:
        return None
    if order.side is SELL:  # A sale within its slippage of the mark must pass wherever both sources agree.
        bps_max += desk.witness_bound_bps
    off_bps = _off_bps(order, quote, witness_pico, token.decimals)
    if off_bps > bps_max:
        return Rejected(Cause.QUOTE_OFF_MARK, f"{off_bps} bps from the second source, at most {bps_max}")
    return None


def _off_bps(order: Order, quote: Quote, price_pico: int, decimals: int) -> int:
    # Measured by the paid value: what a buy pays, or what the sold tokens are worth at the mark. So a sale that brings
    # all that its slippage requires is never off the mark.
    if order.side is SELL:
        got, given = quote.received, value_micros(quote.spend.units, price_pico, decimals)
    else:
        got, given = value_micros(quote.received, price_pico, decimals), quote.spend.units
    short = given - got  # A sale may bring more than the mark says; a buy that promises far more is not credible.
    return (short if order.side is SELL else abs(short)) * BPS // max(1, given)


def short_cause(order: Order, decimals: int) -> Cause:
    """Which bound of the sender asks for more than the market gives: the limit price, if slippage from the mark asks
    for less.
    """
    if order.side is BUY:
        at_mark = units_of(order.spend.units, order.mark_pico, decimals)
    else:
        at_mark = value_micros(order.spend.units, order.mark_pico, decimals)
    by_slippage = at_mark * (BPS - order.slippage_max_bps) // BPS
    return Cause.LIMIT_PRICE if order.received_min > by_slippage + 1 else Cause.SLIPPAGE
