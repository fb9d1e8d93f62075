"""A whole desk for one check: real configuration with generated keys, real engine and journal, the shipped prices."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.model.codes import Code
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Entry, OrderClosed, OrderPlaced
from overmind.core.model.order import Order
from overmind.core.model.outcome import Outcome
from overmind.core.model.units import NS, PPM
from overmind.desk.app import App
from overmind.journal.memory import MemoryJournal
from overmind.keys.private_file import write_private
from overmind.keys.secret_key import SecretKey
from overmind.ports import Journal
from overmind.sdk.executor import MultiWalletExecutor
from overmind.sdk.manager import WalletManager
from overmind.sdk.records import ExecutionRecord, Record
from overmind.signals.decode import decode_signal, token_index
from overmind.venues.paper import PERFECT, PaperModel
from overmind.views.decisions import Decision, DecisionStatus

# 2025-04-07 12:02 UTC, within a candle of the shipped tape, so that prices do not move.
NOON_NS: Final = 1_744_027_320 * NS
OUTCOME_S: Final = 10.0
SEED_LINES: Final = (
    "primary_wallet:env:WALLET1_KEY:primary:medium:0.4,"
    "hft_wallet:{folder}/hft.json:hft:high:0.3,"
    "conservative_wallet:{folder}/conservative.json:conservative:low:0.2,"
    "experimental_wallet:{folder}/experimental.json:experimental:experimental:0.1"
)
WIDE: Final[Mapping[str, float | int]] = {
    "max_daily_loss": 100_000,
    "max_position_size": 100_000,
    "max_concurrent_positions": 100,
    "max_exposure_percentage": 100,
    "stop_loss_threshold": 5,
    "daily_trade_limit": 100_000,
}


def expect(true: bool, why: str) -> None:
    """Like `assert`, but `python -O` cannot switch it off."""
    if not true:
        raise AssertionError(why)


class TapeTime:
    """Real time that always starts at the same noon, so that no check depends on the hour of the day."""

    def __init__(self) -> None:
        self._offset_ns = NOON_NS - time.perf_counter_ns()

    def now_ns(self) -> int:
        return self._offset_ns + time.perf_counter_ns()

    async def sleep(self, seconds: float) -> None:
        await SystemClock().sleep(seconds)


class ScratchDesk:
    """Makes configurations in its own folder. `env` are settings to test under; they apply to every desk in it."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._env = dict(env or {})

    def seed_env(self, **env: str) -> dict[str, str]:
        """The example's four wallets: one key in a variable, three in wallet files."""
        for name in ("hft", "conservative", "experimental"):
            self.write(f"{name}.json", {"wallet_id": f"{name}_wallet", "private_key": new_key()})
        return self._whole(
            OVERMIND_MANAGED_WALLETS=SEED_LINES.format(folder=self.folder),
            OVERMIND_DEFAULT_WALLET="primary_wallet",
            WALLET1_KEY=new_key(),
            **env,
        )

    def one_wallet_env(
        self, limits: Mapping[str, float], position_max: float = 100_000, env: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """One wallet in the example's format, with very wide limits except for these."""
        wallet = seed_wallet(
            wallet_id="one",
            risk_limits={**WIDE, **limits},
            strategy_allocation=[
                {"strategy_type": "TokenSniping", "allocation_percentage": 100, "max_position_size": position_max}
            ],
        )
        path = self.write("one.json", wallet)
        wide = {"OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100", "OVERMIND_ASSET_MAX_PERCENT": "100"}
        return self._whole(OVERMIND_MANAGED_WALLETS=f"one:{path}:primary:medium:1", **{**wide, **(env or {})})

    def many_wallets_env(self, wallets: int) -> dict[str, str]:
        lines = [f"wallet_{n}:env:KEY_{n}:primary:medium:{1 / wallets:.4f}" for n in range(wallets)]
        keys = {f"KEY_{n}": new_key() for n in range(wallets)}
        return self._whole(OVERMIND_MANAGED_WALLETS=",".join(lines), **keys)

    def write(self, name: str, wallet: Mapping[str, object]) -> Path:
        path = self.folder / name
        write_private(path, json.dumps(wallet).encode())
        return path

    def _whole(self, **env: str) -> dict[str, str]:
        return {"OVERMIND_DATA_DIR": str(self.folder / "data"), **env, **self._env}


def tolerance(strategy: StrategyType) -> float:
    """The risk tolerance of a signal that names none."""
    return DEFAULT_RISK_TOLERANCE_PPM[strategy] / PPM


def new_key() -> str:
    return str(SecretKey.generate().reveal())


def seed_wallet(**fields: object) -> dict[str, object]:
    """A wallet file in the example's format, with a key that can sign."""
    key = SecretKey.generate()
    return {
        "wallet_id": "primary_wallet",
        "name": "Primary Trading Wallet",
        "description": "Main wallet for primary trading strategies",
        "private_key": str(list(bytes(key.reveal()))),
        "public_key": key.public_key,
        "wallet_type": "Primary",
        "strategy_allocation": [
            {
                "strategy_type": "TokenSniping",
                "allocation_percentage": 40.0,
                "max_position_size": 5000.0,
                "enabled": True,
            }
        ],
        "risk_limits": {
            "max_daily_loss": 1000.0,
            "max_position_size": 10000.0,
            "max_concurrent_positions": 10,
            "max_exposure_percentage": 80.0,
            "stop_loss_threshold": 5.0,
            "daily_trade_limit": 100,
        },
        "status": "Active",
        **fields,
    }


class Bench:
    """A running desk, and how the checks use it."""

    def __init__(self, manager: WalletManager, journal: Journal) -> None:
        self.manager = manager
        self.journal = journal
        self.signals: asyncio.Queue[object] = asyncio.Queue()
        self.records: asyncio.Queue[Record] = asyncio.Queue()
        self.executor = MultiWalletExecutor(self.signals, self.records, manager)
        self._numbers = count(1)

    @property
    def app(self) -> App:
        return self.manager.app

    def signal_json(self, notional_usd: float | str | None, **fields: object) -> dict[str, object]:
        """A signal as JSON has it: a TokenSniping buy of SOL unless `fields` change it."""
        signal: dict[str, object] = {
            "signal_id": f"s{next(self._numbers)}",
            "strategy_type": "TokenSniping",
            "action": "Buy",
            "symbol": "SOL",
            **fields,
        }
        return signal if notional_usd is None else {**signal, "notional_usd": notional_usd}

    async def submit(self, notional_usd: float | str | None, **fields: object) -> Decision:
        desk = self.app.desk
        signal_json = self.signal_json(notional_usd, **fields)
        tokens, known = token_index(desk.tokens.values()), self.app.engine.state.wallets
        return await self.app.submit(decode_signal(signal_json, tokens, desk.quote, wallets=known))

    async def trade(self, notional_usd: float | str | None, **fields: object) -> Decision:
        """Submits a signal and waits until nothing is open any more."""
        decision = await self.submit(notional_usd, **fields)
        expect(await self.app.settle(OUTCOME_S), f"{decision.signal_id} did not settle within {OUTCOME_S} s")
        return decision

    async def fill(self, notional_usd: float | str | None, **fields: object) -> Decision:
        decision = placed(await self.trade(notional_usd, **fields))
        outcome = self.closed().get(str(decision.order_id))
        expect(type(outcome).__name__ == "Filled", f"{decision.signal_id} was not filled: {outcome}")
        return decision

    async def next_records(self, number: int) -> list[Record]:
        async with asyncio.timeout(OUTCOME_S):
            return [await self.records.get() for _ in range(number)]

    async def executions(self, number: int) -> list[ExecutionRecord]:
        """The next outcomes; other records in between are skipped."""
        found: list[ExecutionRecord] = []
        while len(found) < number:
            found += [one for one in await self.next_records(1) if isinstance(one, ExecutionRecord)]
        return found

    def orders(self) -> list[Order]:
        return [one.event.order for one in self.entries() if isinstance(one.event, OrderPlaced)]

    def closed(self) -> dict[str, Outcome]:
        return {one.event.order_id: one.event.outcome for one in self.entries() if isinstance(one.event, OrderClosed)}

    def entries(self) -> Iterator[Entry]:
        return self.journal.read()


@asynccontextmanager
async def desk(
    env: Mapping[str, str], *, model: PaperModel = PERFECT, journal: Journal | None = None
) -> AsyncIterator[Bench]:
    """A desk that is open until the block ends; its journal is in memory unless one is given."""
    config, kept = MultiWalletConfig.from_env(env, dotenv=None), journal or MemoryJournal()
    async with WalletManager(config, journal=kept, clock=TapeTime(), model=model) as manager:
        await manager.initialize(config.wallets.values())
        yield Bench(manager, kept)


def placed(decision: Decision) -> Decision:
    codes = [f"{one.wallet_id or 'desk'} {one.code}" for one in decision.refusals]
    expect(decision.status is DecisionStatus.PLACED, f"{decision.signal_id} was {decision.status}: {', '.join(codes)}")
    return decision


def refused(decision: Decision, code: Code) -> Decision:
    codes = [one.code for one in decision.refusals]
    expect(decision.status is DecisionStatus.REFUSED, f"{decision.signal_id} was {decision.status}, not refused")
    expect(code in codes, f"{decision.signal_id} was refused for {', '.join(codes)}, not for {code}")
    return decision
