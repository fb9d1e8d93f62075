"""The fee reserve: each wallet keeps enough SOL for fees and rent.

A wallet that is low gets a top-up from the richest wallet, or buys SOL by a small swap. The rent of empty token
accounts is reclaimed. An emergency stop does not forbid a top-up, because exits need SOL too. It forbids the swap,
because that is an entry. If a sender cannot pay although the books say so, the next try uses another sender.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import Final, NamedTuple

from overmind.core.books.book import WalletBook
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.books.trust import fresh_price_pico
from overmind.core.books.wallet_limits import REMOVED
from overmind.core.capital.transfers import can_pay, free_units, transfer
from overmind.core.control.balances import holds_of_chain
from overmind.core.control.holds import holds_on_moves
from overmind.core.entries.request import bought_min, slippage_of_mark
from overmind.core.entries.routes import exit_route, fee_max_lamports, is_protected, tip_max_lamports
from overmind.core.model.enums import MoveKind, Side, TradeAction
from overmind.core.model.events import MovePlaced, OrderPlaced
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId
from overmind.core.model.money import Money
from overmind.core.model.order import Order
from overmind.core.model.selection import CostTerms, Selection
from overmind.core.model.signal import Signal
from overmind.core.model.units import LAMPORTS, PPM, value_micros_up

SENDERS_MAX: Final = 4  # senders that are tried, one after the other, before the swap
TOP_UP_MIN_FEES: Final = 10  # a smaller top-up would not be worth its own fee
RECLAIMS_MAX: Final = 8  # open at once: each waits for its own landing


def due_top_ups(state: State, at_ns: int) -> Iterator[MovePlaced | OrderPlaced]:
    """Top-ups of wallets that trade, hold positions, or wait for a sweep."""
    desk = state.settings
    if not desk.float_target_lamports:
        return
    balance, least = state.ledger.balance, desk.float_low_lamports
    short = [
        book for book in state.wallets.values() if balance(book.accounts.sol_float, SOL) < least
    ]  # A cheap filter before the full check.
    low = [book for book in short if _needs_top_up(state, book, at_ns) and _float(state, book) < least]
    senders = _senders(state) if low else []
    for book in low:
        placed = _top_up(state, book, senders, at_ns)
        if placed is not None:
            yield placed


def _float(state: State, book: WalletBook) -> int:
    accounts, balance = book.accounts, state.ledger.balance
    return balance(accounts.sol_float, SOL) + balance(accounts.sol_float_held, SOL)


def _needs_top_up(state: State, book: WalletBook, at_ns: int) -> bool:
    """A wallet without equity needs no top-up yet: its balances may not have been read from the chain."""
    if book.top_up.open or at_ns < book.top_up.after_ns or REMOVED in book.holds or book.equity_micros <= 0:
        return False
    if holds_of_chain(state, book):
        return _is_worth_the_risk(state, book)
    return not holds_on_moves(book.holds) or bool(book.positions) or book.sweeping


def _is_worth_the_risk(state: State, book: WalletBook) -> bool:
    """Whether a wallet whose key may be stolen gets SOL all the same.

    Without SOL nothing in it can be sold or swept, but a thief may take the SOL. So it is sent where more can be saved
    than lost. It is lost at most once: the books ignore what a thief takes until an operator accepts the balances, so
    the wallet does not look low again before that.
    """
    saved_micros = book.equity_micros if book.sweeping else book.positions_micros
    return saved_micros > state.sol_value_micros_up(state.settings.float_target_lamports)


class _Sender(NamedTuple):
    book: WalletBook
    spare: int  # lamports that it can send


def _richest_first(sender: _Sender) -> tuple[int, int]:
    """Among equals, the wallet that was registered first."""
    return -sender.spare, sender.book.slot


def _top_up(state: State, book: WalletBook, senders: list[_Sender], at_ns: int) -> MovePlaced | OrderPlaced | None:
    """Takes turns over the tries: the richest senders that keep their own target, then a swap by the wallet itself."""
    desk = state.settings
    missing = desk.float_target_lamports - _float(state, book)
    least = max(desk.float_low_lamports - _float(state, book), TOP_UP_MIN_FEES * desk.costs.fee_max_lamports)
    able = [one for one in senders[:SENDERS_MAX] if one.spare >= min(missing, least)]
    turn = book.top_up.tries % (len(able) + 1)
    swap = _swap(state, book, missing, at_ns) if turn == len(able) else None
    if swap is not None or not able:
        return swap
    sender = able[turn % len(able)]  # If it is the swap's turn but no swap is possible, the richest sends.
    money = Money(min(missing, sender.spare), SOL)
    senders.remove(sender)
    insort(senders, _Sender(sender.book, sender.spare - money.units - desk.costs.fee_max_lamports), key=_richest_first)
    reason = f"{book.wallet.id} has {_sol(_float(state, book))} SOL for fees and rent"
    return transfer(state, MoveKind.TOP_UP, sender.book, book, money, reason, at_ns)


def _senders(state: State) -> list[_Sender]:
    """Senders, richest first: wallets above their own target whose books agree with the chain."""
    books = (book for book in state.wallets.values() if REMOVED not in book.holds and not holds_of_chain(state, book))
    return sorted((_Sender(book, spare) for book in books if (spare := _spare(state, book)) > 0), key=_richest_first)


def _spare(state: State, book: WalletBook) -> int:
    desk = state.settings
    return free_units(state, book, SOL) - desk.float_target_lamports - desk.costs.fee_max_lamports


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS:.4f}"


def _swap(state: State, book: WalletBook, lamports: int, at_ns: int) -> OrderPlaced | None:
    """An order that buys SOL; None: the wallet takes no entries or cannot pay."""
    desk, price = state.settings, fresh_price_pico(state, SOL, at_ns)
    strategy = next(iter(book.wallet.strategies), None)
    held = holds_on_moves(book.holds) or holds_on_moves(state.holds)
    if price is None or held or strategy is None or SOL not in desk.tokens:
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
    route = exit_route(state, book, SOL, is_protected(book.wallet, signal), at_ns)
    tip_max = tip_max_lamports(state, route, micros)
    order = Order(
        id=OrderId(f"{signal.id}.0.0"),
        signal_id=signal.id,
        wallet_id=book.wallet.id,
        strategy=strategy,
        side=Side.BUY,
        spend=Money(micros, desk.quote.mint),
        receive=SOL,
        received_min=bought_min(micros, price, SOL_DECIMALS, slippage_of_mark(desk, desk.slippage_max_bps), None),
        notional_micros=micros,
        loss_max_micros=0,
        fee_max_lamports=fee_max_lamports(desk, tip_max),
        rent_max_lamports=0,
        slippage_max_bps=desk.slippage_max_bps,
        mark_pico=price,
        expires_at_ns=at_ns + desk.signal_ttl_ns,
        part=0,
        attempt=0,
        to_float=True,
        route=route,
        tip_max_lamports=tip_max,
    )
    terms = CostTerms(0.0, 0.0, desk.costs.half_spread_bps, 0.0, 0.0)
    return OrderPlaced(signal, order, Selection(terms, 1, len(state.wallets)))


def due_reclaims(state: State, at_ns: int) -> Iterator[MovePlaced]:
    """Closes token accounts that have been empty for long enough, a few at a time."""
    after_ns = state.settings.reclaim_after_ns
    if not after_ns or holds_on_moves(state.holds):
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
    """The account is empty, no order uses it, no fork can refill it, and the wallet can pay the fee."""
    fee = state.settings.costs.fee_max_lamports
    in_doubt = any(
        one.order.mint == mint and one.order.wallet_id == book.wallet.id for one in state.provisional.values()
    )
    unused = mint not in book.positions and mint not in book.entries and mint not in book.in_suspense
    return unused and not in_doubt and not holds_on_moves(book.holds) and can_pay(state, book, fee)
