"""Valuation by columns equals valuation position by position, at the numeric limits of columns and beyond."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk
from tests.support.effort import examples

from overmind.core.books.aggregates import change_position, configure, mark_prices, watch_again
from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Lot, Position
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.books.triggers import profit_pico, reached, stop_pico, trail_pico
from overmind.core.books.valuation import FEW, Valuation
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Mark, Token
from overmind.core.model.units import NS, PICO, PRICE_MAX_PICO
from overmind.core.model.wallet import Exits

OWNERS = (None, StrategyType.ARBITRAGE, StrategyType.MOMENTUM_TRADING)
DECIMALS = (0, 6, 9, 12, 13, 18)
TOKENS = [Token(f"T{decimals}", Mint(f"t{decimals}"), decimals) for decimals in DECIMALS]


def amount(rng: Random, most: int) -> int:
    """A random number of any length, often close to a power of two."""
    bits = rng.randint(1, most.bit_length())
    return max(1, min(most, rng.choice([rng.getrandbits(bits), 2**bits - 1, 2**bits, 10 ** (bits * 3 // 10)])))


def exits(rng: Random) -> Exits | None:
    share = [None, 1, 250_000, 999_999]
    return Exits(rng.choice(share), rng.choice(share), rng.choice(share)) if rng.random() < 0.7 else None


def trade(rng: Random, state: State) -> None:
    """Changes one position in one of the possible ways."""
    book, token = rng.choice([*state.wallets.values()]), rng.choice(TOKENS)
    position, roll = book.positions.get(token.mint), rng.random()
    if position is None or roll < 0.5:
        units, owner = amount(rng, 2**80), rng.choice(OWNERS)
        change_position(state, book, token, Lot(owner, units, amount(rng, 2**60), state.at_ns))
    elif roll < 0.8:
        change_position(state, book, token, -rng.choice([position.units, rng.randint(1, position.units)]))
    elif roll < 0.9:
        position.exits, position.peak_pico = exits(rng), amount(rng, 2**66)
        watch_again(state, book, token.mint)
    else:
        limits = replace(book.wallet.limits, stop_loss_ppm=rng.choice([0, 1, 250_000, 999_999]))
        configure(state, book, replace(book.wallet, exits=exits(rng), limits=limits))


def mark(rng: Random, state: State) -> None:
    """Changes some prices, slightly or strongly, or repeats them."""
    marks = []
    for token in rng.sample(TOKENS, rng.randint(1, len(TOKENS))):
        known = state.price_pico(token.mint)
        near = known * rng.randint(900, 1_100) // 1_000
        edge = rng.choice(triggers(state, token.mint) or [near]) + rng.choice([-1, 0, 1])
        price = rng.choice([near, near, edge, edge, known, amount(rng, 2**64), amount(rng, PRICE_MAX_PICO)])
        marks.append(Mark(token.mint, min(max(1, price), PRICE_MAX_PICO), state.at_ns))
    peaks = {
        (wallet_id, one.mint): max(book.positions[one.mint].peak_pico, min(state.price_pico(one.mint), one.price_pico))
        for wallet_id, book in state.wallets.items()
        for one in marks
        if one.mint in book.positions
    }
    mark_prices(state, marks)
    assert peaks == {place: state.wallets[place[0]].positions[place[1]].peak_pico for place in peaks}


def triggers(state: State, mint: Mint) -> list[int]:
    held = [(book, book.positions[mint]) for book in state.wallets.values() if mint in book.positions]
    found = [price(*one) for one in held for price in (stop_pico, trail_pico, profit_pico)]
    return [price for price in found if price is not None]


def at_risk_micros(state: State, book: WalletBook, position: Position) -> int:
    """From the newest mark down to the higher of its stops."""
    stops = [pico for pico in (stop_pico(book, position), trail_pico(book, position)) if pico is not None]
    now = position.value_micros(state.price_pico(position.token.mint))
    return max(0, now - position.value_micros(max(stops))) if stops else 0


def check(state: State) -> None:
    assets, strategies = dict.fromkeys(state.assets, 0), dict.fromkeys(state.strategies, 0)
    for book in state.wallets.values():
        deployed = dict.fromkeys(book.deployed, 0)
        for mint, position in book.positions.items():
            price = state.price_pico(mint)
            assets[mint] = assets.get(mint, 0) + position.value_micros(price)
            for by, micros in position.value_by(price).items():
                deployed[by] = deployed.get(by, 0) + micros
                strategies[by] = strategies.get(by, 0) + micros
        values = [position.value_micros(state.price_pico(mint)) for mint, position in book.positions.items()]
        assert book.positions_micros == sum(values)
        assert all(position.stop_pico == stop_pico(book, position) for position in book.positions.values())
        assert book.at_risk_micros == sum(at_risk_micros(state, book, one) for one in book.positions.values())
        assert book.deployed == {by: micros for by, micros in deployed.items() if micros}
        prices = {mint: state.price_pico(mint) for mint in book.positions}  # Without a price, the first one is awaited.
        assert book.reached == {
            mint for mint, price in prices.items() if not price or [*reached(book, book.positions[mint], price)]
        }
    assert state.assets == {mint: micros for mint, micros in assets.items() if micros}
    assert state.strategies == {by: micros for by, micros in strategies.items() if micros}
    assert state.exposure_micros == sum(state.assets.values())
    assert state.equity_micros == sum(book.equity_micros for book in state.wallets.values())


def compare(rng: Random, steps: int) -> None:
    """Some states switch to columns once they are large enough, most use columns from the first position on."""
    state = CoreDesk("w1; w2; w3").state
    state.valuation = Valuation(few=rng.choice([0, 0, 6]))
    for _ in range(steps):
        state.at_ns += NS
        for _ in range(rng.choice([0, 1, 1, 2, 20])):
            trade(rng, state)
        mark(rng, state)
        check(state)
        if rng.random() < 0.05:
            state = decode_state(encode_state(state))
            state.valuation = Valuation(few=rng.choice([0, 6, FEW]))


@pytest.mark.parametrize("seed", range(20))
def test_the_columns_equal_the_plain_loop(seed: int) -> None:
    compare(Random(seed), steps=60)


@settings(derandomize=True, max_examples=examples(60))
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_no_short_history_makes_them_differ(rng: Random, steps: int) -> None:
    compare(rng, steps)


def test_from_many_to_few_and_back() -> None:
    state, (one, other, *_) = CoreDesk("w1").state, TOKENS
    state.valuation, book = Valuation(few=2), state.wallets[WalletId("w1")]
    change_position(state, book, one, Lot(None, 7, 0))
    for price, held in ((3, 1), (4, 0), (5, 0), (6, 1), (7, 1)):
        if held > (other.mint in book.positions):
            change_position(state, book, other, Lot(None, 5, 0))
        elif held < (other.mint in book.positions):
            change_position(state, book, other, -5)
        mark_prices(state, [Mark(token.mint, price * PICO, NS * price) for token in (one, other)])
        check(state)


def test_tokens_that_are_sold_leave_their_rows_to_others() -> None:
    desk = CoreDesk("w1; w2")
    desk.state.valuation = Valuation(few=0)
    for number in range(200):
        token, sold = Token("T", Mint(f"t{number}"), 0), Token("T", Mint(f"t{number - 2}"), 0)
        for wallet in ("w1", "w2"):
            change_position(desk.state, desk.book(wallet), token, Lot(StrategyType.ARBITRAGE, 7, 0))
            if number >= 2:
                change_position(desk.state, desk.book(wallet), sold, -7)
        mark_prices(desk.state, [Mark(token.mint, (number + 1) * PICO, NS * number)])
        check(desk.state)
    assert desk.state.valuation.size <= 2 * 2 * 4


def test_what_would_sum_to_more_than_an_int64_is_left_to_the_plain_loop() -> None:
    desk, units = CoreDesk("w1"), 2**50 - 1
    tokens = [Token(f"T{number}", Mint(f"t{number}"), 0) for number in range(2**13 + 1)]
    for token in tokens:
        change_position(desk.state, desk.book("w1"), token, Lot(None, units, 0, 0))
    mark_prices(desk.state, [Mark(token.mint, 10**6, NS) for token in tokens])
    assert desk.book("w1").positions_micros == desk.state.exposure_micros == len(tokens) * units > 2**63


def test_a_new_state_values_what_a_snapshot_holds() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill; deposit w1 1 eth")
    desk.state = decode_state(encode_state(desk.state))
    desk.state.valuation = Valuation(few=0)
    desk.play("mark eth 2200")
    assert desk.book("w1").positions_micros == 3_300 * 10**6
