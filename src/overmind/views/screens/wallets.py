"""Every wallet in a row: what it has, what it is meant to have, and how much of each limit it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.model.ids import SOL
from overmind.core.model.units import PPM, ppm_of
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import sol_of, usd_of
from overmind.views.risk import Use, shown_use
from overmind.views.utilisation import percent_of, wallet_uses

# The limits of a wallet as the limit table names them, and the titles of their columns.
METERS: Final = {
    "daily_loss": "Loss today",
    "position_size": "Largest position",
    "exposure": "Exposure",
    "concurrent_positions": "Positions",
    "trades_today": "Trades today",
}


class WalletRow(Value, frozen=True):
    wallet_id: str
    wallet_type: str
    profile: str
    status: str
    holds: tuple[str, ...]
    equity_usd: Amount
    day_pnl_usd: Amount
    total_pnl_usd: Amount
    free_usd: Amount  # quote currency
    held_usd: Amount  # of it, by open orders and moves
    free_sol: Amount  # for fees and rent
    held_sol: Amount
    positions: int
    positions_usd: Amount
    share: float  # percent of the portfolio's equity
    target: float  # percent: its allocation
    off_target_usd: Amount  # what it has above its allocation; negative: below
    uses: dict[str, Use]  # by limit
    most_used: float  # percent


def wallet_rows(state: State) -> Iterator[WalletRow]:
    """The state may change between two rows."""
    return (wallet_row(state, book) for book in [*state.wallets.values()])


def wallet_row(state: State, book: WalletBook) -> WalletRow:
    balance, accounts, quote = state.ledger.balance, book.accounts, state.settings.quote.mint
    uses = wallet_uses(state, book)
    target_micros = ppm_of(state.equity_micros, book.wallet.allocation_ppm)
    return WalletRow(
        wallet_id=book.wallet.id,
        wallet_type=book.wallet.type.value,
        profile=book.wallet.profile.value,
        status=book.status.value,
        holds=tuple(sorted(book.holds)),
        equity_usd=usd_of(book.equity_micros),
        day_pnl_usd=usd_of(book.day_pnl_micros),
        total_pnl_usd=usd_of(book.realised_micros + book.unrealised_micros),
        free_usd=usd_of(balance(accounts.free, quote)),
        held_usd=usd_of(balance(accounts.held, quote)),
        free_sol=sol_of(balance(accounts.sol_float, SOL)),
        held_sol=sol_of(balance(accounts.sol_float_held, SOL)),
        positions=len(book.positions),
        positions_usd=usd_of(book.positions_micros),
        share=percent_of(book.equity_micros, state.equity_micros),
        target=book.wallet.allocation_ppm * 100 / PPM,
        off_target_usd=usd_of(book.equity_micros - target_micros),
        uses={use.name: shown_use(use) for use in uses},
        most_used=max((use.percent for use in uses), default=0.0),
    )
