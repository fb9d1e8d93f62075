"""Which positions are due to be sold without a signal, and how: by fresh marks, within the slippage ladder.

A mark alone sells nothing: a stop also wants a quote that shows the price at or below it (`Order.received_max`), a
take-profit one at or above it. Without a fresh mark nothing is due: `unwatched` names what can then not be protected.
A mark that is not believed counts as the nearest credible price, and sells in slices (`core.books.trust`).

See specification §10.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from overmind.core.books.book import Exiting, WalletBook
from overmind.core.books.positions import Position, owner_of_source
from overmind.core.books.state import State
from overmind.core.books.triggers import exit_at_ns, exits_of, reached, stop_loss_ppm
from overmind.core.books.trust import exit_price, sells_in_parts
from overmind.core.entries.costs import rent_lamports
from overmind.core.entries.routes import fee_max_lamports
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.controls import ExitCause
from overmind.core.model.enums import SaleScope
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, MICROS, units_of
from overmind.core.model.value import Value

SLICE_MIN_MICROS: Final = 10 * MICROS  # no slice of an exit is smaller
DOUBTED_PARTS: Final = 4  # a sale at a price that is not believed takes at most this part of what is held
URGENCY: Final = {cause: number for number, cause in enumerate(ExitCause)}
DUST_MICROS: Final = MICROS // 100  # a smaller value is not worth its fee


class Due(Value, frozen=True):
    wallet_id: WalletId
    mint: Mint
    cause: ExitCause
    trigger_pico: int | None = None  # the price that makes it due, if it is due by price


def exits_due(state: State, at_ns: int) -> list[Due]:
    """The exits that may be tried now: the most urgent cause first, and within a cause the largest position first."""
    prices: dict[Mint, int | None] = {}
    found = [
        due
        for book in state.wallets.values()
        if state.doubted or book.reached or book.timed or book.closing or book.liquidating  # Few have any of it.
        for mint in _looked_at(state, book, at_ns)
        if (price_pico := _exit_price_pico(state, mint, at_ns, prices)) is not None
        and (due := _due_at(state, book, mint, price_pico, at_ns)) is not None
    ]
    return sorted(found, key=lambda due: _urgency(state, due))


def _exit_price_pico(state: State, mint: Mint, at_ns: int, known: dict[Mint, int | None]) -> int | None:
    """Looked up once for each token, of which every wallet may hold some."""
    if mint not in known:
        price = exit_price(state, mint, at_ns)
        known[mint] = None if price is None else price.price_pico
    return known[mint]


def _urgency(state: State, due: Due) -> tuple[int, int, int, Mint]:
    book = state.wallets[due.wallet_id]
    value = book.positions[due.mint].value_micros(state.price_pico(due.mint))
    return URGENCY[due.cause], -value, book.slot, due.mint


def _looked_at(state: State, book: WalletBook, at_ns: int) -> Collection[Mint]:
    """Candidates: every mint that is due, and perhaps some that are not."""
    if book.liquidating:
        return book.positions
    overdue = [mint for mint, by_ns in book.timed.items() if by_ns <= at_ns]
    if not (overdue or book.closing or state.doubted):
        return book.reached
    doubted = book.positions.keys() & state.doubted.keys()  # `reached` follows the marks that are believed.
    return book.reached.union(overdue, book.closing, doubted)


def due_of(state: State, book: WalletBook, mint: Mint, at_ns: int, met_pico: int | None = None) -> Due | None:
    """Why this position must be sold now; None: it is not due, already being sold, or nothing of it is free.

    `met_pico`: a price that the market has met since the newest mark.
    """
    price = exit_price(state, mint, at_ns)
    return None if price is None else _due_at(state, book, mint, met_pico or price.price_pico, at_ns)


def exits_at(state: State, prices_pico: Mapping[Mint, int], at_ns: int) -> list[Due]:
    """The exits that would be due if these were the marks, in no order: for prices that cannot be journaled now."""
    return [
        due
        for book in state.wallets.values()
        for mint in book.positions.keys() & prices_pico.keys()
        if (due := _due_at(state, book, mint, prices_pico[mint], at_ns)) is not None
    ]


def _due_at(state: State, book: WalletBook, mint: Mint, price_pico: int, at_ns: int) -> Due | None:
    exiting, position = book.exiting.get(mint), book.positions.get(mint)
    if position is None or (exiting is not None and (exiting.open or at_ns < exiting.after_ns)):
        return None
    if not sellable_units(state, book, mint):
        return None
    worth = position.value_micros(price_pico)
    if worth < DUST_MICROS and mint not in book.closing:  # An operator's close includes dust.
        return None
    return next(_causes(book, position, price_pico, at_ns), None)


def _causes(book: WalletBook, position: Position, price_pico: int, at_ns: int) -> Iterator[Due]:
    wallet_id, mint = book.wallet.id, position.token.mint
    if book.liquidating:
        yield Due(wallet_id, mint, ExitCause.LIQUIDATION)
    if mint in book.closing:  # A close needs no fresh price, so it comes first.
        yield Due(wallet_id, mint, ExitCause.OPERATOR)
    for cause, trigger_pico in reached(book, position, price_pico):
        yield Due(wallet_id, mint, cause, trigger_pico)
    if (exit_by_ns := exit_at_ns(book, position)) is not None and exit_by_ns <= at_ns:
        yield Due(wallet_id, mint, ExitCause.TIME)


def unwatched(state: State, at_ns: int) -> list[tuple[WalletId, Mint]]:
    """Positions with an exit rule but without a fresh price."""
    fresh = {mint for mint in (*state.marks, *state.doubted) if exit_price(state, mint, at_ns) is not None}
    return [
        (book.wallet.id, mint)
        for book in state.wallets.values()
        if not book.positions.keys() <= fresh  # Rarely true.
        for mint, position in book.positions.items()
        if mint not in fresh and _is_to_be_sold(book, mint, position)
    ]


class Unpayable(Value, frozen=True):
    """A wallet with positions that cannot pay for selling them."""

    wallet_id: WalletId
    address: str  # send SOL here
    lamports: int  # free lamports
    needed: int


def unpayable_exits(state: State) -> list[Unpayable]:
    """Wallets whose exits, due now or later, cannot be paid: an operator must know in advance."""
    desk = state.settings
    most = fee_max_lamports(desk, 0) + max(desk.costs.rent_lamports, desk.costs.rent_2022_lamports)  # Few have less.
    return [
        Unpayable(book.wallet.id, book.wallet.public_key, free, needed)
        for book in state.wallets.values()
        if book.positions_micros >= DUST_MICROS
        and (free := _float_free(state, book)) < most
        and free < (needed := exit_costs_lamports(state, book))
    ]


def _float_free(state: State, book: WalletBook) -> int:
    return state.ledger.balance(book.accounts.sol_float, SOL)


def exit_costs_lamports(state: State, book: WalletBook) -> int:
    """The maximum fee of a sale, plus rent if its proceeds need a new token account."""
    desk = state.settings
    return fee_max_lamports(desk, 0) + rent_lamports(desk, book, desk.quote.mint)


def _is_to_be_sold(book: WalletBook, mint: Mint, position: Position) -> bool:
    """Whether the position is to be sold now or has an exit rule."""
    ordered = book.liquidating or mint in book.closing
    return ordered or exits_of(book, position) is not None or stop_loss_ppm(book, position) is not None


def slippage_bps(state: State, book: WalletBook, mint: Mint) -> int:
    """The slippage of the next try: a rung of the ladder, at most the last one."""
    ladder, exiting = state.settings.exit_slippage_bps, _exiting(state, book, mint)
    return ladder[min(exiting.rung, len(ladder) - 1)]


def _exiting(state: State, book: WalletBook, mint: Mint) -> Exiting:
    return book.exiting_of(mint, state.at_ns, state.settings)


def units_to_sell(state: State, book: WalletBook, mint: Mint, price_pico: int) -> int:
    """All free units, or a slice: as much as moves the expected depth by the first rung; each failed try halves it."""
    desk, exiting = state.settings, _exiting(state, book, mint)
    bps = min(desk.exit_slippage_bps[0], BPS - 1)
    slice_micros = desk.costs.depth_micros * bps // (BPS - bps)
    decimals, free = book.positions[mint].token.decimals, sellable_units(state, book, mint)
    units = min(free, units_of(slice_micros, price_pico, decimals))
    if sells_in_parts(state, mint):
        units = min(units, free // DOUBTED_PARTS)
    least = units_of(SLICE_MIN_MICROS, price_pico, decimals) + 1
    return min(free, max(least, units >> exiting.rung))


def exit_refusals(state: State, book: WalletBook, signal: Signal) -> Iterator[Refusal]:
    """The facts that keep this wallet from selling: excluded, nothing held, or no SOL for the fee."""
    wallet_id = book.wallet.id
    if wallet_id in signal.exclude:
        yield Refusal(Code.WALLET_EXCLUDED, "not excluded", "excluded by the signal", wallet_id)
    if sellable_units(state, book, signal.mint, seller_of(state, signal)) == 0:
        yield Refusal(Code.INSUFFICIENT_TOKENS, 0, "nothing to sell", wallet_id)
    free, needed = _float_free(state, book), exit_costs_lamports(state, book)
    if needed > free:
        yield Refusal(Code.INSUFFICIENT_SOL, free, needed, wallet_id)


def seller_of(state: State, signal: Signal) -> str:
    """Whose lots a sale may take; blank: anybody's, as under the first rules."""
    if state.settings.booking_rules < 2:
        return ""
    match signal.scope:
        case SaleScope.STRATEGY:
            return signal.strategy
        case SaleScope.SOURCE:
            return owner_of_source(signal.source)
        case SaleScope.DESK:
            return ""


def sellable_units(state: State, book: WalletBook, mint: Mint, seller: str = "") -> int:
    """Units of a position that no other sale holds: of this seller's lots, or of all."""
    free = state.ledger.balance(book.accounts.free, mint) if mint in book.positions else 0
    return min(free, book.unreserved_units(mint, seller)) if seller else free
