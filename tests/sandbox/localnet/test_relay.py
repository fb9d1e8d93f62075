"""The relay over real HTTP, against bodies as its documentation shows them, and its promises on the chain."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from tests.support.transactions import (
    ALICE,
    BOB,
    BONK,
    MAKER,
    SOL,
    StillClock,
    advance,
    furnish,
    lamports_of,
    move_tokens,
    new_chain,
    signature_of,
    signed,
    swap,
    tokens_of,
    transfer,
)

from overmind.sandbox.localnet import Localnet
from overmind.sandbox.localnet.errors import RpcFault
from overmind.sandbox.localnet.relay import TIP_ACCOUNTS, RelayTerms
from overmind.sandbox.localnet.relay.engine import BlockEngine, BundleState
from overmind.sandbox.localnet.wire import Wire, read
from overmind.solana.tokens import system_transfer

TIP = 10_000
UNLIMITED = RelayTerms(requests_per_s=0)
MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")


def tip(payer: Keypair = ALICE, lamports: int = TIP, account: str = TIP_ACCOUNTS[0]) -> Instruction:
    return system_transfer(payer.pubkey(), Pubkey.from_string(account), lamports)


class Desk:
    """A stepped chain with a relay."""

    def __init__(self, terms: RelayTerms = UNLIMITED) -> None:
        self.chain = new_chain()
        self.relay = BlockEngine(self.chain, StillClock(), terms)
        self.seen: list[str] = []
        self.chain.onlookers.append(lambda wire: self.seen.append(wire.signature))

    def signed(self, *instructions: Instruction, signers: tuple[Keypair, ...] = (ALICE, MAKER)) -> Wire:
        return read(signed(instructions, signers, self.chain.blocks.head.blockhash))

    def swap(self, bonk: int = 10**5, tipped: int = TIP) -> Wire:
        return self.signed(*swap(10**6, bonk), tip(lamports=tipped))

    def state(self, bundle_id: str) -> BundleState:
        bundle = self.relay.find(bundle_id)
        return BundleState.INVALID if bundle is None else bundle.state


def test_a_bundle_lands_in_a_later_block_and_nobody_saw_it() -> None:
    desk = Desk()
    wire = desk.swap()
    bundle_id = desk.relay.send_bundle([wire])
    assert bundle_id == hashlib.sha256(wire.signature.encode()).hexdigest()
    assert (desk.state(bundle_id), desk.chain.history.find(wire.signature)) == (BundleState.PENDING, None)
    desk.chain.advance_slot()
    assert desk.state(bundle_id) is BundleState.LANDED
    assert desk.chain.history.find(wire.signature) is not None
    assert tokens_of(desk.chain, ALICE, BONK) == 10**5
    assert desk.seen == []


def test_a_bundle_that_would_fail_costs_nothing() -> None:
    desk = Desk()
    before = lamports_of(desk.chain, ALICE)
    bundle_id = desk.relay.send_bundle([desk.swap(bonk=10**12)])
    desk.chain.advance_slot()
    assert (desk.state(bundle_id), lamports_of(desk.chain, ALICE)) == (BundleState.FAILED, before)


def test_of_a_bundle_all_lands_or_nothing() -> None:
    desk = Desk()
    good = desk.signed(transfer(ALICE, BOB, SOL), tip(), signers=(ALICE,))
    bad = desk.signed(transfer(ALICE, BOB, 50 * SOL), signers=(ALICE,))
    before = lamports_of(desk.chain, ALICE)
    failed = desk.relay.send_bundle([good, bad])
    desk.chain.advance_slot()
    assert (desk.state(failed), lamports_of(desk.chain, BOB)) == (BundleState.FAILED, 0)
    assert lamports_of(desk.chain, ALICE) == before
    spends_what_came = desk.signed(transfer(BOB, MAKER, SOL // 2), signers=(BOB,))
    landed = desk.relay.send_bundle([good, spends_what_came])
    desk.chain.advance_slot()
    assert (desk.state(landed), lamports_of(desk.chain, BOB)) == (BundleState.LANDED, SOL - SOL // 2 - 5_000)


@pytest.mark.parametrize(
    ("tipped", "terms", "state"),
    [
        (1_000, UNLIMITED, BundleState.LANDED),
        (999, UNLIMITED, BundleState.FAILED),
        (TIP, RelayTerms(requests_per_s=0, tip_min_lamports=TIP + 1), BundleState.FAILED),
        (TIP, RelayTerms(requests_per_s=0, landing_ppm=0), BundleState.FAILED),
    ],
)
def test_auction(tipped: int, terms: RelayTerms, state: BundleState) -> None:
    desk = Desk(terms)
    bundle_id = desk.relay.send_bundle([desk.swap(tipped=tipped)])
    desk.chain.advance_slot()
    assert desk.state(bundle_id) is state


def test_a_lost_bundle_may_be_sent_again_and_lands_once() -> None:
    desk = Desk(RelayTerms(requests_per_s=0, landing_ppm=0, slots=3))
    wire = desk.swap()
    bundle_id = desk.relay.send_bundle([wire])
    advance(desk.chain, 2)
    assert desk.state(bundle_id) is BundleState.PENDING
    advance(desk.chain, 1)
    assert desk.state(bundle_id) is BundleState.FAILED
    desk.relay.change(UNLIMITED)
    for _ in range(3):
        assert desk.relay.send_bundle([wire]) == bundle_id
        advance(desk.chain, 1)
    assert (desk.state(bundle_id), tokens_of(desk.chain, ALICE, BONK)) == (BundleState.LANDED, 10**5)


def test_a_leaked_bundle_is_seen_before_it_lands() -> None:
    desk = Desk(RelayTerms(requests_per_s=0, leak_ppm=10**6))
    wire = desk.swap()
    desk.relay.send_bundle([wire])
    assert (desk.seen, desk.chain.history.find(wire.signature)) == ([wire.signature], None)


def guarded(*signers: Keypair, name: str = "jitodontfront111111111111111111111111111111") -> Instruction:
    return Instruction(
        MEMO,
        b"first",
        [
            *(AccountMeta(one.pubkey(), True, False) for one in signers),
            AccountMeta(Pubkey.from_string(name), False, False),
        ],
    )


def test_a_guarded_transaction_comes_first() -> None:
    desk = Desk()
    plain = desk.signed(transfer(BOB, ALICE, 1), tip(BOB), signers=(BOB,))
    first = desk.signed(tip(), guarded(ALICE), signers=(ALICE,))
    shares = desk.signed(transfer(MAKER, ALICE, 1), guarded(ALICE, MAKER), signers=(MAKER, ALICE))
    stranger = desk.signed(transfer(MAKER, ALICE, 2), guarded(MAKER), signers=(MAKER,))
    for bundle, allowed in (
        ([first, plain], True),
        ([first, shares, plain], True),
        ([plain, first], False),
        ([first, plain, shares], False),
        ([first, stranger], False),
    ):
        if allowed:
            desk.relay.send_bundle(bundle)
        else:
            with pytest.raises(RpcFault, match="jitodontfront must come first"):
                desk.relay.send_bundle(bundle)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (lambda desk: [], "1 to 5 transactions, got 0"),
        (lambda desk: [desk.swap(bonk=number + 1) for number in range(6)], "1 to 5 transactions, got 6"),
        (lambda desk: [desk.swap()] * 2, "duplicate transactions"),
        (lambda desk: [desk.signed(*swap(10**6, 1))], "must write lock at least one tip account"),
    ],
)
def test_refused_bundles(bundle: Callable[[Desk], list[Wire]], message: str) -> None:
    desk = Desk()
    with pytest.raises(RpcFault, match=message):
        desk.relay.send_bundle(bundle(desk))


def test_a_fork_takes_a_landed_bundle_back() -> None:
    desk = Desk()
    bundle_id = desk.relay.send_bundle([desk.swap()])
    desk.chain.advance_slot()
    desk.chain.rollback(2, reland_ppm=0)
    bundle = desk.relay.find(bundle_id)
    assert bundle is not None
    assert (bundle.state, desk.relay.landed(bundle)) == (BundleState.LANDED, [])  # No status of a relay is an outcome.


@pytest.mark.parametrize(
    "terms",
    [
        {"landing_ppm": -1},
        {"leak_ppm": 1_000_001},
        {"slots": 0},
        {"requests_per_s": -1},
        {"tip_min_lamports": -1},
        {"tip_floor_lamports": (5, 4, 6, 7, 8)},
    ],
)
def test_terms_that_make_no_sense(terms: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="relay"):
        RelayTerms(**terms)


# Over HTTP


class Client:
    def __init__(self, net: Localnet, http: aiohttp.ClientSession) -> None:
        self.net, self.http = net, http

    async def post(self, path: str, method: str, *params: object) -> tuple[int, Any, str | None]:
        body = {"id": 1, "jsonrpc": "2.0", "method": method, "params": list(params)}
        async with self.http.post(f"{self.net.relay_url}/{path}", json=body) as answered:
            return answered.status, await answered.json(content_type=None), answered.headers.get("x-bundle-id")


def serving(story: Callable[[Client], Awaitable[None]], terms: RelayTerms = UNLIMITED) -> None:
    async def run() -> None:
        async with Localnet(slot_ms=3_600_000, relay=terms) as net, aiohttp.ClientSession() as http:
            furnish(net.chain)
            await asyncio.wait_for(story(Client(net, http)), 60)

    asyncio.run(run())


def raw_swap(client: Client, tipped: int | None = TIP) -> bytes:
    more = [] if tipped is None else [tip(lamports=tipped)]
    return signed([*swap(10**6, 10**5), *more], (ALICE, MAKER), client.net.chain.blocks.head.blockhash)


def in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_a_transaction_as_a_bundle_of_its_own() -> None:
    async def story(client: Client) -> None:
        raw = raw_swap(client)
        signature = signature_of(raw)
        status, answer, bundle_id = await client.post(
            "transactions?bundleOnly=true", "sendTransaction", in_base64(raw), {"encoding": "base64"}
        )
        assert (status, answer) == (200, {"jsonrpc": "2.0", "result": signature, "id": 1})
        assert bundle_id == hashlib.sha256(signature.encode()).hexdigest()
        _, answer, _ = await client.post("getBundleStatuses", "getBundleStatuses", [bundle_id, "00"])
        assert answer["result"]["value"] == [None, None]
        _, answer, _ = await client.post("getInflightBundleStatuses", "getInflightBundleStatuses", [bundle_id, "00"])
        assert answer["result"]["value"] == [
            {"bundle_id": bundle_id, "status": "Pending", "landed_slot": None},
            {"bundle_id": "00", "status": "Invalid", "landed_slot": None},
        ]
        slot = client.net.chain.advance_slot().slot
        _, answer, _ = await client.post("getBundleStatuses", "getBundleStatuses", [bundle_id])
        assert answer["result"]["value"] == [
            {
                "bundle_id": bundle_id,
                "transactions": [signature],
                "slot": slot,
                "confirmation_status": "processed",
                "err": {"Ok": None},
            }
        ]
        _, answer, _ = await client.post("bundles", "getInflightBundleStatuses", [bundle_id])
        assert answer["result"]["value"] == [{"bundle_id": bundle_id, "status": "Landed", "landed_slot": slot}]

    serving(story)


def test_a_bundle_in_both_encodings() -> None:
    async def story(client: Client) -> None:
        raw = raw_swap(client)
        _, answer, _ = await client.post("bundles", "sendBundle", [in_base64(raw)], {"encoding": "base64"})
        assert answer["result"] == hashlib.sha256(signature_of(raw).encode()).hexdigest()
        status, answer, _ = await client.post("bundles", "sendBundle", [in_base64(raw)])
        assert (status, answer["error"]["code"]) == (400, -32602)  # The documented default is base58.

    serving(story)


def test_a_transaction_outside_of_the_auction_needs_no_tip_and_may_fail() -> None:
    async def story(client: Client) -> None:
        raw = raw_swap(client, tipped=None)
        told = await client.post("transactions", "sendTransaction", in_base64(raw), {"encoding": "base64"})
        assert told == (200, {"jsonrpc": "2.0", "result": signature_of(raw), "id": 1}, None)
        refused = await client.post(
            "transactions?bundleOnly=true", "sendTransaction", in_base64(raw), {"encoding": "base64"}
        )
        message = "Bundles must write lock at least one tip account to be eligible for the auction."
        assert refused == (400, {"jsonrpc": "2.0", "error": {"code": -32602, "message": message}, "id": 1}, None)
        blockhash = client.net.chain.blocks.head.blockhash
        doomed = signed([move_tokens(MAKER, ALICE, BONK, 10**12)], (MAKER,), blockhash)
        await client.post("transactions", "sendTransaction", in_base64(doomed), {"encoding": "base64"})
        client.net.chain.advance_slot()
        landed = client.net.chain.history.find(signature_of(doomed))
        assert landed is not None
        assert landed.err is not None

    serving(story)


def test_tip_accounts_and_tip_floor() -> None:
    async def story(client: Client) -> None:
        _, answer, _ = await client.post("getTipAccounts", "getTipAccounts")
        assert answer["result"] == list(TIP_ACCOUNTS)
        async with client.http.get(f"{client.net.relay_url}/bundles/tip_floor") as answered:
            (floor,) = json.loads(await answered.text())
        assert floor.pop("time").endswith(("Z", "+00:00"))
        assert floor == {
            "landed_tips_25th_percentile": 6.001e-06,
            "landed_tips_50th_percentile": 1e-05,
            "landed_tips_75th_percentile": 3.6196e-05,
            "landed_tips_95th_percentile": 0.001447905,
            "landed_tips_99th_percentile": 0.010007999,
            "ema_landed_tips_50th_percentile": 1e-05,
        }

    serving(story)


def test_one_request_a_second_over_all_callers_and_methods() -> None:
    async def story(client: Client) -> None:
        answers = [await client.post("getTipAccounts", "getTipAccounts")]
        raw = raw_swap(client)
        answers.append(await client.post("transactions?bundleOnly=true", "sendTransaction", in_base64(raw)))
        assert answers[0][0] == 200
        message = "Rate limit exceeded. Limit: 1 per second for txn requests"
        error = {"code": -32097, "message": message, "data": None}
        assert answers[1] == (429, {"jsonrpc": "2.0", "error": error, "id": None}, None)
        assert client.net.chain.history.find(signature_of(raw)) is None

    serving(story, RelayTerms())


def test_a_relay_that_is_down_or_silent_and_its_terms_over_rpc() -> None:
    async def story(client: Client) -> None:
        async def change(**terms: object) -> Any:
            body = {"id": 1, "jsonrpc": "2.0", "method": "overmind_setRelay", "params": [terms]}
            async with client.http.post(client.net.url, json=body) as answered:
                return await answered.json(content_type=None)

        assert (await change(down=True))["result"]["down"]
        async with client.http.post(f"{client.net.relay_url}/bundles", data=b"{}") as answered:
            assert answered.status == 503
        assert (await change(down=False, silence_ppm=10**6, silence_s=0.0))["result"]["requests_per_s"] == 0
        with pytest.raises(aiohttp.ClientError):
            await client.post("getTipAccounts", "getTipAccounts")
        wrong = await change(landing_ppm=-5)
        assert "relay.landing_ppm: -5 is no rate" in wrong["error"]["message"]
        assert (await change(reset=True))["result"]["requests_per_s"] == 1

    serving(story)


@pytest.mark.parametrize(
    ("path", "status"), [("nothing", 404), ("bundles/", 404), ("transactions", 400), ("getTipAccounts", 400)]
)
def test_wrong_paths_and_methods(path: str, status: int) -> None:
    async def story(client: Client) -> None:
        answered, *_ = await _tolerant(client, path)
        assert answered == status

    serving(story)


async def _tolerant(client: Client, path: str) -> tuple[int, str]:
    body = {"id": 1, "jsonrpc": "2.0", "method": "getNothing", "params": []}
    async with client.http.post(f"{client.net.relay_url}/{path}", json=body) as answered:
        return answered.status, await answered.text()
