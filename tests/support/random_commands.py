"""Random commands: valid and invalid, sometimes exactly at a limit, and repeated."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from msgspec import structs
from tests.support.core_desk import DESK, MS, NOON_NS, ROUTES, USDC, CoreDesk, wide_wallet

from overmind.core.books.wallet_limits import kind_of, values_of
from overmind.core.entries.capacity import capacity_micros
from overmind.core.exits.exit_rules import exits_due
from overmind.core.model.codes import Ceilings, Limits
from overmind.core.model.commands import (
    AcceptBalances,
    AddHold,
    CancelClose,
    CancelMove,
    ChangeLimits,
    ChangeMints,
    ClosePosition,
    Command,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    EmergencyStop,
    LiftHold,
    MarkPrices,
    MoveDue,
    ReactivateWallet,
    Rebalance,
    RecordBalances,
    RecordDeposit,
    RecordFinal,
    RecordOutcome,
    RecordTicket,
    RemoveWallet,
    SellDue,
    SubmitSignal,
    Withdraw,
    WriteOff,
)
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.desk_settings import Routing
from overmind.core.model.enums import (
    SELL_ACTIONS,
    LearnerMode,
    MoveKind,
    SaleScope,
    SizingMethod,
    StrategyType,
    TradeAction,
    WalletStatus,
    WalletType,
)
from overmind.core.model.ids import SOL, DepositId, LimitName, Mint, OrderId, SignalId, WalletId
from overmind.core.model.learner_rules import LearnerRules
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.order import Move, Order, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import PUBLIC_ALONE, RouteName
from overmind.core.model.signal import RiskBudget, Signal
from overmind.core.model.units import DAY_NS, LAMPORTS, MICROS, NS, PICO, PPM
from overmind.core.model.wallet import Exits, StrategyShare, Wallet

DUST = Token("DUST", Mint("dust"), 0)
COIN = Token("COIN", Mint("coin"), 9)
MINTS = [SOL, DUST.mint, COIN.mint, Mint("eth"), Mint("unlisted"), USDC.mint]
STRATEGIES = [StrategyType.MOMENTUM_TRADING, StrategyType.ARBITRAGE, StrategyType.AXIOM_MEME_COIN]
CAUSES = ["operator", "day_loss", "emergency", "removed"]
FLOATS = [LAMPORTS, LAMPORTS, LAMPORTS // 10, LAMPORTS // 9]
HUGE = 2**70
PAYEES = ("bank", "vault")
PUBLIC, RELAY = RouteName.PUBLIC, RouteName.RELAY
ROUTE_LISTS = [(PUBLIC,), (RELAY, PUBLIC), (RELAY,), (PUBLIC, RELAY)]


class RandomCommands:
    def __init__(self, rng: Random, wallets: int, forks: bool = False, moves: bool = False) -> None:
        """`forks`: mostly trades, many of them undone by forks. `moves`: also transfers of capital."""
        self.rng = rng
        self.forks = forks or moves
        self.moves = moves
        self.sales = 1
        self.asked = 0
        self.routed = wallets % 4 == 1  # No draw of the generator: others would make other scripts of all seeds.
        self.names = [WalletId(f"w{(number * 7) % wallets}") for number in range(wallets)]  # Not in alphabetical order.

    def opening(self) -> list[Command]:
        """Commands for a desk with settings, prices and funded wallets."""
        tokens = {token.mint: token for token in (*DESK.tokens.values(), DUST, COIN)}
        marks = tuple(Mark(mint, self._price(), 1) for mint in MINTS if mint != USDC.mint)
        many = len(self.names)  # Other draws from the generator would make other scripts of all seeds.
        desk = structs.replace(
            DESK,
            tokens=tokens,
            rate_max_per_s=self.rng.choice([50, 2, 1]),
            rebalance_interval_ns=self.rng.choice([0, NS]),
            rebalance_min_micros=self.rng.choice([0, 100 * MICROS]),
            reclaim_after_ns=self.rng.choice([1, NS]),
            dust_micros=0 if self.forks else 20 * MICROS,
            float_low_lamports=self.rng.choice([0, DESK.float_low_lamports]),
            withdraw_addresses=PAYEES,
            withdraw_day_max_micros=1_000 * MICROS,
            routing=Routing(
                (LearnerMode.OFF, LearnerMode.SHADOW, LearnerMode.ON)[many // 2 % 3],
                routes=ROUTES if self.routed else {},
            ),
            learner_rules=LearnerRules("chance", canary_ppm=PPM // 2),
            costs=structs.replace(
                DESK.costs,
                miss_bps=50.0 if many % 3 else 0.0,
                miss_half_life_ns=(7_200 if many % 2 else 60) * NS,
                in_flight_bps=0.5 if many % 4 else 0.0,
            ),
        )
        opening: list[Command] = [ConfigureDesk(desk), MarkPrices(marks)]
        for name in self.names:
            opening.append(ConfigureWallet(self._wallet(name)))
            opening.append(RecordDeposit(DepositId(f"cash {name}"), name, Money(10_000 * MICROS, USDC.mint)))
            opening.append(
                RecordDeposit(DepositId(f"float {name}"), name, Money(self.rng.choice(FLOATS), SOL), to_float=True)
            )
        return opening

    def odd(self) -> bool:
        return self.rng.random() < 0.04

    def later_ns(self) -> int:
        """The time until the next command."""
        rare = self.rng.choice([31 * NS, DAY_NS])
        return rare if self.odd() and not self.forks else self.rng.choice([0, 0, 1, MS, NS - 1, NS])

    def command(self, desk: CoreDesk) -> Command:
        rng, roll, state = self.rng, self.rng.random(), desk.state
        orders = [*state.open_orders.values(), *state.open_moves.values()]
        booked = bool(state.provisional or state.provisional_moves)
        if self.forks:
            roll = rng.choice([roll, 0.3, 0.8, 0.5 if orders else 0.3, 0.65 if booked else 0.5])
        if self.moves:
            roll = rng.choice([roll, 0.36, 0.5 if orders else 0.36, 0.5, 0.65, 0.95])
        if roll < 0.34:
            return self.submit(desk)
        if roll < 0.40:
            return self.move(desk)
        if roll < 0.60 and orders:
            known = rng.choice(orders)
            work = known.work
            if known.ticket is None and rng.random() < (0.9 if self.moves else 0.5):
                return RecordTicket(work.id, Ticket(f"signature of {work.id}", b"bytes"))
            return RecordOutcome(work.id, self._outcome(work), provisional=rng.random() < 0.7)
        if roll < 0.68 and booked:
            return self._final(desk)
        if roll < 0.72:
            return self._chain(desk)
        if roll < 0.77 and (due := exits_due(desk.state, desk.now_ns)):
            return SellDue(due[0].wallet_id, due[0].mint)
        if self.forks and desk.state.holds:
            return LiftHold(Scope(), next(iter(desk.state.holds)), "chance")
        return self._marks(desk) if roll < 0.85 else self._wish(desk)

    def _final(self, desk: CoreDesk) -> RecordFinal:
        """Half of the time a fork changed the outcome."""
        state = desk.state
        booked = self.rng.choice([*state.provisional.values(), *state.provisional_moves.values()])
        work = booked.work
        other = self.rng.choice([booked.outcome, booked.outcome, Expired(), self._outcome(work)])
        return RecordFinal(work.id, other)

    def move(self, desk: CoreDesk) -> Command:
        """A command that moves capital, tries to, or cancels a move."""
        rng, name = self.rng, WalletId("nobody") if self.odd() else self.rng.choice(self.names)
        micros = rng.choice([rng.randint(0, 1), 300 * MICROS, 1_000 * MICROS, 1_000 * MICROS + 1])
        money = rng.choice([Money(micros, USDC.mint), Money(rng.randint(0, LAMPORTS), SOL)])
        if self.odd():
            money = Money(micros, rng.choice(MINTS))
        payee = "thief" if self.odd() else rng.choice(PAYEES)
        request_id = f"r{rng.randint(0, 3) if self.odd() else rng.randint(4, 10**9)}"
        moves: list[Command] = [
            Rebalance("chance"),
            Rebalance("chance", by_operator=True),
            MoveDue(),
            MoveDue(),
            Withdraw(request_id, name, money, payee, "" if self.odd() else "chance"),
        ]
        if self.moves and rng.random() < 0.1:
            moves = [EmergencyStop("chance", liquidate=True, sweep=True)]
        if self.moves and rng.random() < 0.1:
            moves = [self._drain(desk)]
        if open_moves := list(desk.state.open_moves):
            moves.append(CancelMove(rng.choice(open_moves), "chance"))
        return rng.choice(moves)

    def _drain(self, desk: CoreDesk) -> Command:
        """An operator accepts that most of a wallet's SOL is missing."""
        state, name = desk.state, self.rng.choice(self.names)
        balances = {mint: max(0, state.ledger.owned(state.wallets[name].accounts, mint)) for mint in MINTS}
        balances[SOL] = min(balances[SOL], self.rng.choice([0, 99_999, 2_000_000, LAMPORTS // 9]))
        return AcceptBalances(name, state.seq, state.seq, balances, "chance")

    def _chain(self, desk: CoreDesk) -> RecordBalances | AcceptBalances:
        """Mostly the balances of the books; sometimes slightly or very different ones, or an old reading."""
        rng, name = self.rng, self.rng.choice(self.names)
        state, book = desk.state, desk.state.wallets[name]
        balances = {mint: max(0, state.ledger.owned(book.accounts, mint)) for mint in MINTS}
        if rng.random() < 0.3:
            mint, more = rng.choice(MINTS), rng.choice([-1, 1] if self.forks or self.odd() else [1]) * self._micros()
            balances[mint] = max(0, balances[mint] + (more * 10 if mint == SOL else more))
        as_of_seq, signature = state.seq - (5 if self.odd() else 0), rng.choice(["", "x", "y"])
        if rng.random() < 0.4:
            return AcceptBalances(name, state.seq, as_of_seq, balances, "" if self.odd() else "chance", signature)
        return RecordBalances(name, state.seq, as_of_seq, balances, signature)

    def _marks(self, desk: CoreDesk) -> MarkPrices:
        """Mostly the same prices again; sometimes other ones, perhaps old, perhaps two of one token."""
        rng, marks = self.rng, desk.state.marks.values()
        if rng.random() < 0.5:
            return MarkPrices(tuple(structs.replace(mark, at_ns=desk.now_ns) for mark in marks))
        at_ns = desk.now_ns - (NS if self.odd() else 0)
        return MarkPrices(
            tuple(Mark(mint, self._price(), at_ns + rng.randint(0, 1)) for mint in rng.choices(MINTS, k=2))
        )

    def _wish(self, desk: CoreDesk) -> Command:
        """A command of an operator, of the configuration, or of the executor."""
        rng = self.rng
        name = WalletId("nobody") if self.odd() else rng.choice(self.names)
        wide = Scope() if self.odd() else Scope(strategy=rng.choice(STRATEGIES))
        scope = wide if rng.random() < 0.1 else Scope(name)
        order_id = OrderId(f"{self._known_id(desk)}.0.0")
        holds = [(Scope(), cause) for cause in desk.state.holds]
        holds += [(Scope(key), cause) for key, book in desk.state.wallets.items() for cause in book.holds]
        holds += [(Scope(strategy=key), cause) for key, paused in desk.state.paused.items() for cause in paused]
        lifts = [self._lift(*rng.choice(holds))] * 4 if holds else []
        if self.forks and lifts:
            return lifts[0]
        commands: list[Command] = [
            *lifts,
            *[self._deposit(name) for _ in range(4)],
            ConfigureWallet(self._wallet(name)),
            self._configure_desk(desk),
            *[self._change_limits(desk, self.rng.choice(self.names)) for _ in range(4)],
            *self._change_mints(),
            AddHold(
                scope, rng.choice(CAUSES), "chance", rng.choice([None, desk.now_ns + rng.choice([-NS, NS, DAY_NS])])
            ),
            LiftHold(scope, rng.choice(CAUSES), "chance"),
            RemoveWallet(name),
            ClosePosition(name, rng.choice(MINTS), "chance"),
            CancelClose(name, rng.choice(MINTS), "chance"),
            *([] if self.forks else self._write_offs(desk)),
            *[SellDue(name, rng.choice(MINTS)) for _ in range(2)],
            EmergencyStop("chance", liquidate=rng.random() < 0.5, sweep=rng.random() < 0.5)
            if self.odd()
            else AddHold(Scope(name), "emergency", "chance"),
            *[ReactivateWallet(one, "chance") for one in self.names],
            RecordTicket(order_id, Ticket(f"signature {rng.randint(0, 3)}", b"bytes")),
            RecordOutcome(order_id, Expired()),
        ]
        return rng.choice(commands)

    def _write_offs(self, desk: CoreDesk) -> list[Command]:
        """Of all dust, several times: it is rare."""
        books = desk.state.wallets.items()
        return [WriteOff(key, one, "chance") for key, book in books for one in sorted(book.dust)] * 3

    def _lift(self, scope: Scope, cause: str) -> Command:
        """The command that lifts the hold; sometimes a wrong one."""
        if scope.wallet_id is not None and not self.odd():
            if cause == "emergency":
                return ReactivateWallet(scope.wallet_id, "chance")
            if cause in ("removed", "inactive", "suspended", "maintenance"):
                return ConfigureWallet(self._wallet(scope.wallet_id))
        return LiftHold(scope, cause, "chance")

    def _change_limits(self, desk: CoreDesk, name: WalletId) -> ChangeLimits:
        """One or several limits: tighter, wider, back to the files, or not allowed."""
        rng, configured = self.rng, desk.state.wallets[name].configured
        by_files = values_of(configured)
        wanted: dict[LimitName, int | None] = {}
        for one in rng.sample(sorted(by_files), rng.randint(1, min(3, len(by_files)))):
            kind, value = kind_of(one), by_files[one]
            most = {"max_concurrent_positions": 3, "daily_trade_limit": 5, "enabled": 1}.get(kind or "", 0)
            some = rng.randint(0, most or (300 * MICROS if value > PPM else PPM // 2))
            wanted[one] = rng.choice([None, value, some, some, value + 1 if self.odd() else some])
        if self.odd():
            wanted[LimitName("nonsense")] = 1
        return ChangeLimits(name, wanted, "chance", "chance")

    def _change_mints(self) -> list[Command]:
        """An allow list is rare and short-lived: it would stop nearly all buys."""
        rng, reason = self.rng, " " if self.odd() else "chance"
        verb = rng.choice([MintVerb.ALLOW, MintVerb.ALLOW, MintVerb.DISALLOW] if self.odd() else [MintVerb.UNBLOCK])
        blocked = ChangeMints(MintVerb.BLOCK, rng.choice(MINTS), "chance", reason)
        freed = ChangeMints(verb, rng.choice(MINTS), "chance", "chance")
        return [blocked, freed, ChangeMints(MintVerb.ALLOW_ALL, None, "chance", reason)]

    def _known_id(self, desk: CoreDesk) -> str:
        """A signal id that may be known. Every second day has ids of its own, so that new ones do not run out."""
        age = (desk.now_ns - NOON_NS) // (2 * DAY_NS)
        return f"s{self.rng.randint(0, 30)}{'x' * age}"

    def submit(self, desk: CoreDesk) -> SubmitSignal:
        rng, odd = self.rng, self.odd
        action = rng.choice(list(TradeAction)) if rng.random() < 0.4 else TradeAction.BUY
        mints = MINTS if odd() else MINTS[:4]
        if self.forks:
            mints = [mint for book in desk.state.wallets.values() for mint in book.positions] or MINTS[:1]
            action = rng.choice([TradeAction.BUY, TradeAction.SELL, TradeAction.SELL])
            mints = MINTS[:3] if action is TradeAction.BUY else mints
        notional = self._notional(desk) if rng.random() < (0.5 if self.moves else 0.8) else None
        quantity = Decimal(self._micros()).scaleb(-7) if notional is None else None
        sell_all = action in SELL_ACTIONS and rng.random() < 0.5
        if sell_all:
            notional = quantity = None
        risk = self.risk() if action in (TradeAction.BUY, TradeAction.MARKET_BUY) and rng.random() < 0.2 else None
        if risk is not None:
            notional = quantity = None
        self.asked += 1
        signal = Signal(
            id=SignalId(self._known_id(desk) if odd() else f"s{rng.randint(31, 10**9)}"),
            strategy=rng.choice(STRATEGIES),
            action=action,
            mint=rng.choice(mints),
            risk_tolerance_ppm=rng.choice([500_000, 499_999]) if odd() else PPM,
            notional_micros=notional,
            quantity=quantity,
            target_price_pico=max(1, self._price()) if odd() else None,
            preferred_type=rng.choice([None, None, *WalletType]),
            exclude=tuple(rng.sample(self.names, min(len(self.names), 2))) if odd() else (),
            slippage_max_bps=rng.choice([100, 101]) if odd() else None,
            exits=self._exits() if rng.random() < 0.2 else None,
            risk=risk,
            sell_all=sell_all,
            scope=self._scope(action),
            at_ns=desk.now_ns + rng.choice([0, -NS, 5 * NS, 6 * NS, -30 * NS]) if odd() else None,
            mev_protected=self.routed and self.asked % 4 == 0,
        )
        return SubmitSignal(signal, desk.now_ns - (rng.choice([MS, 5 * NS, 6 * NS]) if odd() else 0))

    def _scope(self, action: TradeAction) -> SaleScope:
        """Every third sale takes the lots of its own strategy alone."""
        self.sales += action in SELL_ACTIONS
        return SaleScope.DESK if action in SELL_ACTIONS and self.sales % 3 else SaleScope.STRATEGY

    def risk(self) -> RiskBudget:
        rng, by_equity = self.rng, self.rng.random() < 0.4
        return RiskBudget(
            method=rng.choice([SizingMethod.STOP, SizingMethod.STOP, SizingMethod.VOLATILITY]),
            micros=None if by_equity else self._micros() // rng.choice([1, 10]),
            equity_ppm=rng.choice([1, 100, 10_000, PPM]) if by_equity else None,
            multiple_ppm=rng.choice([1, PPM, 2 * PPM]),
            horizon_ns=rng.choice([NS, DAY_NS]),
        )

    def _exits(self) -> Exits:
        tight = [self.rng.choice([None, None, self.rng.randint(1, 50_000)]) for _ in range(3)]
        return Exits(*tight, self.rng.choice([None, NS, 100 * NS]))

    def _notional(self, desk: CoreDesk) -> int:
        """Often exactly a wallet's capacity, or one unit more."""
        if self.rng.random() < 0.5:
            return self._micros()
        book = self.rng.choice(list(desk.state.wallets.values()))
        return max(
            self.rng.randint(0, 1),
            capacity_micros(desk.state, book, self.rng.choice(STRATEGIES)) + self.rng.choice([-1, 0, 0, 1]),
        )

    def _micros(self) -> int:
        return self.rng.choice([self.rng.randint(0, 1), 300 * MICROS, self.rng.randint(0, 300 * MICROS)])

    def _price(self) -> int:
        """Around $100 or far from it; zero is no price."""
        far = self.rng.choice([self.rng.randint(0, 5 * PICO), 1, 0])
        return far if self.odd() else self.rng.randint(90 * PICO, 110 * PICO)

    def _outcome(self, work: Work) -> Outcome:
        rng = self.rng
        fee = rng.randint(0, work.fee_max_lamports)
        filled = self._moved(work, fee) if isinstance(work, Move) else self._filled(work, fee)
        causes = [Cause.ROUTE_DOWN, Cause.WALLET_FUNDS, rng.choice(list(Cause))]
        others: list[Outcome] = [Failed(fee, Cause.SLIPPAGE), Expired(), Rejected(rng.choice(causes))]
        return filled if rng.random() < 0.6 else rng.choice(others)

    def _filled(self, order: Order, fee: int) -> Filled:
        rng = self.rng
        spent = order.spend.units - rng.choice([0, 0, 0, rng.randint(0, order.spend.units - 1)])
        received = order.received_min + rng.choice([0, 1, order.received_min // 100, order.received_min])
        tip = min(fee, order.tip_max_lamports)
        return Filled(spent, received, fee - tip, rng.choice([0, order.rent_max_lamports]), tip_lamports=tip)

    def _moved(self, move: Move, fee: int) -> Filled:
        if move.kind is MoveKind.RECLAIM:
            return Filled(0, DESK.costs.rent_lamports, fee)
        return Filled(move.money.units, move.money.units, fee, self.rng.choice([0, move.rent_max_lamports]))

    def _deposit(self, name: WalletId) -> RecordDeposit:
        rng = self.rng
        mint = rng.choice(MINTS)
        units = HUGE if mint == DUST.mint and rng.random() < 0.3 else self._micros()
        deposit_id = DepositId(f"d{rng.randint(0, 3) if self.odd() else rng.randint(4, 10**9)}")
        return RecordDeposit(deposit_id, name, Money(units, mint), to_float=rng.random() < 0.2)

    def _configure_desk(self, desk: CoreDesk) -> ConfigureDesk:
        rng, settings = self.rng, desk.state.settings
        changes: list[dict[str, object]] = [
            {"portfolio_exposure_max_ppm": rng.choice([PPM, 800_000, 300_000])},
            {"asset_max_ppm": rng.choice([PPM, 400_000, 100_000])},
            {"strategy_max_ppm": rng.choice([PPM, 400_000, 100_000]), "positions_max": rng.choice([0, 0, 3, 2, 1])},
            {"rate_max_per_s": rng.choice([50, 50, 2, 1])},
            {
                "tokens": {mint: token for mint, token in DESK.tokens.items() if mint != "eth"}
                | {DUST.mint: DUST, COIN.mint: COIN}
            },
            {"tokens": {**DESK.tokens, DUST.mint: DUST, COIN.mint: COIN}},
            {"multi_wallet_enabled": not self.odd(), "default_wallet": rng.choice(self.names)},
            {"ceilings": Ceilings(rng.randint(0, 300 * MICROS), rng.randint(0, 300 * MICROS), PPM // 2, 2, 50_000, 5)},
            {"ceilings": Ceilings()},
        ]
        if not self.forks:
            changes += [
                {"emergency_stop_ppm": rng.choice([PPM, PPM, 20_000])},
                {"dust_micros": rng.choice([0, 20 * MICROS, 100 * MICROS])},
                {"day_loss_max_ppm": rng.choice([PPM, 10_000]), "drawdown_max_ppm": rng.choice([PPM, 10_000])},
                {"day_trades_max": rng.choice([0, 0, 0, 20]), "sizing_min_micros": rng.choice([1, 10 * MICROS])},
                {"loss_streak_max": rng.choice([0, 2]), "cooldown_ns": rng.choice([0, 10 * NS])},
                {
                    "order_min_micros": rng.choice([0, MICROS, 20 * MICROS]),
                    "expected_cost_max_bps": rng.choice([0, 9, 60]),
                },
                {"exit_slippage_bps": rng.choice([(100,), (0, 50), (100, 200, 400, 800)])},
            ]
        return ConfigureDesk(structs.replace(settings, **rng.choice(changes)))

    def _wallet(self, name: WalletId) -> Wallet:
        """One limit in five is tight."""
        rng = self.rng
        aim_ppm = rng.choice([0, PPM // len(self.names), PPM // len(self.names) // 3])
        if name not in self.names:  # The configuration refuses files whose shares sum to over 1.
            aim_ppm = 0
        if self.forks:
            wallet_type = WalletType.EMERGENCY if self.moves and name == self.names[-1] else WalletType.PRIMARY
            return structs.replace(wide_wallet(name), allocation_ppm=aim_ppm, type=wallet_type)
        tight = [rng.random() < 0.2 for _ in range(7)]
        limits = Limits(
            daily_loss_max_micros=rng.randint(0, 100 * MICROS) if tight[0] else 10**6 * MICROS,
            position_max_micros=rng.randint(0, 1_000 * MICROS) if tight[1] else 10**6 * MICROS,
            exposure_max_ppm=rng.randint(0, PPM) if tight[2] else PPM,
            positions_max=rng.randint(0, 3) if tight[3] else 100,
            stop_loss_ppm=rng.randint(0, 100_000) if tight[4] else 0,
            trades_per_day_max=rng.randint(0, 5) if tight[5] else 1_000,
            risk_level_ppm=500_000 if tight[6] else 0,
        )
        shares = {
            strategy: StrategyShare(
                rng.choice([PPM, PPM, 400_000, 300_000]),
                rng.choice([10**6, 10**6, 500]) * MICROS,
                enabled=rng.random() < 0.9,
            )
            for strategy in STRATEGIES
            if rng.random() < 0.8
        }
        status = rng.choice(list(WalletStatus)) if self.odd() else WalletStatus.ACTIVE
        wallet_type = rng.choice(list(WalletType))
        exits = structs.replace(self._exits(), stop_loss_ppm=None) if rng.random() < 0.2 else None
        return structs.replace(
            wide_wallet(name),
            type=wallet_type,
            limits=limits,
            strategies=shares,
            status=status,
            allocation_ppm=aim_ppm,
            exits=exits,
            routes=ROUTE_LISTS[self.names.index(name) % len(ROUTE_LISTS)]
            if self.routed and name in self.names
            else PUBLIC_ALONE,
        )

    def _routes(self, name: WalletId) -> tuple[RouteName, ...]:
        known = self.routed and name in self.names
        return ROUTE_LISTS[self.names.index(name) % len(ROUTE_LISTS)] if known else PUBLIC_ALONE


def attempt(desk: CoreDesk, command: Command) -> list[object]:
    """The events of a command, or its refusal."""
    try:
        return list(desk.do(command))
    except CommandRefused as refused:
        return [str(refused)]
