"""Lands signed orders: sends the same bytes again and again until the chain has decided, then reports the outcome."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from typing import Final

import msgspec
from solders.pubkey import Pubkey
from solders.signature import Signature

from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.ports import ChainSilent, Clock
from overmind.sandbox.maker import wire
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import ClusterClient, LandedSwap
from overmind.sandbox.maker.market import MakerMarket, PreparedOrder
from overmind.solana.transactions import BadTransaction, Transaction, parse, signature_text

NO_ORDER, BAD_TRANSACTION, OTHER_MESSAGE = -1, -2, -3
NOT_LANDED, REVERTED, NOT_SIGNED = -1000, -1001, -1003
REMEMBERED_NS: Final = 120 * NS  # as documented: a request may be repeated for two minutes
RESEND_S: Final = 1.0
_POLL_MIN_S: Final = 0.02
_ENCODER: Final = msgspec.json.Encoder()


class NotExecuted(Exception):
    """Nothing was sent. Carries the reason and the API's code for it."""

    def __init__(self, error: str, code: int) -> None:
        super().__init__(error)
        self.error = error
        self.code = code


class _Begun(Value, frozen=True):
    running: asyncio.Task[wire.ExecuteAnswer]
    until_ns: int


class SwapExecution:
    def __init__(self, market: MakerMarket, cluster: ClusterClient, clock: Clock) -> None:
        self._market = market
        self._cluster = cluster
        self._clock = clock
        self._begun: dict[str, _Begun] = {}  # by request id, oldest first

    async def execute(self, signed_transaction: str, request_id: str) -> wire.ExecuteAnswer:
        """Lands the order. A repeated request gets the same answer. Raises NotExecuted."""
        self._forget()
        prepared = self._market.orders.get(request_id)
        if prepared is None:
            raise NotExecuted("no order with this requestId is remembered", NO_ORDER)
        raw, signature = _checked(signed_transaction, prepared)
        begun = self._begun.get(request_id)
        if begun is None:
            running = asyncio.create_task(self._land(raw, signature, prepared))
            begun = self._begun[request_id] = _Begun(running, self._clock.now_ns() + REMEMBERED_NS)
        return await asyncio.shield(begun.running)

    async def close(self) -> None:
        for begun in self._begun.values():
            begun.running.cancel()
        await asyncio.gather(*(begun.running for begun in self._begun.values()), return_exceptions=True)

    def _forget(self) -> None:
        now_ns = self._clock.now_ns()
        while self._begun:
            oldest = next(iter(self._begun))
            if self._begun[oldest].until_ns > now_ns or not self._begun[oldest].running.done():
                return
            del self._begun[oldest]

    async def _land(self, raw: bytes, signature: str, prepared: PreparedOrder) -> wire.ExecuteAnswer:
        landed = await land(
            self._cluster, self._market.blockhashes, self._clock, raw, signature, prepared.last_valid_height
        )
        if landed is None:
            return wire.ExecuteAnswer("Failed", signature, NOT_LANDED, error="Transaction failed to land")
        if landed.err is not None:
            error = f"Transaction failed: {_ENCODER.encode(landed.err).decode()}"
            return wire.ExecuteAnswer("Failed", signature, REVERTED, slot=str(landed.slot), error=error)
        return _success(signature, landed.slot, prepared)


async def land(
    cluster: ClusterClient,
    blockhashes: BlockhashCache,
    clock: Clock,
    raw: bytes,
    signature: str,
    last_valid_height: int,
) -> LandedSwap | None:
    """Sends until the outcome is known. None: it did not land and, by this node's word, never will."""
    sent_at_ns: int | None = None
    while True:
        try:
            # Read before the status, or the transaction could land between the two reads.
            height = await cluster.height()
            landed = await cluster.status(signature, in_history=height > last_valid_height)
            if landed is not None and landed.confirmed:
                return landed
            if height > last_valid_height and landed is None:
                return None
            if sent_at_ns is None or clock.now_ns() - sent_at_ns > RESEND_S * NS:
                sent_at_ns = clock.now_ns()
                await cluster.send(raw)
        except ChainSilent:
            pass  # No answer is no information; ask again.
        await clock.sleep(max(blockhashes.block_s, _POLL_MIN_S))


def _checked(signed_transaction: str, prepared: PreparedOrder) -> tuple[bytes, str]:
    """The bytes to send and their signature. Raises NotExecuted."""
    try:
        transaction = parse(b64decode(signed_transaction, validate=True))
    except (binascii.Error, ValueError, BadTransaction):
        raise NotExecuted("signedTransaction is not a transaction in base64", BAD_TRANSACTION) from None
    if transaction.message != prepared.message:
        raise NotExecuted("the message is not that of the order", OTHER_MESSAGE)
    if transaction.unsigned() or not _signed_by_payer(transaction):
        raise NotExecuted("not fully signed, or a signature is wrong", NOT_SIGNED)
    return transaction.raw, signature_text(transaction.signatures[0])


def _signed_by_payer(transaction: Transaction) -> bool:
    payer, signature = Pubkey.from_string(transaction.keys[0]), Signature(transaction.signatures[0])
    return signature.verify(payer, transaction.message)


def _success(signature: str, slot: int, prepared: PreparedOrder) -> wire.ExecuteAnswer:
    swap = prepared.swap
    given, wanted, paid, got = swap.given.token.mint, swap.wanted.token.mint, str(swap.in_units), str(swap.out_units)
    return wire.ExecuteAnswer(
        status="Success",
        signature=signature,
        code=0,
        slot=str(slot),
        total_input_amount=paid,
        total_output_amount=got,
        input_amount_result=paid,
        output_amount_result=got,
        swap_events=(wire.SwapEvent(given, paid, wanted, got),),
    )
