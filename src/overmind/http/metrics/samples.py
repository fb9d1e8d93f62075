"""What a scrape reads of the state. The loop only copies figures; another thread makes the text of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import SOL
from overmind.core.model.value import Value
from overmind.views.stats import ExecutionStats, execution_stats
from overmind.views.utilisation import LimitUse, portfolio_uses, wallet_uses

PORTFOLIO: Final = "portfolio"


class WalletSample(Value, frozen=True):
    """One wallet. USD amounts are micro-USD, `fee_float` is lamports."""

    wallet: str
    type: str
    is_active: bool
    holds: tuple[str, ...]
    equity: int
    free: int
    held: int
    day_pnl: int
    fee_float: int
    positions: int
    uses: tuple[LimitUse, ...]


class DeskSample(Value, frozen=True):
    """The whole desk. USD amounts are micro-USD; ages and times are nanoseconds."""

    holds: tuple[str, ...]
    paused: tuple[str, ...]  # strategies
    equity: int
    deposited: int
    peak_gain: int
    day_pnl: int
    realised: int
    unrealised: int
    exposure: int
    uses: tuple[LimitUse, ...]
    stats: ExecutionStats
    orders_placed: int  # open, without a ticket
    orders_signed: int  # open, with a ticket
    price_ages: dict[str, int]
    doubted: tuple[str, ...]
    seq: int
    backlog: int


def wallet_samples(state: State) -> Iterator[WalletSample]:
    """The state may change between two rows."""
    return (_wallet(state, book) for book in [*state.wallets.values()])


def _wallet(state: State, book: WalletBook) -> WalletSample:
    balance, quote = state.ledger.balance, state.settings.quote.mint
    return WalletSample(
        wallet=book.wallet.id,
        type=book.wallet.type.value,
        is_active=book.status is WalletStatus.ACTIVE,
        holds=tuple(sorted(book.holds)),
        equity=book.equity_micros,
        free=balance(book.accounts.free, quote),
        held=balance(book.accounts.held, quote),
        day_pnl=book.day_pnl_micros,
        fee_float=balance(book.accounts.sol_float, SOL),
        positions=len(book.positions),
        uses=tuple(wallet_uses(state, book)),
    )


def desk_sample(state: State, at_ns: int, backlog: int) -> DeskSample:
    books, desk = state.wallets.values(), state.settings
    signed = sum(known.ticket is not None for known in state.open_orders.values())
    return DeskSample(
        holds=tuple(sorted(state.holds)),
        paused=tuple(sorted(strategy.value for strategy, holds in state.paused.items() if holds)),
        equity=state.equity_micros,
        deposited=state.deposited_micros,
        peak_gain=state.peak_gain_micros,
        day_pnl=sum(book.day_pnl_micros for book in books),
        realised=sum(book.realised_micros for book in books),
        unrealised=sum(book.unrealised_micros for book in books),
        exposure=state.exposure_micros,
        uses=tuple(portfolio_uses(state)),
        stats=execution_stats(state),
        orders_placed=len(state.open_orders) - signed,
        orders_signed=signed,
        price_ages={
            desk.tokens[mint].symbol: at_ns - mark.at_ns for mint, mark in state.marks.items() if mint in desk.tokens
        },
        doubted=tuple(sorted(desk.tokens[mint].symbol for mint in state.doubted if mint in desk.tokens)),
        seq=state.seq,
        backlog=backlog,
    )
