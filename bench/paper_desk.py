"""A paper desk that nothing limits, of the real app on real files: in this process, or served by HTTP from its own.

`python -m bench.paper_desk FOLDER` serves it until it is killed, and tells its address in one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from solders.keypair import Keypair

from bench.cluster import still_tape
from bench.desks import WIDE
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig, WalletConfig
from overmind.config.secrecy import Secret
from overmind.core.model.enums import StrategyType
from overmind.core.model.units import PPM
from overmind.core.model.wallet import StrategyShare
from overmind.desk.app import App
from overmind.desk.interpreter import settle_heap
from overmind.desk.log.setup import configure_logging, stop_logging
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.desk.watches.stop_file_watch import StopFileWatch
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal
from overmind.venues.paper import PERFECT

WALLETS: Final = 50
TOKEN: Final = "a token for the bench, and for nothing else"
JOURNAL: Final = "overmind.db"
STRATEGY: Final = StrategyType.TOKEN_SNIPING


def config_of(folder: Path) -> MultiWalletConfig:
    keys = {f"KEY{n}": str(Keypair()) for n in range(WALLETS)}
    env = {
        **keys,
        "OVERMIND_MANAGED_WALLETS": ",".join(
            f"wallet{n}:env:KEY{n}:primary:medium:{1 / WALLETS:.6f}" for n in range(WALLETS)
        ),
        "OVERMIND_DEFAULT_WALLET": "wallet0",
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PRICE_TAPE": str(still_tape(folder)),
        "OVERMIND_PAPER_CAPITAL_USD": "1000000000",
        "OVERMIND_MAX_CONCURRENT_WALLETS": str(WALLETS),
        "OVERMIND_RATE_MAX_PER_SEC": "1000000",
        "OVERMIND_WALLET_SELECTION_TIMEOUT_MS": "60000",
        "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100",
        "OVERMIND_ASSET_MAX_PERCENT": "100",
    }
    config = MultiWalletConfig.from_env(env, None)
    wallets = {name: _unlimited(wallet) for name, wallet in config.wallets.items()}
    return msgspec.structs.replace(config, wallets=wallets)


def _unlimited(wallet: WalletConfig) -> WalletConfig:
    shares = {STRATEGY: StrategyShare(PPM, 10**15)}
    return msgspec.structs.replace(
        wallet, wallet=msgspec.structs.replace(wallet.wallet, limits=WIDE, strategies=shares)
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    """Every order lands at once, and every decision is logged and durable."""
    config, clock = config_of(folder), SystemClock()
    config.data_dir.mkdir(mode=0o700)
    configure_logging(config.logs_dir, "INFO")
    journal = SqliteJournal.open(config.data_dir / JOURNAL)
    try:
        with StopFileWatch(config.data_dir).looking() as stop_file:  # As every door does.
            async with (
                connected(config, clock, model=PERFECT) as connect,
                running(App(config, journal, clock, connect, stop_file)) as app,
            ):
                settle_heap()
                yield app
    finally:
        journal.close()
        stop_logging()


async def _serve(folder: Path) -> None:
    with listen(0) as listener:
        async with (
            opened(folder) as app,
            serve_api(app, app.config.data_dir / JOURNAL, listener, Secret(TOKEN)) as service,
        ):
            print(json.dumps({"url": service.url}), flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
