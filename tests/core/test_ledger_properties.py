"""Whatever is commanded, in whatever order: books balance, sums are true, limits hold, and replay gives the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.chance import COIN, DUST, Chance, attempt
from tests.core.desk import DESK, USDC, Play

from overmind.core.book import WalletBook
from overmind.core.index import SelectionIndex
from overmind.core.ledger import free, held, sol_float, sol_float_held
from overmind.core.messages import (
    DayRolled,
    Deposited,
    Entry,
    OrderClosed,
    OrderPlaced,
    PricesMarked,
)
from overmind.core.model import (
    NS,
    PPM,
    SOL,
    Failed,
    Filled,
    Mint,
    Order,
    OrderId,
    Side,
    StrategyType,
    WalletId,
    WalletType,
)
from overmind.core.state import State, apply, decode_state, encode_state

Owned = tuple[WalletId, Mint]
DECIMALS = {token.mint: token.decimals for token in (*DESK.tokens.values(), DUST, COIN)}


class Lot:
    def __init__(self, strategy: str, units: int, cost: int) -> None:
        self.strategy, self.units, self.cost = strategy, units, cost


class Accountant:
    """The same journal, booked a second time in the plainest way: nothing is kept that can be added up when asked."""

    def __init__(self) -> None:
        self.cash: Counter[WalletId] = Counter()
        self.floats: Counter[WalletId] = Counter()
        self.lots: dict[Owned, list[Lot]] = defaultdict(list)
        self.prices: dict[Mint, int] = {}
        self.open: dict[OrderId, Order] = {}
        self.placed_ns: dict[WalletId, list[int]] = defaultdict(list)
        self.trades_today: Counter[WalletId] = Counter()
        self.realised: Counter[WalletId] = Counter()
        self.realised_today: Counter[WalletId] = Counter()
        self.unrealised_base: dict[WalletId, int] = {}

    def book(self, state: State, entry: Entry) -> None:
        match entry.event:
            case PricesMarked(marks=marks):
                self.prices |= {mark.mint: mark.price_pico for mark in marks}
            case Deposited(wallet_id=wallet_id, money=money, to_float=to_float):
                if to_float:
                    self.floats[wallet_id] += money.units
                elif money.mint == USDC.mint:
                    self.cash[wallet_id] += money.units
                else:
                    cost = money.units * self.prices[money.mint] // 10 ** (DECIMALS[money.mint] + 6)
                    self.lots[wallet_id, money.mint].append(Lot("deposit", money.units, cost))
            case OrderPlaced(order=order):
                self.open[order.id] = order
                if order.side is Side.BUY:
                    self.placed_ns[order.wallet_id].append(entry.at_ns)
            case OrderClosed(order_id=order_id, outcome=Filled() as fill):
                self._fill(self.open.pop(order_id), fill)
            case OrderClosed(order_id=order_id, outcome=outcome):
                order = self.open.pop(order_id)
                self._pay(order.wallet_id, outcome.fee_lamports if isinstance(outcome, Failed) else 0)
            case DayRolled():
                self.trades_today.clear()
                self.realised_today.clear()
                self.unrealised_base = {wallet_id: self.unrealised(wallet_id) for wallet_id in state.wallets}

    def _fill(self, order: Order, fill: Filled) -> None:
        wallet_id, lots = order.wallet_id, self.lots[order.wallet_id, order.mint]
        self.trades_today[wallet_id] += 1
        self._pay(wallet_id, fill.fee_lamports + fill.rent_lamports)
        if order.side is Side.BUY:
            self.cash[wallet_id] -= fill.spent_units
            lots.append(Lot(order.strategy, fill.received_units, fill.spent_units))
            return
        self.cash[wallet_id] += fill.received_units
        self._realise(wallet_id, fill.received_units)
        left = fill.spent_units
        while left:
            lot = lots[0]
            units = min(left, lot.units)
            cost = lot.cost * units // lot.units
            self._realise(wallet_id, -cost)
            lot.units, lot.cost, left = lot.units - units, lot.cost - cost, left - units
            if not lot.units:
                lots.pop(0)

    def _pay(self, wallet_id: WalletId, lamports: int) -> None:
        self.floats[wallet_id] -= lamports
        self._realise(wallet_id, -up(lamports * self.prices.get(SOL, 0), 10**15))

    def _realise(self, wallet_id: WalletId, micros: int) -> None:
        self.realised[wallet_id] += micros
        self.realised_today[wallet_id] += micros

    def mints(self, wallet_id: WalletId) -> set[Mint]:
        return {mint for (owner, mint), lots in self.lots.items() if owner == wallet_id and lots}

    def units(self, wallet_id: WalletId, mint: Mint) -> int:
        return sum(lot.units for lot in self.lots[wallet_id, mint])

    def value(self, wallet_id: WalletId, mint: Mint, strategy: str | None = None) -> int:
        """Of a position, or of what one strategy owns of it."""
        lots = self.lots[wallet_id, mint]
        units = sum(lot.units for lot in lots if strategy in (None, lot.strategy))
        return units * self.prices[mint] // 10 ** (DECIMALS[mint] + 6) if lots else 0

    def values(self, wallet_id: WalletId, strategy: str | None = None) -> int:
        return sum(self.value(wallet_id, mint, strategy) for mint in self.mints(wallet_id))

    def cost(self, wallet_id: WalletId) -> int:
        return sum(lot.cost for mint in self.mints(wallet_id) for lot in self.lots[wallet_id, mint])

    def unrealised(self, wallet_id: WalletId) -> int:
        return self.values(wallet_id) - self.cost(wallet_id)

    def day_pnl(self, wallet_id: WalletId) -> int:
        base = self.unrealised_base.get(wallet_id, 0)
        return self.realised_today[wallet_id] + self.unrealised(wallet_id) - base

    def equity(self, wallet_id: WalletId) -> int:
        return (
            self.cash[wallet_id] + self.values(wallet_id) + self.floats[wallet_id] * self.prices.get(SOL, 0) // 10**15
        )

    def orders(self, wallet_id: WalletId, side: Side) -> list[Order]:
        return [order for order in self.open.values() if order.wallet_id == wallet_id and order.side is side]

    def held_buys(self, wallet_id: WalletId, mint: Mint | None = None, strategy: StrategyType | None = None) -> int:
        return sum(
            order.notional_micros
            for order in self.orders(wallet_id, Side.BUY)
            if mint in (None, order.mint) and strategy in (None, order.strategy)
        )


def up(part: int, whole: int) -> int:
    return -(-part // whole)


def check_books(state: State) -> None:
    """What is there was brought, what is held is held by an order, and nobody owes."""
    assert not any(state.ledger.totals().values()), state.ledger.totals()
    for account, balances in state.ledger.accounts.items():
        assert account.startswith("@") or min(balances.values(), default=0) >= 0, (account, balances)
    spends: Counter[tuple[str, Mint]] = Counter()
    for one in state.open_orders.values():
        order = one.order
        spends[held(order.wallet_id), order.spend.mint] += order.spend.units
        spends[sol_float_held(order.wallet_id), SOL] += order.fee_max_lamports + order.rent_max_lamports
    for wallet_id, book in state.wallets.items():
        for account in (held(wallet_id), sol_float_held(wallet_id)):
            for mint, units in state.ledger.accounts.get(account, {}).items():
                assert units == spends[account, mint], (account, mint)
        for mint, position in book.positions.items():
            units_of_both = [state.ledger.balance(account, mint) for account in (free(wallet_id), held(wallet_id))]
            assert position.units == sum(units_of_both) == sum(lot.units for lot in position.lots) > 0, (
                wallet_id,
                mint,
            )
            assert position.cost_micros == sum(lot.cost_micros for lot in position.lots), (wallet_id, mint)


def check_sums(state: State, plain: Accountant) -> None:
    """Every derived number of the state equals what the plain accountant adds up."""
    assets: Counter[Mint] = Counter()
    for wallet_id, book in state.wallets.items():
        buys = plain.orders(wallet_id, Side.BUY)
        assert book.positions.keys() == plain.mints(wallet_id), wallet_id
        for mint, position in book.positions.items():
            assert (position.units, position.value_micros) == (
                plain.units(wallet_id, mint),
                plain.value(wallet_id, mint),
            )
            for strategy in StrategyType:
                assert position.value_by.get(strategy, 0) == plain.value(wallet_id, mint, strategy), (wallet_id, mint)
            assets[mint] += position.value_micros
        for order in buys:
            assets[order.mint] += order.notional_micros
        cash = [state.ledger.balance(account(wallet_id), USDC.mint) for account in (free, held)]
        assert sum(cash) == plain.cash[wallet_id], wallet_id
        lamports = [state.ledger.balance(account(wallet_id), SOL) for account in (sol_float, sol_float_held)]
        assert sum(lamports) == plain.floats[wallet_id], wallet_id
        for name, found, expected in (
            ("positions", book.positions_micros, plain.values(wallet_id)),
            ("cost", book.cost_micros, plain.cost(wallet_id)),
            ("equity", book.equity_micros, plain.equity(wallet_id)),
            ("entries_open", book.entries_open, len(buys)),
            ("entries", book.entries_micros, plain.held_buys(wallet_id)),
            ("loss in flight", book.loss_in_flight_micros, sum(order.loss_max_micros for order in buys)),
            ("mints in use", book.mints_in_use, len(plain.mints(wallet_id) | {order.mint for order in buys})),
            ("trades", book.trades_today, plain.trades_today[wallet_id]),
            ("realised today", book.realised_today_micros, plain.realised_today[wallet_id]),
            ("realised", book.realised_micros, plain.realised[wallet_id]),
            ("day PnL", book.day_pnl_micros, plain.day_pnl(wallet_id)),
        ):
            assert found == expected, (wallet_id, name)
        for strategy in StrategyType:
            expected = plain.values(wallet_id, strategy) + plain.held_buys(wallet_id, strategy=strategy)
            assert book.deployed_micros(strategy) == expected, (wallet_id, strategy)
    assert state.assets == {mint: micros for mint, micros in assets.items() if micros}
    assert state.exposure_micros == sum(assets.values())
    assert state.equity_micros == sum(plain.equity(wallet_id) for wallet_id in state.wallets)


def check_limits(state: State, plain: Accountant, order: Order, at_ns: int) -> None:
    """SPEC §8 in its own words, of the desk as it is with the order placed."""
    desk, book, w = state.settings, state.wallets[order.wallet_id], order.wallet_id
    wallet, limits, share = book.wallet, book.wallet.limits, book.wallet.strategies[order.strategy]
    signal = state.open_orders[order.id].signal
    assert not state.holds
    assert not book.holds
    assert not state.paused.get(order.strategy)
    assert wallet.type is not WalletType.EMERGENCY
    assert w not in signal.exclude
    assert w not in order.tried
    assert desk.multi_wallet_enabled or w == desk.default_wallet
    assert share.enabled
    assert at_ns < order.expires_at_ns
    assert signal.at_ns is None or signal.at_ns <= at_ns + 5 * NS
    assert order.mint in desk.tokens
    assert all(at_ns - state.marks[mint].at_ns <= 30 * NS for mint in (order.mint, SOL))
    assert order.slippage_max_bps <= (300 if order.strategy is StrategyType.AXIOM_MEME_COIN else 100)
    assert limits.risk_level_ppm <= signal.risk_tolerance_ppm
    check_limits_of_wallet(state, plain, order, book)
    assert plain.value(w, order.mint, order.strategy) + plain.held_buys(w, order.mint, order.strategy) <= (
        share.position_max_micros
    )
    deployed = plain.values(w, order.strategy) + plain.held_buys(w, strategy=order.strategy)
    assert deployed * PPM <= share.share_ppm * plain.equity(w)
    assert state.ledger.balance(sol_float(w), SOL) >= desk.reserve_float_lamports
    equity = sum(map(plain.equity, state.wallets))
    used = {one: sum(plain.value(v, one) + plain.held_buys(v, one) for v in state.wallets) for one in desk.tokens}
    delisted = sum(plain.value(v, one) for v in state.wallets for one in plain.mints(v) if one not in desk.tokens)
    assert (sum(used.values()) + delisted) * PPM <= desk.portfolio_exposure_max_ppm * equity
    assert used[order.mint] * PPM <= desk.asset_max_ppm * equity
    assert sum(at_ns - placed_ns < NS for placed_ns in plain.placed_ns[w]) <= desk.rate_max_per_s


def check_limits_of_wallet(state: State, plain: Accountant, order: Order, book: WalletBook) -> None:
    limits, w = book.wallet.limits, order.wallet_id
    buys = plain.orders(w, Side.BUY)
    loss = max(0, -plain.day_pnl(w))
    assert loss < limits.daily_loss_max_micros
    assert order.loss_max_micros * PPM >= order.notional_micros * limits.stop_loss_ppm
    assert loss + sum(one.loss_max_micros for one in buys) <= limits.daily_loss_max_micros
    assert plain.trades_today[w] + len(buys) <= limits.trades_per_day_max
    others = plain.mints(w) | {one.mint for one in buys if one.id != order.id}
    assert order.mint in others or len(others) + 1 <= limits.positions_max
    assert plain.value(w, order.mint) + plain.held_buys(w, order.mint) <= limits.position_max_micros
    assert (plain.values(w) + plain.held_buys(w)) * PPM <= limits.exposure_max_ppm * plain.equity(w)


def play(rng: Random, wallets: int, commands: int) -> Play:
    """A script of every kind of command, each handled twice, everything checked after every fact."""
    desk, chance, plain = Play(prices={}), Chance(rng, wallets), Accountant()
    booked = 0
    script = iter(chance.opening())
    for _ in range(3 * wallets + 2 + commands):
        command = next(script, None)
        if command is None:
            desk.now_ns += chance.later_ns()
            command = chance.command(desk)
        first = attempt(desk, command)
        after = encode_state(desk.state)
        for entry in desk.entries[booked:]:
            plain.book(desk.state, entry)
        booked = len(desk.entries)
        check_books(desk.state)
        check_sums(desk.state, plain)
        for event in first:
            if isinstance(event, OrderPlaced) and event.order.side is Side.BUY:
                check_limits(desk.state, plain, event.order, desk.now_ns)
        again = attempt(desk, command)
        refused = [told for told in first if isinstance(told, str)]
        assert again == refused, (command, first, again)
        assert encode_state(desk.state) == after
    return desk


def replayed(entries: list[Entry], start: State) -> State:
    for entry in entries:
        apply(start, entry)
    return start


def check_replay(desk: Play, half: int) -> None:
    live = encode_state(desk.state)
    assert encode_state(replayed(desk.entries, State())) == live
    saved = encode_state(replayed(desk.entries[:half], State()))
    assert encode_state(decode_state(saved)) == saved
    assert encode_state(replayed(desk.entries[half:], decode_state(saved))) == live


@pytest.mark.parametrize("seed", range(12))
def test_long_scripts_keep_the_books(seed: int) -> None:
    desk = play(Random(seed), wallets=1 + seed, commands=200)
    assert any(isinstance(entry.event, OrderPlaced) for entry in desk.entries)
    check_replay(desk, half=len(desk.entries) // 2)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 25), st.integers(0, 100))
def test_no_small_script_breaks_the_books(rng: Random, wallets: int, commands: int, percent: int) -> None:
    desk = play(rng, wallets, commands)
    check_replay(desk, half=len(desk.entries) * percent // 100)


@pytest.mark.parametrize("seed", range(12))
def test_a_desk_recovered_from_a_snapshot_decides_as_if_it_had_never_stopped(seed: int) -> None:
    desk, chance = Play(prices={}), Chance(Random(seed), wallets=12)
    for command in chance.opening():
        attempt(desk, command)
    recovered = Play(prices={})
    for number in range(200):
        if number % 50 == 0:
            recovered.state = decode_state(encode_state(desk.state))
            recovered.state.decided = desk.state.decided.copy()
            recovered.index = SelectionIndex(recovered.state)
        desk.now_ns += chance.later_ns()
        recovered.now_ns = desk.now_ns
        command = chance.command(desk)
        assert attempt(desk, command) == attempt(recovered, command), command
    assert encode_state(desk.state) == encode_state(recovered.state)
