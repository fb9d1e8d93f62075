"""What a scrape reads of the state. The loop only copies figures; another thread makes the text of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import SOL
from overmind.core.model.money import Mark
from overmind.core.model.value import Value
from overmind.views.alarms import state_alarms
from overmind.views.risk import losses
from overmind.views.stats import ExecutionStats, execution_stats
from overmind.views.utilisation import LimitUse, concentrations, portfolio_uses, strategy_uses, wallet_uses

PORTFOLIO: Final = "portfolio"
STRATEGY: Final = "strategy"
WALLET: Final = "wallet"

Counts = Mapping[str, int]


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
    realised: int
    unrealised: int
    fee_float: int
    positions: int
    outcomes: Counts
    uses: tuple[LimitUse, ...]
    strategy_uses: Mapping[str, tuple[LimitUse, ...]]


class PriceSample(Value, frozen=True):
    """A listed token's newest mark. `witness` fields: None where no second source spoke."""

    token: str
    age_ns: int
    is_doubted: bool
    witness_age_ns: int | None
    witness_off: float | None  # as a share of the mark


class DeskSample(Value, frozen=True):
    """The whole desk. USD amounts are micro-USD; ages and times are nanoseconds."""

    holds: tuple[str, ...]
    paused: Mapping[str, tuple[str, ...]]  # by strategy
    alarms: Counts
    equity: int
    deposited: int
    peak_gain: int
    day_pnl: int
    realised: int
    unrealised: int
    exposure: int
    uses: tuple[LimitUse, ...]
    losses: Mapping[str, tuple[int, int]]  # by breaker: what is lost, and what trips it
    stats: ExecutionStats
    orders_placed: int  # open, without a ticket
    orders_signed: int  # open, with a ticket
    moves: Counts
    prices: tuple[PriceSample, ...]


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
        realised=book.realised_micros,
        unrealised=book.unrealised_micros,
        fee_float=balance(book.accounts.sol_float, SOL),
        positions=len(book.positions),
        outcomes={
            "filled": book.filled,
            "failed": book.failed,
            "expired": book.expired,
            "rejected": book.rejected,
        },
        uses=tuple(wallet_uses(state, book)),
        strategy_uses={one.value: tuple(strategy_uses(state, book, one)) for one in book.wallet.strategies},
    )


def desk_sample(state: State, at_ns: int) -> DeskSample:
    books = state.wallets.values()
    signed = sum(known.ticket is not None for known in state.open_orders.values())
    return DeskSample(
        holds=tuple(sorted(state.holds)),
        paused={strategy.value: tuple(sorted(holds)) for strategy, holds in state.paused.items()},
        alarms={alarm.value: len(found) for alarm, found in state_alarms(state).items()},
        equity=state.equity_micros,
        deposited=state.deposited_micros,
        peak_gain=state.peak_gain_micros,
        day_pnl=sum(book.day_pnl_micros for book in books),
        realised=sum(book.realised_micros for book in books),
        unrealised=sum(book.unrealised_micros for book in books),
        exposure=state.exposure_micros,
        uses=(*portfolio_uses(state), *concentrations(state)),
        losses=losses(state),
        stats=execution_stats(state),
        orders_placed=len(state.open_orders) - signed,
        orders_signed=signed,
        moves=Counter(known.move.kind.value for known in state.open_moves.values()),
        prices=tuple(_prices(state, at_ns)),
    )


def _prices(state: State, at_ns: int) -> Iterator[PriceSample]:
    """Of the tokens that a list has: they are bounded, and each has a symbol of its own."""
    tokens, doubted = state.settings.tokens, state.doubted
    for mint, mark in state.marks.items():
        if mint in tokens:
            shown = doubted.get(mint, mark)
            yield PriceSample(
                token=tokens[mint].symbol,
                age_ns=at_ns - mark.at_ns,
                is_doubted=mint in doubted,
                witness_age_ns=None if shown.witness is None else at_ns - shown.witness.at_ns,
                witness_off=_witness_off(shown),
            )


def _witness_off(mark: Mark) -> float | None:
    return None if mark.witness is None else abs(mark.witness.price_pico - mark.price_pico) / mark.price_pico
