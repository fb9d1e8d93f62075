"""The bridge sums to the last micro-dollar, and each of its terms is what it says it is.

See specification §11.7.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from tests.support.core_desk import CoreDesk
from tests.support.random_commands import RandomCommands, attempt

from overmind.core.books.apply import apply
from overmind.core.books.state import State
from overmind.core.model.events import MoveRolledBack, OrderRolledBack
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.units import MICROS, value_micros, value_micros_up
from overmind.views.bridge import Bridge, bridge
from overmind.views.reports import portfolio_summary

UNDONE = (OrderRolledBack, MoveRolledBack)
ROUNDING_MICROS = 2  # of one booking: fee and rent, and the float of two wallets


def checked(state: State) -> Bridge:
    found = bridge(state)
    terms = (found.deposits_usd, found.realized_usd, found.unrealized_usd, found.float_revaluation_usd)
    assert Fraction(found.equity_usd) == sum(map(Fraction, terms)) + Fraction(found.suspense_usd)
    assert Fraction(found.equity_usd) == Fraction(worth(state), MICROS)
    return found


def worth(state: State) -> int:
    """All that the wallets own less what they owe, from the ledger alone, at the newest marks."""
    total, balance, quote = 0, state.ledger.balance, state.settings.quote.mint
    for book in state.wallets.values():
        named = book.accounts
        mints = {mint for name in named.names for mint in state.ledger.accounts.get(name, {})}
        for mint in mints:
            units = sum(balance(name, mint) for name in (named.free, named.held, named.suspense))
            total += units if mint == quote else value(state, mint, units)
        names = (named.sol_float, named.sol_float_held, named.float_suspense)
        total += value_micros(sum(balance(name, SOL) for name in names), state.price_pico(SOL), 9)
    return total


def value(state: State, mint: str, units: int) -> int:
    token, price = tokens(state)[mint], state.price_pico(Mint(mint))
    return value_micros(units, price, token.decimals) if units >= 0 else -value_micros_up(-units, price, token.decimals)


def tokens(state: State) -> dict[str, Token]:
    """Also those that are delisted: what holds or owes them knows them."""
    held = [position.token for book in state.wallets.values() for position in book.positions.values()]
    under_way = [known.token for known in state.provisional.values()]
    return {token.mint: token for token in (*under_way, *held, *state.settings.tokens.values())}


def lamports(state: State) -> list[int]:
    named = [book.accounts for book in state.wallets.values()]
    floats = [(one.sol_float, one.sol_float_held, one.float_suspense) for one in named]
    return [sum(state.ledger.balance(name, SOL) for name in names) for names in floats]


@pytest.mark.parametrize("seed", range(12))
def test_the_bridge_sums_to_the_last_micro_dollar(seed: int) -> None:
    """The revaluation is what the marks of SOL made of the float, but for a rounding of each booking."""
    rng = Random(seed)
    desk, chance = CoreDesk(), RandomCommands(rng, 1 + seed % 3)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(120):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
        checked(desk.state)
    state, before = State(), 0
    for entry in desk.entries:
        held, price = lamports(state), state.price_pico(SOL)
        apply(state, entry)
        told = 0 if state.desk is None else int(bridge(state).float_revaluation_usd.scaleb(6))
        now = state.price_pico(SOL)
        by_price = sum(value_micros(units, now, 9) - value_micros(units, price, 9) for units in held)
        # What a fork undid comes back for what it was worth then.
        assert isinstance(entry.event, UNDONE) or abs(told - before - by_price) <= ROUNDING_MICROS, entry
        before = told


@pytest.mark.parametrize("seed", range(8))
def test_it_sums_when_forks_leave_debts(seed: int) -> None:
    desk, chance = CoreDesk(), RandomCommands(Random(seed), 2, forks=True)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(150):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
        checked(desk.state)


def test_what_a_fork_took_back_after_it_was_sold_stands_in_suspense() -> None:
    desk = CoreDesk(
        "w1; buy eth $1000; fill provisional; sell eth all; fill; mark eth 2100; roll back s1.0.0 as expired"
    )
    assert checked(desk.state).suspense_usd == -1_050
    desk.play("deposit w1 0.5 eth")
    assert checked(desk.state).suspense_usd == 0


@pytest.mark.parametrize(
    ("steps", "revaluation"),
    [("w1", "0"), ("w1; mark sol 110", "10"), ("w1; mark sol 90; float w1 1; mark sol 100", "10")],
)
def test_the_price_of_sol_revalues_the_float(steps: str, revaluation: str) -> None:
    found = portfolio_summary(CoreDesk(steps).state).bridge
    assert found is not None
    assert found.float_revaluation_usd == Decimal(revaluation)
