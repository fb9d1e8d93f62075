"""The points that try something: the cluster, an emergency drill, this machine's speed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from overmind.cli.opening import JOURNAL, state_on_disk
from overmind.cli.preflight.point import Point, Read, failed, passed, unknown
from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, MultiWalletConfig
from overmind.config.variables.chain import Cluster
from overmind.core.books.state import SOL_DECIMALS
from overmind.core.model.commands import CommandRefused
from overmind.core.model.units import LAMPORTS
from overmind.journal.errors import JournalUnusable
from overmind.ports import ChainSilent, JournalFailed
from overmind.sandbox.drill import Drilled, drill
from overmind.sandbox.selftest import run_selftest
from overmind.solana.chain import RpcChain
from overmind.solana.clusters import WrongCluster, verify_cluster
from overmind.solana.rpc import Rpc
from overmind.views.amounts import tokens_of

CLUSTER: Final = "cluster and balances"
DRILL: Final = "emergency drill"
BENCHMARK: Final = "benchmark"
MEASURED: Final = ("Wallet selection speed (<50ms)", "Concurrent operations")
DRILL_FAULTS: Final = (ChainSilent, CommandRefused, ConfigError, JournalFailed, OSError, TimeoutError)


def cluster(config: Read) -> Point:
    if config is None:
        return unknown(CLUSTER)
    if (other := _other_journal(config)) is not None:
        return other
    if config.cluster is Cluster.PAPER:
        capital = config.paper_capital_micros / 10**6
        return passed(CLUSTER, f"paper: no chain is asked; the wallets share ${capital:,.0f}")
    if config.cluster is Cluster.MAINNET:
        return failed(CLUSTER, "this version does not trade on mainnet", "set OVERMIND_CLUSTER to devnet or localnet")
    try:
        return asyncio.run(_balances(config))
    except (WrongCluster, ChainSilent) as fault:
        return failed(CLUSTER, str(fault), "correct SNIPER_SOLANA_RPC_URL, or start that chain")


def _other_journal(config: MultiWalletConfig) -> Point | None:
    """A journal belongs to one mode and one cluster for ever. None: there is none, or it fits."""
    if not (config.data_dir / JOURNAL).exists():
        return None
    try:
        founded = state_on_disk(config.data_dir).founded
    except JournalUnusable as fault:
        return failed(CLUSTER, f"the journal cannot be read: {fault}", "restore it, or name another OVERMIND_DATA_DIR")
    if founded is None or (founded.mode, founded.cluster) == (config.mode, config.cluster.value):
        return None
    seen = f"the journal in {config.data_dir} is of {founded.mode} trading on {founded.cluster}"
    return failed(CLUSTER, seen, "name another OVERMIND_DATA_DIR: each mode and cluster has a journal of its own")


async def _balances(config: MultiWalletConfig) -> Point:
    clock, quote = SystemClock(), config.desk.quote
    urls = [url.reveal() for url in config.chain.rpc_urls]
    async with Rpc(urls, clock, requests_per_s=config.chain.requests_per_s) as rpc:
        genesis = await verify_cluster(rpc, config.cluster.value)
        async with RpcChain(rpc, clock) as chain:
            wallets = [one.wallet for one in config.wallets.values()]
            found = [(wallet, await chain.balances(wallet.public_key)) for wallet in wallets]
    needed = config.desk.reserve_float_lamports
    short = [
        f"{wallet.id} ({wallet.public_key}) has {tokens_of(one.lamports, SOL_DECIMALS)} SOL"
        for wallet, one in found
        if one.lamports < needed
    ]
    if short:
        seen = f"{len(short)} of {len(found)} wallets lack SOL for fees and rent: {'; '.join(short)}"
        return failed(CLUSTER, seen, f"send {needed / LAMPORTS:g} SOL or more to each")
    capital = sum(one.units.get(quote.mint, 0) for _, one in found)
    if not capital:
        return failed(CLUSTER, f"no wallet holds {quote.symbol}", f"send {quote.symbol} to the wallets that trade")
    told = f"{tokens_of(capital, quote.decimals)} {quote.symbol} in {len(found)} wallets, each with SOL for fees"
    return passed(CLUSTER, f"{config.cluster} (genesis hash {genesis[:8]}…): {told}")


def emergency() -> Point:
    """On a chain, with keys and with a maker of its own."""
    with tempfile.TemporaryDirectory(prefix="overmind-drill-") as folder:
        try:
            done = asyncio.run(drill(Path(folder)))
        except* DRILL_FAULTS as group:
            told = "; ".join(str(fault) or type(fault).__name__ for fault in group.exceptions)
            result = failed(DRILL, f"it could not be held: {told}", "overmind selftest shows what does not work here")
        else:
            result = _drilled(done)
    return result


def _drilled(done: Drilled) -> Point:
    told = f"the stop was durable after {done.stop_ms:.1f} ms; {done.bought} positions"
    if done.passed:
        seen = f"{told} were sold within {done.sold_s:.1f} s; entries were refused; the books equal the chain"
        return passed(DRILL, seen)
    faults = {
        "nothing could be bought": done.bought == 0,
        "an entry passed after the stop": not done.refused,
        f"{done.left} positions were not sold": done.left > 0,
        "the books differ from the chain": not done.books_equal_chain,
        "a wallet could not be reactivated": not done.reactivated,
    }
    seen = f"{told}; {', '.join(fault for fault, found in faults.items() if found)}"
    return failed(DRILL, seen, "do not trade; overmind selftest shows what does not work here")


def benchmark() -> Point:
    """The seed's bounds, on this machine and its disk for temporary files."""
    results = run_selftest(names=MEASURED)
    slow = [one for one in results if not one.passed]
    seen = "; ".join(one.detail for one in (slow or results))
    if slow:
        return failed(BENCHMARK, seen, "give the desk a faster machine or disk, or end what else runs here")
    return passed(BENCHMARK, seen)
