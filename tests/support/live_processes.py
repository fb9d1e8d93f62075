"""Real processes over HTTP: a chain, a maker, and a desk whose wallets hold test money."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from solders.keypair import Keypair
from tests.support.command_process import COMMAND, outside_environment, still_tape
from tests.support.processes import PATIENCE_S, Child

from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import WalletId
from overmind.core.model.units import LAMPORTS, MICROS

SLOT_MS = 5
CASH_UNITS = 1_000_000 * MICROS
FLOAT_LAMPORTS = 100 * LAMPORTS
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
STRATEGIES: Mapping[str, Sequence[StrategyType]] = {
    "primary": (
        StrategyType.TOKEN_SNIPING,
        StrategyType.ARBITRAGE,
        StrategyType.MOMENTUM_TRADING,
        StrategyType.AI_DECISION,
    ),
    "hft": (StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING),
    "conservative": (StrategyType.MOMENTUM_TRADING, StrategyType.ARBITRAGE),
    "experimental": (
        StrategyType.SOUL_METEOR_SNIPING,
        StrategyType.METEORA_DAMM,
        StrategyType.DEVELOPER_TRACKING,
        StrategyType.AXIOM_MEME_COIN,
    ),
}
PROFILES = {"primary": "medium", "hft": "high", "conservative": "low", "experimental": "experimental"}


class LiveProcesses:
    """Chain, maker and desk. Chain and maker keep their ports and their state when their processes restart."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.keys = {wallet: Keypair.from_seed(bytes([n] * 32)) for n, wallet in enumerate(STRATEGIES, 1)}
        self.owners = {WalletId(wallet): str(key.pubkey()) for wallet, key in self.keys.items()}
        self._tape = still_tape(folder)
        self._stack = stack
        self._lines = ",".join(f"{name}:{self._wallet_file(name)}:{name}:{PROFILES[name]}:0.25" for name in STRATEGIES)
        self.chain = self.start_chain(0)
        self.url: str = self.chain.ready()["url"]
        self.maker = self.start_maker(0)
        self.swap_url: str = self.maker.ready()["url"]

    def start_chain(self, port: int) -> Child:
        words = ["-m", "overmind.sandbox.localnet", "--port", str(port), "--slot-ms", str(SLOT_MS)]
        return self._begin([*words, "--state-dir", str(self.folder / "chain")], "chain")

    def start_maker(self, port: int) -> Child:
        words = ["venue", "--rpc-url", self.url, "--port", str(port), "--tape", str(self._tape), "--json"]
        return self._begin([*COMMAND[1:], *words], "maker")

    def restart_chain(self) -> None:
        self.chain.kill()
        self.chain = self.start_chain(_port(self.url))
        self.chain.ready()

    def restart_maker(self) -> None:
        self.maker.kill()
        self.maker = self.start_maker(_port(self.swap_url))
        self.maker.ready()

    def let_prices_fall(self, percent: int) -> None:
        """Restarts the maker with lower prices."""
        still_tape(self.folder, percent)
        self.restart_maker()

    def start_witness(self, fallen_percent: int = 0, port: int = 0) -> Child:
        """A second maker on the same chain, with prices of its own."""
        folder = self.folder / "witness"
        folder.mkdir(exist_ok=True)
        tape = still_tape(folder, fallen_percent)
        words = ["venue", "--rpc-url", self.url, "--port", str(port), "--tape", str(tape), "--json"]
        return self._begin([*COMMAND[1:], *words], "witness")

    def only(self, **lines: str) -> str:
        """Configures these wallets only, each with its type, profile and allocation. New wallets are funded at once."""
        known = self.owners
        for number, wallet in enumerate(lines):
            if wallet not in self.keys:
                self.keys[wallet] = Keypair.from_seed(bytes([100 + number] * 32))
                self._wallet_file(wallet)
        self.owners = {WalletId(wallet): str(self.keys[wallet].pubkey()) for wallet in lines}
        self.fund([owner for wallet, owner in self.owners.items() if wallet not in known])
        return ",".join(f"{wallet}:{self.folder}/{wallet}.json:{line}" for wallet, line in lines.items())

    def fund(self, owners: Iterable[str] | None = None) -> None:
        """Sends the wallets all their capital before the desk starts."""
        for owner in self.owners.values() if owners is None else owners:
            self.ask("requestAirdrop", owner, FLOAT_LAMPORTS)
            self.ask("overmind_mintTo", {"mint": USDC, "owner": owner, "amount": CASH_UNITS})

    def desk(self, **more: str) -> Child:
        """Starts `overmind submit -`, live."""
        return self._begin([*COMMAND[1:], "submit", "-"], "desk", **more)

    def service(self, **more: str) -> Child:
        """Starts `overmind run`, live."""
        return self._begin([*COMMAND[1:], "run", "--json"], "desk", SNIPER_SERVER_PORT="0", **more)

    def ask(self, method: str, *params: object) -> Any:
        return self.ask_all([(method, params)])[0]

    def ask_all(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Sends one JSON-RPC batch. An error fails the test."""
        batch = [{"jsonrpc": "2.0", "id": n, "method": name, "params": with_} for n, (name, with_) in enumerate(calls)]
        request = urllib.request.Request(self.url, json.dumps(batch).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            answers = sorted(json.load(response), key=lambda answer: int(answer["id"]))
        assert all("result" in answer for answer in answers), answers
        return [answer["result"] for answer in answers]

    def environment(self, **more: str) -> dict[str, str]:
        kept = outside_environment()
        return {
            **kept,
            "SNIPER_TRADING_MODE": "live",
            "OVERMIND_CLUSTER": "localnet",
            "SNIPER_SOLANA_RPC_URL": self.url,
            "OVERMIND_SWAP_URL": self.swap_url,
            "OVERMIND_MANAGED_WALLETS": self._lines,
            "OVERMIND_DEFAULT_WALLET": "primary",
            "OVERMIND_DATA_DIR": str(self.data),
            "OVERMIND_LOGS_DIR": str(self.folder / "logs"),
            "OVERMIND_LOCK_DIR": str(self.folder / "locks"),
            "OVERMIND_ANCHOR_DIR": str(self.folder / "anchors"),
            "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100",
            "OVERMIND_ASSET_MAX_PERCENT": "100",
            "OVERMIND_RATE_MAX_PER_SEC": "100000",
            "OVERMIND_BALANCE_CHECK_INTERVAL_SEC": "1",
            **more,
        }

    def _begin(self, words: Sequence[str], name: str, **more: str) -> Child:
        environment = self.environment(**more) if name == "desk" else dict(os.environ)
        return self._stack.enter_context(Child(words, environment, self.folder, name))

    def _wallet_file(self, name: str) -> Path:
        """A wallet file with limits so wide that none of them stops the run."""
        strategies = STRATEGIES.get(name, ())
        share = 100 // max(1, len(strategies))
        wallet = {
            "wallet_id": name,
            "name": name,
            "private_key": str(self.keys[name]),
            "public_key": str(self.keys[name].pubkey()),
            "strategy_allocation": [
                {"strategy_type": one, "allocation_percentage": share, "max_position_size": 1e6, "enabled": True}
                for one in strategies
            ],
            "risk_limits": {
                "max_daily_loss": 1e6,
                "max_position_size": 1e6,
                "max_concurrent_positions": 100,
                "max_exposure_percentage": 100,
                "stop_loss_threshold": 50,
                "daily_trade_limit": 1_000_000,
            },
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(wallet))
        path.chmod(0o600)
        return path


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


@contextmanager
def stage(folder: Path) -> Iterator[LiveProcesses]:
    """Starts chain and maker and funds the wallets."""
    with ExitStack() as stack:
        made = LiveProcesses(folder, stack)
        made.fund()
        yield made
