"""After random commands in any order: the books balance, sums are correct, limits hold, and a replay gives the same
state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import plain_lots
from tests.support.core_desk import DESK, USDC, CoreDesk
from tests.support.effort import examples
from tests.support.plain_lots import Lot, Lots, Shares
from tests.support.random_commands import COIN, DUST, RandomCommands, attempt
from tests.support.sniper_commands import PUPS, SniperCommands

from overmind.core.books.apply import apply
from overmind.core.books.book import WalletBook
from overmind.core.books.ledger import free, held, sol_float, sol_float_held, suspense
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.control.balances import QUARANTINE
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.exits.exit_rules import due_of, exits_due, unwatched
from overmind.core.model.commands import (
    AcceptBalances,
    CancelMove,
    Rebalance,
    RecordFinal,
    RecordOutcome,
    RecordTicket,
    SubmitSignal,
    WriteOff,
)
from overmind.core.model.controls import Scope
from overmind.core.model.enums import MoveKind, SaleScope, Side, StrategyType, TradeAction, WalletType
from overmind.core.model.events import (
    BalanceAdjusted,
    DayRolled,
    Deposited,
    DustWrittenOff,
    Entry,
    Event,
    HoldLifted,
    MintAdmitted,
    MintForgotten,
    MintRefused,
    MoveClosed,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
)
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, NS, PPM

Owned = tuple[WalletId, Mint]
Undone = tuple[Order, Outcome, int, Lots]  # order, outcome, value of its fee and rent, its sold lots
DECIMALS = {token.mint: token.decimals for token in (*DESK.tokens.values(), DUST, COIN)} | dict.fromkeys(PUPS, 6)


class Accountant:
    """A second bookkeeper for the same journal, as simple as possible: it stores no number that can be added up on
    demand.

    A debt is a negative balance; lots exist only for units that exist.
    """

    def __init__(self) -> None:
        self.cash: Counter[WalletId] = Counter()
        self.floats: Counter[WalletId] = Counter()
        self.tokens: Counter[Owned] = Counter()
        self.provisional: dict[OrderId, Undone] = {}
        self.explained: set[WalletId] = set()  # wallets whose debts an operator has explained
        self.lots: dict[Owned, list[Lot]] = defaultdict(list)
        self.prices: dict[Mint, int] = {}
        self.open: dict[OrderId, Order] = {}
        self.shares: dict[OrderId, Shares] = {}  # of each open sale: whose lots it takes
        self.sources: dict[OrderId, str] = {}  # of every order
        self.now_ns = 0
        self.moves: dict[OrderId, Move] = {}
        self.provisional_moves: dict[OrderId, tuple[Move, Outcome, int]] = {}  # move, outcome, cost
        self.withdrawn: dict[OrderId, Move] = {}  # requested withdrawals, except those that failed for good
        self.placed_ns: dict[WalletId, list[int]] = defaultdict(list)
        self.trades_today: Counter[WalletId] = Counter()
        self.realised: Counter[WalletId] = Counter()
        self.realised_today: Counter[WalletId] = Counter()
        self.unrealised_base: dict[WalletId, int] = {}

    def book(self, state: State, entry: Entry) -> None:
        self.now_ns = entry.at_ns
        match entry.event:
            case PricesMarked(marks=marks):
                self.prices |= {mark.mint: mark.price_pico for mark in marks}
            case Deposited(wallet_id=wallet_id, money=money, to_float=to_float) as deposited:
                if to_float:
                    self.floats[wallet_id] += money.units
                else:
                    self._come(wallet_id, money.mint, money.units, deposited.deposit_id)
            case OrderPlaced(signal=signal, order=order):
                self.sources[order.id] = signal.source
                if order.side is Side.SELL:
                    self.shares[order.id] = self._shares(order, order.spend.units)
                self.open[order.id] = order
                if order.side is Side.BUY and not order.to_float:
                    self.placed_ns[order.wallet_id].append(entry.at_ns)
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
                order = self.open.pop(order_id)
                self.trades_today[order.wallet_id] += isinstance(outcome, Filled) and order.is_entry
                costs, sold = self._book(order, outcome, self.shares.pop(order_id, Shares()))
                if provisional:
                    self.provisional[order_id] = (order, outcome, costs, sold)
            case OrderFinal(order_id=order_id):
                del self.provisional[order_id]
            case OrderRolledBack(order_id=order_id, outcome=outcome):
                order, was = self.provisional[order_id][:2]
                late = isinstance(outcome, Filled) and not isinstance(was, Filled)
                self.trades_today[order.wallet_id] += late and order.is_entry
                self.explained.discard(order.wallet_id)
                self._undo(*self.provisional.pop(order_id))
                sells = order.side is Side.SELL and isinstance(outcome, Filled)
                self._book(order, outcome, self._shares(order, outcome.spent_units) if sells else Shares())
            case MovePlaced() | MoveClosed() | MoveFinal() | MoveRolledBack():
                self._move(entry.event)
            case BalanceAdjusted(wallet_id=wallet_id, mint=mint, units=units):
                self.explained.add(wallet_id)
                self._adjust(wallet_id, mint, units)
            case DustWrittenOff(wallet_id=wallet_id, mint=mint, units=units):
                assert units == self.units(wallet_id, mint)
                self.tokens[wallet_id, mint] -= units
                self._realise(wallet_id, -self._trim(wallet_id, mint))
            case HoldLifted(scope=scope, cause=cause) if cause == QUARANTINE and scope.wallet_id is not None:
                self.explained.add(scope.wallet_id)
            case DayRolled():
                self.trades_today.clear()
                self.realised_today.clear()
                self.unrealised_base = {wallet_id: self.unrealised(wallet_id) for wallet_id in state.wallets}

    def _move(self, event: MovePlaced | MoveClosed | MoveFinal | MoveRolledBack) -> None:
        match event:
            case MovePlaced(move=move):
                self.moves[move.id] = move
                if move.kind is MoveKind.WITHDRAWAL:
                    self.withdrawn[move.id] = move
            case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
                move = self.moves.pop(move_id)
                costs = self._book_move(move, outcome)
                if provisional:
                    self.provisional_moves[move_id] = (move, outcome, costs)
                else:
                    self._end(move, outcome)
            case MoveFinal(move_id=move_id):
                move, outcome, _ = self.provisional_moves.pop(move_id)
                self._end(move, outcome)
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                move, was, costs = self.provisional_moves.pop(move_id)
                self.explained -= {move.wallet_id, move.to_wallet}
                assert isinstance(was, Filled | Failed)
                self.floats[move.wallet_id] += was.fee_lamports
                self._realise(move.wallet_id, costs)
                if isinstance(was, Filled):
                    self.floats[move.wallet_id] += was.rent_lamports
                    self._shift(move, -was.received_units)
                self._book_move(move, outcome)
                self._end(move, outcome)

    def _end(self, move: Move, outcome: Outcome) -> None:
        if not isinstance(outcome, Filled):
            self.withdrawn.pop(move.id, None)

    def _book_move(self, move: Move, outcome: Outcome) -> int:
        """Returns its cost, minus what came back."""
        if isinstance(outcome, Failed):
            return self._pay(move.wallet_id, outcome.fee_lamports)
        if not isinstance(outcome, Filled):
            return 0
        costs = self._pay(move.wallet_id, outcome.fee_lamports, outcome.rent_lamports)
        self._shift(move, outcome.received_units)
        if move.kind is not MoveKind.RECLAIM:
            return costs
        gain = outcome.received_units * self.prices.get(SOL, 0) // 10**15
        self._realise(move.wallet_id, gain)
        return costs - gain

    def _shift(self, move: Move, units: int) -> None:
        """Moves the units between two wallets or out; a reclaim credits rent."""
        purse = self.cash if move.money.mint == USDC.mint else self.floats
        if move.kind is MoveKind.RECLAIM:
            self.floats[move.wallet_id] += units
            return
        purse[move.wallet_id] -= units
        if move.to_wallet is not None:
            purse[move.to_wallet] += units

    def reserved(self, wallet_id: WalletId, mint: Mint) -> Shares:
        """What open sales take of each owner."""
        sums = Shares()
        for order_id, shares in self.shares.items():
            if (self.open[order_id].wallet_id, self.open[order_id].mint) == (wallet_id, mint):
                sums += shares
        return sums

    def _shares(self, order: Order, units: int) -> Shares:
        lots = self.lots[order.wallet_id, order.mint]
        return plain_lots.shares_of(
            lots, order, self.sources[order.id], units, self.reserved(order.wallet_id, order.mint)
        )

    def _book(self, order: Order, outcome: Outcome, shares: Shares) -> tuple[int, Lots]:
        """Returns the value of fee and rent, and the sold lots."""
        if isinstance(outcome, Filled) and order.to_float:
            costs = self._pay(order.wallet_id, outcome.fee_lamports, outcome.rent_lamports + outcome.tip_lamports)
            lost = outcome.spent_units - outcome.received_units * self.prices.get(SOL, 0) // 10**15
            self.cash[order.wallet_id] -= outcome.spent_units
            self.floats[order.wallet_id] += outcome.received_units
            self._realise(order.wallet_id, -lost)
            return costs + lost, []
        if isinstance(outcome, Filled):
            costs = self._pay(order.wallet_id, outcome.fee_lamports, outcome.rent_lamports + outcome.tip_lamports)
            return costs, self._fill(order, outcome, shares)
        return self._pay(order.wallet_id, outcome.fee_lamports + outcome.tip_lamports) if isinstance(
            outcome, Failed
        ) else 0, []

    def _fill(self, order: Order, fill: Filled, shares: Shares) -> Lots:
        wallet_id, lots = order.wallet_id, self.lots[order.wallet_id, order.mint]
        sold: Lots = []
        if order.side is Side.BUY:
            self.cash[wallet_id] -= fill.spent_units
            self.tokens[wallet_id, order.mint] += fill.received_units
            lots.append(
                Lot(
                    order.strategy, fill.received_units, fill.spent_units, self.now_ns, order.id, self.sources[order.id]
                )
            )
        else:
            self.cash[wallet_id] += fill.received_units
            self.tokens[wallet_id, order.mint] -= fill.spent_units
            sold = plain_lots.sell(lots, min(fill.spent_units, plain_lots.total(lots)), shares)
            self._realise(wallet_id, fill.received_units - plain_lots.cost(sold))
        self._realise(wallet_id, -self._trim(wallet_id, order.mint))
        return sold

    def _undo(self, order: Order, outcome: Outcome, costs: int, sold: Lots) -> None:
        wallet_id, mint = order.wallet_id, order.mint
        assert isinstance(outcome, Filled | Failed)
        self.floats[wallet_id] += outcome.fee_lamports + outcome.tip_lamports
        self._realise(wallet_id, costs)
        if isinstance(outcome, Failed):
            return
        self.floats[wallet_id] += outcome.rent_lamports
        if order.to_float:
            self.cash[wallet_id] += outcome.spent_units
            self.floats[wallet_id] -= outcome.received_units
            return
        sign = 1 if order.side is Side.BUY else -1
        self.cash[wallet_id] += outcome.spent_units if sign == 1 else -outcome.received_units
        self.tokens[wallet_id, mint] += -outcome.received_units if sign == 1 else outcome.spent_units
        lots = self.lots[wallet_id, mint]
        if sign == 1:
            gone = plain_lots.undo_buy(lots, self._excess(wallet_id, mint), order, self.sources[order.id])
            self._realise(wallet_id, outcome.spent_units - plain_lots.cost(gone))
        else:
            back = plain_lots.undo_sale(lots, sold, order, self.sources[order.id], outcome.spent_units)
            self._realise(wallet_id, back - outcome.received_units)
        self._realise(wallet_id, -self._trim(wallet_id, mint))

    def _excess(self, wallet_id: WalletId, mint: Mint) -> int:
        """How many units of the lots do not exist."""
        return max(0, self.units(wallet_id, mint) - max(0, self.tokens[wallet_id, mint]))

    def _trim(self, wallet_id: WalletId, mint: Mint) -> int:
        """Removes lots without units behind them, the newest first. Returns their cost."""
        return plain_lots.cost(plain_lots.take_newest(self.lots[wallet_id, mint], self._excess(wallet_id, mint)))

    def _come(self, wallet_id: WalletId, mint: Mint, units: int, origin: str = "") -> None:
        if mint == USDC.mint:
            self.cash[wallet_id] += units
            return
        self.tokens[wallet_id, mint] += units
        cost = units * self.prices.get(mint, 0) // 10 ** (DECIMALS[mint] + 6)
        self.lots[wallet_id, mint].append(Lot(None, units, cost, self.now_ns, origin))
        self._realise(wallet_id, -self._trim(wallet_id, mint))

    def _adjust(self, wallet_id: WalletId, mint: Mint, units: int) -> None:
        if mint == SOL:
            from_tokens = 0
            # First the float pays, then the part of a position that no sale holds; the float owes the rest.
            if units < 0:
                sales = [one for one in self.open.values() if one.wallet_id == wallet_id]
                moves = [one for one in self.moves.values() if one.wallet_id == wallet_id]
                held_lamports = sum(one.fee_max_lamports + one.rent_max_lamports for one in (*sales, *moves))
                held_lamports += sum(one.money.units for one in moves if one.money.mint == SOL)
                held_units = sum(one.spend.units for one in sales if one.spend.mint == SOL)
                spare = max(0, self.floats[wallet_id] - held_lamports)
                from_tokens = min(max(0, -units - spare), max(0, self.tokens[wallet_id, SOL] - held_units))
            self.floats[wallet_id] += units + from_tokens
            self._leave(wallet_id, SOL, from_tokens)
        elif units > 0:
            self._come(wallet_id, mint, units)
        elif mint == USDC.mint:
            self.cash[wallet_id] += units
        else:
            self._leave(wallet_id, mint, -units)

    def _leave(self, wallet_id: WalletId, mint: Mint, units: int) -> None:
        before = self.value(wallet_id, mint)
        self.tokens[wallet_id, mint] -= units
        cost = self._trim(wallet_id, mint)
        self._realise(wallet_id, before - self.value(wallet_id, mint) - cost)

    def _pay(self, wallet_id: WalletId, fee_lamports: int, rent_lamports: int = 0) -> int:
        self.floats[wallet_id] -= fee_lamports + rent_lamports
        worth = up((fee_lamports + rent_lamports) * self.prices.get(SOL, 0), 10**15)
        self._realise(wallet_id, -worth)
        return worth

    def _realise(self, wallet_id: WalletId, micros: int) -> None:
        self.realised[wallet_id] += micros
        self.realised_today[wallet_id] += micros

    def mints(self, wallet_id: WalletId) -> set[Mint]:
        return {mint for (owner, mint), lots in self.lots.items() if owner == wallet_id and lots}

    def dust(self, state: State, wallet_id: WalletId) -> set[Mint]:
        """Held mints with a price that are worth less than the bound."""
        bound = state.settings.dust_micros
        return {one for one in self.mints(wallet_id) if self.prices.get(one) and self.value(wallet_id, one) < bound}

    def used(self, state: State, wallet_id: WalletId, without: OrderId | None = None) -> set[Mint]:
        """The mints that take a place."""
        buys = {order.mint for order in self.orders(wallet_id, Side.BUY) if order.id != without}
        return self.mints(wallet_id) - self.dust(state, wallet_id) | buys

    def units(self, wallet_id: WalletId, mint: Mint) -> int:
        return sum(lot.units for lot in self.lots[wallet_id, mint])

    def value(self, wallet_id: WalletId, mint: Mint, strategy: str | None = None) -> int:
        """The value of a position, or of one strategy's share in it."""
        lots = self.lots[wallet_id, mint]
        units = sum(lot.units for lot in lots if strategy in (None, lot.strategy))
        return units * self.prices.get(mint, 0) // 10 ** (DECIMALS[mint] + 6) if lots else 0

    def values(self, wallet_id: WalletId, strategy: str | None = None) -> int:
        return sum(self.value(wallet_id, mint, strategy) for mint in self.mints(wallet_id))

    def cost(self, wallet_id: WalletId) -> int:
        return sum(plain_lots.cost(self.lots[wallet_id, mint]) for mint in self.mints(wallet_id))

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
        """Without orders for the float, which are no trades."""
        mine = [order for order in self.open.values() if order.wallet_id == wallet_id and not order.to_float]
        return [order for order in mine if order.side is side]

    def held_buys(self, wallet_id: WalletId, mint: Mint | None = None, strategy: StrategyType | None = None) -> int:
        return sum(
            order.notional_micros
            for order in self.orders(wallet_id, Side.BUY)
            if mint in (None, order.mint) and strategy in (None, order.strategy)
        )


def up(part: int, whole: int) -> int:
    return -(-part // whole)


def check_books(state: State) -> None:
    """No balance appears from nowhere, every held unit belongs to an order, and only suspense accounts are negative."""
    assert not any(state.ledger.totals().values()), state.ledger.totals()
    for account, balances in state.ledger.accounts.items():
        assert account.startswith("@") or min(balances.values(), default=0) >= 0, (account, balances)
    spends: Counter[tuple[str, Mint]] = Counter()
    for one in state.open_orders.values():
        order = one.order
        spends[held(order.wallet_id), order.spend.mint] += order.spend.units
        spends[sol_float_held(order.wallet_id), SOL] += order.fee_max_lamports + order.rent_max_lamports
    for known in state.open_moves.values():
        move = known.move
        purse = sol_float_held if move.money.mint == SOL else held
        spends[purse(move.wallet_id), move.money.mint] += move.money.units
        spends[sol_float_held(move.wallet_id), SOL] += move.fee_max_lamports + move.rent_max_lamports
    for wallet_id, book in state.wallets.items():
        for account in (held(wallet_id), sol_float_held(wallet_id)):
            for mint, units in state.ledger.accounts.get(account, {}).items():
                assert units == spends[account, mint], (account, mint)
        for mint, position in book.positions.items():
            accounts = (free(wallet_id), held(wallet_id), suspense(wallet_id))
            there = sum(state.ledger.balance(account, mint) for account in accounts)
            assert position.units == there == sum(lot.units for lot in position.lots) > 0, (wallet_id, mint)
            assert position.cost_micros == sum(lot.cost_micros for lot in position.lots), (wallet_id, mint)


def check_debts(state: State, plain: Accountant) -> None:
    """Every debt is known, unpaid only while no units are free, and quarantined until an operator explains it."""
    for wallet_id, book in state.wallets.items():
        accounts = book.accounts
        for debtor, payer in ((accounts.suspense, accounts.free), (accounts.float_suspense, accounts.sol_float)):
            for mint, units in state.ledger.accounts.get(debtor, {}).items():
                assert units <= 0, (debtor, mint)
                assert not units or mint in book.in_suspense, (debtor, mint)
                assert not units or not state.ledger.balance(payer, mint), (debtor, mint)
        for mint in book.in_suspense:
            assert state.ledger.balance(accounts.suspense, mint) or state.ledger.balance(accounts.float_suspense, mint)
        assert not book.in_suspense or QUARANTINE in book.holds or wallet_id in plain.explained, wallet_id
    assert state.provisional.keys() == plain.provisional.keys()
    assert state.provisional_moves.keys() == plain.provisional_moves.keys()
    assert state.open_moves.keys() == plain.moves.keys()
    assert not state.provisional.keys() & state.open_orders.keys()


def check_sums(state: State, plain: Accountant) -> None:
    """Every derived number of the state equals the second bookkeeper's sum."""
    assets: Counter[Mint] = Counter()
    for wallet_id, book in state.wallets.items():
        buys = plain.orders(wallet_id, Side.BUY)
        assert book.positions.keys() == plain.mints(wallet_id), wallet_id
        for mint, position in book.positions.items():
            value, value_by = position.value_micros(state.price_pico(mint)), position.value_by(state.price_pico(mint))
            assert (position.units, value) == (plain.units(wallet_id, mint), plain.value(wallet_id, mint))
            for strategy in StrategyType:
                assert value_by.get(strategy, 0) == plain.value(wallet_id, mint, strategy), (wallet_id, mint)
            assets[mint] += value
        for order in buys:
            assets[order.mint] += order.notional_micros
        cash = [state.ledger.balance(account(wallet_id), USDC.mint) for account in (free, held, suspense)]
        assert sum(cash) == plain.cash[wallet_id], wallet_id
        accounts = (sol_float(wallet_id), sol_float_held(wallet_id), book.accounts.float_suspense)
        lamports = [state.ledger.balance(account, SOL) for account in accounts]
        assert sum(lamports) == plain.floats[wallet_id], wallet_id
        for name, found, expected in (
            ("positions", book.positions_micros, plain.values(wallet_id)),
            ("cost", book.cost_micros, plain.cost(wallet_id)),
            ("equity", book.equity_micros, plain.equity(wallet_id)),
            ("entries_open", book.entries_open, len(buys)),
            ("entries", book.entries_micros, plain.held_buys(wallet_id)),
            ("loss in flight", book.loss_in_flight_micros, sum(order.loss_max_micros for order in buys)),
            ("mints in use", book.mints_in_use, len(plain.used(state, wallet_id))),
            ("trades", book.trades_today, plain.trades_today[wallet_id]),
            ("realised today", book.realised_today_micros, plain.realised_today[wallet_id]),
            ("realised", book.realised_micros, plain.realised[wallet_id]),
            ("day PnL", book.day_pnl_micros, plain.day_pnl(wallet_id)),
        ):
            assert found == expected, (wallet_id, name)
        known = {mint for _, mint in plain.lots}
        reserved = {mint: dict(shares) for mint in known if (shares := plain.reserved(wallet_id, mint))}
        assert book.reserved == reserved, wallet_id
        assert book.dust == plain.dust(state, wallet_id), wallet_id
        for strategy in StrategyType:
            expected = plain.values(wallet_id, strategy) + plain.held_buys(wallet_id, strategy=strategy)
            assert book.deployed_micros(strategy) == expected, (wallet_id, strategy)
    assert state.assets == {mint: micros for mint, micros in assets.items() if micros}
    assert state.exposure_micros == sum(assets.values())
    for strategy in StrategyType:
        deployed = [plain.values(w, strategy) + plain.held_buys(w, strategy=strategy) for w in state.wallets]
        assert state.strategies.get(strategy, 0) == sum(deployed), strategy
    users: Counter[Mint] = Counter()
    for wallet_id in state.wallets:
        users.update(plain.used(state, wallet_id))
    assert state.users == users
    assert state.equity_micros == sum(plain.equity(wallet_id) for wallet_id in state.wallets)
    assert state.trades_today == sum(plain.trades_today.values())
    assert state.entries_open == sum(order.is_entry for order in plain.open.values())


def check_limits(state: State, plain: Accountant, order: Order, at_ns: int) -> None:
    """Checks each limit of an entry (specification §8) by its own computation, on the state that includes the order."""
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
    assert order.mint not in state.mints.blocked
    assert state.mints.allowed is None or order.mint in state.mints.allowed
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
    if desk.day_trades_max:
        buys = sum(one.is_entry for one in plain.open.values())
        assert sum(plain.trades_today.values()) + buys <= desk.day_trades_max
    everywhere = sum(
        plain.values(v, order.strategy) + plain.held_buys(v, strategy=order.strategy) for v in state.wallets
    )
    assert everywhere * PPM <= desk.strategy_max_ppm * equity
    others = set[Mint]()
    for v in state.wallets:
        others |= plain.used(state, v, order.id)
    assert not desk.positions_max or order.mint in others or len(others) < desk.positions_max
    assert sum(at_ns - placed_ns < NS for placed_ns in plain.placed_ns[w]) <= desk.rate_max_per_s


def check_limits_of_wallet(state: State, plain: Accountant, order: Order, book: WalletBook) -> None:
    limits, w = book.wallet.limits, order.wallet_id
    buys = plain.orders(w, Side.BUY)
    loss = max(0, -plain.day_pnl(w))
    assert loss < limits.daily_loss_max_micros
    wanted = order.exits.stop_loss_ppm if order.exits is not None else None
    assert order.loss_max_micros * PPM >= order.notional_micros * (limits.stop_loss_ppm or wanted or 0)
    assert loss + sum(one.loss_max_micros for one in buys) <= limits.daily_loss_max_micros
    assert plain.trades_today[w] + len(buys) <= limits.trades_per_day_max
    others = plain.used(state, w, order.id)
    assert order.mint in others or len(others) + 1 <= limits.positions_max
    assert plain.value(w, order.mint) + plain.held_buys(w, order.mint) <= limits.position_max_micros
    assert (plain.values(w) + plain.held_buys(w)) * PPM <= limits.exposure_max_ppm * plain.equity(w)


def check_sizing(state: State, placed: OrderPlaced) -> None:
    """An entry with a risk budget, and no other, has a sizing that names each cap."""
    sizing, risk, order = placed.sizing, placed.signal.risk, placed.order
    assert (sizing is None) == (risk is None), placed
    if sizing is None or risk is None:
        return
    budget = state.equity_micros * (risk.equity_ppm or 0) // PPM if risk.micros is None else risk.micros
    assert sizing.budget_micros == budget
    assert sizing.wanted_micros * sizing.distance_ppm <= budget * PPM < (sizing.wanted_micros + 1) * sizing.distance_ppm
    assert order.notional_micros == min(sizing.wanted_micros, *(micros for _, micros in sizing.caps))
    assert order.notional_micros >= state.settings.sizing_min_micros


def check_withdrawn(state: State, plain: Accountant) -> None:
    """The withdrawals requested in one day never exceed the cap, whatever their outcome."""
    today = [move for move in plain.withdrawn.values() if move.placed_ns // DAY_NS == state.day]
    asked = sum(move.notional_micros for move in today)
    assert asked == state.withdrawn_today_micros
    assert asked <= state.settings.withdraw_day_max_micros


def check_placed(state: State, move: Move, later: list[Move]) -> None:
    """Checks a move on the state after it was placed and before the later ones of the same decision."""
    desk, book = state.settings, state.wallets[move.wallet_id]
    spare = state.ledger.balance(sol_float(move.wallet_id), SOL)
    for one in later:
        if one.wallet_id == move.wallet_id:
            spare += one.fee_max_lamports + one.rent_max_lamports + (one.money.units if one.money.mint == SOL else 0)
    both = [book.holds, state.wallets[move.to_wallet].holds if move.to_wallet is not None else {}]
    assert "removed" not in {cause for holds in both for cause in holds}, move
    assert move.money.units > 0 or move.kind is MoveKind.RECLAIM, move
    if not move.kind.protects:
        assert not state.holds, move
        assert not any(both), move
    match move.kind:
        case MoveKind.TOP_UP:
            assert spare >= desk.float_target_lamports, move
            assert move.to_wallet != move.wallet_id, move
            assert move.money.units <= desk.float_target_lamports, move
        case MoveKind.REBALANCE:
            assert spare >= desk.reserve_float_lamports, move
            assert move.money.units >= desk.rebalance_min_micros, move
        case MoveKind.SWEEP:
            assert book.sweeping, move
        case MoveKind.RECLAIM:
            assert not book.uses(move.money.mint), move
        case MoveKind.WITHDRAWAL:
            assert spare >= desk.reserve_float_lamports, move
            assert move.to_address in desk.withdraw_addresses, move


def check_exits(desk: CoreDesk) -> None:
    """Whatever happened before, a wanted sale happens: it needs only a price and the fee."""
    state = desk.state
    for wallet_id, book in list(state.wallets.items()):
        for mint, position in list(book.positions.items()):
            mark = state.marks.get(mint)
            rent = 0 if USDC.mint in book.token_accounts else DESK.costs.rent_lamports
            there = state.ledger.balance(free(wallet_id), mint) > 0 and position.units > 0
            paid = state.ledger.balance(sol_float(wallet_id), SOL) >= DESK.costs.fee_max_lamports + rent
            if there and paid and mark is not None and desk.now_ns - mark.at_ns <= 30 * NS:
                others = tuple(one for one in state.wallets if one != wallet_id)
                signal = Signal(
                    SignalId(f"sell-{wallet_id}-{mint}"),
                    StrategyType.ARBITRAGE,
                    TradeAction.MARKET_SELL,
                    mint,
                    risk_tolerance_ppm=0,
                    exclude=others,
                    scope=SaleScope.DESK,
                    sell_all=True,
                )
                told = attempt(desk, SubmitSignal(signal, desk.now_ns))
                assert any(isinstance(one, OrderPlaced) for one in told), told


def check_timed(state: State, now_ns: int) -> None:
    """Every hold with an end time is listed, and none exists beyond that time."""
    scopes = {Scope(): state.holds}
    scopes |= {Scope(wallet_id): book.holds for wallet_id, book in state.wallets.items()}
    scopes |= {Scope(strategy=strategy): holds for strategy, holds in state.paused.items()}
    found = {(scope, hold.cause): hold.until_ns for scope, holds in scopes.items() for hold in holds.values()}
    ending = {key: until_ns for key, until_ns in found.items() if until_ns is not None}
    assert {(one.scope, one.cause): one.until_ns for one in state.timed} == ending
    assert len(state.timed) == len(ending)


def check_ceilings(state: State) -> None:
    """No limit in force is wider than both the desk's ceiling and the wallet's own file."""
    ceilings = state.settings.ceilings
    for wallet_id, book in state.wallets.items():
        now, files = book.wallet.limits, book.configured.limits
        for field in ("daily_loss_max_micros", "position_max_micros", "exposure_max_ppm", "positions_max"):
            assert getattr(now, field) <= max(getattr(files, field), getattr(ceilings, field)), (wallet_id, field)
        assert now.trades_per_day_max <= max(files.trades_per_day_max, ceilings.trades_per_day_max), wallet_id
        if files.stop_loss_ppm:
            assert 0 < now.stop_loss_ppm <= max(files.stop_loss_ppm, ceilings.stop_loss_ppm), wallet_id
        assert now.risk_level_ppm >= files.risk_level_ppm, wallet_id
        shares = [share.share_ppm for share in book.wallet.strategies.values() if share.enabled]
        by_files = [share.share_ppm for share in book.configured.strategies.values() if share.enabled]
        assert sum(shares) <= max(PPM, sum(by_files)), wallet_id
        assert book.wallet.strategies.keys() == book.configured.strategies.keys(), wallet_id
        if wallet_id not in state.changes:
            assert book.wallet == book.configured, wallet_id
    there = [book.wallet.allocation_ppm for book in state.wallets.values() if "removed" not in book.holds]
    assert sum(there) <= PPM, there


def check_due(state: State, now_ns: int) -> None:
    """The fast search for due exits finds exactly what a check of every position finds."""
    for at_ns in (now_ns, now_ns + 50 * NS):
        found = [due_of(state, book, mint, at_ns) for book in state.wallets.values() for mint in book.positions]
        due = exits_due(state, at_ns)
        assert {(one.wallet_id, one.mint): one for one in due} == {
            (one.wallet_id, one.mint): one for one in found if one is not None
        }
        fresh = {mint for mint, mark in state.marks.items() if at_ns - mark.at_ns <= state.settings.mark_age_max_ns}
        assert set(unwatched(state, at_ns)) == {
            (wallet_id, mint)
            for wallet_id, book in state.wallets.items()
            for mint, position in book.positions.items()
            if mint not in fresh
            and (
                book.liquidating
                or mint in book.closing
                or position.exits
                or book.wallet.exits
                or book.wallet.limits.stop_loss_ppm > 0
            )
        }
    for book in state.wallets.values():
        assert book.closing.keys() <= book.positions.keys(), (book.wallet.id, book.closing)


def check_breakers(state: State, plain: Accountant) -> None:
    """Every limit that is reached has added its hold."""
    desk = state.settings
    for wallet_id, book in state.wallets.items():
        lost = -plain.day_pnl(wallet_id)
        over = lost > 0 and lost >= book.wallet.limits.daily_loss_max_micros
        assert not over or "day_loss" in book.holds or book.wallet.type is WalletType.EMERGENCY, wallet_id
        traded = plain.trades_today[wallet_id]
        used_up = traded >= max(1, book.wallet.limits.trades_per_day_max)
        assert not used_up or "day_trades" in book.holds or book.wallet.type is WalletType.EMERGENCY, wallet_id
        assert not desk.loss_streak_max or book.loss_streak < desk.loss_streak_max or "loss_streak" in book.holds
    traded = sum(plain.trades_today.values())
    assert not 0 < desk.day_trades_max <= traded or "day_trades" in state.holds
    equity = sum(plain.equity(wallet_id) for wallet_id in state.wallets)
    for base, limit_ppm, stands in (
        (state.day_base, desk.day_loss_max_ppm, "day_loss" in state.holds),
        (state.stop_base, desk.emergency_stop_ppm, all("emergency" in one.holds for one in state.wallets.values())),
    ):
        capital = base.equity_micros + state.deposited_micros - base.deposited_micros
        assert stands or equity >= capital or (capital - equity) * PPM < capital * limit_ppm, (base, limit_ppm)


def play(
    rng: Random,
    wallets: int,
    commands: int,
    forks: bool = False,
    moves: bool = False,
    chance: RandomCommands | None = None,
) -> CoreDesk:
    """Plays random commands of every kind, each handled twice, with all checks after every event."""
    desk, plain = CoreDesk(prices={}), Accountant()
    chance = chance or RandomCommands(rng, wallets, forks, moves)
    booked = 0
    opening = chance.opening()
    script = iter(opening)
    for _ in range(len(opening) + commands):
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
        check_debts(desk.state, plain)
        check_timed(desk.state, desk.now_ns)
        check_ceilings(desk.state)
        check_due(desk.state, desk.now_ns)
        check_withdrawn(desk.state, plain)
        if any(isinstance(one, PricesMarked) for one in first):
            check_breakers(desk.state, plain)
        for event in first:
            if isinstance(event, OrderPlaced) and event.order.is_entry:
                check_limits(desk.state, plain, event.order, desk.now_ns)
                check_sizing(desk.state, event)
        placed = [event.move for event in first if isinstance(event, MovePlaced)]
        for number, move in enumerate(placed):
            check_placed(desk.state, move, later=placed[number + 1 :])
        again = attempt(desk, command)
        refused = [told for told in first if isinstance(told, str)]
        known = again == refused or any(
            isinstance(command, of) and why in str(again[0])
            for of, why in (
                (AcceptBalances, "read them again"),
                (Rebalance, "under way"),
                (CancelMove, "no open move"),
                (WriteOff, "holds nothing"),
            )
        )
        assert known, (command, first, again)
        assert encode_state(desk.state) == after
    played = len(desk.entries)
    check_exits(desk)
    del desk.entries[played:]
    desk.state = replayed(desk.entries, State())
    return desk


def replayed(entries: list[Entry], start: State) -> State:
    for entry in entries:
        apply(start, entry)
    return start


def check_replay(desk: CoreDesk, half: int) -> None:
    live = encode_state(desk.state)
    assert encode_state(replayed(desk.entries, State())) == live
    saved = encode_state(replayed(desk.entries[:half], State()))
    assert encode_state(decode_state(saved)) == saved
    assert encode_state(replayed(desk.entries[half:], decode_state(saved))) == live


@pytest.mark.parametrize("seed", range(12))
def test_long_scripts_keep_the_books(seed: int) -> None:
    desk = play(Random(seed), wallets=2 + seed, commands=200)
    assert any(isinstance(entry.event, OrderPlaced) for entry in desk.entries)
    check_replay(desk, half=len(desk.entries) // 2)


def test_scripts_with_mints_that_no_list_has_keep_the_books() -> None:
    events: list[Event] = []
    for seed in range(6):
        rng = Random(seed)
        desk = play(rng, wallets=3, commands=120, chance=SniperCommands(rng, 3))
        check_replay(desk, half=len(desk.entries) // 2)
        events += [entry.event for entry in desk.entries]
    placed = [event.order for event in events if isinstance(event, OrderPlaced)]
    assert {order.side for order in placed if order.mint in PUPS} == set(Side)
    assert {MintAdmitted, MintRefused, MintForgotten} <= {*map(type, events)}


@pytest.mark.parametrize("seed", range(12))
def test_long_scripts_of_forks_keep_the_books(seed: int) -> None:
    desk = play(Random(seed), wallets=2 + seed % 2, commands=320, forks=True)
    assert any(isinstance(entry.event, OrderRolledBack) for entry in desk.entries)
    check_replay(desk, half=len(desk.entries) // 2)


@pytest.mark.parametrize("seed", range(12))
def test_long_scripts_of_moves_keep_the_books(seed: int) -> None:
    desk = play(Random(seed), wallets=2 + seed % 3, commands=250, moves=True)
    check_replay(desk, half=len(desk.entries) // 2)


def test_every_kind_of_move_meets_every_outcome() -> None:
    kinds: dict[OrderId, MoveKind] = {}
    seen: Counter[tuple[MoveKind | str, type]] = Counter()
    for seed in range(100, 160):
        for entry in play(Random(seed), wallets=4, commands=200, moves=True).entries:
            match entry.event:
                case MovePlaced(move=move):
                    kinds[move.id] = move.kind
                case MoveClosed(move_id=move_id, outcome=outcome):
                    seen[kinds[move_id], type(outcome)] += 1
                case MoveRolledBack(move_id=move_id):
                    seen[kinds[move_id], MoveRolledBack] += 1
                case OrderPlaced(order=order) if order.to_float:
                    seen["swap", OrderPlaced] += 1
    ends = (Filled, Failed, Expired, Rejected, MoveRolledBack)
    missing = [(kind, end) for kind in MoveKind for end in ends if not seen[kind, end]]
    assert not missing, seen
    assert seen["swap", OrderPlaced]


@settings(derandomize=True, max_examples=examples(100))
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(5, 40))
def test_no_small_script_of_moves_breaks_the_books(rng: Random, wallets: int, commands: int) -> None:
    play(rng, wallets, commands, moves=True)


@settings(derandomize=True, max_examples=examples(100))
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(5, 40))
def test_no_small_script_of_forks_breaks_the_books(rng: Random, wallets: int, commands: int) -> None:
    play(rng, wallets, commands, forks=True)


@settings(derandomize=True, max_examples=examples(100))
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 25), st.integers(0, 100))
def test_no_small_script_breaks_the_books(rng: Random, wallets: int, commands: int, percent: int) -> None:
    desk = play(rng, wallets, commands)
    check_replay(desk, half=len(desk.entries) * percent // 100)


@pytest.mark.parametrize("seed", range(12))
def test_a_desk_recovered_from_a_snapshot_decides_as_if_it_had_never_stopped(seed: int) -> None:
    desk, chance = CoreDesk(prices={}), RandomCommands(Random(seed), wallets=12)
    for command in chance.opening():
        attempt(desk, command)
    recovered = CoreDesk(prices={})
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


@settings(derandomize=True, max_examples=examples(60))
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(5, 60))
def test_a_fork_that_undoes_everything_leaves_what_was_deposited(rng: Random, wallets: int, commands: int) -> None:
    desk, chance = CoreDesk(prices={}), RandomCommands(rng, wallets, forks=True)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        command = chance.command(desk)
        if isinstance(command, RecordOutcome):
            attempt(desk, RecordOutcome(command.work_id, command.outcome, provisional=True))
        elif not isinstance(command, RecordFinal | AcceptBalances):
            attempt(desk, command)
    state = desk.state
    while open_ids := [*state.open_orders, *state.open_moves]:  # An expired entry may be tried in another wallet.
        for work_id in open_ids:
            attempt(desk, RecordTicket(work_id, Ticket(f"of {work_id}", b"")))
            attempt(desk, RecordOutcome(work_id, Expired()))
    booked = sorted([*state.provisional, *state.provisional_moves])
    for work_id in rng.sample(booked, len(booked)):
        desk.do(RecordFinal(work_id, Expired()))
    check_deposits_are_all(desk)


def check_deposits_are_all(desk: CoreDesk) -> None:
    deposited: Counter[Owned] = Counter()
    costs: Counter[WalletId] = Counter()
    plain = Accountant()
    for entry in desk.entries:
        plain.book(desk.state, entry)
        if isinstance(entry.event, Deposited):
            money, wallet_id = entry.event.money, entry.event.wallet_id
            deposited[wallet_id, money.mint] += money.units
            if money.mint != USDC.mint and not entry.event.to_float:
                costs[wallet_id] += money.units * plain.prices[money.mint] // 10 ** (DECIMALS[money.mint] + 6)
    for wallet_id, book in desk.state.wallets.items():
        assert not book.in_suspense
        assert (book.filled, book.failed) == (0, 0)
        for mint in {mint for mints in desk.state.ledger.accounts.values() for mint in mints}:
            assert desk.state.ledger.owned(book.accounts, mint) == deposited[wallet_id, mint], (wallet_id, mint)
        assert book.realised_micros + book.unrealised_micros == book.positions_micros - costs[wallet_id], wallet_id
