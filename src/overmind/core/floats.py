"""Every wallet keeps enough SOL for fees and rent: topped up by the richest, or by a small swap; idle rent comes back.

A top-up serves exits too, so a stop does not forbid it. The swap buys, and what buys is forbidden by a stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heapreplace
from typing import Final

from overmind.core.book import WalletBook
from overmind.core.capital import can_pay, free_units, transfer
from overmind.core.gate import bought_min, fresh_price_pico
from overmind.core.messages import CostTerms, MovePlaced, OrderPlaced, Selection
from overmind.core.model import (
    LAMPORTS,
    PPM,
    SOL,
    Mint,
    Money,
    MoveKind,
    Order,
    OrderId,
    Side,
    Signal,
    SignalId,
    TradeAction,
    value_micros_up,
)
from overmind.core.state import SOL_DECIMALS, State

RECLAIMS_MAX: Final = 8  # that are placed at once: each waits for its own landing


def due_top_ups(state: State, at_ns: int) -> Iterator[MovePlaced | OrderPlaced]:
    """Of wallets that trade, or that hold what must be sold."""
    desk = state.settings
    if not desk.float_target_lamports:
        return
    balance, least = state.ledger.balance, desk.float_low_lamports
    short = [
        book for book in state.wallets.values() if balance(book.accounts.sol_float, SOL) < least
    ]  # The cheap look.
    low = [book for book in short if _needs_it(book, at_ns) and _float(state, book) < least]
    givers = _givers(state) if low else []
    for book in low:
        placed = _top_up(state, book, givers, at_ns)
        if placed is not None:
            yield placed


def _float(state: State, book: WalletBook) -> int:
    accounts, balance = book.accounts, state.ledger.balance
    return balance(accounts.sol_float, SOL) + balance(accounts.sol_float_held, SOL)


def _needs_it(book: WalletBook, at_ns: int) -> bool:
    """What owns nothing needs nothing yet: it may only not have been read from the chain."""
    if book.top_up.open or at_ns < book.top_up.after_ns or "removed" in book.holds or book.equity_micros <= 0:
        return False
    return not book.holds or bool(book.positions) or book.sweeping


def _top_up(
    state: State, book: WalletBook, givers: list[tuple[int, int, WalletBook]], at_ns: int
) -> MovePlaced | OrderPlaced | None:
    """From the richest that keeps its own target; from a swap of the wallet itself where none can."""
    desk = state.settings
    lacking = desk.float_target_lamports - _float(state, book)
    least = desk.float_low_lamports - _float(state, book)
    if givers and -givers[0][0] >= least:
        spare, slot, richest = givers[0]
        money = Money(min(lacking, -spare), SOL)
        heapreplace(givers, (spare + money.units + desk.costs.fee_max_lamports, slot, richest))
        reason = f"{book.wallet.id} has {_sol(_float(state, book))} SOL for fees and rent"
        return transfer(state, MoveKind.TOP_UP, richest, book, money, reason, at_ns)
    return _swap(state, book, lacking, at_ns)


def _givers(state: State) -> list[tuple[int, int, WalletBook]]:
    """A heap of what they can spare, the richest first. Who lacks something itself spares nothing."""
    books = (book for book in state.wallets.values() if not {"removed", "quarantine"} & book.holds.keys())
    givers = [(-spare, book.slot, book) for book in books if (spare := _spare(state, book)) > 0]
    heapify(givers)
    return givers


def _spare(state: State, book: WalletBook) -> int:
    desk = state.settings
    return free_units(state, book, SOL) - desk.float_target_lamports - desk.costs.fee_max_lamports


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS:.4f}"


def _swap(state: State, book: WalletBook, lamports: int, at_ns: int) -> OrderPlaced | None:
    """Buy it, where the wallet takes entries at all and can pay. None: it cannot."""
    desk, price = state.settings, fresh_price_pico(state, SOL, at_ns)
    strategy = next(iter(book.wallet.strategies), None)
    if price is None or book.holds or state.holds or strategy is None or SOL not in desk.tokens:
        return None
    micros = value_micros_up(lamports, price, SOL_DECIMALS)
    if micros > free_units(state, book, desk.quote.mint) or not can_pay(state, book, desk.costs.fee_max_lamports):
        return None
    signal = Signal(
        id=SignalId(f"float:{book.wallet.id}:{state.seq}"),
        strategy=strategy,
        action=TradeAction.MARKET_BUY,
        mint=SOL,
        risk_tolerance_ppm=PPM,
        notional_micros=micros,
    )
    order = Order(
        id=OrderId(f"{signal.id}.0.0"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=strategy,
        side=Side.BUY,
        spend=Money(micros, desk.quote.mint),
        receive=SOL,
        received_min=bought_min(micros, price, SOL_DECIMALS, desk.slippage_max_bps, None),
        notional_micros=micros,
        loss_max_micros=0,
        fee_max_lamports=desk.costs.fee_max_lamports,
        rent_max_lamports=0,
        slippage_max_bps=desk.slippage_max_bps,
        mark_pico=price,
        expires_at_ns=at_ns + desk.signal_ttl_ns,
        part=0,
        attempt=0,
        to_float=True,
    )
    terms = CostTerms(0.0, 0.0, desk.costs.half_spread_bps, 0.0, 0.0)
    return OrderPlaced(signal, order, Selection(terms, 1, len(state.wallets)))


def due_reclaims(state: State, at_ns: int) -> Iterator[MovePlaced]:
    """Token accounts that are empty for long enough, a few at a time."""
    after_ns = state.settings.reclaim_after_ns
    if not after_ns or state.holds:
        return
    under_way = sum(known.move.kind is MoveKind.RECLAIM for known in state.open_moves.values())
    for book in state.wallets.values():
        for mint, since_ns in list(book.empty_since_ns.items()):
            if under_way >= RECLAIMS_MAX:
                return
            if at_ns >= since_ns + after_ns and _is_idle(state, book, mint):
                under_way += 1
                yield transfer(state, MoveKind.RECLAIM, book, book, Money(0, mint), "its account is empty", at_ns)


def _is_idle(state: State, book: WalletBook, mint: Mint) -> bool:
    """Nothing is in it and nothing is on its way to it, and the fee can be paid."""
    fee = state.settings.costs.fee_max_lamports
    in_doubt = any(
        one.order.mint == mint and one.order.wallet_id == book.wallet.id for one in state.provisional.values()
    )
    unused = mint not in book.positions and mint not in book.entries and mint not in book.in_suspense
    return unused and not in_doubt and not book.holds and can_pay(state, book, fee)
