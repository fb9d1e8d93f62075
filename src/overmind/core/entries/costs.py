"""The costs of an entry: those that it can have at most, and those that are expected."""

from __future__ import annotations

from math import ceil
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.request import EntryRequest
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, NOTIONAL_MAX_MICROS, PPM

RENT_ONCE_RULES: Final = 2  # the first booking rules that expect the rent of an account only once


def loss_max_micros(desk: Desk, book: WalletBook, request: EntryRequest) -> int:
    """The day's loss that this order can cause: the stop loss on its notional, and all costs."""
    return -(-request.notional_micros * entry_stop_ppm(book, request.signal) // PPM) + costs_micros(desk, book, request)


def costs_micros(desk: Desk, book: WalletBook, request: EntryRequest) -> int:
    """The maximum fee, and the rent if this entry is the one that pays it."""
    return (
        request.fee_micros + request.rent_micros if pays_rent(desk, book, request.signal.mint) else request.fee_micros
    )


def pays_rent(desk: Desk, book: WalletBook, mint: Mint) -> bool:
    """Whether this entry would make the wallet's account of the token. Of several open buys only the first one does."""
    return mint not in book.token_accounts and (mint not in book.entries or desk.booking_rules < RENT_ONCE_RULES)


def expected_cost_bps(state: State, book: WalletBook, request: EntryRequest) -> int:
    """Fee, rent that is not reclaimed, half the spread and the impact: as the ranking has it, in integers, rounded up.

    Half the spread is a setting, and no result of a computation.
    """
    costs = state.settings.costs
    fixed = _fixed_micros(state, book, request)
    return -(-fixed * BPS // request.notional_micros) + ceil(costs.half_spread_bps) + request.impact_bps


def smallest_within_micros(state: State, book: WalletBook, request: EntryRequest) -> int:
    """The smallest entry of this impact that the ceiling of expected costs allows: in a smaller one the fixed costs
    weigh too much. More than any entry if the impact and the spread alone are too dear."""
    costs, ceiling_bps = state.settings.costs, state.settings.expected_cost_max_bps
    if not ceiling_bps:
        return 1
    left_bps = ceiling_bps - ceil(costs.half_spread_bps) - request.impact_bps
    if left_bps <= 0:
        return NOTIONAL_MAX_MICROS + 1
    return max(1, -(-_fixed_micros(state, book, request) * BPS // left_bps))


def _fixed_micros(state: State, book: WalletBook, request: EntryRequest) -> int:
    """The part of the expected cost that does not depend on the amount."""
    costs = state.settings.costs
    fixed = state.sol_value_micros_up(costs.fee_lamports)
    if pays_rent(state.settings, book, request.signal.mint):
        fixed += -(-request.rent_micros * costs.rent_lost_ppm // PPM)
    return fixed


def entry_stop_ppm(book: WalletBook, signal: Signal) -> int:
    """How far the price may fall before a stop loss sells: the wallet's, else the signal's; 0: there is none."""
    if stop_ppm := book.wallet.limits.stop_loss_ppm:
        return stop_ppm
    return (signal.exits.stop_loss_ppm or 0) if signal.exits is not None else 0


def rent_lamports(desk: Desk, book: WalletBook, mint: Mint) -> int:
    """What an order reserves. Each open one does: if the first one fails, the next one pays."""
    return 0 if mint in book.token_accounts else desk.costs.rent_of(desk.tokens.get(mint, desk.quote))
