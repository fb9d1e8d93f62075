"""Runs a desk on a chain of its own: the embedded chain, a maker with real prices, and wallets with test money.

The code between signal and settlement is what trades on a public cluster: the same client over HTTP with real
transactions. Only the addresses differ.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from msgspec import structs

from overmind.backtest.history import Played, report_of
from overmind.backtest.intake import Intake
from overmind.clock.clocks import JumpClock, SystemClock
from overmind.config import MultiWalletConfig
from overmind.config.problems import Findings
from overmind.config.token_list import tokens_of
from overmind.config.variables.chain import Cluster
from overmind.core.books.state import State
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import LAMPORTS, PPM, ppm_of
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.keys.secret_key import SecretKey
from overmind.ports import Clock, Journal, Priority
from overmind.prices.feeds import LoopedTape
from overmind.prices.tape import Tape
from overmind.sandbox.localnet import Localnet
from overmind.sandbox.maker.server import Maker
from overmind.solana.chain import RpcChain
from overmind.solana.responses import OwnerBalances
from overmind.solana.rpc import Rpc
from overmind.views.decisions import Decision

SLOT_MS: Final = 10
FINAL_S: Final = 60.0
FLOAT_LAMPORTS: Final = LAMPORTS
UNLISTED_DECIMALS: Final = 6


def localnet_tokens() -> tuple[Token, ...]:
    """The shipped token list of the localnet, with the quote currency."""
    quote, tokens = tokens_of(Cluster.LOCALNET, None, Findings())
    return (quote, *tokens.values())


def live_on(env: Mapping[str, str], rpc_url: str, swap_url: str) -> dict[str, str]:
    """The same desk, but live on this chain and this swap server."""
    return {
        **env,
        "SNIPER_TRADING_MODE": "live",
        "OVERMIND_CLUSTER": "localnet",
        "SNIPER_SOLANA_RPC_URL": rpc_url,
        "OVERMIND_SWAP_URL": swap_url,
    }


def scratch(config: MultiWalletConfig) -> MultiWalletConfig:
    """Nobody else has its keys, and its chain ends with it: it needs no lock on the machine and no anchor."""
    return structs.replace(config, lock_dir=None, anchor_dir=None)


async def fund(rpc: Rpc, config: MultiWalletConfig) -> None:
    """Gives every wallet its share of the paper capital as test USDC, and SOL for fees."""
    quote = config.desk.quote
    allocated = sum(wallet.wallet.allocation_ppm for wallet in config.wallets.values())
    for wallet in config.wallets.values():
        owner = wallet.wallet.public_key
        share_ppm = wallet.wallet.allocation_ppm if allocated else PPM // len(config.wallets)
        capital = ppm_of(config.paper_capital_micros, share_ppm)
        await rpc.call("requestAirdrop", [owner, FLOAT_LAMPORTS], Priority.ENTRY)
        await rpc.call("overmind_mintTo", [{"mint": quote.mint, "owner": owner, "amount": capital}], Priority.ENTRY)


@asynccontextmanager
async def embedded(env: Mapping[str, str], tape: Tape, clock: Clock) -> AsyncIterator[tuple[MultiWalletConfig, Rpc]]:
    """Runs chain and maker for the duration of the block; yields the configuration of a desk that trades there."""
    tokens = localnet_tokens()
    async with (
        Localnet(port=0, slot_ms=SLOT_MS) as net,
        Rpc([net.url], SystemClock(), requests_per_s=math.inf) as rpc,
        Maker(rpc, SecretKey.generate(), tokens, LoopedTape(tape, clock), clock, first_order=0) as maker,
    ):
        config = scratch(MultiWalletConfig.from_env(live_on(env, net.url, maker.url), dotenv=None))
        await fund(rpc, config)
        yield config, rpc


class Sender(Protocol):
    """Says what is sent at each of its times, by what the desk holds then."""

    @property
    def times(self) -> Sequence[int]: ...

    def signal(self, number: int, state: State) -> Signal: ...


async def rehearse(
    env: Mapping[str, str],
    journal: Journal,
    tape: Tape,
    sender: Sender,
    heard: Callable[[Signal, Decision], None],
    unlisted: Sequence[Mint] = (),
) -> Played:
    """Sends each signal at its time on the tape, as real transactions, and settles until every outcome is final.

    `unlisted`: mints that the chain has and no list. `heard` gets each signal with its answer.
    """
    clock = JumpClock(tape.start_ns)
    async with (
        embedded(env, tape, clock) as (config, rpc),
        connected(config, clock) as connect,
        running(App(config, journal, clock, connect), FINAL_S) as app,
    ):
        for mint in unlisted:
            await rpc.call("overmind_createMint", [{"mint": mint, "decimals": UNLISTED_DECIMALS}], Priority.ENTRY)
        intake = Intake(app, clock)
        for number, at_ns in enumerate(sender.times):
            clock.leap_to(at_ns)
            await _quiet(app)
            signal = sender.signal(number, intake.state)
            heard(signal, await intake.submit(signal))
            await _quiet(app)
        final = await app.settle_finally(FINAL_S)
        state = intake.state
        async with RpcChain(rpc, clock) as chain:
            equal = final and not state.holds and await books_equal_chain(state, chain)
        return report_of(state, equal, intake.refusal_codes)


async def _quiet(app: App) -> None:
    """Until nothing is open and the newest prices make nothing due, so that no result hangs on what is faster.

    A sale changes the average cost of what is left, and so its stop.
    """
    await app.settle()
    await app.look()
    await app.settle()


async def books_equal_chain(state: State, chain: RpcChain) -> bool:
    """Compares every wallet and mint to the last unit."""
    found = {book.wallet.id: await chain.balances(book.wallet.public_key) for book in state.wallets.values()}
    return all(_wallet_equals_chain(state, wallet_id, balances) for wallet_id, balances in found.items())


def _wallet_equals_chain(state: State, wallet_id: WalletId, balances: OwnerBalances) -> bool:
    book = state.wallets[wallet_id]
    chain = {**balances.units, SOL: balances.lamports}
    mints = {SOL, state.settings.quote.mint, *state.settings.tokens, *book.positions}  # Any other token is dust.
    return all(state.ledger.owned(book.accounts, mint) == chain.get(mint, 0) for mint in mints)
