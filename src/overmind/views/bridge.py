"""The bridge from what was deposited to what there is: every micro-dollar of equity is in one of its terms.

    equity = deposits + realised + unrealised + revaluation of the SOL float + suspense

Realised is net of fees and rent, at the mark of their time. The revaluation is what moves of SOL's price made of the
lamports for fees and rent, and the rounding of each booking of them. Suspense is what the desk owes because a fork took
back tokens that were sold already: only while such a debt stands it differs from zero, and equity from the total value.

See specification §11.7.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.numbers import decimal_of
from overmind.core.model.units import value_micros_up
from overmind.core.model.value import Value
from overmind.views.amounts import token_of

MICRO_DECIMALS: Final = 6


class Bridge(Value, frozen=True):
    """In USD, exact to the micro-dollar."""

    equity_usd: Decimal
    deposits_usd: Decimal  # net, at the marks of their time
    realized_usd: Decimal
    unrealized_usd: Decimal
    float_revaluation_usd: Decimal
    suspense_usd: Decimal  # never positive


def bridge(state: State) -> Bridge:
    books = state.wallets.values()
    realised = sum(book.realised_micros for book in books)
    unrealised = sum(book.unrealised_micros for book in books)
    suspense = -sum(_owed_micros(state, book) for book in books)
    return Bridge(
        equity_usd=_exact(state.equity_micros + suspense),
        deposits_usd=_exact(state.deposited_micros),
        realized_usd=_exact(realised),
        unrealized_usd=_exact(unrealised),
        float_revaluation_usd=_exact(state.equity_micros - state.deposited_micros - realised - unrealised),
        suspense_usd=_exact(suspense),
    )


def _owed_micros(state: State, book: WalletBook) -> int:
    """Owed tokens that nothing covers, at the newest mark. Equity has debts of quote currency and of the float."""
    return sum(_value_micros(state, mint, _uncovered(state, book, mint)) for mint in book.in_suspense)


def _uncovered(state: State, book: WalletBook, mint: Mint) -> int:
    accounts, balance = book.accounts, state.ledger.balance
    units = sum(balance(name, mint) for name in (accounts.free, accounts.held, accounts.suspense))
    return max(0, -units) if mint != state.settings.quote.mint else 0


def _value_micros(state: State, mint: Mint, units: int) -> int:
    token = token_of(state.settings, mint)
    decimals = SOL_DECIMALS if mint == SOL else token.decimals if token is not None else 0
    return value_micros_up(units, state.price_pico(mint), decimals)


def _exact(micros: int) -> Decimal:
    return decimal_of(micros, MICRO_DECIMALS)
