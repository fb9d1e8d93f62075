"""The chain client: the meaning of nodes' answers, and that no answer is no information."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from tests.support.machine_clock import JumpingClock
from tests.support.scripted_nodes import Fault, Node, RawAnswer, dead_url, serving

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import Mint
from overmind.core.model.units import DAY_NS, NS
from overmind.ports import (
    AccountBytes,
    AccountsRead,
    ChainSilent,
    ChainTip,
    Effects,
    Priority,
    Simulation,
    Status,
    TokenBalance,
)
from overmind.solana.chain import ACCOUNTS_MAX, CONFIRMED, STATUSES_MAX, TRANSACTIONS_MAX, RpcChain
from overmind.solana.rpc import Rpc
from overmind.solana.transactions import account_keys

TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
MINT = Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
U64_MAX = 2**64 - 1
ABSENT = object()


def transfer_of(seed: int) -> tuple[str, bytes, tuple[str, ...]]:
    """A signed transaction: its signature, its bytes, its accounts."""
    payer = Keypair.from_seed(bytes([seed % 256, seed // 256]) + bytes(30))
    to = Pubkey(bytes([9] * 32))
    one = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=1))
    signed = VersionedTransaction(MessageV0.try_compile(payer.pubkey(), [one], [], Hash.default()), [payer])
    return str(signed.signatures[0]), bytes(signed), account_keys(bytes(signed))


SIGNATURE, RAW, KEYS = transfer_of(1)
OWNER = KEYS[0]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


@asynccontextmanager
async def chain_of(*nodes: Node, dead: int = 0, **options: Any) -> AsyncIterator[RpcChain]:
    clock = SystemClock()
    async with serving(*nodes):
        urls = [node.url() for node in nodes] + [dead_url()] * dead
        async with (
            Rpc(urls, clock, requests_per_s=math.inf, **{"timeout_s": 20.0, **options}) as rpc,
            RpcChain(rpc, clock) as chain,
        ):
            yield chain


async def never(_: object) -> None:
    await asyncio.Event().wait()


def in_context(value: object, slot: int = 500) -> dict[str, object]:
    return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}


def changed(said: Any, path: tuple[str | int, ...], to: object) -> Any:
    """A copy with one field set or left out."""
    copy: Any = dict(said) if isinstance(said, dict) else list(said)
    if len(path) > 1:
        copy[path[0]] = changed(said[path[0]], path[1:], to)
    elif to is ABSENT:
        del copy[path[0]]
    else:
        copy[path[0]] = to
    return copy


def fields(said: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every field in an answer, including list entries."""
    if isinstance(said, dict):
        inner = [fields(value, (*path, name)) for name, value in said.items()]
    elif isinstance(said, list):
        inner = [fields(value, (*path, at)) for at, value in enumerate(said)]
    else:
        inner = []
    return [*([path] if path else []), *(one for many in inner for one in many)]


NONSENSE: tuple[Any, ...] = (None, ABSENT, -1, 2**64, 10**30, 1.5, True, "", "x", [], {}, [None], {"x": 1})


# --- status -----------------------------------------------------------------------------------------------------------

STATUS = {"slot": 7, "confirmations": 3, "err": None, "status": {"Ok": None}, "confirmationStatus": "confirmed"}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (None, None),
        (STATUS, Status(7, False, True, False)),
        (STATUS | {"confirmationStatus": "processed"}, Status(7, False, False, False)),
        (STATUS | {"confirmationStatus": "finalized", "confirmations": None}, Status(7, False, True, True)),
        (STATUS | {"confirmationStatus": None}, Status(7, False, True, False)),
        (STATUS | {"confirmationStatus": None, "confirmations": 0}, Status(7, False, False, False)),
        (STATUS | {"confirmationStatus": None, "confirmations": None}, Status(7, False, False, False)),
        ({"slot": 7, "err": None}, Status(7, False, False, False)),  # Absent fields count as false.
        ({"slot": 7, "err": None, "confirmations": None}, Status(7, False, False, False)),
        ({"slot": 7, "status": {"Ok": None}, "confirmationStatus": "confirmed"}, Status(7, False, True, False)),
        ({"slot": 7, "status": {"Err": "AccountInUse"}}, Status(7, True, False, False)),
        (STATUS | {"err": {"InstructionError": [0, {"Custom": 1}]}, "status": None}, Status(7, True, True, False)),
        (STATUS | {"slot": U64_MAX, "new": [1]}, Status(U64_MAX, False, True, False)),
    ],
)
def test_statuses(said: object, status: Status | None) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = in_context([said])
        async with chain_of(node) as chain:
            assert await chain.status(SIGNATURE) == status
        assert node.asked == [("getSignatureStatuses", [[SIGNATURE], {"searchTransactionHistory": False}])]

    run(test())


@pytest.mark.parametrize(
    "said",
    [
        {}, [], 0, "Ok", True,
        STATUS | {"slot": None}, STATUS | {"slot": -1}, STATUS | {"slot": 2**64}, STATUS | {"slot": "7"},
        STATUS | {"slot": True}, STATUS | {"slot": 7.0},
        STATUS | {"confirmationStatus": "sure"}, STATUS | {"confirmationStatus": ["confirmed"]},
        STATUS | {"confirmationStatus": None, "confirmations": "many"},
        STATUS | {"status": {"Err": "AccountInUse"}},
        STATUS | {"err": "AccountInUse"},
        {"slot": 7, "confirmationStatus": "confirmed"},
    ],
)  # fmt: skip
def test_an_unreadable_status_is_silence_and_affects_no_other(said: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = in_context([said, STATUS, None])
        async with chain_of(node) as chain:
            bad, good, unknown = await asyncio.gather(
                *(chain.status(name) for name in ("a", "b", "c")), return_exceptions=True
            )
            assert isinstance(bad, ChainSilent)
            assert good == Status(7, False, True, False)
            assert unknown is None
            assert len(node.posts) == 1

    run(test())


@pytest.mark.parametrize("path", fields(in_context([STATUS])))
def test_a_status_survives_whatever_stands_in_any_field(path: tuple[str | int, ...]) -> None:
    async def test() -> None:
        node = Node()
        async with chain_of(node) as chain:
            for wrong in NONSENSE:
                node.answers["getSignatureStatuses"] = changed(in_context([STATUS]), path, wrong)
                try:
                    status = await chain.status(SIGNATURE)
                except ChainSilent:
                    continue
                assert status is None or not status.finalized
                assert status is None or not status.failed

    run(test())


def test_many_statuses_share_requests_and_the_same_one_is_asked_once() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = lambda params: in_context([STATUS | {"slot": int(s)} for s in params[0]])
        async with chain_of(node) as chain:
            names = [str(at) for at in range(STATUSES_MAX + 9)]
            asked = [asyncio.create_task(chain.status(name)) for name in [*names, *names[:STATUSES_MAX]]]
            await asyncio.sleep(0)
            asked[3].cancel()  # One cancelled caller does not cancel the others.
            found = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(found[3], asyncio.CancelledError)
        del found[3], names[3]
        slots = [status.slot for status in found if isinstance(status, Status)]
        assert slots[: len(names)] == [int(name) for name in names]
        assert len(slots) == len(found)
        assert all(len(params[0]) <= STATUSES_MAX for _, params in node.asked)
        assert len(node.asked) <= 3

    run(test())


def test_a_failed_batch_fails_all_its_callers() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = in_context([None])  # One answer for two signatures.
        async with chain_of(node) as chain:
            found = await asyncio.gather(chain.status("a"), chain.status("b"), return_exceptions=True)
            assert [type(one) for one in found] == [ChainSilent, ChainSilent]
            node.answers["getSignatureStatuses"] = Fault(code=-32602, message="no")
            with pytest.raises(ChainSilent, match="refuses to answer: no"):
                await chain.status("a")

    run(test())


def test_requests_during_a_batch_form_the_next_batch() -> None:
    async def test() -> None:
        node, go = Node(), asyncio.Event()

        async def answer(params: list[Any]) -> Any:
            await go.wait()
            return in_context([None] * len(params[0]))

        node.answers["getSignatureStatuses"] = answer
        async with chain_of(node) as chain:
            first = asyncio.create_task(chain.status("first"))
            await node.until_asked("getSignatureStatuses")
            later = [asyncio.create_task(chain.status(name)) for name in ("a", "b", "c", "a")]
            await asyncio.sleep(0.02)  # Longer than the batching window.
            assert len(node.asked) == 1
            go.set()
            assert await asyncio.gather(first, *later) == [None] * 5
            assert [params[0] for _, params in node.asked] == [["first"], ["a", "b", "c"]]

    run(test())


def test_a_batch_that_hangs_delays_the_next_one_boundedly() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = lambda params: never(0) if params[0] == ["a"] else in_context([None])
        async with chain_of(node) as chain:
            first = asyncio.create_task(chain.status("a"))
            await node.until_asked("getSignatureStatuses")
            assert await chain.status("b") is None
            assert not first.done()
        with pytest.raises(ChainSilent):
            await first

    run(test())


def test_a_chain_that_is_closed_leaves_nobody_waiting() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = never
        async with chain_of(node) as chain:
            asking = asyncio.create_task(chain.status("a"))
            await node.until_asked("getSignatureStatuses")
        with pytest.raises(ChainSilent):
            await asking

    run(test())


# --- effects ----------------------------------------------------------------------------------------------------------


def balance(index: int, amount: object, owner: object = OWNER, mint: object = MINT) -> dict[str, object]:
    amounts = {"amount": amount, "decimals": 6, "uiAmount": None, "uiAmountString": "0"}
    return {"accountIndex": index, "mint": mint, "owner": owner, "programId": TOKEN, "uiTokenAmount": amounts}


META: dict[str, Any] = {
    "err": None,
    "status": {"Ok": None},
    "fee": 5_000,
    "preBalances": [10_000, 0, 1],
    "postBalances": [4_999, 1, 1],
    "innerInstructions": None,
    "logMessages": None,
    "preTokenBalances": [balance(1, str(U64_MAX))],
    "postTokenBalances": [balance(1, "0"), balance(2, "7")],
    "rewards": None,
    "loadedAddresses": {"writable": [], "readonly": []},
    "computeUnitsConsumed": None,
}
EFFECTS = Effects(
    error=None,
    fee_lamports=5_000,
    accounts=KEYS,
    pre_lamports=(10_000, 0, 1),
    post_lamports=(4_999, 1, 1),
    tokens=(TokenBalance(1, MINT, OWNER, U64_MAX, 0), TokenBalance(2, MINT, OWNER, 0, 7)),
    slot=9,
)


def landed(raw: bytes = RAW, **meta: object) -> dict[str, Any]:
    encoded = [base64.b64encode(raw).decode(), "base64"]
    return {"slot": 9, "blockTime": None, "version": 0, "transaction": encoded, "meta": {**META, **meta}}


OPTIONAL = [("blockTime",), ("version",)] + [
    ("meta", name)
    for name in ("innerInstructions", "logMessages", "rewards", "loadedAddresses", "computeUnitsConsumed", "status")
]


@pytest.mark.parametrize("path", OPTIONAL)
@pytest.mark.parametrize("to", [None, ABSENT])
def test_effects_need_nothing_that_is_optional(path: tuple[str, ...], to: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getTransaction"] = changed(landed(), path, to)
        async with chain_of(node) as chain:
            assert await chain.effects(SIGNATURE) == EFFECTS

    run(test())


@pytest.mark.parametrize("path", fields(landed()))
def test_effects_survive_whatever_stands_in_any_field(path: tuple[str | int, ...]) -> None:
    """Either no information, or a result that differs in that field only."""

    async def test() -> None:
        node = Node()
        async with chain_of(node) as chain:
            answers = [changed(landed(), path, wrong) for wrong in NONSENSE]
            left = iter(answers)
            node.answers["getTransaction"] = lambda params: next(left)
            for _ in answers:
                try:
                    effects = await chain.effects(SIGNATURE)
                except ChainSilent:
                    continue
                assert effects is not None
                assert len(effects.pre_lamports) == len(effects.post_lamports) == len(effects.accounts)
                assert all(balance.index < len(effects.accounts) for balance in effects.tokens)
                if path[-1] not in ("err", "mint", "owner") and path not in OPTIONAL:
                    same = effects.error == EFFECTS.error and effects.fee_lamports == EFFECTS.fee_lamports
                    assert same or path[-1] == "fee"

    run(test())


def test_what_a_transaction_did() -> None:
    async def test() -> None:
        node = Node()
        loaded = {"writable": ["w1", "w2"], "readonly": ["r1"]}
        error = {"InstructionError": [3, {"Custom": 1}]}
        sixth = {"preBalances": [U64_MAX] * 6, "postBalances": [U64_MAX] * 6, "loadedAddresses": loaded}
        handed_on = {
            "preTokenBalances": [balance(1, "5", "alice"), balance(2, "1", OWNER, "m1")],
            "postTokenBalances": [balance(1, "5", "bob"), balance(2, "2", OWNER, "m2")],
        }
        answers = {
            "unknown": None,
            "failed": Fault(code=-32015, message="version"),
            "both": landed(status={"Err": "AccountInUse"}),
            "no meta": changed(landed(), ("meta",), None),
        }
        signatures, raws = zip(*(transfer_of(at)[:2] for at in range(10, 13)), strict=True)
        answers[signatures[0]] = landed(raws[0], err=error, status={"Err": error})
        answers[signatures[1]] = landed(raws[1], **sixth)
        answers[signatures[2]] = landed(raws[2], **handed_on)
        answers["another's"] = landed(raws[2])
        node.answers["getTransaction"] = lambda params: answers[params[0]]
        async with chain_of(node) as chain:
            found: list[Any] = await asyncio.gather(*map(chain.effects, answers), return_exceptions=True)
            of = dict(zip(answers, found, strict=True))
        assert of["unknown"] is None
        for name in ("failed", "both", "no meta", "another's"):
            assert isinstance(of[name], ChainSilent), name
        assert of[signatures[0]].error == '{"InstructionError":[3,{"Custom":1}]}'
        assert of[signatures[1]].accounts[3:] == ("w1", "w2", "r1")
        assert of[signatures[1]].post_lamports == (U64_MAX,) * 6
        assert of[signatures[2]].tokens == (
            TokenBalance(1, MINT, "alice", 5, 0),
            TokenBalance(1, MINT, "bob", 0, 5),
            TokenBalance(2, Mint("m1"), OWNER, 1, 0),
            TokenBalance(2, Mint("m2"), OWNER, 0, 2),
        )
        assert len(node.posts) == 1
        config = {"commitment": "confirmed", "encoding": "base64", "maxSupportedTransactionVersion": 0}
        assert all(params[1] == config for _, params in node.asked)

    run(test())


def test_many_effects_share_bounded_batches() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getTransaction"] = None
        node.answers["getTransaction"] = lambda params: None
        async with chain_of(node) as chain:
            found = await asyncio.gather(*(chain.effects(str(at)) for at in range(TRANSACTIONS_MAX * 2)))
        assert found == [None] * (TRANSACTIONS_MAX * 2)
        assert {len(post) for post in node.posts} <= set(range(1, TRANSACTIONS_MAX + 1))
        assert len(node.posts) <= 4

    run(test())


# --- simulation -------------------------------------------------------------------------------------------------------

SIMULATED = {name: META[name] for name in META if "Balances" in name} | {
    "err": None, "fee": 5_000, "logs": None, "unitsConsumed": 150, "returnData": None, "accounts": None,
}  # fmt: skip
EPOCH = {
    "absoluteSlot": 500,
    "blockHeight": 300,
    "epoch": 1,
    "slotIndex": 0,
    "slotsInEpoch": 1,
    "transactionCount": None,
}


def simulating(value: object, *, slot: int = 500, epoch: object = EPOCH) -> Node:
    node = Node()
    node.answers = {"simulateTransaction": in_context(value, slot), "getEpochInfo": epoch}
    return node


def test_a_simulation_is_one_request() -> None:
    async def test() -> None:
        node = simulating(SIMULATED)
        async with chain_of(node) as chain:
            found = await chain.simulate(RAW, Priority.ENTRY)
        assert found == Simulation(Effects(**{**_dict(EFFECTS), "slot": 500}), 300)
        assert len(node.posts) == 1
        sent, config = node.asked[0][1]
        assert base64.b64decode(sent) == RAW
        assert config == {
            "encoding": "base64", "commitment": "confirmed", "sigVerify": False, "replaceRecentBlockhash": False,
            "innerInstructions": False,
        }  # fmt: skip

    run(test())


def _dict(effects: Effects) -> dict[str, Any]:
    return {name: getattr(effects, name) for name in Effects.__struct_fields__}


def test_the_height_never_falls_and_covers_the_simulated_slot() -> None:
    async def test() -> None:
        node = simulating(SIMULATED)
        async with chain_of(node) as chain:
            heights = []
            for slot, tip_slot, tip_height in ((500, 500, 300), (503, 501, 301), (490, 502, 295), (505, 506, 304)):
                node.answers["simulateTransaction"] = in_context(SIMULATED, slot)
                node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": tip_slot, "blockHeight": tip_height}
                heights.append((await chain.simulate(RAW, Priority.EXIT)).height)
            # 503 is two slots beyond what the height was told of: two blocks at most.
            assert heights == [300, 303, 303, 304]

    run(test())


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        *((changed(SIMULATED, (name,), to), f"cannot simulate balances .no {name} .*Agave 3.0") for to in (None, ABSENT)
          for name in ("preBalances", "postBalances", "preTokenBalances", "postTokenBalances")),
        ({"err": None, "logs": [], "accounts": None, "unitsConsumed": 0}, "cannot simulate balances"),
        (changed(SIMULATED, ("fee",), None), "fee"),
        ({"err": "BlockhashNotFound"}, "blockhash"),
        (SIMULATED | {"err": "BlockhashNotFound"}, "blockhash"),
        (None, "not a JSON object"),
        (SIMULATED | {"preBalances": [1]}, "1 balances before and 3 after of 3 accounts"),
        (SIMULATED | {"loadedAddresses": {"writable": ["w"], "readonly": None}}, "of 4 accounts"),
    ],
)  # fmt: skip
def test_a_simulation_that_says_too_little_is_silence(value: object, refusal: str) -> None:
    async def test() -> None:
        async with chain_of(simulating(value)) as chain:
            with pytest.raises(ChainSilent, match=refusal):
                await chain.simulate(RAW, Priority.ENTRY)

    run(test())


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"epoch": None}, "epoch info"),
        ({"epoch": Fault(code=-32601, message="no such method")}, "no answer to getEpochInfo: no such method"),
        ({"epoch": EPOCH | {"blockHeight": 501}}, "above its slot"),
        ({"epoch": EPOCH | {"blockHeight": 10**30}}, "64-bit"),
        ({"epoch": EPOCH | {"absoluteSlot": 10**12}}, "in one batch"),
        ({"slot": 2**63}, "in one batch"),
    ],
)
def test_a_height_that_cannot_be_is_silence(changes: dict[str, Any], refusal: str) -> None:
    async def test() -> None:
        async with chain_of(simulating(SIMULATED, **changes)) as chain:
            with pytest.raises(ChainSilent, match=refusal):
                await chain.simulate(RAW, Priority.ENTRY)

    run(test())


def test_a_height_that_cannot_have_been_reached_since_is_silence_and_is_forgotten() -> None:
    async def test() -> None:
        node = simulating(SIMULATED)
        async with chain_of(node) as chain:
            assert (await chain.simulate(RAW, Priority.EXIT)).height == 300
            node.answers["simulateTransaction"] = in_context(SIMULATED, 10**12)
            node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": 10**12, "blockHeight": 10**12}
            with pytest.raises(ChainSilent, match="height 1000000000000"):
                await chain.simulate(RAW, Priority.EXIT)
            node.answers["simulateTransaction"] = in_context(SIMULATED, 501)
            node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": 501, "blockHeight": 301}
            assert (await chain.simulate(RAW, Priority.EXIT)).height == 301

    run(test())


def test_a_clock_that_is_set_forward_makes_no_height_possible() -> None:
    async def test() -> None:
        node, clock = simulating(SIMULATED), JumpingClock(1_700_000_000 * NS)
        async with serving(node), Rpc([node.url()], clock) as rpc, RpcChain(rpc, clock) as chain:
            assert (await chain.simulate(RAW, Priority.EXIT)).height == 300
            clock.step(DAY_NS)
            node.answers["simulateTransaction"] = in_context(SIMULATED, 2_000_000)
            node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": 2_000_000, "blockHeight": 1_000_000}
            with pytest.raises(ChainSilent, match="height 1000000"):
                await chain.simulate(RAW, Priority.EXIT)
            clock.step(-2 * DAY_NS)
            node.answers = {**simulating(SIMULATED, slot=501).answers}
            node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": 501, "blockHeight": 301}
            assert (await chain.simulate(RAW, Priority.EXIT)).height == 301

    run(test())


def test_a_simulated_failure_is_an_answer() -> None:
    async def test() -> None:
        node = simulating(None)
        async with chain_of(node) as chain:
            for value in (
                {"err": {"InstructionError": [0, {"Custom": 6001}]}},
                {"err": "AccountNotFound", **dict.fromkeys(("preBalances", "postTokenBalances", "fee"))},
            ):
                node.answers["simulateTransaction"] = in_context(value)
                effects = (await chain.simulate(RAW, Priority.ENTRY)).effects
                assert effects.error in ('{"InstructionError":[0,{"Custom":6001}]}', '"AccountNotFound"')
                assert (effects.accounts, effects.pre_lamports, effects.tokens) == (KEYS, (), ())
            node.answers["simulateTransaction"] = in_context(SIMULATED | {"err": "AlreadyProcessed", "fee": None})
            effects = (await chain.simulate(RAW, Priority.ENTRY)).effects
            assert (effects.error, effects.fee_lamports) == ('"AlreadyProcessed"', 0)
            assert effects.pre_lamports == EFFECTS.pre_lamports
            with pytest.raises(ChainSilent, match="whose balances"):
                await chain.simulate(b"\x01garbage", Priority.ENTRY)

    run(test())


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_transaction_goes_to_every_node_and_one_acceptance_is_enough() -> None:
    async def test() -> None:
        refusing, hanging, taking = Node(), Node(), Node()
        refusing.answers["sendTransaction"] = Fault(code=-32002, message="Blockhash not found")
        hanging.answers["sendTransaction"] = never
        taking.answers["sendTransaction"] = SIGNATURE
        async with chain_of(refusing, hanging, taking, dead=1) as chain:
            await chain.send(RAW, Priority.EXIT)
            await hanging.until_asked("sendTransaction")
            config = {
                "encoding": "base64", "skipPreflight": True, "preflightCommitment": "confirmed", "maxRetries": 0,
            }  # fmt: skip
            assert taking.asked == [("sendTransaction", [base64.b64encode(RAW).decode(), config])]

    run(test())


@pytest.mark.parametrize(
    "answer",
    [
        SIGNATURE,
        Fault(code=-32002, message="x", data={"err": "AlreadyProcessed"}),
        Fault(code=-32002, message="Transaction simulation failed: This transaction has already been processed"),
    ],
)
def test_a_node_that_knows_the_transaction_counts_as_accepting_it(answer: Any) -> None:
    async def test() -> None:
        node = Node()
        node.answers["sendTransaction"] = answer
        async with chain_of(node) as chain:
            await chain.send(RAW, Priority.ENTRY)

    run(test())


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (Fault(code=-32003, message="Transaction signature verification failure"), "verification failure"),
        (Fault(code=-32002, message="Blockhash not found", data={"err": "BlockhashNotFound"}), "Blockhash not found"),
        (Fault(code=-32005, message="behind"), "cannot serve now: behind"),
        (RawAnswer(status=429, Retry_After="1"), "429"),
        (None, "no signature"),
        ({}, "no signature"),
    ],
)
def test_a_transaction_that_no_node_took_may_have_landed_all_the_same(answer: Any, refusal: str) -> None:
    async def test() -> None:
        node = Node()
        node.answers["sendTransaction"] = answer if isinstance(answer, Exception) else lambda params: answer
        async with chain_of(node, dead=1) as chain:
            with pytest.raises(ChainSilent, match=f"(?s)no node took the transaction.*{refusal}"):
                await chain.send(RAW, Priority.EXIT)

    run(test())


# --- witnesses --------------------------------------------------------------------------------------------------------


def test_a_node_is_asked_by_name_for_its_finalised_tip_and_history() -> None:
    async def test() -> None:
        nodes = [Node(), Node()]
        for at, node in enumerate(nodes):
            node.answers["getEpochInfo"] = EPOCH | {"absoluteSlot": 500 + at}
            node.answers["getSignatureStatuses"] = in_context([None if at else STATUS], 600 + at)
            node.answers["getTransaction"] = None
        async with chain_of(*nodes) as chain:
            first, second = chain.nodes
            assert first.name == f"http://127.0.0.1:{nodes[0].port}"
            assert [await node.finalized() for node in chain.nodes] == [ChainTip(500, 300), ChainTip(501, 300)]
            assert nodes[0].asked == [("getEpochInfo", [{"commitment": "finalized"}])]
            assert await first.status_in_history(SIGNATURE, 600) == Status(7, False, True, False)
            assert await second.status_in_history(SIGNATURE, 601) is None
            assert nodes[1].asked[-2][1] == [[SIGNATURE], {"searchTransactionHistory": True}]
            assert nodes[1].asked[-1][0] == "getTransaction"
            with pytest.raises(ChainSilent, match="as of slot 601, and slot 602 is needed"):
                await second.status_in_history(SIGNATURE, 602)

    run(test())


def test_block_time_is_that_of_the_newest_confirmed_block() -> None:
    async def test() -> None:
        node = Node()
        node.answers = {"getEpochInfo": EPOCH | {"absoluteSlot": 555}, "getBlockTime": 1_700_000_000}
        async with chain_of(node, dead=1) as chain:
            assert await chain.block_time_ns() == 1_700_000_000 * NS
        assert node.asked == [("getEpochInfo", [CONFIRMED]), ("getBlockTime", [555])]

    run(test())


def test_a_slot_without_block_time_is_passed_over() -> None:
    async def test() -> None:
        node = Node()

        def block_time(params: Any) -> object:
            return 1_700_000_000 if params == [554] else Fault(code=-32004, message="Block not available for slot 555")

        node.answers = {"getEpochInfo": EPOCH | {"absoluteSlot": 555}, "getBlockTime": block_time}
        async with chain_of(node) as chain:
            assert await chain.block_time_ns() == 1_700_000_000 * NS

    run(test())


def test_one_node_alone_cannot_set_block_time_forward() -> None:
    async def test() -> None:
        nodes = [Node(), Node(), Node()]
        for node, at_s in zip(nodes, (1_700_000_000, 1_800_000_000, 1_600_000_000), strict=True):
            node.answers = {"getEpochInfo": EPOCH, "getBlockTime": at_s}
        async with chain_of(*nodes) as chain:
            assert await chain.block_time_ns() == 1_700_000_000 * NS

    run(test())


@pytest.mark.parametrize("said", [None, -1, "1700000000", 1.5, True, [], 2**64])
def test_a_block_time_that_is_none_is_silence(said: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers = {"getEpochInfo": EPOCH, "getBlockTime": said}
        async with chain_of(node) as chain:
            with pytest.raises(ChainSilent):
                await chain.block_time_ns()

    run(test())


@pytest.mark.parametrize("error", [None, {"InstructionError": [3, {"Custom": 1}]}])
def test_what_the_ledger_has_landed_whatever_the_statuses_say(error: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = in_context([None], 600)
        node.answers["getTransaction"] = {"slot": 555, "meta": {"err": error}, "transaction": None}
        async with chain_of(node) as chain:
            status = await chain.nodes[0].status_in_history(SIGNATURE, 600)
            assert status == Status(555, error is not None, True, True)

    run(test())


@pytest.mark.parametrize(
    "said",
    [
        None, {}, in_context(None), in_context([]), in_context([None, None]), {"value": [None]},
        {"context": None, "value": [None]}, {"context": {"slot": None}, "value": [None]},
        {"context": {"slot": "600"}, "value": [None]}, {"context": {"slot": 10**30}, "value": [None]},
        Fault(code=-32011, message="Transaction history is not available from this node"), RawAnswer(b"<html>"),
    ],
)  # fmt: skip
def test_a_node_that_does_not_answer_confirms_nothing(said: Any) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getSignatureStatuses"] = said
        async with chain_of(node) as chain:
            with pytest.raises(ChainSilent):
                await chain.nodes[0].status_in_history(SIGNATURE, 1)

    run(test())


# --- balances and history ---------------------------------------------------------------------------------------------


def token_account(
    address: str, units: int, program: str = TOKEN, owner: str = OWNER, size: int = 165
) -> dict[str, Any]:
    data = bytes(Pubkey.from_string(MINT)) + bytes(Pubkey.from_string(owner)) + struct.pack("<Q", units)
    encoded = [base64.b64encode(data.ljust(size, b"\0")).decode(), "base64"]
    account = {
        "lamports": 1,
        "data": encoded,
        "owner": program,
        "executable": False,
        "rentEpoch": U64_MAX,
        "space": size,
    }
    return {"pubkey": address, "account": account}


def holding(*slots: int) -> Node:
    node = Node()
    held = {TOKEN: in_context([token_account("a", U64_MAX), token_account("b", 2)], slots[1]),
            TOKEN_2022: in_context([token_account("c", 3, TOKEN_2022, size=170)], slots[2])}  # fmt: skip
    node.answers["getBalance"] = in_context(U64_MAX, slots[0])
    node.answers["getTokenAccountsByOwner"] = lambda params: held[params[1]["programId"]]
    return node


def test_balances_of_both_token_programs_in_one_request() -> None:
    async def test() -> None:
        node = holding(502, 501, 503)
        async with chain_of(node) as chain:
            found = await chain.balances(OWNER, 501)
            assert (found.owner, found.slot, found.slot_max, found.lamports) == (OWNER, 501, 503, U64_MAX)
            assert found.units == {MINT: U64_MAX + 5}
            assert [(one.address, one.program) for one in found.accounts] == [
                ("a", TOKEN), ("b", TOKEN), ("c", TOKEN_2022),
            ]  # fmt: skip
            assert len(node.posts) == 1
            assert all(params[-1]["minContextSlot"] == 501 for _, params in node.asked)
            assert all(params[-1]["commitment"] == "confirmed" for _, params in node.asked)
            with pytest.raises(ChainSilent, match="slot 501, and slot 502"):
                await chain.balances(OWNER, 502)

    run(test())


@pytest.mark.parametrize("path", fields(in_context([token_account("a", 7)])))
def test_balances_survive_whatever_stands_in_any_field(path: tuple[str | int, ...]) -> None:
    async def test() -> None:
        node = holding(500, 500, 500)
        async with chain_of(node) as chain:
            for wrong in NONSENSE:
                answer = changed(in_context([token_account("a", 7)]), path, wrong)
                node.answers["getTokenAccountsByOwner"] = lambda params, answer=answer: (
                    answer if params[1]["programId"] == TOKEN else in_context([])
                )
                try:
                    found = await chain.balances(OWNER)
                except ChainSilent:
                    continue
                assert found.units in ({MINT: 7}, {})
                assert found.units or path in (("value",), ("value", 0))

    run(test())


def test_another_wallets_token_account_is_refused() -> None:
    async def test() -> None:
        node = holding(500, 500, 500)
        async with chain_of(node) as chain:
            for stranger in (token_account("a", 7, owner=MINT), token_account("a", 7, TOKEN_2022)):
                node.answers["getTokenAccountsByOwner"] = in_context([stranger])
                with pytest.raises(ChainSilent, match="of another owner or program"):
                    await chain.balances(OWNER)
            node.answers["getBalance"] = Fault(code=-32016, message="Minimum context slot has not been reached")
            with pytest.raises(ChainSilent, match="getBalance"):
                await chain.balances(OWNER)

    run(test())


def test_the_signatures_of_an_address_page_by_page() -> None:
    async def test() -> None:
        node = Node()
        everything = [
            {"signature": f"s{at}", "slot": at, "err": {"x": 1} if at % 2 else None, "memo": None, "blockTime": None}
            for at in range(2_500, 0, -1)
        ]

        def page(params: list[Any]) -> list[Any]:
            config = params[1]
            names = [one["signature"] for one in everything]
            first = names.index(config["before"]) + 1 if "before" in config else 0
            last = names.index(config["until"]) if "until" in config else len(names)
            return everything[first : min(last, first + config["limit"])]

        node.answers["getSignaturesForAddress"] = page
        async with chain_of(node) as chain:
            found = await chain.signatures(OWNER)
            assert [one.slot for one in found] == list(range(2_500, 0, -1))
            assert (found[0].failed, found[1].failed) == (False, True)
            assert [one.slot for one in await chain.signatures(OWNER, "s2497")] == [2500, 2499, 2498]
            assert len(await chain.signatures(OWNER, most=1_500)) == 1_500
            for wrong in (None, [None], [{"signature": None, "slot": 1}], [{"signature": "x", "slot": None}]):
                node.answers["getSignaturesForAddress"] = lambda params, wrong=wrong: wrong
                with pytest.raises(ChainSilent):
                    await chain.signatures(OWNER)

    run(test())


def test_the_latest_blockhash() -> None:
    async def test() -> None:
        node = Node()
        value = {"blockhash": "h", "lastValidBlockHeight": 450}
        node.answers["getLatestBlockhash"] = in_context(value)
        async with chain_of(node) as chain:
            assert await chain.latest_blockhash() == ("h", 450)
            for wrong in (None, {}, value | {"blockhash": None}, value | {"lastValidBlockHeight": None}):
                node.answers["getLatestBlockhash"] = in_context(wrong)
                with pytest.raises(ChainSilent):
                    await chain.latest_blockhash()

    run(test())


def test_without_notifications_wait_sleeps() -> None:
    async def test() -> None:
        async with chain_of(Node()) as chain:
            await chain.wait(SIGNATURE, 0.01)

    run(test())


def shown(raw: bytes = b"\1\2", owner: str = "program") -> dict[str, object]:
    return {"lamports": 1, "owner": owner, "data": [base64.b64encode(raw).decode(), "base64"], "executable": False}


def test_accounts_are_shown_by_two_providers_where_there_are_two() -> None:
    async def test() -> None:
        first, second, third = Node(), Node(), Node()
        for node, slot in ((first, 500), (second, 501), (third, 502)):
            node.answers["getMultipleAccounts"] = in_context([shown(), None], slot)
        async with chain_of(first) as chain:
            (read,) = await chain.accounts(["a", "b"], 500, Priority.ENTRY)
            assert read == AccountsRead(500, (AccountBytes("program", b"\1\2"), None))
            with pytest.raises(ChainSilent, match="slot 501 is needed"):
                await chain.accounts(["a", "b"], 501, Priority.ENTRY)
        async with chain_of(first, second) as chain:
            assert [read.slot for read in await chain.accounts(["a", "b"], 0, Priority.ENTRY)] == [500, 501]
            with pytest.raises(ChainSilent, match="slot 501 is needed"):
                await chain.accounts(["a", "b"], 501, Priority.ENTRY)
        async with chain_of(first, second, third) as chain:
            assert [read.slot for read in await chain.accounts(["a", "b"], 501, Priority.ENTRY)] == [501, 502]

    run(test())


@pytest.mark.parametrize("wrong", [
    None, [], [shown()], [shown()] * 3, [shown(), 1], [shown(), {"owner": "x"}], [shown(), {**shown(), "owner": None}],
    [shown(), {**shown(), "data": ["?", "base64"]}], [shown(), {**shown(), "data": ["", "base58"]}],
])  # fmt: skip
def test_accounts_that_cannot_be_read_are_silence(wrong: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers["getMultipleAccounts"] = in_context(wrong)
        async with chain_of(node) as chain:
            with pytest.raises(ChainSilent):
                await chain.accounts(["a", "b"], 0, Priority.ENTRY)

    run(test())


def test_many_accounts_are_asked_for_in_pages() -> None:
    async def test() -> None:
        node = Node()
        node.answers["getMultipleAccounts"] = lambda params: in_context([shown(one.encode()) for one in params[0]])
        async with chain_of(node) as chain:
            asked = [f"a{number}" for number in range(ACCOUNTS_MAX + 1)]
            (read,) = await chain.accounts(asked, 0, Priority.MARK)
            assert [one.raw.decode() for one in read.accounts if one is not None] == asked
            assert [len(params[0]) for method, params in node.asked if method == "getMultipleAccounts"] == [100, 1]

    run(test())
