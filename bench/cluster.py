"""Starts a chain and a maker, each in a process of its own, and reads their processor time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import Mint
from overmind.core.model.units import LAMPORTS
from overmind.ports import Priority
from overmind.solana.rpc import Rpc

USDC = Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
ETH = Mint("7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs")
BTC = Mint("3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh")
CASH_UNITS = 10**13  # ten million dollars
FLOAT_LAMPORTS = 1_000 * LAMPORTS
COMMAND = ("-c", "import sys; from overmind.cli import main; sys.exit(main())")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Server:
    """One process, and the address at which it serves."""

    def __init__(self, words: Sequence[str], complaints: Path, env: Mapping[str, str] | None = None) -> None:
        with complaints.open("ab") as file:
            self._process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=file, env=env)
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"it did not start: {complaints.read_text()}"
        self.url: str = msgspec.json.decode(line)["url"]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def cpu_s(self) -> float:
        """Its user and system time so far."""
        return self._ticks(11, 12) / _TICKS_PER_S

    def children_cpu_s(self) -> float:
        """The same of the processes that it has started and that have ended."""
        return self._ticks(13, 14) / _TICKS_PER_S

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _ticks(self, *places: int) -> int:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(fields[place]) for place in places)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


@contextmanager
def serving(words: Sequence[str], complaints: Path, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`env`: the environment of the process; None: ours."""
    server = Server(words, complaints, env)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def cluster(folder: Path, slot_ms: int) -> Iterator[tuple[Server, Server]]:
    """Starts chain and maker. The maker's prices do not move, so that only the software is measured."""
    chain_words = ["-m", "overmind.sandbox.localnet", "--port", "0", "--slot-ms", str(slot_ms)]
    with serving(chain_words, folder / "chain.log") as chain:
        maker_words = ["venue", "--rpc-url", chain.url, "--port", "0", "--tape", str(still_tape(folder)), "--json"]
        with serving([*COMMAND, *maker_words], folder / "maker.log") as maker:
            yield chain, maker


def still_tape(folder: Path) -> Path:
    tape = folder / "tape"
    tape.mkdir(exist_ok=True)
    for symbol, price in (("SOL", 150), ("ETH", 2_000), ("BTC", 90_000)):
        candles = [f"{1_750_000_200 + 300 * n},{price},{price},{price},{price},{10**9 // price}" for n in range(12)]
        (tape / f"{symbol}USDT_5m.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *candles, ""]))
    return tape


@asynccontextmanager
async def rpc_to(url: str) -> AsyncIterator[Rpc]:
    async with Rpc([url], SystemClock(), requests_per_s=math.inf) as rpc:
        yield rpc


async def fund(rpc: Rpc, owner: str, mints: Sequence[Mint] = (USDC,)) -> None:
    await rpc.call("requestAirdrop", [owner, FLOAT_LAMPORTS], Priority.ENTRY)
    for mint in mints:
        await rpc.call("overmind_mintTo", [{"mint": mint, "owner": owner, "amount": CASH_UNITS}], Priority.ENTRY)
