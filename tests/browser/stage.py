"""A desk of fifty wallets with a history, served on a free port: trades, refusals, open positions, holds.

The history is played in virtual time, so that it takes seconds and shows two days.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from msgspec import structs
from solders.keypair import Keypair

from overmind.cli.opening import JOURNAL
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.config.secrecy import Secret
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, ReactivateWallet
from overmind.core.model.controls import Scope
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.desk.app import App
from overmind.desk.engine import Engine
from overmind.desk.market import Connect, MarketAccess, open_tape, paper
from overmind.desk.running import running
from overmind.http.access.records import write_users
from overmind.http.access.users import User, hashed
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock
from overmind.sandbox.demo import SIZES

T = TypeVar("T")

TOKEN: Final = "stage-token-0123456789"
PASSWORD: Final = "fifty wallets on a stage"
USERS: Final = {"vera": "read", "sam": "signal", "olga": "operate", "ada": "admin"}
TYPES: Final = (
    ("primary", "medium", 20),
    ("hft", "high", 10),
    ("conservative", "low", 8),
    ("arbitrage", "high", 6),
    ("experimental", "experimental", 4),
    ("mev", "medium", 1),
    ("emergency", "low", 1),
)
STEPS: Final = 120  # of the history
STEP_S: Final = 20 * 60
SIGNALS_A_STEP: Final = 4
LAST_STEPS: Final = 4  # their positions are still open
SIGNALS_A_LAST_STEP: Final = 60
WALLETS_ASKED: Final = 8  # by each signal
MARK_EVERY_S: Final = 300.0
PATIENCE_S: Final = 30.0


def environment(data_dir: Path) -> dict[str, str]:
    env = {
        "OVERMIND_DATA_DIR": str(data_dir),
        "SNIPER_TRADING_MODE": "paper",
        "SNIPER_SERVER_PORT": "0",
        "OVERMIND_PAPER_CAPITAL_USD": "1500000",
        "OVERMIND_MAX_CONCURRENT_WALLETS": "50",
    }
    lines = list[str]()
    for kind, profile, most in TYPES:
        for number in range(1, most + 1):
            name = f"{kind}_{number:02}"
            key = blake2b(f"stage {name}".encode(), digest_size=32).digest()
            env[key_name(name)] = str(Keypair.from_seed(key))
            lines.append(f"{name}:env:{key_name(name)}:{kind}:{profile}:0.02")
    env["OVERMIND_MANAGED_WALLETS"] = ",".join(lines)
    return env


def key_name(wallet: str) -> str:
    return f"KEY_{wallet.upper()}"


def configuration(data_dir: Path) -> MultiWalletConfig:
    return MultiWalletConfig.from_env(environment(data_dir), dotenv=None)


def play_history(config: MultiWalletConfig) -> None:
    """Writes the journal of two days up to now."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    began_ns = SystemClock().now_ns() - (STEPS * STEP_S + 60) * NS
    journal = SqliteJournal.open(config.data_dir / JOURNAL)
    try:
        clock = VirtualClock(began_ns)
        run_virtual(_history(config, journal, clock))
    finally:
        journal.close()


async def _history(config: MultiWalletConfig, journal: SqliteJournal, clock: VirtualClock) -> None:
    draw, numbers = np.random.default_rng(7), count()
    async with running(App(config, journal, clock, _seldom_marked(config))) as app:
        began_ns = clock.now_ns()
        for step in range(STEPS):
            await app.look()
            for _ in range(SIGNALS_A_STEP if step < STEPS - LAST_STEPS else SIGNALS_A_LAST_STEP):
                await app.submit(_signal(app, next(numbers), draw))
            await clock.sleep((began_ns + (step + 1) * STEP_S * NS - clock.now_ns()) / NS)
        await _hold(app)
        await app.settle()


def _seldom_marked(config: MultiWalletConfig) -> Connect:
    """Marks of every second would be most of the history."""
    connect = paper(config, open_tape(config))

    def connect_seldom(engine: Engine, clock: Clock) -> MarketAccess:
        return structs.replace(connect(engine, clock), mark_every_s=MARK_EVERY_S)

    return connect_seldom


async def _hold(app: App) -> None:
    wallets = list(app.engine.state.wallets)
    for command in (
        AddHold(Scope(wallets[3]), OPERATOR, "key rotation until Monday"),
        AddHold(Scope(strategy=StrategyType.AXIOM_MEME_COIN), OPERATOR, "pools are thin today"),
        AddHold(Scope(wallets[25]), "quarantine", "a fork took back 12.5 USDC that were spent already"),
    ):
        await app.engine.handle(command)


def _signal(app: App, number: int, draw: np.random.Generator) -> Signal:
    """Entries, sales of a part or of all, and some that are far too large."""
    strategy = list(StrategyType)[draw.integers(0, 8)]
    held = [
        mint
        for book in app.engine.state.wallets.values()
        for mint, position in book.positions.items()
        if position.units_by.get(strategy)
    ]
    signal = Signal(
        id=SignalId(f"history-{number:05}"),
        strategy=strategy,
        action=TradeAction.BUY,
        mint=_marked(app)[draw.integers(0, len(_marked(app)))],
        risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[strategy],
        exclude=_all_but_some(app, draw),
        at_ns=app.clock.now_ns(),
    )
    if held and draw.integers(6) == 0:
        return structs.replace(signal, action=TradeAction.SELL, mint=held[draw.integers(0, len(held))], sell_all=True)
    micros = int(draw.integers(*SIZES[strategy])) * MICROS
    return structs.replace(signal, notional_micros=micros * (30 if draw.integers(12) == 0 else 1))


def _all_but_some(app: App, draw: np.random.Generator) -> tuple[WalletId, ...]:
    """Else the cheapest wallets would take nearly everything."""
    wallets = list(app.engine.state.wallets)
    kept = set(draw.choice(len(wallets), WALLETS_ASKED, replace=False))
    return tuple(wallet for number, wallet in enumerate(wallets) if number not in kept)


def _marked(app: App) -> list[Mint]:
    quote = app.engine.state.settings.quote.mint
    return [mint for mint in app.engine.state.marks if mint != quote]


class Served:
    """The service in a thread of its own, with its own event loop, until it is closed."""

    def __init__(self, config: MultiWalletConfig) -> None:
        self._config = config
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="stage")
        self.failed: BaseException | None = None
        self._thread.start()
        self._up.wait()
        if self.failed is not None:
            raise self.failed

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def holds(self, cause: str) -> int:
        """How many wallets are held by this cause."""

        async def count_held() -> int:
            books = await self.app.engine.read(lambda state: [*state.wallets.values()])
            return sum(cause in book.holds for book in books)

        return self.call(count_held())

    def reactivate(self) -> None:
        """Ends an emergency stop of every wallet."""

        async def reactivate_all() -> None:
            for wallet_id in self.app.engine.state.wallets:
                await self.app.engine.handle(ReactivateWallet(wallet_id, "the test goes on"))

        self.call(reactivate_all())

    def buy(self, name: str, wallet: str) -> str:
        """Buys SOL for $50 in this wallet, and returns the order once it is filled."""

        async def buy_and_wait() -> str:
            others = tuple(one for one in self.app.engine.state.wallets if one != wallet)
            signal = Signal(
                id=SignalId(name),
                strategy=StrategyType.ARBITRAGE,
                action=TradeAction.BUY,
                mint=SOL,
                risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[StrategyType.ARBITRAGE],
                notional_micros=50 * MICROS,
                exclude=others,
            )
            decision = await self.app.submit(signal)
            assert decision.orders, decision
            await self.app.settle()
            return decision.orders[0]

        return self.call(buy_and_wait())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as failed:
            self.failed = failed
            raise
        finally:
            self._up.set()

    async def _serve(self) -> None:
        config, path = self._config, self._config.data_dir / JOURNAL
        with ExitStack() as stack:
            journal = SqliteJournal.open(path)
            stack.callback(journal.close)
            listener = stack.enter_context(listen(0))
            app = App(config, journal, SystemClock(), paper(config, open_tape(config)))
            async with running(app), serve_api(app, path, listener, Secret(TOKEN)) as service:
                self.app, self.url = app, service.url
                self._up.set()
                await self._ended.wait()


def add_users(data_dir: Path) -> None:
    now = iso_seconds(SystemClock().now_ns())
    write_users(data_dir, {name: User(name, role, hashed(PASSWORD), now, "stage") for name, role in USERS.items()})


@contextmanager
def stage(folder: Path) -> Iterator[Served]:
    config = configuration(folder / "data")
    play_history(config)
    add_users(config.data_dir)
    served = Served(config)
    try:
        yield served
    finally:
        served.close()
