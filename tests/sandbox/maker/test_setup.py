"""The maker's set-up: from nothing on a localnet, with its own assets elsewhere, never on mainnet."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from solders.pubkey import Pubkey
from tests.support.maker_on_chain import BONK, NEW, SOL_TOKEN, TOKENS, USDC, FixedPrices, staged, until
from tests.support.scripted_nodes import Node, serving

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import LAMPORTS
from overmind.keys.secret_key import SecretKey
from overmind.ports import ChainSilent, Priority
from overmind.sandbox.localnet import Localnet
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import ClusterClient, HeldTokens
from overmind.sandbox.maker.payer import NotReady, Payer
from overmind.sandbox.maker.server import Maker
from overmind.sandbox.maker.setup import Stock, mint_fault
from overmind.solana.clusters import KNOWN_CLUSTERS
from overmind.solana.rpc import Rpc
from overmind.solana.tokens import TOKEN_2022_PROGRAM, TOKEN_PROGRAM


@asynccontextmanager
async def _localnet() -> AsyncIterator[tuple[Localnet, Rpc]]:
    async with (
        Localnet(slot_ms=20) as net,
        Rpc([net.url], SystemClock(), requests_per_s=math.inf) as rpc,
    ):
        yield net, rpc


def _maker(rpc: Rpc, key: SecretKey, tokens: Sequence[Token], stock: Stock | None) -> Maker:
    clock = SystemClock()
    return Maker(rpc, key, tokens, FixedPrices(clock), clock, stock=stock)


def test_on_a_localnet_it_mints_its_stock_once() -> None:
    async def main() -> None:
        stock, key = Stock(units=10**12, sol=1_000), SecretKey.generate()
        async with _localnet() as (_, rpc):
            for _ in range(2):
                async with _maker(rpc, key, TOKENS, stock) as maker:
                    assert maker.inventory == {
                        SOL_TOKEN.mint: 1_000 * LAMPORTS,
                        USDC.mint: 10**12,
                        BONK.mint: 10**12,
                        NEW.mint: 10**12,
                    }
                    assert maker.setup.cluster == "localnet"

    asyncio.run(main())


def test_with_mints_of_its_own_it_trades_where_no_extension_helps() -> None:
    """As on devnet: it creates mints, mints with its own authority, and swaps."""

    async def main() -> None:
        clock, key = SystemClock(), SecretKey.generate()
        async with _localnet() as (_, rpc):
            await rpc.call("requestAirdrop", [key.public_key, 100 * LAMPORTS], Priority.MARK)
            cluster = ClusterClient(rpc)
            payer = Payer(cluster, BlockhashCache(cluster, clock), key, clock)
            await until(lambda: _has_sol(cluster, key))
            mine = [
                SOL_TOKEN,
                await payer.create_mint("USDC", 6, "token"),
                await payer.create_mint("ETH", 8, "token-2022"),
            ]
            async with _maker(rpc, key, mine, None) as maker:
                maker.setup.cluster = "devnet"
                assert all(maker.setup.can_mint(token.mint) for token in mine[1:])
                trader = SecretKey.generate()
                for token in mine[1:]:
                    await maker.setup.mint(token, trader.reveal().pubkey(), 5_000_000)
                assert not any(maker.inventory.values())
            async with _maker(rpc, key, mine, Stock(units=777, sol=0)) as maker:
                assert [maker.inventory[token.mint] for token in mine] == [0, 777, 777]

    asyncio.run(main())


async def _has_sol(cluster: ClusterClient, key: SecretKey) -> bool:
    return (await cluster.accounts([key.reveal().pubkey()]))[0] is not None


def test_it_refuses_mainnet_before_it_does_anything() -> None:
    async def main() -> None:
        node = Node()
        node.answers["getGenesisHash"] = next(one for one, name in KNOWN_CLUSTERS.items() if name == "mainnet")
        async with serving(node), Rpc([node.url()], SystemClock()) as rpc:
            with pytest.raises(NotReady, match="mainnet"):
                async with _maker(rpc, SecretKey.generate(), TOKENS, Stock()):
                    pass
        assert [method for method, _ in node.asked] == ["getGenesisHash"]

    asyncio.run(main())


@pytest.mark.parametrize("answer", [None, "5", {}, [1, 2, 3], "x" * 10_000])
def test_a_malformed_answer_counts_as_no_answer(answer: object) -> None:
    async def main() -> None:
        node = Node()
        methods = "getGenesisHash getLatestBlockhash getMultipleAccounts getBlockHeight getSignatureStatuses"
        node.answers = dict.fromkeys(methods.split(), answer)
        async with serving(node), Rpc([node.url()], SystemClock(), requests_per_s=math.inf) as rpc:
            cluster = ClusterClient(rpc)
            for ask in (
                cluster.block(),
                cluster.height(),
                cluster.accounts([Pubkey.default()]),
                cluster.status("signature"),
            ):
                with pytest.raises(ChainSilent):
                    await ask

    asyncio.run(main())


def test_a_missing_mint_or_missing_sol_is_named() -> None:
    async def main() -> None:
        async with _localnet() as (net, rpc):
            with pytest.raises(NotReady, match=r"USDC.*no such mint"):
                async with _maker(rpc, SecretKey.generate(), TOKENS, None):
                    pass
            for token in TOKENS:
                program = TOKEN_2022_PROGRAM if token is NEW else TOKEN_PROGRAM
                net.chain.create_mint(token.mint, token.decimals, str(program), None)
            with pytest.raises(NotReady, match="SOL for rent and fees"):
                async with _maker(rpc, SecretKey.generate(), TOKENS, None):
                    pass

    asyncio.run(main())


MINT = Token("MINT", Mint(str(Pubkey.default())), 6)
BASE = b"\1\0\0\0" + bytes(40) + b"\6\1" + bytes(36)
EXTENDED = BASE.ljust(165, b"\0") + b"\1"


def _extension(kind: int, size: int) -> bytes:
    return kind.to_bytes(2, "little") + size.to_bytes(2, "little") + bytes(size)


@pytest.mark.parametrize(
    ("program", "owner", "content", "fault"),
    [
        ("token", TOKEN_PROGRAM, BASE, None),
        ("token-2022", TOKEN_2022_PROGRAM, BASE, None),
        ("token-2022", TOKEN_2022_PROGRAM, EXTENDED + _extension(18, 64), None),
        ("token-2022", TOKEN_2022_PROGRAM, EXTENDED + _extension(18, 64) + bytes(8), None),
        ("token", TOKEN_2022_PROGRAM, BASE, "belongs to the program"),
        ("token-2022", TOKEN_PROGRAM, BASE, "belongs to the program"),
        ("token", TOKEN_PROGRAM, BASE[:44] + b"\7" + BASE[45:], "does not have 6 decimals"),
        ("token", TOKEN_PROGRAM, BASE[:50], "does not have 6 decimals"),
        ("token-2022", TOKEN_2022_PROGRAM, EXTENDED + _extension(1, 108), r"extensions \[1\]"),  # a transfer fee
        ("token-2022", TOKEN_2022_PROGRAM, EXTENDED + _extension(18, 64) + _extension(14, 64), r"extensions \[14\]"),
    ],
)
def test_mints_with_other_decimals_or_extensions_are_not_traded(
    program: str, owner: Pubkey, content: bytes, fault: str | None
) -> None:
    token = Token("MINT", MINT.mint, 6, program)
    found = mint_fault(token, HeldTokens(str(owner), 1, content))
    assert (found is None) == (fault is None)
    assert re.search(fault or "", found or "")


def test_two_makers_on_one_chain() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage, _maker(stage.rpc, SecretKey.generate(), TOKENS, Stock()) as other:
            assert other.url != stage.maker.url
            for maker in (stage.maker, other):
                assert all(units > 0 for units in maker.inventory.values())

    asyncio.run(main())
