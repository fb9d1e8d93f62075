"""A desk of fifty wallets with a history, served on a free port: trades, refusals, open positions, holds.

Its history is that of `tests/browser/history.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar

from solders.keypair import Keypair
from tests.browser.history import BANK, play_history, write_tape

from overmind.cli.opening import JOURNAL
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.config import MultiWalletConfig
from overmind.config.secrecy import Secret
from overmind.core.model.commands import ReactivateWallet
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS
from overmind.desk.app import App
from overmind.desk.market import open_tape, paper
from overmind.desk.running import running
from overmind.http.access.records import write_users
from overmind.http.access.users import User, hashed
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal

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
PATIENCE_S: Final = 30.0


def environment(data_dir: Path) -> dict[str, str]:
    env = {
        "OVERMIND_DATA_DIR": str(data_dir),
        "SNIPER_TRADING_MODE": "paper",
        "SNIPER_SERVER_PORT": "0",
        "OVERMIND_PAPER_CAPITAL_USD": "1500000",
        "OVERMIND_MAX_CONCURRENT_WALLETS": "50",
        "OVERMIND_AUTO_REBALANCE_ENABLED": "false",  # so that a plan waits for a person
        "OVERMIND_PRICE_TAPE": str(tape_of(data_dir)),
        "OVERMIND_DAY_LOSS_MAX_PERCENT": "1",
        "OVERMIND_DRAWDOWN_MAX_PERCENT": "3",
        "OVERMIND_LOSS_STREAK_MAX": "8",
        "OVERMIND_WITHDRAW_ADDRESSES": BANK,
        "OVERMIND_WITHDRAW_DAY_MAX_USD": "5000",
        "OVERMIND_WITHDRAW_DELAY_SEC": "86400",
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


def tape_of(data_dir: Path) -> Path:
    return data_dir.parent / "tape"


def key_name(wallet: str) -> str:
    return f"KEY_{wallet.upper()}"


def configuration(data_dir: Path) -> MultiWalletConfig:
    return MultiWalletConfig.from_env(environment(data_dir), dotenv=None)


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
            return decision.orders[0].order_id

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
    write_tape(tape_of(folder / "data"))
    config = configuration(folder / "data")
    play_history(config)
    add_users(config.data_dir)
    served = Served(config)
    try:
        yield served
    finally:
        served.close()
