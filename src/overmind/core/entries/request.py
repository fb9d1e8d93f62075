"""The request for an entry: what to spend and the least to receive, at the journaled marks, rounded against us."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, NOTIONAL_MAX_MICROS, SCALE, units_of, value_micros_up
from overmind.core.model.value import Value

MEME_STRATEGIES: Final = frozenset(
    {
        StrategyType.TOKEN_SNIPING,
        StrategyType.SOUL_METEOR_SNIPING,
        StrategyType.METEORA_DAMM,
        StrategyType.DEVELOPER_TRACKING,
        StrategyType.AXIOM_MEME_COIN,
    }
)


class EntryRequest(Value, frozen=True):
    """An entry, sized at the journaled marks. Amounts are zero where a price is missing: it is refused anyway."""

    signal: Signal
    notional_micros: int
    received_min: int
    slippage_max_bps: int
    impact_bps: int
    mark_pico: int
    fee_micros: int  # the largest fee, at the SOL mark
    rent_micros: int  # of one token account
    stale_at_ns: int


def stale_at_ns(desk: Desk, signal: Signal, received_at_ns: int) -> int:
    """When the signal's time is over: its time to live after its own timestamp, or after we received it.

    In a backtest it must last from the next price on, which the decision does not know.
    """
    began_ns = signal.at_ns if signal.at_ns is not None else received_at_ns
    return began_ns + desk.fill_within_ns + (signal.ttl_ns if signal.ttl_ns is not None else desk.signal_ttl_ns)


def entry_request(state: State, signal: Signal, stale_at_ns: int) -> EntryRequest:
    """Size an entry that has an amount: what to spend, and the least to receive, rounded against us."""
    notional = signal.notional_micros
    if notional is None:
        notional = _quantity_micros(state, signal)
    return entry_request_of(state, signal, stale_at_ns, notional)


def entry_request_of(state: State, signal: Signal, stale_at_ns: int, notional: int) -> EntryRequest:
    """An entry of this many micro-USD."""
    desk = state.settings
    token, mark, costs = desk.tokens.get(signal.mint), state.marks.get(signal.mint), desk.costs
    received_min = 0
    slippage = slippage_bps(desk, signal)
    if token is not None and mark is not None:
        of_mark = slippage_of_mark(desk, slippage)
        received_min = bought_min(notional, mark.price_pico, token.decimals, of_mark, signal.target_price_pico)
    return EntryRequest(
        signal=signal,
        notional_micros=notional,
        received_min=received_min,
        slippage_max_bps=slippage,
        impact_bps=notional * BPS // (costs.depth_micros + notional),
        mark_pico=mark.price_pico if mark else 0,
        fee_micros=state.sol_value_micros_up(costs.fee_max_lamports),
        rent_micros=state.sol_value_micros_up(costs.rent_of(token if token is not None else desk.quote)),
        stale_at_ns=stale_at_ns,
    )


def _quantity_micros(state: State, signal: Signal) -> int:
    token, mark = state.settings.tokens.get(signal.mint), state.marks.get(signal.mint)
    if token is None or mark is None:
        return 0
    assert signal.quantity is not None, signal  # Validation refuses an entry without an amount.
    return value_micros_up(base_units(signal.quantity, token.decimals), mark.price_pico, token.decimals)


def largest_of_impact(depth_micros: int, impact_bps: int) -> int:
    """The largest n with n * BPS // (depth + n) at most this."""
    beyond = impact_bps + 1
    if beyond >= BPS:
        return NOTIONAL_MAX_MICROS
    return min(NOTIONAL_MAX_MICROS, max(0, (beyond * depth_micros - 1) // (BPS - beyond)))


def base_units(quantity: Decimal, decimals: int) -> int:
    """Whole tokens to base units, rounded down. In integers: Decimal's own arithmetic rounds at 28 digits."""
    numerator, denominator = quantity.as_integer_ratio()
    return numerator * SCALE[decimals] // denominator


def slippage_bps(desk: Desk, signal: Signal) -> int:
    return (
        signal.slippage_max_bps if signal.slippage_max_bps is not None else slippage_ceiling_bps(desk, signal.strategy)
    )


def slippage_of_mark(desk: Desk, slippage: int) -> int:
    """How far an order may be from the mark of its decision: in a backtest its slippage begins at a later price."""
    return BPS if desk.fill_within_ns else slippage


def slippage_ceiling_bps(desk: Desk, strategy: StrategyType) -> int:
    return desk.slippage_max_meme_bps if strategy in MEME_STRATEGIES else desk.slippage_max_bps


def bought_min(notional_micros: int, mark_pico: int, decimals: int, slippage: int, limit_pico: int | None) -> int:
    """The least base units that a buy must bring: within the slippage of the mark and not above the limit price."""
    at_mark = units_of(notional_micros, mark_pico, decimals)
    least = -(-at_mark * max(0, BPS - slippage) // BPS)
    if limit_pico is not None:
        least = max(least, -(-notional_micros * SCALE[decimals + 6] // limit_pico))
    return max(1, least)


def sold_min(units: int, mark_pico: int | None, decimals: int, slippage: int, limit_pico: int | None) -> int:
    """The least quote units that a sale must bring. Without a mark there must be a limit."""
    assert mark_pico is not None or limit_pico is not None
    least = 1
    if mark_pico is not None:
        least = max(least, value_micros_up(units, mark_pico, decimals) * max(0, BPS - slippage) // BPS)
    if limit_pico is not None:
        least = max(least, value_micros_up(units, limit_pico, decimals))
    return least
