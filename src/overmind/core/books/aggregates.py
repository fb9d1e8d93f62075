"""Keeps sums of positions, exposure and equity up to date with every change, so that no rule has to add them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Lot, Position, cost_of
from overmind.core.books.realised import Realised
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.books.triggers import forget, has_exits, reach, set_stops, shown_twice_pico, watch
from overmind.core.books.valuation import WHOLE
from overmind.core.books.volatility import Volatility
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark, Token
from overmind.core.model.order import Order
from overmind.core.model.units import value_micros
from overmind.core.model.wallet import Exits, Wallet

K = TypeVar("K")
T = TypeVar("T")
Worth = tuple[int, int, int, dict[str, int]]  # of a position: cost, value, at risk, and the value of each owner's part


def count_entry(state: State, book: WalletBook, order: Order, micros: int) -> None:
    """Adds a held buy to every sum that limits use, or removes it again."""
    mint, strategy = order.receive, order.strategy
    entries = book.entries.get(mint)
    if entries is None:
        entries = book.entries[mint] = {}
        if mint not in book.positions or mint in book.dust:
            _add(state.users, mint, 1)
    _add(entries, strategy, micros)
    if not entries:
        del book.entries[mint]
        if mint not in book.positions or mint in book.dust:
            _add(state.users, mint, -1)
    _add(book.entries_by, strategy, micros)
    _add(state.strategies, strategy, micros)
    book.entries_micros += micros
    _change_asset(state, mint, micros)


def _add(sums: dict[K, int], key: K, micros: int) -> None:
    """Keeps no sum of zero."""
    left = sums.get(key, 0) + micros
    if left:
        sums[key] = left
    else:
        sums.pop(key, None)


def _change_asset(state: State, mint: Mint, micros: int) -> None:
    _add(state.assets, mint, micros)
    state.exposure_micros += micros


def change_position(state: State, book: WalletBook, token: Token, change: Lot | int) -> int:
    """Adds a lot, or takes units away (negative). Returns the cost of the taken units."""
    mint = token.mint
    position = book.positions.get(mint)
    if position is None:
        position = book.positions[mint] = Position(token)
        if mint not in book.entries:
            _add(state.users, mint, 1)
    price_pico = state.price_pico(mint)
    before = _worth(position, price_pico)
    cost = 0
    if isinstance(change, Lot):
        position.add(change)
    else:
        cost = cost_of(position.take(-change))
    _settle_position(state, book, position, before, price_pico)
    return cost


def change_lots(state: State, book: WalletBook, token: Token, change: Callable[[Position], T]) -> T:
    """Changes the lots of a position by `change`, and every sum with them. Returns what `change` returns."""
    position = book.positions.get(token.mint)
    if position is None:
        position = book.positions[token.mint] = Position(token)
        if token.mint not in book.entries:
            _add(state.users, token.mint, 1)
    price_pico = state.price_pico(token.mint)
    before = _worth(position, price_pico)
    changed = change(position)
    _settle_position(state, book, position, before, price_pico)
    return changed


def _settle_position(state: State, book: WalletBook, position: Position, before: Worth, price_pico: int) -> None:
    mint = position.token.mint
    if position.units:
        set_stops(book, position)
    value = _recount(state, book, position, before, price_pico)
    if position.units:
        watch(book, position, price_pico)
        if (desk := state.desk) is not None and desk.dust_micros:  # Not `settings`: every trade passes here.
            _sift(state, book, mint, price_pico > 0 and value < desk.dust_micros)
        state.valuation.note(book, mint)
    else:
        forget(book, position)
        state.valuation.note(book, mint)
        del book.positions[mint]
        if mint in book.dust:
            book.dust.remove(mint)
        elif mint not in book.entries:
            _add(state.users, mint, -1)


def sift(state: State, book: WalletBook, position: Position, price_pico: int) -> None:
    """Notes whether the position is dust now. One without a price is none: nobody knows what it is worth."""
    worth, bound = position.value_micros(price_pico), state.settings.dust_micros
    _sift(state, book, position.token.mint, price_pico > 0 and worth < bound)


def _sift(state: State, book: WalletBook, mint: Mint, is_dust: bool) -> None:
    if is_dust == (mint in book.dust):
        return
    book.dust ^= {mint}
    if mint not in book.entries:
        _add(state.users, mint, -1 if is_dust else 1)
    state.touched.append((book.wallet.id, mint, None))


def _worth(position: Position, price_pico: int) -> Worth:
    value = position.value_micros(price_pico)
    return position.cost_micros, value, position.at_risk_micros(value), position.value_by(price_pico)


def _recount(state: State, book: WalletBook, position: Position, before: Worth, price_pico: int) -> int:
    """Moves every sum from the position's former value to its value at this price. Returns that."""
    cost, value, at_risk, value_by = _worth(position, price_pico)
    cost_before, value_before, at_risk_before, by_before = before
    book.cost_micros += cost - cost_before
    book.at_risk_micros += at_risk - at_risk_before
    book.positions_micros += value - value_before
    _change_asset(state, position.token.mint, value - value_before)
    for by in {**by_before, **value_by}:
        if gained := value_by.get(by, 0) - by_before.get(by, 0):
            _gain(state, book, by, gained)
    return value


def _gain(state: State, book: WalletBook, by: str, micros: int) -> None:
    """Adds to the value of a strategy's part here, or, for WHOLE, of all positions."""
    if by == WHOLE:
        book.positions_micros += micros
    else:
        _add(book.deployed, by, micros)
        _add(state.strategies, by, micros)


def watch_again(state: State, book: WalletBook, mint: Mint) -> None:
    """Recomputes when a position is due and what it can lose, after a change of something other than its price."""
    position, price_pico = book.positions[mint], state.price_pico(mint)
    value = position.value_micros(price_pico)
    before = position.at_risk_micros(value)
    set_stops(book, position)
    book.at_risk_micros += position.at_risk_micros(value) - before
    watch(book, position, price_pico)
    state.valuation.note(book, mint)


def plan_exits(state: State, book: WalletBook, mint: Mint, exits: Exits | None, paid_pico: int) -> None:
    """Gives a position the exits of a signal that bought into it. Its peak is at least the price that was paid."""
    position = book.positions[mint]
    position.peak_pico = max(position.peak_pico, paid_pico)
    if exits is not None:
        position.plan(exits, state.at_ns)
    if has_exits(book, position):
        watch_again(state, book, mint)


def configure(state: State, book: WalletBook, wallet: Wallet) -> None:
    """Sets the wallet, and recomputes when its positions are due and what they can lose."""
    book.wallet = wallet
    for mint in book.positions:
        watch_again(state, book, mint)


def sift_all(state: State) -> None:
    """After a change of the dust bound."""
    for book in state.wallets.values():
        for mint, position in book.positions.items():
            sift(state, book, position, state.price_pico(mint))
            state.valuation.note(book, mint)


def mark_prices(state: State, marks: Sequence[Mark]) -> None:
    """Values every position at the new marks, with every sum."""
    known, before_pico, volatility = state.marks, state.before_pico, state.volatility
    before = {mark.mint: known[mark.mint].price_pico if mark.mint in known else 0 for mark in marks}
    half_life_ns = state.settings.volatility_half_life_ns
    for mark in marks:
        mint = mark.mint
        known[mint] = mark
        before_pico[mint] = before[mint] or mark.price_pico
        if mint not in volatility:
            volatility[mint] = Volatility()
        volatility[mint].observe(mark, half_life_ns)
    prices = {mint: mark.price_pico for mint, mark in state.marks.items()}
    gains = state.valuation.revalue([*state.wallets.values()], prices, before, state.settings.dust_micros)
    for book, by, micros in gains.by_owner:
        _gain(state, book, by, micros)
    for mint, micros in gains.by_token:
        _change_asset(state, mint, micros)
    for book, position in gains.sifted:
        sift(state, book, position, state.price_pico(position.token.mint))
    for book, position in gains.left:
        _revalue(state, book, position, before[position.token.mint])
    for book, micros in gains.at_risk:  # A peak may rise, and with it a stop, at an unchanged price.
        book.at_risk_micros += micros
        state.repriced = True
    if any(price_pico != prices[mint] for mint, price_pico in before.items()):
        state.repriced = True
        for book in state.wallets.values():
            refresh_equity(state, book)


def _revalue(state: State, book: WalletBook, position: Position, before_pico: int) -> None:
    """The plain loop; the columns must give the same values."""
    price_pico, scale = state.price_pico(position.token.mint), position.scale
    value, value_before = position.value_micros(price_pico), position.value_micros(before_pico)
    at_risk_before = position.at_risk_micros(value_before)
    if (peak_pico := shown_twice_pico(before_pico, price_pico)) > position.peak_pico:
        position.peak_pico = peak_pico
        set_stops(book, position)
    if riskier := position.at_risk_micros(value) - at_risk_before:
        book.at_risk_micros += riskier
        state.repriced = True
    if price_pico != before_pico:
        book.positions_micros += value - value_before
        _change_asset(state, position.token.mint, value - value_before)
        for by, units in position.units_by.items():
            if gained := units * price_pico // scale - units * before_pico // scale:
                _gain(state, book, by, gained)
    reach(book, position, price_pico)
    sift(state, book, position, price_pico)


def refresh_equity(state: State, book: WalletBook) -> None:
    """Equity = quote currency + positions + SOL float, held or not, less what a fork took back of either."""
    desk, ledger, accounts = state.desk, state.ledger, book.accounts
    assert desk is not None, "the desk is not configured"
    quote = desk.quote.mint
    cash = ledger.balance_of_both(accounts.free, accounts.held, quote)
    lamports = ledger.balance_of_both(accounts.sol_float, accounts.sol_float_held, SOL)
    if book.in_suspense:
        cash += ledger.balance(accounts.suspense, quote)
        lamports += ledger.balance(accounts.float_suspense, SOL)
    sol = state.marks.get(SOL)
    float_micros = value_micros(lamports, sol.price_pico, SOL_DECIMALS) if sol is not None else 0
    equity = cash + book.positions_micros + float_micros
    state.equity_micros += equity - book.equity_micros
    book.equity_micros = equity


def _float_micros(state: State, book: WalletBook, price_pico: int) -> int:
    ledger, accounts = state.ledger, book.accounts
    lamports = ledger.balance_of_both(accounts.sol_float, accounts.sol_float_held, SOL)
    if book.in_suspense:
        lamports += ledger.balance(accounts.float_suspense, SOL)
    return value_micros(lamports, price_pico, SOL_DECIMALS)


def equity_if(state: State, pick: Callable[[int, int], int]) -> int:
    """The portfolio's equity with each token at one of its last two marks."""
    prices = {mint: pick(state.before_pico[mint], mark.price_pico) for mint, mark in state.marks.items()}
    equity = state.equity_micros
    for book in state.wallets.values():
        equity += _float_micros(state, book, prices.get(SOL, 0)) - _float_micros(state, book, state.price_pico(SOL))
        equity -= book.positions_micros
        equity += sum(position.value_micros(prices.get(mint, 0)) for mint, position in book.positions.items())
    return equity


def begin_stop_base(state: State) -> None:
    """Starts counting losses for the emergency stop from now."""
    state.stop_base = state.baseline
    state.stop_confirmed_micros = equity_if(state, min)


def realise(state: State, book: WalletBook, realised: Realised) -> int:
    """Books a realised gain or loss, and returns it. All of them pass here, so that their sum is complete."""
    micros = realised.realised_micros
    book.realised_today_micros += micros
    book.realised_micros += micros
    state.realised.append(realised)
    return micros
