"""One wallet: its limits and who changed them, the shares of its strategies, and what holds it."""

from __future__ import annotations

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.control.holds import OPERATOR
from overmind.core.model.ids import WalletId
from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of
from overmind.views.limits import LimitRow, wallet_limits
from overmind.views.reports import ExitRow, exit_row, performance_score
from overmind.views.risk import StrategyUse, strategy_use
from overmind.views.screens.holds import HeldRow, held_rows
from overmind.views.screens.positions import PositionScreenRow, position_row
from overmind.views.screens.wallets import WalletRow, wallet_row


class StrategyRow(Value, frozen=True):
    name: str
    share: float  # percent of the wallet's equity
    position_max_usd: Amount
    enabled: bool
    use: StrategyUse


class WalletScreen(Value, frozen=True):
    row: WalletRow
    public_key: str
    holds: tuple[HeldRow, ...]
    is_paused: bool  # by an operator
    strategies: tuple[StrategyRow, ...]
    exits: ExitRow | None
    limits: tuple[LimitRow, ...]  # by files and in force
    differs: bool
    positions: tuple[PositionScreenRow, ...]
    score: float  # 0 to 5, from execution quality
    executions: int
    filled: int
    failed: int
    expired: int
    rejected: int
    rolled_back: int
    last_trade_ns: int | None


def wallet_screen(state: State, wallet_id: WalletId, at_ns: int) -> WalletScreen:
    book = state.wallets[wallet_id]
    found = wallet_limits(state, wallet_id)
    return WalletScreen(
        row=wallet_row(state, book),
        public_key=book.wallet.public_key,
        holds=tuple(row for row in held_rows(state) if row.kind == "wallets" and row.target == wallet_id),
        is_paused=OPERATOR in book.holds,
        strategies=_strategies(state, book),
        exits=None if book.wallet.exits is None else exit_row(book.wallet.exits),
        limits=found.limits,
        differs=found.differs,
        positions=tuple(position_row(state, book, position, at_ns) for position in book.positions.values()),
        score=performance_score(book),
        executions=book.executions,
        filled=book.filled,
        failed=book.failed,
        expired=book.expired,
        rejected=book.rejected,
        rolled_back=book.rolled_back,
        last_trade_ns=book.last_trade_ns,
    )


def _strategies(state: State, book: WalletBook) -> tuple[StrategyRow, ...]:
    return tuple(
        StrategyRow(
            name=strategy.value,
            share=share.share_ppm * 100 / PPM,
            position_max_usd=usd_of(share.position_max_micros),
            enabled=share.enabled,
            use=strategy_use(state, book, strategy),
        )
        for strategy, share in book.wallet.strategies.items()
    )
