"""Rebalancing: a plan that brings each wallet back to its allocation, and the transfers that carry it out.

Hysteresis: nothing happens until a wallet leaves the outer band. Then every wallet outside the inner band goes all the
way to its target. Only free quote currency is moved, from the largest excess to the largest shortfall. A wallet that
holds a token without a fresh price takes no part.

See specification §10.8.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.trust import fresh_price_pico
from overmind.core.capital.transfers import can_pay, cost_bps, costs_lamports, free_units, transfer
from overmind.core.control.holds import holds_on_moves
from overmind.core.model.commands import CommandRefused, Rebalance
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MovePlaced
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Money
from overmind.core.model.units import BPS, MICROS, PPM, ppm_of
from overmind.core.model.value import Value

CENTS: Final = 100
NAMED_MAX: Final = 3  # transfers that are under way


class Part(enum.StrEnum):
    """A wallet's part in a rebalance."""

    GIVES = "gives"
    TAKES = "takes"
    NEAR = "near"  # close to its target: inside the inner band, or off by less than the minimum transfer
    OUT = "out"  # takes no part: it is held, or its equity is unknown


class Standing(Value, frozen=True):
    """Where a wallet stands against its allocation."""

    wallet_id: WalletId
    equity_micros: int
    target_micros: int
    part: Part
    outside: bool  # outside the outer band, so a rebalance is due
    why: str

    @property
    def excess_micros(self) -> int:
        return self.equity_micros - self.target_micros


class Leg(Value, frozen=True):
    """One transfer of a plan, in micro-USD of the quote currency."""

    wallet_id: WalletId
    to_wallet: WalletId
    micros: int
    cost_bps: int
    reason: str


class Plan(Value, frozen=True):
    due: bool  # whether a wallet is outside its outer band; an operator may rebalance anyway
    why_not: str  # why no transfer is allowed now; blank: it is allowed
    standings: tuple[Standing, ...]
    legs: tuple[Leg, ...]
    left_out: tuple[str, ...]  # transfers that are too small, too expensive or impossible, with the reason
    cost_micros: int  # expected


def plan(state: State, at_ns: int) -> Plan:
    """What a rebalance would do now. Changes nothing."""
    stale = {mint for mint in state.assets if fresh_price_pico(state, mint, at_ns) is None}
    standings = tuple(_standing(state, book, stale) for book in state.wallets.values())
    why_not = _why_not(state, at_ns)
    due = any(one.outside for one in standings)
    legs, left_out = _legs(state, standings) if not why_not else ([], [])
    cost = sum(leg.micros * leg.cost_bps // BPS for leg in legs)
    return Plan(due, why_not, standings, tuple(legs), tuple(left_out), cost)


def rebalance(state: State, command: Rebalance, at_ns: int) -> Iterator[MovePlaced]:
    """Places the plan's transfers: on an operator's command, or when due and the interval since the last one has
    passed.
    """
    desk = state.settings
    if not command.by_operator and at_ns < state.rebalanced_ns + desk.rebalance_interval_ns:
        return
    planned = plan(state, at_ns)
    if command.by_operator and planned.why_not:
        raise CommandRefused(f"no rebalance now: {planned.why_not}")
    if not (planned.due or command.by_operator):
        return
    wallets = state.wallets
    for leg in planned.legs:
        book, receiver_book = wallets[leg.wallet_id], wallets[leg.to_wallet]
        reason = f"{leg.reason}; {command.reason}"
        yield transfer(
            state, MoveKind.REBALANCE, book, receiver_book, Money(leg.micros, desk.quote.mint), reason, at_ns
        )


def _why_not(state: State, at_ns: int) -> str:
    if held := holds_on_moves(state.holds):
        return f"the portfolio is held by {', '.join(held)}"
    if fresh_price_pico(state, SOL, at_ns) is None:
        return "SOL has no fresh price, so floats and costs are unknown"
    under_way = sorted(known.move.id for known in state.open_moves.values() if known.move.kind is MoveKind.REBALANCE)
    if not under_way:
        return ""
    more = len(under_way) - NAMED_MAX
    return f"{', '.join(under_way[:NAMED_MAX])}{f' and {more} more' if more > 0 else ''} under way"


def _standing(state: State, book: WalletBook, stale: set[Mint]) -> Standing:
    desk, wallet, equity = state.settings, book.wallet, book.equity_micros
    target = ppm_of(state.equity_micros, wallet.allocation_ppm)
    excess = equity - target
    outside = abs(excess) > ppm_of(target, desk.rebalance_band_ppm) and abs(excess) >= desk.rebalance_min_micros
    part, why = _part(state, book, stale, excess, target)
    return Standing(wallet.id, equity, target, part, outside and part in (Part.GIVES, Part.TAKES), why)


def _part(state: State, book: WalletBook, stale: set[Mint], excess: int, target: int) -> tuple[Part, str]:
    desk = state.settings
    if held := holds_on_moves(book.holds):
        return Part.OUT, f"{book.status}: {', '.join(held)}"
    if stale and (unknown := stale & book.positions.keys()):
        return Part.OUT, f"no fresh price of {', '.join(sorted(unknown))}"
    if abs(excess) <= ppm_of(target, desk.rebalance_inner_ppm):
        return Part.NEAR, f"within {desk.rebalance_inner_ppm / 10_000:g} % of its target"
    if abs(excess) < desk.rebalance_min_micros:
        return Part.NEAR, f"off by less than {_usd(desk.rebalance_min_micros)}"
    if excess > 0:
        free = free_units(state, book, desk.quote.mint)
        return (
            Part.GIVES,
            f"{_share(state, excess)} of the portfolio above its target, {_usd(min(excess, free))} of it free",
        )
    return Part.TAKES, f"{_share(state, excess)} of the portfolio below its target"


def _share(state: State, off_micros: int) -> str:
    return f"{abs(off_micros) * 100 * PPM // max(1, state.equity_micros) / PPM:.2f} %"


class _Heap:
    """Wallets by amount, the largest first; among equals the one that was registered first."""

    def __init__(self, sizes: list[tuple[WalletId, int]], least: int) -> None:
        self._least = least
        self._sizes = [(-micros, place, wallet_id) for place, (wallet_id, micros) in enumerate(sizes)]
        heapify(self._sizes)

    def __bool__(self) -> bool:
        return bool(self._sizes)

    @property
    def largest(self) -> tuple[WalletId, int]:
        size, _, wallet_id = self._sizes[0]
        return wallet_id, -size

    def drop(self) -> None:
        heappop(self._sizes)

    def take(self, micros: int) -> None:
        """Takes from the largest amount. A wallet whose remainder is below the minimum transfer drops out."""
        size, place, wallet_id = self._sizes[0]
        if -size - micros >= self._least:
            heapreplace(self._sizes, (size + micros, place, wallet_id))
        else:
            heappop(self._sizes)


def _legs(state: State, standings: tuple[Standing, ...]) -> tuple[list[Leg], list[str]]:
    """Repeats the transfer from the largest excess to the largest shortfall until one side is used up."""
    desk, wallets = state.settings, state.wallets
    quote, least = desk.quote.mint, max(1, desk.rebalance_min_micros)
    sends = [(one.wallet_id, _sendable_micros(state, one)) for one in standings if one.part is Part.GIVES]
    receives = [(one.wallet_id, -one.excess_micros) for one in standings if one.part is Part.TAKES]
    senders, receivers = _Heap(sends, least), _Heap(receives, least)
    legs: list[Leg] = []
    left_out: list[str] = []
    fees: dict[WalletId, int] = {}  # lamports that each sender may pay for its legs so far
    while senders and receivers:
        (sender, available), (receiver, needed) = senders.largest, receivers.largest
        micros, receiver_book = min(available, needed), wallets[receiver]
        fee = fees.get(sender, 0) + sum(costs_lamports(state, receiver_book, quote))
        if micros < least:
            left_out.append(f"{sender} to {receiver}: {_usd(micros)} is less than the minimum transfer, {_usd(least)}")
            break  # No other pair can be larger.
        if not can_pay(state, wallets[sender], fee + desk.reserve_float_lamports):
            left_out.append(f"{sender} has not enough SOL for the fee of a transfer")
            senders.drop()
        elif (bps := cost_bps(state, receiver_book, Money(micros, quote))) > desk.rebalance_cost_max_bps:
            left_out.append(f"{sender} to {receiver}: {_usd(micros)} would cost {bps} bps, too much")
            receivers.drop()
        else:
            legs.append(Leg(sender, receiver, micros, bps, f"{receiver} is {_usd(needed)} below its target"))
            fees[sender] = fee
            senders.take(micros)
            receivers.take(micros)
    return legs, left_out


def _sendable_micros(state: State, sender: Standing) -> int:
    free = free_units(state, state.wallets[sender.wallet_id], state.settings.quote.mint)
    return min(sender.excess_micros, free)


def _usd(micros: int) -> str:
    return f"${max(0, micros) * CENTS // MICROS / CENTS:,.2f}"
