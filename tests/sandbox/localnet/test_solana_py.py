"""An unmodified solana-py, AsyncClient and SolanaWsClient, on the localnet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from solana.exceptions import SolanaRpcException
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.rpc.responses import (
    AccountNotification,
    LogsNotification,
    SendTransactionResp,
    SignatureNotification,
    SlotNotification,
)
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from tests.support.transactions import ALICE, BOB, BONK, MAKER, SOL, USDC, held, swap, transfer

from overmind.sandbox.localnet import Faults, Localnet
from overmind.sandbox.localnet.tokens import TOKEN

SWAP_FEE = 13_000
SENT = TxOpts(preflight_commitment=Confirmed, max_retries=0)
PATIENCE_S = 60
"""Time in which a slow machine has surely done it."""


def day(story: Callable[[Localnet, AsyncClient], Awaitable[None]], faults: Faults | None = None) -> None:
    async def run() -> None:
        async with Localnet(slot_ms=20) as net, AsyncClient(net.url, commitment=Confirmed) as client:
            net.chain.create_mint(USDC, 6, TOKEN, None)
            net.chain.create_mint(BONK, 5, TOKEN, None)
            net.chain.set_faults(faults or Faults())
            await asyncio.wait_for(story(net, client), PATIENCE_S)

    asyncio.run(run())


async def fund(client: AsyncClient, *keypairs: Keypair) -> None:
    for keypair in keypairs:
        dropped = await client.request_airdrop(keypair.pubkey(), 10 * SOL)
        await client.confirm_transaction(dropped.value, Confirmed)


async def compiled(
    client: AsyncClient, *signers: Keypair, usdc: int = 10**6, bonk: int = 10**5
) -> VersionedTransaction:
    recent = (await client.get_latest_blockhash(Confirmed)).value.blockhash
    message = MessageV0.try_compile(signers[0].pubkey(), swap(usdc, bonk), [], recent)
    return VersionedTransaction(message, list(signers))


def stock(net: Localnet) -> None:
    for keypair, mint, amount in ((ALICE, USDC, 10**9), (MAKER, USDC, 0), (ALICE, BONK, 0), (MAKER, BONK, 10**8)):
        net.chain.mint_to(mint, str(keypair.pubkey()), amount)


def test_a_swap_from_airdrop_to_settlement() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        assert await client.is_connected()
        await fund(client, ALICE, MAKER)
        stock(net)
        net.chain.advance_slot()
        transaction = await compiled(client, ALICE, MAKER)
        simulated = (await client.simulate_transaction(transaction, commitment=Confirmed)).value
        assert simulated.err is None
        message = transaction.message
        assert isinstance(message, MessageV0)
        assert (await client.get_fee_for_message(message, Confirmed)).value == SWAP_FEE
        sent = await client.send_transaction(transaction, SENT)
        confirmed = (await client.confirm_transaction(sent.value, Confirmed)).value[0]
        assert confirmed is not None
        assert confirmed.err is None
        assert confirmed.confirmation_status is not None
        assert confirmed.confirmation_status != TransactionConfirmationStatus.Processed
        found = (
            await client.get_transaction(sent.value, commitment=Confirmed, max_supported_transaction_version=0)
        ).value
        assert found is not None
        meta = found.transaction.meta
        assert meta is not None
        assert meta.fee == meta.pre_balances[0] - meta.post_balances[0] == SWAP_FEE
        assert meta.pre_token_balances is not None
        assert meta.post_token_balances is not None
        moved = {
            (str(one.owner), str(one.mint)): int(one.ui_token_amount.amount) - int(before.ui_token_amount.amount)
            for one, before in zip(meta.post_token_balances, meta.pre_token_balances, strict=True)
        }
        assert moved[str(ALICE.pubkey()), BONK] == 10**5
        assert moved[str(ALICE.pubkey()), USDC] == -(10**6)
        assert (await client.get_balance(ALICE.pubkey())).value == 10 * SOL - SWAP_FEE

    day(story)


def test_tokens_and_accounts() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        await fund(client, ALICE, MAKER)
        stock(net)
        net.chain.advance_slot()
        by_program = TokenAccountOpts(program_id=Pubkey.from_string(TOKEN))
        parsed = await client.get_token_accounts_by_owner_json_parsed(ALICE.pubkey(), by_program, Confirmed)
        infos: list[Any] = [one.account.data.parsed for one in parsed.value]
        amounts = {one["info"]["mint"]: one["info"]["tokenAmount"]["uiAmount"] for one in infos}
        assert amounts == {USDC: 1_000.0, BONK: 0.0}
        by_mint = TokenAccountOpts(mint=Pubkey.from_string(BONK))
        listed = (await client.get_token_accounts_by_owner(MAKER.pubkey(), by_mint, Confirmed)).value
        assert [str(one.pubkey) for one in listed] == [held(MAKER, BONK)]
        assert int.from_bytes(listed[0].account.data[64:72], "little") == 10**8
        balance = await client.get_token_account_balance(Pubkey.from_string(held(ALICE, USDC)), Confirmed)
        assert balance.value.amount == str(10**9)
        assert (await client.get_token_supply(Pubkey.from_string(USDC), Confirmed)).value.amount == str(10**9)
        largest = await client.get_token_largest_accounts(Pubkey.from_string(BONK), Confirmed)
        assert sorted(one.amount.amount for one in largest.value) == ["0", str(10**8)]
        many = await client.get_multiple_accounts([ALICE.pubkey(), BOB.pubkey()], Confirmed)
        assert [one and one.lamports for one in many.value] == [10 * SOL, None]
        assert (await client.get_account_info(BOB.pubkey())).value is None
        rent = await client.get_minimum_balance_for_rent_exemption(165)
        assert rent.value == 2_039_280
        with pytest.raises(RPCException, match="could not find account"):
            await client.get_token_account_balance(BOB.pubkey(), Confirmed)

    day(story)


def test_the_cluster_and_its_history() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        await fund(client, ALICE)
        assert str((await client.get_genesis_hash()).value) == net.chain.genesis_hash
        epoch = (await client.get_epoch_info()).value
        assert epoch.absolute_slot != epoch.block_height
        assert (await client.get_block_height(Finalized)).value < (await client.get_block_height(Processed)).value
        assert (await client.get_slot(Finalized)).value < (await client.get_slot(Processed)).value
        listed = (await client.get_signatures_for_address(ALICE.pubkey(), commitment=Confirmed)).value
        assert len(listed) == 1
        block = (await client.get_block(listed[0].slot, max_supported_transaction_version=0)).value
        assert block is not None
        assert block.blockhash
        assert (await client.get_recent_prioritization_fees()).value
        assert (await client.get_version()).value.solana_core == "3.0.0"
        assert str((await client.get_identity()).value.identity) == net.chain.identity
        await client.get_epoch_schedule()
        await client.get_cluster_nodes()
        await client.get_vote_accounts()
        await client.get_supply()
        await client.get_slot_leader()
        await client.get_first_available_block()
        await client.get_minimum_ledger_slot()
        await client.get_blocks(epoch.absolute_slot - 5, epoch.absolute_slot)
        assert (await client.get_transaction_count()).value > 0

    day(story)


def test_refusals_are_parsed_and_not_a_panic() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        await fund(client, ALICE, MAKER)
        stock(net)
        net.chain.advance_slot()
        for transaction, words in (
            (await compiled(client, ALICE, MAKER, bonk=10**9), "custom program error: 0x1"),
            (
                VersionedTransaction.populate(
                    (await compiled(client, ALICE, MAKER)).message, [Signature.default()] * 2
                ),
                "SignatureVerificationFailure",
            ),
        ):
            with pytest.raises(RPCException, match=words):
                await client.send_transaction(transaction, SENT)
        good = await compiled(client, ALICE, MAKER)
        await client.confirm_transaction((await client.send_transaction(good, SENT)).value, Confirmed)
        with pytest.raises(RPCException, match="already been processed"):
            await client.send_transaction(good, SENT)
        assert (await client.get_balance(ALICE.pubkey())).value == 10 * SOL - SWAP_FEE

    day(story)


def test_refusals_by_fault_are_parsed_too() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        for faults, words in (
            (Faults(unhealthy_ppm=10**6), "behind"),
            (Faults(unhealthy_ppm=10**6, slots_behind=None), "unhealthy"),
            (Faults(min_context_ppm=10**6), "Minimum context slot"),
        ):
            net.chain.set_faults(faults)
            with pytest.raises(RPCException, match=words):
                await client.request_airdrop(ALICE.pubkey(), SOL)
        net.chain.set_faults(Faults(html_ppm=10**6))
        with pytest.raises(SolanaRpcException):
            await client.request_airdrop(ALICE.pubkey(), SOL)

    day(story)


def test_subscriptions() -> None:
    async def story(net: Localnet, client: AsyncClient) -> None:
        await fund(client, ALICE)
        async with SolanaWsClient(net.ws_url) as socket:
            await socket.slot_subscribe()
            await socket.account_subscribe(pubkey=BOB.pubkey(), commitment=Confirmed)
            await socket.logs_subscribe(filter_=RpcTransactionLogsFilterMentions(BOB.pubkey()), commitment=Confirmed)
            recent = (await client.get_latest_blockhash(Confirmed)).value.blockhash
            message = MessageV0.try_compile(ALICE.pubkey(), [transfer(ALICE, BOB, SOL)], [], recent)
            sent: SendTransactionResp = await client.send_transaction(VersionedTransaction(message, [ALICE]), SENT)
            await socket.signature_subscribe(signature=sent.value, commitment=Confirmed)
            heard: dict[type, object] = {}
            while len(heard) < 4:
                notification = await socket.recv()
                heard.setdefault(type(notification), notification)
            landed = heard[SignatureNotification]
            assert isinstance(landed, SignatureNotification)
            assert landed.result.value.err is None
            account = heard[AccountNotification]
            assert isinstance(account, AccountNotification)
            assert account.result.value.lamports == SOL
            logs = heard[LogsNotification]
            assert isinstance(logs, LogsNotification)
            assert logs.result.value.signature == sent.value
            assert isinstance(heard[SlotNotification], SlotNotification)
            await socket.signature_subscribe(signature=sent.value, commitment=Confirmed)  # it has landed already
            while not isinstance(await socket.recv(), SignatureNotification):
                pass

    day(story)
