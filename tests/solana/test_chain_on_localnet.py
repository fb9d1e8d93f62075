"""The chain client on a chain with real programs: it reads what happened."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from overmind.clock.clocks import SystemClock
from overmind.ports import ChainSilent, Effects, Node, Priority, Status
from overmind.sandbox.localnet import Faults, Localnet
from overmind.solana.chain import RpcChain
from overmind.solana.clusters import WrongCluster, verify_cluster
from overmind.solana.notifications import Notifications
from overmind.solana.rpc import Rpc
from overmind.solana.tokens import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, ata

SOL_LAMPORTS = 10**9
MINTS = {"token": Keypair.from_seed(bytes([71] * 32)), "token-2022": Keypair.from_seed(bytes([72] * 32))}
PROGRAMS = {"token": TOKEN_PROGRAM, "token-2022": TOKEN_2022_PROGRAM}
ALICE, BOB = Keypair.from_seed(bytes([73] * 32)), Keypair.from_seed(bytes([74] * 32))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


@asynccontextmanager
async def localnet() -> AsyncIterator[tuple[Localnet, Rpc, RpcChain]]:
    clock = SystemClock()
    async with (
        Localnet(port=0, slot_ms=20, seed=1) as net,
        Rpc([net.url], clock, requests_per_s=math.inf) as rpc,
        Notifications(net.ws_url, clock) as notifications,
        RpcChain(rpc, clock, notifications=notifications) as chain,
    ):
        net.chain.airdrop(str(ALICE.pubkey()), 5 * SOL_LAMPORTS)
        yield net, rpc, chain


def signed(blockhash: str, *instructions: Instruction) -> tuple[str, bytes]:
    message = MessageV0.try_compile(ALICE.pubkey(), list(instructions), [], Hash.from_string(blockhash))
    transaction = VersionedTransaction(message, [ALICE])
    return str(transaction.signatures[0]), bytes(transaction)


def lamports(amount: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=ALICE.pubkey(), to_pubkey=BOB.pubkey(), lamports=amount))


def tokens(kind: str, units: int) -> Instruction:
    mint, program = MINTS[kind].pubkey(), PROGRAMS[kind]
    accounts = [
        AccountMeta(ata(ALICE.pubkey(), mint, program), False, True),
        AccountMeta(mint, False, False),
        AccountMeta(ata(BOB.pubkey(), mint, program), False, True),
        AccountMeta(ALICE.pubkey(), True, False),
    ]
    return Instruction(program, b"\x0c" + units.to_bytes(8, "little") + b"\x06", accounts)


async def landed(chain: RpcChain, signature: str, raw: bytes) -> tuple[Status, Effects]:
    """Sends it repeatedly until it is confirmed, like the executor."""
    while True:
        try:
            await chain.send(raw, Priority.ENTRY)
            status = await chain.status(signature)
            effects = await chain.effects(signature) if status is not None and status.confirmed else None
        except ChainSilent:
            status = effects = None
        if status is not None and effects is not None:
            return status, effects
        await chain.wait(signature, 0.05)


async def settled(chain: RpcChain, owner: Keypair) -> None:
    """Waits until its funds are confirmed, token accounts of both programs included."""
    for _ in range(3_000):
        with suppress(ChainSilent):
            balances = await chain.balances(str(owner.pubkey()))
            if balances.lamports or len(balances.accounts) == len(MINTS):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("the airdrop never came")


async def finalized(node: Node, slot: int) -> bool:
    for _ in range(3_000):
        if (await node.finalized()).slot >= slot:
            return True
        await asyncio.sleep(0.02)
    return False


def test_a_transaction_from_simulation_to_finality() -> None:
    async def test() -> None:
        async with localnet() as (net, rpc, chain):
            assert await verify_cluster(rpc, "localnet") == net.chain.genesis_hash
            with pytest.raises(WrongCluster):
                await verify_cluster(rpc, "mainnet")
            for kind, mint in MINTS.items():
                net.chain.create_mint(str(mint.pubkey()), 6, str(PROGRAMS[kind]), None)
                for owner in (ALICE, BOB):
                    net.chain.mint_to(str(mint.pubkey()), str(owner.pubkey()), 1_000)
            await settled(chain, BOB)
            blockhash, last_valid = await chain.latest_blockhash()
            signature, raw = signed(blockhash, lamports(SOL_LAMPORTS), tokens("token", 30), tokens("token-2022", 4))
            simulation = await chain.simulate(raw, Priority.ENTRY)
            assert simulation.height + 150 >= last_valid
            status, effects = await landed(chain, signature, raw)
            assert not status.failed
            assert effects.slot == status.slot
            assert {**_told(effects), "slot": 0} == {**_told(simulation.effects), "slot": 0}
            moved = sorted((one.owner, one.post_units - one.pre_units) for one in effects.tokens)
            alice, bob = str(ALICE.pubkey()), str(BOB.pubkey())
            assert moved == sorted([(alice, -30), (alice, -4), (bob, 30), (bob, 4)])
            balances = await chain.balances(bob, status.slot)
            assert balances.lamports == SOL_LAMPORTS
            assert sorted(balances.units.values()) == [1_004, 1_030]
            assert {one.program for one in balances.accounts} == set(map(str, PROGRAMS.values()))
            assert signature in [one.signature for one in await chain.signatures(alice)]
            node = chain.nodes[0]
            assert await finalized(node, status.slot)
            proof = await node.status_in_history(signature, status.slot)
            assert proof == Status(status.slot, False, True, True)

    run(test())


def _told(effects: Effects) -> dict[str, Any]:
    return {name: getattr(effects, name) for name in Effects.__struct_fields__}


def test_a_reverted_transaction_costs_its_fee() -> None:
    async def test() -> None:
        async with localnet() as (_, _, chain):
            await settled(chain, ALICE)
            blockhash, _ = await chain.latest_blockhash()
            signature, raw = signed(blockhash, lamports(9 * SOL_LAMPORTS))
            assert (await chain.simulate(raw, Priority.EXIT)).effects.error is not None
            status, effects = await landed(chain, signature, raw)
            assert status.failed
            assert effects.error == '{"InstructionError":[0,{"Custom":1}]}'
            assert effects.pre_lamports[0] - effects.post_lamports[0] == effects.fee_lamports == 5_000
            assert effects.accounts[0] == str(ALICE.pubkey())

    run(test())


def test_an_unknown_blockhash_and_an_unknown_signature_are_silence() -> None:
    async def test() -> None:
        async with localnet() as (_, _, chain):
            signature, raw = signed(str(Hash(bytes([5] * 32))), lamports(1))
            with pytest.raises(ChainSilent, match="blockhash"):
                await chain.simulate(raw, Priority.ENTRY)
            assert await chain.status(signature) is None
            assert await chain.effects(signature) is None
            assert await chain.nodes[0].status_in_history(signature, 1) is None
            stranger = str(Pubkey(base64.b64decode("A" * 43 + "=")))
            assert await chain.signatures(stranger[:-1] + "2") == []

    run(test())


def test_a_bad_chain_is_only_slower() -> None:
    names = "too_many_requests unhealthy html truncated wrong_json nulls min_context status_flap"
    bad: dict[str, Any] = {f"{name}_ppm": 60_000 for name in names.split()}

    async def test() -> None:
        async with localnet() as (net, _, chain):
            await settled(chain, ALICE)
            blockhash, _ = await chain.latest_blockhash()
            signature, raw = signed(blockhash, lamports(SOL_LAMPORTS))
            net.chain.set_faults(Faults(seed=3, drop_ppm=300_000, duplicate_ppm=300_000, retry_after_s=0, **bad))
            status, effects = await landed(chain, signature, raw)
            assert not status.failed
            assert effects.pre_lamports[0] - effects.post_lamports[0] == SOL_LAMPORTS + effects.fee_lamports
            net.chain.set_faults(Faults())
            assert (await chain.balances(str(BOB.pubkey()), status.slot)).lamports == SOL_LAMPORTS

    run(test())
