"""Proves the accounts: compares the sums of all rows with the books."""

from __future__ import annotations

from typing import Final

from overmind.core.books.ledger import DEPOSITS, FEES, RENT, TIPS
from overmind.core.books.state import State
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.views.account_rows import Sums

FEES_PAID: Final = "fees, lamports"
RENT_PAID: Final = "rent, lamports"
TIPS_PAID: Final = "tips, lamports"
NET_DEPOSITS: Final = "net deposits, micro-USD"

Figures = dict[str, int]


def figures_of(state: State) -> Figures:
    """The same figures from the books."""
    ledger = state.ledger
    return {
        **{realised_by(wallet_id): book.realised_micros for wallet_id, book in state.wallets.items()},
        **{transfers_of(mint): -units for mint, units in outside_of(state).items()},
        FEES_PAID: ledger.balance(FEES, SOL),
        RENT_PAID: ledger.balance(RENT, SOL),
        TIPS_PAID: ledger.balance(TIPS, SOL),
        NET_DEPOSITS: state.deposited_micros,
    }


def outside_of(state: State) -> dict[Mint, int]:
    """The balances of the outside that capital came from; negative: it came in."""
    return state.ledger.accounts.get(DEPOSITS, {})


def sums_of(state: State) -> Sums:
    """What rows of all time come to, as far as `figures_of` shows it."""
    fees, rent, tips = (state.ledger.balance(name, SOL) for name in (FEES, RENT, TIPS))
    return Sums(fee_lamports=fees, rent_lamports=rent, transfers_micros=state.deposited_micros, tip_lamports=tips)


def differences(rows: Figures, books: Figures) -> list[str]:
    """Where the rows differ from the books; empty if nowhere."""
    names = sorted({*rows, *books})
    found = [(name, rows.get(name, 0), books.get(name, 0)) for name in names]
    return [f"{name}: the rows come to {one}, the books say {other}" for name, one, other in found if one != other]


def realised_by(wallet_id: WalletId) -> str:
    return f"realised by {wallet_id}, micro-USD"


def transfers_of(mint: Mint) -> str:
    return f"transfers of {mint}, base units"
