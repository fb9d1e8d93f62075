"""Sales of what is held: asked for by a signal, or due by a rule of ours. Only facts stop them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.book import WalletBook
from overmind.core.gate import (
    base_units,
    exit_refusals,
    price_refusals,
    rent_lamports,
    sellable_units,
    slippage_bps,
    sold_min,
    stale_at_ns,
    time_refusals,
)
from overmind.core.index import SelectionIndex
from overmind.core.messages import PRECEDENCE, Code, CostTerms, Event, OrderPlaced, Refusal, Selection, SignalRefused
from overmind.core.model import Money, Order, OrderId, Side, Signal, WalletId, units_of, value_micros_up
from overmind.core.state import State

LISTED_MAX: Final = 64  # wallets whose refusals are listed one by one; the rest are counted


def refused(signal: Signal, general: list[Refusal], listed: list[list[Refusal]], unlisted: int) -> SignalRefused:
    if not listed and not general:
        general = [Refusal(Code.WALLET_STATUS, "at least one wallet", "no wallet is configured")]
    closest_first = sorted((one for one in listed if one), key=lambda one: -PRECEDENCE[one[0].code])
    head = sorted([*general, *(closest_first[0] if closest_first else [])], key=lambda one: PRECEDENCE[one.code])
    refusals = [*head, *(refusal for one in closest_first[1:] for refusal in one)]
    return SignalRefused(signal, tuple(refusals), unlisted)


def sell(state: State, index: SelectionIndex, signal: Signal, at_ns: int, received_at_ns: int) -> Iterator[Event]:
    """Sell what is held: from one wallet where one holds enough, else in parts, the largest holding first."""
    stale_ns = stale_at_ns(state.settings, signal, received_at_ns)
    general = list(time_refusals(signal, stale_ns, at_ns, received_at_ns))
    if signal.target_price_pico is None:  # A limit protects a sale as well as a mark does.
        general += price_refusals(state, (signal.mint,), at_ns)
    users = index.users(signal.mint) or list(state.wallets.values())
    holders = [book for book in users if next(exit_refusals(state, book, signal), None) is None]
    if general or not holders:
        listed = [list(exit_refusals(state, book, signal)) for book in users[:LISTED_MAX]]
        yield refused(signal, general, listed, unlisted=max(0, len(users) - LISTED_MAX))
        return
    held = {book.wallet.id: sellable_units(state, book, signal.mint) for book in holders}
    wanted, sellable = _units_to_sell(state, signal, holders[0], sum(held.values())), sum(held.values())
    if not 0 < wanted <= sellable:
        too_much = Refusal(Code.INSUFFICIENT_TOKENS, sellable, wanted)
        nothing = Refusal(Code.AMOUNT_OUT_OF_RANGE, "at least one base unit", str(wanted))
        yield refused(signal, [too_much if wanted > 0 else nothing], [], unlisted=0)
        return
    trusted = not list(price_refusals(state, (signal.mint,), at_ns))
    for part, (book, units) in enumerate(_parts(holders, held, wanted, signal)):
        order = exit_order(state, book, signal, units, part, stale_ns, trusted)
        terms = CostTerms(0.0, 0.0, state.settings.costs.half_spread_bps, 0.0, 0.0)
        yield OrderPlaced(signal, order, Selection(terms, len(holders), len(state.wallets)))


def _units_to_sell(state: State, signal: Signal, holder: WalletBook, held_units: int) -> int:
    token = holder.positions[signal.mint].token
    if signal.quantity is not None:
        return base_units(signal.quantity, token.decimals)
    if signal.notional_micros is not None:
        mark = state.marks.get(signal.mint)
        price = mark.price_pico if mark is not None else signal.target_price_pico
        assert price is not None, signal  # Refused before, when there is neither.
        return units_of(signal.notional_micros, price, token.decimals)
    return held_units


def _parts(
    holders: list[WalletBook], held: dict[WalletId, int], wanted: int, signal: Signal
) -> list[tuple[WalletBook, int]]:
    """One wallet if one holds enough (its own lots of the strategy, then the preferred type, first)."""
    enough = [book for book in holders if held[book.wallet.id] >= wanted]
    if enough:
        return [(min(enough, key=lambda book: _sale_rank(book, signal)), wanted)]
    parts: list[tuple[WalletBook, int]] = []
    for book in sorted(holders, key=lambda book: (-held[book.wallet.id], book.slot)):
        units = min(wanted, held[book.wallet.id])
        if units:
            parts.append((book, units))
            wanted -= units
    return parts


def _sale_rank(book: WalletBook, signal: Signal) -> tuple[bool, bool, int]:
    own_lots = signal.strategy in book.positions[signal.mint].units_by
    return (not own_lots, book.wallet.type is not signal.preferred_type, book.slot)


def exit_order(
    state: State, book: WalletBook, signal: Signal, units: int, part: int, stale_ns: int, mark_trusted: bool
) -> Order:
    """The least to receive comes from the mark if it can be trusted, and from the signal's limit price."""
    desk, token, mark = state.settings, book.positions[signal.mint].token, state.marks.get(signal.mint)
    slippage = slippage_bps(desk, signal)
    price = mark.price_pico if mark is not None else signal.target_price_pico
    assert price is not None, signal
    mark_pico = price if mark_trusted else None
    return Order(
        id=OrderId(f"{signal.id}.{part}.0"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=signal.strategy,
        side=Side.SELL,
        spend=Money(units, signal.mint),
        receive=desk.quote.mint,
        received_min=sold_min(units, mark_pico, token.decimals, slippage, signal.target_price_pico),
        notional_micros=value_micros_up(units, price, token.decimals),
        loss_max_micros=0,
        fee_max_lamports=desk.costs.fee_max_lamports,
        rent_max_lamports=rent_lamports(desk, book, desk.quote.mint),
        slippage_max_bps=slippage,
        mark_pico=price,
        expires_at_ns=stale_ns,
        part=part,
        attempt=0,
        mev_protected=signal.mev_protected,
    )
