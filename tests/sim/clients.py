"""The users of the desk: traders that send signals, and an operator that sends commands. They remember all answers.

Their memory outlives the desk's process. After a restart they repeat everything that was not answered.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Final, Protocol

from msgspec import structs
from solders.pubkey import Pubkey
from tests.sim import rules
from tests.sim.books import ten_to
from tests.sim.checks import BUYS, Auditor
from tests.sim.doors import through_the_door
from tests.sim.world import TOKENS, USDC, SimClock, SimJournal, SimPrices

from overmind.core.model.codes import Ceilings, Code, Limits
from overmind.core.model.commands import (
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
    ReactivateWallet,
    Rebalance,
    RecordDeposit,
    RemoveWallet,
    Withdraw,
    WriteOff,
)
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM, default_limits, default_strategies
from overmind.core.model.desk_settings import BOOKING_RULES, Desk, Routing
from overmind.core.model.enums import (
    RiskProfile,
    SaleScope,
    Side,
    SizingMethod,
    Split,
    StrategyType,
    TradeAction,
    WalletStatus,
    WalletType,
)
from overmind.core.model.events import Answer, CloseOrdered, MoveClosed, MovePlaced
from overmind.core.model.ids import SOL, DepositId, LimitName, Mint, OrderId, SignalId, WalletId
from overmind.core.model.mints import AdmissionPolicy
from overmind.core.model.money import Money
from overmind.core.model.route import PUBLIC_ALONE, Expected, RouteName
from overmind.core.model.signal import RiskBudget, Signal
from overmind.core.model.units import LAMPORTS, MICROS, NOTIONAL_MAX_MICROS, NS, PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits, StrategyShare, Wallet
from overmind.desk.engine import CommandAnswer, DiskFull, Engine

UNLISTED: Final = Mint("UNLISTED")
MINTS: Final = tuple(token.mint for token in TOKENS)
TRADING_TYPES: Final = (WalletType.PRIMARY, WalletType.HFT, WalletType.ARBITRAGE, WalletType.MEV_PROTECTION)
WIDE: Final = Limits(
    daily_loss_max_micros=10_000 * MICROS,
    position_max_micros=20_000 * MICROS,
    exposure_max_ppm=900_000,
    positions_max=10,
    stop_loss_ppm=20_000,
    trades_per_day_max=1_000,
    risk_level_ppm=100_000,
)


TIGHT: Final = Ceilings(50 * MICROS, 100 * MICROS, 300_000, 2, 20_000, 5)
# Values that an operator may want; some are too wide for some desks.
WANTED: Final[dict[str, tuple[int, ...]]] = {
    "max_daily_loss": (3 * MICROS, 60 * MICROS, 3_000 * MICROS),
    "max_position_size": (40 * MICROS, 500 * MICROS, 30_000 * MICROS),
    "max_exposure_percentage": (100_000, 850_000, PPM),
    "max_concurrent_positions": (1, 3, 16),
    "stop_loss_threshold": (0, 10_000, 40_000),
    "daily_trade_limit": (2, 100, 1_000),
    "risk_level": (0, 500_000),
    "allocation": (0, 300_000, PPM),
}


# What is expected of both is the same, so that the script of a seed chooses the wallets that it always chose.
ROUTES: Final = {RouteName.PUBLIC: Expected(), RouteName.RELAY: Expected()}


def draw_wallet(random: Random, wallet_id: WalletId, public_key: str, odd: bool, mev_types: bool) -> Wallet:
    usual = TRADING_TYPES if mev_types else TRADING_TYPES[:-1]
    wallet_type = random.choice(tuple(WalletType) if odd else usual)
    profile = random.choice(tuple(RiskProfile))
    needs_protection = wallet_type is WalletType.MEV_PROTECTION and mev_types
    return Wallet(
        id=wallet_id,
        type=wallet_type,
        profile=profile,
        public_key=public_key,
        allocation_ppm=0,
        limits=draw_limits(random, wallet_type, profile) if odd else WIDE,
        strategies=draw_strategies(random, wallet_type, odd),
        routes=(RouteName.RELAY,) if needs_protection else PUBLIC_ALONE,
    )


def draw_limits(random: Random, wallet_type: WalletType, profile: RiskProfile) -> Limits:
    """The default limits, or random ones, any of which may be the tightest."""
    if random.random() < 0.3:
        return default_limits(wallet_type, profile)
    return Limits(
        daily_loss_max_micros=random.choice((0, 3, 100, 100_000)) * MICROS,
        position_max_micros=random.choice((50, 1_000, 10**6)) * MICROS,
        exposure_max_ppm=random.choice((100_000, 800_000, PPM)),
        positions_max=random.choice((1, 2, 20)),
        stop_loss_ppm=random.choice((0, 10_000, 50_000)),
        trades_per_day_max=random.choice((2, 5, 1_000)),
        risk_level_ppm=random.choice((0, 200_000, 900_000)),
    )


def draw_strategies(random: Random, wallet_type: WalletType, odd: bool) -> dict[StrategyType, StrategyShare]:
    if odd and random.random() < 0.5:
        return default_strategies(wallet_type)
    chosen = random.sample(tuple(StrategyType), random.randint(1, 6) if odd else len(StrategyType))
    return {
        strategy: StrategyShare(
            share_ppm=random.choice((50_000, 400_000, PPM)),
            position_max_micros=random.choice((40, 500, 10**6)) * MICROS,
            enabled=not odd or random.random() < 0.9,
        )
        for strategy in chosen
    }


SOURCES: Final = ("", "chart", "token:bot")
SOURCE_EVERY: Final = 11  # signals: if it sells, it sells what its source has bought
SPLIT: Final = 0.2  # of the buys may be served by several wallets
HOSTILE: Final = 0.1  # of the signals have a number that nobody means
PAYEES: Final = tuple(str(Pubkey(hashlib.blake2b(name, digest_size=32).digest())) for name in (b"bank", b"vault"))
LISTS: Final = (*[PAYEES] * 5, PAYEES[:1], PAYEES[1:], ())
CAPS: Final = (*[10_000 * MICROS] * 4, *[300 * MICROS] * 3, 0)
HOLD_CAUSES: Final = ("operator", "review", "day_loss")  # causes that the operator adds and lifts at will


class Habits(Value, frozen=True):
    ease: tuple[float, ...] = (0.3, 0.8, 0.97)  # how often an ordinary choice is made instead of an odd one
    sells_held: float = 0.0  # how often a sale is of a token that is held
    actions: tuple[int, ...] = (10, 4, 1, 4, 2)  # weight of each TradeAction
    mints: tuple[Mint, ...] = MINTS
    pauses_s: tuple[float, ...] = (0.05, 0.5, 2.0)  # between two signals
    exits: float = 0.0  # how many of the buys have exits of their own
    mev_types: bool = True  # whether wallet types that need a protected route occur


class Switches(Protocol):
    """The operator's influence on the outside world."""

    stop_file: bool

    def silence(self, seconds: float) -> None:
        """Makes the venue unreachable for a while."""


class Mints(Protocol):
    """The mints on the chain, and what this desk lets them do."""

    policy: AdmissionPolicy
    exit: bool
    back_s: float


class NoMints:
    """`Mints` of a world without a chain."""

    policy = AdmissionPolicy.OFF
    exit = False
    back_s = 0.0


class DepositSource(Protocol):
    """The source of deposits, and how the desk learns of them."""

    def draw(self, wallets: list[Wallet]) -> None:
        """Draws the wallets' balances before the first start of the desk."""

    async def start(self, engine: Engine, wallets: list[Wallet]) -> None:
        """At every start of the desk: reports balances that are not booked yet."""

    async def repeat(self, engine: Engine) -> None:
        """Repeats earlier reports."""

    async def new(self, engine: Engine, wallet: Wallet, desk: Desk) -> None:
        """A new deposit, or a loss."""

    async def settle(self, engine: Engine) -> None:
        """Waits until everything is booked."""


class ClientContext:
    """What traders and the operator share: the running desk, and everything that survives its process."""

    def __init__(
        self,
        random: Random,
        clock: SimClock,
        journal: SimJournal,
        chain: Switches,
        prices: SimPrices,
        auditor: Auditor,
        seen: Counter[str],
        habits: Habits,
    ) -> None:
        self.random = random
        self.clock = clock
        self.journal = journal
        self.chain = chain
        self.prices = prices
        self.auditor = auditor
        self.seen = seen
        self.habits = habits
        self.ease = random.choice(habits.ease)
        self.mints: Mints = NoMints()
        self.signals: dict[SignalId, Signal] = {}
        self.told: dict[SignalId, tuple[Answer, ...]] = {}

    def odd(self) -> bool:
        return self.random.random() > self.ease

    async def submit(self, engine: Engine, signal: Signal, waited_ns: int = 0) -> None:
        """Checks that every answer is durable when it is given, and stays the same for ever."""
        received_ns = self.clock.now_ns() - waited_ns
        self.auditor.received[signal.id].append(received_ns)
        answered = await self._answered(engine, signal, received_ns)
        books = self.auditor.books
        assert list(answered.events) == books.decisions.get(signal.id), f"{signal.id}: told what is not durable"
        assert answered.seq == books.decision_seqs[signal.id], answered
        if (told := self.told.get(signal.id)) is not None:
            assert answered.duplicate, f"{signal.id} was answered anew"
            assert answered.events == told, f"{signal.id} was told {told}, now {answered.events}"
        self.seen["duplicate"] += answered.duplicate
        self.told[signal.id] = answered.events

    async def _answered(self, engine: Engine, signal: Signal, received_ns: int) -> CommandAnswer:
        """A full disk decides nothing and keeps the id free, so the signal is sent again until there is room."""
        while True:
            try:
                return await engine.submit(signal, received_ns)
            except DiskFull:
                assert signal.id not in self.auditor.books.decisions, f"{signal.id} was decided, and not taken"
                self.seen["signal not taken on a full disk"] += 1
            await self.clock.sleep(1.0)

    async def submit_changed(self, engine: Engine, signal_id: SignalId) -> None:
        changed = structs.replace(self.signals[signal_id], confidence_ppm=self.random.randrange(PPM))
        try:
            await engine.submit(changed)
        except CommandRefused:
            self.seen["changed signal refused"] += 1
            return
        raise AssertionError(f"{signal_id} was accepted with other content")

    def some_tokens(self) -> Money:
        token = self.random.choice(TOKENS)
        usd = self.random.choice((3, 200))
        return Money(usd * ten_to(token.decimals + 12) // self.prices.start_pico[token.mint] + 1, token.mint)


class Trader:
    """Sends signals at random times, alone and in bursts, some of them twice."""

    def __init__(self, context: ClientContext, name: str, signals: int) -> None:
        self._context = context
        self._random = context.random
        self._name = name
        self._left = signals
        self._pause_s = context.random.choice(context.habits.pauses_s)
        self._split = Random(f"split {name} {context.ease} {signals}")
        self._doors = Random(f"{name} {self._pause_s} {context.ease} {signals}")  # The scripts of the seeds stay.

    @property
    def done(self) -> bool:
        return not self._left and not self._unanswered()

    def _unanswered(self) -> list[Signal]:
        context = self._context
        mine = (one for one in context.signals.values() if one.id.startswith(f"{self._name}-"))
        return [signal for signal in mine if signal.id not in context.told]

    async def run(self, engine: Engine) -> None:
        await _together(self._context.submit(engine, signal) for signal in self._unanswered())
        while self._left:
            await asyncio.sleep(self._random.expovariate(1.0 / self._pause_s))
            burst = min(self._left, self._random.choice((1, 1, 1, 4, 12)))
            await _together(self._send(engine) for _ in range(burst))

    async def _send(self, engine: Engine) -> None:
        context, random = self._context, self._random
        signal = self._invent()
        if self._doors.random() < HOSTILE:
            signal = through_the_door(self._doors, signal, context.seen)
        context.signals[signal.id] = signal
        self._left -= 1
        waited_ns = random.choice((4 * NS, 6 * NS)) if context.odd() and random.random() < 0.3 else 0
        tries = [context.submit(engine, signal, waited_ns)]
        if random.random() < 0.1:  # At the same moment, before the first is answered.
            tries.append(context.submit(engine, structs.replace(signal, at_ns=context.clock.now_ns()), waited_ns))
        await _together(tries)
        await self._look_back(engine)

    async def _look_back(self, engine: Engine) -> None:
        """Repeats an older signal, or reuses its id for another one."""
        context, random = self._context, self._random
        known = list(context.told)
        if known and random.random() < 0.1:
            await context.submit(engine, context.signals[random.choice(known)])
        if known and random.random() < 0.05:
            await context.submit_changed(engine, random.choice(known))

    def _invent(self) -> Signal:
        random = self._random
        action = random.choices(tuple(TradeAction), self._context.habits.actions)[0]
        strategy = random.choice(tuple(StrategyType))
        signal = Signal(
            id=SignalId(f"{self._name}-{self._left}"),
            strategy=strategy,
            action=action,
            mint=random.choice(self._context.habits.mints),
            risk_tolerance_ppm=max(DEFAULT_RISK_TOLERANCE_PPM[strategy], WIDE.risk_level_ppm),
            preferred_type=random.choice((None, *TRADING_TYPES)),
        )
        if self._context.odd():
            signal = self._make_odd(signal)
        elif self._context.habits.sells_held:
            signal = self._of_what_is_held(signal)
            action = signal.action
        signal = self._with_limit_price(signal)
        signal = structs.replace(signal, source=SOURCES[self._left // 2 % len(SOURCES)])
        if action in BUYS:
            return self._with_split(self._with_exits(self._with_entry_amount(signal)))
        whose = SaleScope.DESK if self._left % 3 else SaleScope.STRATEGY
        if self._left % SOURCE_EVERY == 0:
            whose = SaleScope.SOURCE
        return self._with_exit_amount(structs.replace(signal, scope=whose))

    def _of_what_is_held(self, signal: Signal) -> Signal:
        """Prefers to sell provisional fills, which a fork may still undo; otherwise bought lots rather than deposited
        ones.
        """
        books, habit = self._context.auditor.books, self._context.habits.sells_held
        fresh = sorted({one.order.mint for one in books.provisional.values() if one.order.side is Side.BUY})
        if fresh and self._random.random() < habit:
            return structs.replace(signal, action=TradeAction.MARKET_SELL, mint=self._random.choice(fresh))
        lots = [(mint, lot) for book in books.wallets.values() for mint, held in book.lots.items() for lot in held]
        if not lots or signal.action in BUYS or self._random.random() > habit:
            return signal
        bought = sorted({mint for mint, lot in lots if lot.strategy is not None})
        return structs.replace(signal, mint=self._random.choice(bought or sorted({mint for mint, _ in lots})))

    def _make_odd(self, signal: Signal) -> Signal:
        random, now_ns = self._random, self._context.clock.now_ns()
        return structs.replace(
            signal,
            mint=random.choice((*MINTS, UNLISTED)),
            risk_tolerance_ppm=random.choice((0, signal.risk_tolerance_ppm, PPM)),
            preferred_type=random.choice((None, *WalletType)),
            exclude=self._exclusions(),
            slippage_max_bps=random.choice((None, None, 0, 30, 100, 101, 300, 301)),
            ttl_ns=random.choice((None, None, 3 * NS, 60 * NS)),
            at_ns=random.choice((None, None, now_ns, now_ns - 2 * NS, now_ns - 40 * NS, now_ns + 9 * NS)),
            mev_protected=random.random() < 0.05,
        )

    def _exclusions(self) -> tuple[WalletId, ...]:
        wallets = list(self._context.auditor.books.wallets)
        if not wallets or self._random.random() < 0.5:
            return ()
        return (*self._random.sample(wallets, self._random.randint(1, len(wallets))), WalletId("nobody"))

    def _with_exits(self, signal: Signal) -> Signal:
        """Exits of its own, for some buys of a fixed amount. They are drawn apart, so that the scripts stay."""
        random = self._doors
        if signal.risk is not None or random.random() >= self._context.habits.exits:
            return signal
        exits = Exits(
            stop_loss_ppm=random.choice((None, None, 5_000, 30_000)),
            trailing_ppm=random.choice((None, 2_000, 10_000, 50_000)),
            take_profit_ppm=random.choice((None, None, 2_000, 20_000)),
            hold_max_ns=random.choice((None, None, 5 * NS, 60 * NS)),
        )
        return structs.replace(signal, exits=exits if exits != Exits() else None)

    def _with_split(self, signal: Signal) -> Signal:
        """Several wallets may serve some buys, which are then larger. Drawn apart, so that the scripts stay."""
        random = self._split
        if signal.risk is not None or random.random() >= SPLIT:
            return signal
        wanted = signal.notional_micros
        if wanted is not None:
            wanted = min(wanted * random.choice((1, 2, 40, 200)), max(wanted, NOTIONAL_MAX_MICROS))
        return structs.replace(
            signal,
            notional_micros=wanted,
            split=random.choice((Split.ALL, Split.PARTIAL)),
            parts_max=random.choice((None, 2, 3, 8)),
        )

    def _with_limit_price(self, signal: Signal) -> Signal:
        mark = self._context.auditor.books.marks.get(signal.mint)
        if signal.action not in (TradeAction.BUY, TradeAction.SELL) or mark is None or self._random.random() < 0.7:
            return signal
        target = mark.price_pico * self._random.choice((90, 99, 100, 101, 110)) // 100
        return structs.replace(signal, target_price_pico=max(1, target))

    def _with_entry_amount(self, signal: Signal) -> Signal:
        random, luck = self._random, self._random.random()
        if random.random() < 0.15:
            return structs.replace(signal, risk=self._budget())
        if luck < 0.2:
            micros = max(1, min(self._at_an_edge(signal), NOTIONAL_MAX_MICROS) + random.choice((-1, 0, 0, 1)))
            return structs.replace(signal, notional_micros=micros)
        if self._context.odd():
            micros = random.choice((1, 7, 10**6, 10**11, 10**13, 10**19))
            return structs.replace(signal, notional_micros=micros)
        usd = random.uniform(1, random.choice((30, 30, 300)))
        if luck < 0.7 or signal.mint == UNLISTED:
            return structs.replace(signal, notional_micros=round(usd * MICROS))
        return structs.replace(signal, quantity=self._whole_tokens(signal.mint, usd))

    def _budget(self) -> RiskBudget:
        """A risk budget between one that buys too little and one that no limit allows."""
        random, by_equity = self._random, self._random.random() < 0.3
        return RiskBudget(
            method=random.choice((SizingMethod.STOP, SizingMethod.STOP, SizingMethod.VOLATILITY)),
            micros=None if by_equity else round(random.choice((0.1, 2, 20, 2_000)) * random.random() * MICROS) + 1,
            equity_ppm=random.choice((10, 1_000, 100_000)) if by_equity else None,
            horizon_ns=random.choice((60 * NS, 86_400 * NS)),
        )

    def _whole_tokens(self, mint: Mint, usd: float) -> Decimal:
        tokens = Decimal(usd) * 10**12 / Decimal(self._context.prices.start_pico[mint])
        return tokens.quantize(Decimal(10) ** self._random.choice((0, -4, -12)))

    def _at_an_edge(self, signal: Signal) -> int:
        """Exactly the capacity that some rule of some wallet has left."""
        books = self._context.auditor.books
        open_for = [book for book in books.wallets.values() if signal.strategy in book.wallet.strategies]
        if not open_for or signal.mint not in books.decimals:
            return 10 * MICROS
        book = self._random.choice(open_for)
        room = rules.rooms(books, book, signal.strategy, signal.mint, rules.falls_ppm(book, signal))
        room[Code.PORTFOLIO_EXPOSURE] = (
            books.total_equity() * books.settings.portfolio_exposure_max_ppm // PPM - books.exposure()
        )
        room[Code.ASSET_CONCENTRATION] = books.total_equity() * books.settings.asset_max_ppm // PPM - books.asset(
            signal.mint
        )
        room[Code.STRATEGY_CONCENTRATION] = (
            books.total_equity() * books.settings.strategy_max_ppm // PPM - books.deployed(signal.strategy)
        )
        return min(room.values()) if self._random.random() < 0.7 else self._random.choice(sorted(room.values()))

    def _with_exit_amount(self, signal: Signal) -> Signal:
        """A sale of all, of a part, of exactly one wallet's units, or of too much."""
        random, books = self._random, self._context.auditor.books
        held = [book.units[signal.mint] for book in books.wallets.values() if book.units[signal.mint]]
        luck = random.random()
        if luck < 0.4 or not held:
            return structs.replace(signal, sell_all=True)
        scale = ten_to(books.decimals[signal.mint])
        if luck < 0.5:
            return structs.replace(signal, notional_micros=random.choice((1, 5 * MICROS, 500 * MICROS)))
        units = random.choice((held[0], sum(held), sum(held) + 1, max(held) + 1, max(1, held[-1] // 3)))
        return structs.replace(signal, quantity=Decimal(units) / scale)


async def _together(sends: Iterable[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for send in sends:
            tasks.create_task(send)


class Operator:
    """Sends random commands; sooner or later it undoes whatever stops the desk."""

    def __init__(
        self, context: ClientContext, bank: DepositSource, key_of: Callable[[WalletId], str], commands: int
    ) -> None:
        self._context = context
        self._bank = bank
        self._random = context.random
        self._left = commands
        self._pause_s = context.random.choice((1.0, 4.0))
        # Not sorted, since nothing may depend on the order of ids.
        ids = [WalletId(name) for name in ("w3", "alpha", "w10", "w2", "zeta", "beta")]
        self._random.shuffle(ids)
        chosen = ids[: self._random.randint(1, 6)]
        self.wallets = {one: self._draw_wallet(one, key_of(one)) for one in chosen}
        self._allocate()
        self._asked: list[Withdraw] = []
        self._requests = 0
        self.desk = self._draw_desk()
        bank.draw(list(self.wallets.values()))

    def _draw_wallet(self, wallet_id: WalletId, public_key: str) -> Wallet:
        context = self._context
        return draw_wallet(self._random, wallet_id, public_key, context.odd(), context.habits.mev_types)

    def _allocate(self) -> None:
        """Gives each wallet a share of the capital, or none; sometimes one wallet is of the type Emergency."""
        random, last = self._random, next(reversed(self.wallets))
        if len(self.wallets) > 1 and random.random() < 0.4:
            self.wallets[last] = structs.replace(self.wallets[last], type=WalletType.EMERGENCY)
        share = random.choice((0, PPM, PPM)) // len(self.wallets)
        for wallet_id, wallet in self.wallets.items():
            aim_ppm = random.choice((share, share, share // 3, 0))
            self.wallets[wallet_id] = structs.replace(wallet, allocation_ppm=aim_ppm)

    def _draw_desk(self) -> Desk:
        random = self._random
        low, full = random.choice(((0, 0), (120_000_000, 250_000_000), (LAMPORTS + 1, 2 * LAMPORTS)))
        desk = Desk(
            quote=USDC,
            tokens={token.mint: token for token in TOKENS},
            booking_rules=BOOKING_RULES,
            dust_micros=2 * MICROS,
            default_wallet=next(iter(self.wallets)),
            price_jump_max_ppm=200_000 if low or self._context.prices.servers.may_lie else 0,
            admission=self._context.mints.policy,
            admission_exit=self._context.mints.exit,
            witness_bound_bps=200 if self._context.prices.servers.has_second else 0,
            multi_wallet_enabled=not self._context.odd() or random.random() < 0.9,
            portfolio_exposure_max_ppm=300_000 if self._context.odd() else 800_000,
            asset_max_ppm=random.choice((100_000, PPM)) if self._context.odd() else 400_000,
            strategy_max_ppm=random.choice((100_000, 300_000)) if self._context.odd() else PPM,
            positions_max=random.choice((1, 2)) if self._context.odd() else 0,
            rate_max_per_s=2 if self._context.odd() else 50,
            day_trades_max=random.choice((3, 30)) if self._context.odd() else 0,
            reserve_float_lamports=0 if self._context.odd() else LAMPORTS // 10,
            ceilings=random.choice((TIGHT, Ceilings())) if self._context.odd() else Ceilings(),
            emergency_liquidate=random.random() < 0.5,
            emergency_sweep=random.random() < 0.5,
            emergency_stop_ppm=random.choice((20_000, 100_000, PPM)),
            rebalance_band_ppm=random.choice((0, 20_000, 100_000)),
            rebalance_min_micros=random.choice((1, 100)) * MICROS,
            rebalance_cost_max_bps=random.choice((10, 10_000)),
            rebalance_interval_ns=random.choice((1, 20, 3_600)) * NS,
            float_low_lamports=low,
            float_target_lamports=full,
            reclaim_after_ns=random.choice((0, 5, 60)) * NS,
            withdraw_addresses=random.choice(LISTS),
            withdraw_day_max_micros=random.choice(CAPS),
            withdraw_delay_ns=random.choice((0, 2, 20)) * NS,
        )
        return self._with_later_limits(desk, Random(repr(desk)))

    def _with_later_limits(self, desk: Desk, random: Random) -> Desk:
        """Limits that came later, drawn from a source of their own, so that the scripts of the seeds stay."""
        return structs.replace(
            desk,
            day_loss_flatten=random.random() < 0.3,
            order_min_micros=random.choice((0, 0, MICROS, 20 * MICROS)),
            expected_cost_max_bps=random.choice((0, 0, 300, 60)),
            mark_heartbeat_ns=random.choice((0, 3 * NS, 10 * NS)),
            routing=Routing(routes=ROUTES) if self._context.habits.mev_types else Routing(),
        )

    def forget(self, moves: set[OrderId]) -> None:
        """An older journal knows nothing of these: whoever asked for them does not ask again."""
        self._asked = [one for one in self._asked if OrderId(f"move:withdraw:{one.request_id}") not in moves]

    async def start(self, engine: Engine) -> None:
        """The commands of every start of the service: the configuration, then deposits that are not booked yet."""
        await engine.handle(ConfigureDesk(self.desk))
        for wallet in self.wallets.values():
            await engine.handle(ConfigureWallet(wallet))
        await self._bank.start(engine, list(self.wallets.values()))

    async def run(self, engine: Engine) -> None:
        actions: dict[Callable[[Engine], Awaitable[None]], int] = {
            self._emergency_stop: 2,
            self._reactivate: 6,
            self._close: 5,
            self._cancel_close: 1,
            self._rebalance: 4,
            self._withdraw: 9,
            self._repeat_withdrawal: 3,
            self._hold_withdrawal: 6,
            self._cancel: 3,
            self._reallocate: 2,
            self._add_hold: 3,
            self._lift_holds: 6,
            self._change_wallet: 4,
            self._change_desk: 1,
            self._change_payees: 2,
            self._change_limits: 4,
            self._change_mints: 2,
            self._remove_wallet: 1,
            self._stop_file: 2,
            self._repeat_deposit: 2,
            self._new_deposit: 2,
            self._nonsense: 2,
            self._step_clock: 2,
            self._fill_disk: 1,
            self._silence: 2,
        }
        while self._left:
            await asyncio.sleep(self._random.expovariate(1.0 / self._pause_s))
            self._left -= 1
            try:
                await self._random.choices(list(actions), list(actions.values()))[0](engine)
            except DiskFull:
                self._context.seen["wish not taken on a full disk"] += 1
        await self._calm_down(engine)

    async def _calm_down(self, engine: Engine) -> None:
        """Ends all faults and holds, so that the last signals can be placed."""
        self._context.chain.stop_file = False
        self._context.journal.degraded = None
        self.desk = self._draw_desk()
        await engine.handle(ConfigureDesk(self.desk))
        await self._lift_holds(engine)
        for wallet_id in self.wallets:
            await self._back_to_the_files(engine, wallet_id)
        for mint in sorted(self._context.auditor.books.blocked):
            await engine.handle(ChangeMints(MintVerb.UNBLOCK, mint, "sim", "calm again"))
        await engine.handle(ChangeMints(MintVerb.ALLOW_ALL, None, "sim", "calm again"))
        for wallet_id in self.wallets:
            await engine.handle(ReactivateWallet(wallet_id, "calm again"))
        await self._bank.settle(engine)

    async def _emergency_stop(self, engine: Engine) -> None:
        self._context.seen["emergency stop"] += 1
        liquidate, sweep = self._random.choice(((False, False), (True, False), (True, True), (True, True)))
        self._context.seen["liquidation"] += liquidate
        if liquidate and self._random.random() < 0.2:
            await self._silence(engine)
        await engine.handle(EmergencyStop("told to", liquidate, sweep))
        wallets = self._context.auditor.books.wallets
        assert all("emergency" in book.causes for book in wallets.values()), "a stop was told before it was durable"

    async def _reactivate(self, engine: Engine) -> None:
        for wallet_id in self._random.sample(list(self.wallets), self._random.randint(1, len(self.wallets))):
            held = "emergency" in engine.state.wallets[wallet_id].holds
            await engine.handle(ReactivateWallet(wallet_id, "looked at it"))
            self._context.seen["reactivated"] += held
            stopped_again = "emergency" in engine.state.wallets[wallet_id].holds  # before the reactivation was durable
            assert stopped_again or "emergency" not in self._context.auditor.books.wallets[wallet_id].causes

    async def _close(self, engine: Engine) -> None:
        """Closes a position that is or was held; sometimes twice, or while nothing can be sold."""
        random, wallets = self._random, engine.state.wallets
        held = [(wallet_id, mint) for wallet_id, book in wallets.items() for mint in book.positions]
        if not held:
            return
        wallet_id, mint = random.choice(held)
        if mint in wallets[wallet_id].dust:
            with suppress(CommandRefused):  # An order of it is open, or a fork may still undo one.
                await engine.handle(WriteOff(wallet_id, mint, "told to"))
                self._context.seen["dust written off"] += 1
            return
        if random.random() < 0.3:
            await self._silence(engine)
        for _ in range(random.choice((1, 1, 2))):
            try:
                events = await engine.handle(ClosePosition(wallet_id, mint, "told to"))
            except CommandRefused:
                self._context.seen["close refused"] += 1
                return
            durable = [entry.event for entry in self._context.journal.entries]
            assert all(event in durable for event in events), "a close was told before it was durable"
            ordered = any(isinstance(event, CloseOrdered) for event in events)
            self._context.seen["close ordered" if ordered else "close repeated"] += 1

    async def _cancel_close(self, engine: Engine) -> None:
        closing = [(wallet_id, mint) for wallet_id, book in engine.state.wallets.items() for mint in book.closing]
        for wallet_id, mint in closing[:1]:
            with suppress(CommandRefused):  # Nothing is left of the position.
                events = await engine.handle(CancelClose(wallet_id, mint, "told to"))
                durable = [entry.event for entry in self._context.journal.entries]
                assert all(event in durable for event in events), "a cancel was told before it was durable"
                self._context.seen["close cancelled"] += 1

    async def _rebalance(self, engine: Engine) -> None:
        try:
            events = await engine.handle(Rebalance("told to", by_operator=True))
        except CommandRefused:
            self._context.seen["rebalance refused"] += 1
            return
        placed = [event.move.id for event in events if isinstance(event, MovePlaced)]
        assert all(one in self._context.auditor.books.moves for one in placed), "a move was told before it was durable"

    async def _reallocate(self, engine: Engine) -> None:
        self._allocate()
        for wallet in list(self.wallets.values()):
            await engine.handle(ConfigureWallet(wallet))

    async def _withdraw(self, engine: Engine) -> None:
        """Withdraws a part, everything, too much, or more than the cap; sometimes to a forbidden address."""
        random, state = self._random, engine.state
        may = [one for one, book in state.wallets.items() if not book.holds]
        wallet_id = random.choice(may if may and random.random() < 0.8 else list(self.wallets))
        if wallet_id not in state.wallets:
            return
        accounts = state.wallets[wallet_id].accounts
        mint, account = random.choice(((USDC.mint, accounts.free), (SOL, accounts.sol_float)))
        there = state.ledger.balance(account, mint)
        reserved = state.settings.reserve_float_lamports + 100_000 if mint == SOL else 0
        left = state.settings.withdraw_day_max_micros - sum(self._context.auditor.books.asked_today.values())
        units = random.choice((there - reserved, *[min(there // 3, 200 * MICROS)] * 3, 7, there + 1, left, left + 1))
        address = "a stranger" if random.random() < 0.1 else random.choice(PAYEES)
        self._requests += 1
        asked = Withdraw(f"take{self._requests}", wallet_id, Money(units, mint), address, "told to")
        self._asked.append(asked)
        await self._ask(engine, asked)

    async def _ask(self, engine: Engine, asked: Withdraw) -> None:
        move_id, books = OrderId(f"move:withdraw:{asked.request_id}"), self._context.auditor.books
        known, unpaid = move_id in books.moves, books.came_to_nothing(move_id)
        try:
            events = await engine.handle(asked)
        except CommandRefused:
            assert not known or books.came_to_nothing(move_id), f"{asked} was known, and is refused"
            self._context.seen["withdrawal asked for again in vain" if known else "withdrawal refused"] += 1
            return
        assert not unpaid, f"{asked} came to nothing, and was taken once more"
        assert asked.to_address in PAYEES, asked
        again = not any(isinstance(event, MovePlaced) for event in events)
        assert again or not known, f"{asked} was placed twice"
        self._context.seen["withdrawal repeated"] += again
        assert move_id in self._context.auditor.books.moves, "a withdrawal was told before it was durable"

    async def _repeat_withdrawal(self, engine: Engine) -> None:
        """A known request stays known; a refused one may succeed now."""
        if self._asked:
            await self._ask(engine, self._random.choice(self._asked))

    async def _hold_withdrawal(self, engine: Engine) -> None:
        """Adds a hold between a request and its payment, and mostly lifts it in time."""
        for known in list(engine.state.open_moves.values()):
            scope = self._random.choice((Scope(), Scope(known.move.wallet_id)))
            await engine.handle(AddHold(scope, "review", "before anything is paid"))

    async def _cancel(self, engine: Engine) -> None:
        waiting = list(engine.state.open_moves)
        if not waiting:
            return
        move_id = self._random.choice(waiting)
        signed = engine.state.open_moves[move_id].ticket is not None
        try:
            events = await engine.handle(CancelMove(move_id, "told to"))
        except CommandRefused:
            self._context.seen["cancel refused"] += 1
            return
        assert not signed, f"{move_id} was signed, and cancelled"
        assert any(isinstance(event, MoveClosed) for event in events), events
        assert move_id in self._context.auditor.books.outcomes, "a cancel was told before it was durable"
        self._context.seen["cancelled"] += 1

    async def _add_hold(self, engine: Engine) -> None:
        scope = self._scope()
        cause = self._random.choice(HOLD_CAUSES)
        await engine.handle(AddHold(scope, cause, "at random"))
        assert cause in self._context.auditor.books.causes(scope), "a hold was told before it was durable"
        kind = "wallet" if scope.wallet_id else "strategy" if scope.strategy else "portfolio"
        self._context.seen[f"hold on {kind}"] += 1

    def _scope(self) -> Scope:
        wallet_id = self._random.choice(list(self.wallets))
        return self._random.choice((Scope(wallet_id), Scope(strategy=self._random.choice(list(StrategyType))), Scope()))

    async def _lift_holds(self, engine: Engine) -> None:
        state = engine.state
        held = [(Scope(), cause) for cause in state.holds]
        held += [(Scope(one), cause) for one, book in state.wallets.items() for cause in book.holds]
        held += [(Scope(strategy=one), cause) for one, holds in state.paused.items() for cause in holds]
        for scope, cause in held:
            if cause in (*HOLD_CAUSES, "disk_full"):
                await engine.handle(LiftHold(scope, cause, "over"))

    async def _change_wallet(self, engine: Engine) -> None:
        random = self._random
        wallet = random.choice(list(self.wallets.values()))
        changes = (
            {"limits": draw_limits(random, wallet.type, wallet.profile)},
            {"strategies": draw_strategies(random, wallet.type, odd=True)},
            {"status": random.choice((WalletStatus.ACTIVE, WalletStatus.ACTIVE, WalletStatus.MAINTENANCE))},
            {"type": random.choice(list(WalletType))},
        )
        self.wallets[wallet.id] = structs.replace(wallet, **random.choice(changes))
        await engine.handle(ConfigureWallet(self.wallets[wallet.id]))

    async def _change_desk(self, engine: Engine) -> None:
        self.desk = self._draw_desk()
        if self._random.random() < 0.3:
            dropped = self._random.choice(MINTS[1:])
            tokens = {mint: token for mint, token in self.desk.tokens.items() if mint != dropped}
            self.desk = structs.replace(self.desk, tokens=tokens)
        await engine.handle(ConfigureDesk(self.desk))

    async def _change_payees(self, engine: Engine) -> None:
        """Changes the allowed addresses and the daily cap while withdrawals wait."""
        lists, caps = self._random.choice(LISTS), self._random.choice(CAPS)
        self.desk = structs.replace(self.desk, withdraw_addresses=lists, withdraw_day_max_micros=caps)
        await engine.handle(ConfigureDesk(self.desk))

    async def _change_limits(self, engine: Engine) -> None:
        """Changes one or several limits, tighter or wider. A change that is too wide is refused as a whole."""
        random, wallet_id = self._random, self._random.choice(list(self.wallets))
        if random.random() < 0.2:
            await self._back_to_the_files(engine, wallet_id)
            return
        choices = {**WANTED}
        for strategy in engine.state.wallets[wallet_id].wallet.strategies:
            choices |= {f"{strategy}.share": (50_000, 100_000, PPM), f"{strategy}.enabled": (0, 1)}
        names = random.sample(sorted(choices), random.randint(1, 3))
        wanted = {LimitName(name): random.choice(choices[name]) for name in names}
        try:
            await engine.handle(ChangeLimits(wallet_id, dict(wanted), "sim", "at random"))
        except CommandRefused:
            self._context.seen["limits refused"] += 1
            return
        self._context.seen["limits changed"] += 1
        told = self._context.auditor.books.wallets[wallet_id].wanted
        assert all(told[name] == value for name, value in wanted.items()), "a change was told before it was durable"

    async def _back_to_the_files(self, engine: Engine, wallet_id: WalletId) -> None:
        names = engine.state.changes.get(wallet_id, {})
        await engine.handle(ChangeLimits(wallet_id, dict.fromkeys(names), "sim", "as the files say"))
        books = self._context.auditor.books.wallets[wallet_id]
        assert books.wallet == books.files, wallet_id
        self._context.seen["limits taken back"] += bool(names)

    async def _change_mints(self, engine: Engine) -> None:
        random, books = self._random, self._context.auditor.books
        verb = random.choice((MintVerb.BLOCK, MintVerb.UNBLOCK, MintVerb.UNBLOCK, MintVerb.ALLOW, MintVerb.ALLOW_ALL))
        mint = None if verb is MintVerb.ALLOW_ALL else random.choice(MINTS)
        await engine.handle(ChangeMints(verb, mint, "sim", "at random"))
        assert verb is not MintVerb.BLOCK or mint in books.blocked, "a block was told before it was durable"
        self._context.seen[f"mints: {verb}"] += 1

    async def _remove_wallet(self, engine: Engine) -> None:
        wallet_id = self._random.choice(list(self.wallets))
        await engine.handle(RemoveWallet(wallet_id))
        assert "removed" in self._context.auditor.books.wallets[wallet_id].causes

    async def _stop_file(self, engine: Engine) -> None:
        chain = self._context.chain
        chain.stop_file = not chain.stop_file
        self._context.seen["STOP file"] += chain.stop_file

    async def _repeat_deposit(self, engine: Engine) -> None:
        await self._bank.repeat(engine)

    async def _new_deposit(self, engine: Engine) -> None:
        await self._bank.new(engine, self._random.choice(list(self.wallets.values())), self.desk)

    async def _nonsense(self, engine: Engine) -> None:
        """Each must be refused and change nothing."""
        nobody = WalletId("nobody")
        wallet = next(iter(self.wallets.values()))
        command: Command = self._random.choice(
            (
                ReactivateWallet(nobody, "who?"),
                LiftHold(Scope(wallet.id), "quarantine", "did not look at the chain"),
                LiftHold(Scope(), f"deficit:{wallet.id}", "did not look at the chain"),
                LiftHold(Scope(), "restored", "did not look at the chain"),
                RemoveWallet(nobody),
                AddHold(Scope(nobody), "operator", "who?"),
                RecordDeposit(DepositId("d1"), nobody, Money(1, SOL)),
                RecordDeposit(DepositId("d2"), wallet.id, Money(0, SOL)),
                RecordDeposit(DepositId("d3"), wallet.id, Money(1, UNLISTED)),
                RecordDeposit(DepositId("d4"), wallet.id, Money(1, USDC.mint), to_float=True),
                ConfigureWallet(structs.replace(wallet, public_key="stolen")),
                ChangeLimits(nobody, {}, "sim", "who?"),
                ChangeLimits(wallet.id, {LimitName("leverage"): 5}, "sim", "more"),
                ChangeLimits(wallet.id, {LimitName("allocation"): PPM + 1}, "sim", "more"),
                ChangeMints(MintVerb.BLOCK, UNLISTED, "sim", " "),
                Withdraw("n1", nobody, Money(1, USDC.mint), PAYEES[0], "who?"),
                Withdraw("n2", wallet.id, Money(1, USDC.mint), "a stranger", "where to?"),
                Withdraw("n3", wallet.id, Money(0, USDC.mint), PAYEES[0], "what?"),
                Withdraw("n4", wallet.id, Money(1, TOKENS[1].mint), PAYEES[0], "what?"),
                CancelMove(OrderId("move:withdraw:n5"), "which?"),
            )
        )
        try:
            await engine.handle(command)
        except CommandRefused:
            self._context.seen["nonsense refused"] += 1
            return
        raise AssertionError(f"{command} was accepted")

    async def _step_clock(self, engine: Engine) -> None:
        hour_s = 3_600
        step_s = self._random.choice((-20.0, -1.5, -0.001, 0.8, 45.0, hour_s, 12 * hour_s, 60 * hour_s))
        self._context.clock.offset_ns += round(step_s * NS)
        self._context.prices.losses.note_step(step_s)
        self._context.mints.back_s -= min(0.0, step_s)
        self._context.seen["clock stepped back" if step_s < 0 else "clock stepped forward"] += 1

    async def _fill_disk(self, engine: Engine) -> None:
        journal = self._context.journal
        journal.degraded = None if journal.degraded else "no space left on the device"
        self._context.seen["disk full"] += journal.degraded is not None

    async def _silence(self, engine: Engine) -> None:
        """Makes the venue unreachable for a while."""
        self._context.chain.silence(self._random.choice((2.0, 10.0, 45.0)))
        self._context.seen["venue silent"] += 1
