"""The maker's trading without HTTP: offers, transactions and reservations.

It signs only what it built itself or has checked to be the same, and never promises more than it holds.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, TypeVar

from msgspec.structs import replace
from solders.pubkey import Pubkey

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.keys.secret_key import SecretKey
from overmind.ports import Clock, Prices
from overmind.sandbox.maker import legs, responses, wire
from overmind.sandbox.maker.account_cache import AccountCache
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import ClusterClient, RecentBlock
from overmind.sandbox.maker.cosigning import Offer, Tampered, cosign, read_offered
from overmind.sandbox.maker.drafts import Draft, budget_of, sign
from overmind.sandbox.maker.faults import Fault, spoil_draft
from overmind.sandbox.maker.honeypots import Honeypot, sour
from overmind.sandbox.maker.inventory import Inventory
from overmind.sandbox.maker.legs import Swap
from overmind.sandbox.maker.listing import Listed, listing
from overmind.sandbox.maker.quoting import Deal, NoDeal, Terms, deal, priced
from overmind.sandbox.maker.requests import SwapRequest, Unreadable

REMEMBERED_MAX: Final = 50_000  # orders and builds kept for /execute and /cosign: about 1 kB each
INSUFFICIENT: Final = "NO_ROUTES_FOUND: insufficient liquidity in the maker's inventory"
_NS_PER_MS: Final = 1_000_000

T = TypeVar("T")


class PreparedOrder(Value, frozen=True):
    """An order that was answered with a transaction."""

    swap: Swap
    message: bytes
    last_valid_height: int


class MakerMarket:
    """`currency` is the token that prices are quoted in; its own price is 1."""

    def __init__(
        self,
        cluster: ClusterClient,
        keypair: SecretKey,
        tokens: Mapping[Mint, Token],
        currency: Mint,
        prices: Prices,
        clock: Clock,
        terms: Terms,
        *,
        checks_funds: bool,
        first_order: int | None = None,
    ) -> None:
        self.maker: Pubkey = keypair.reveal().pubkey()
        self.listed: Mapping[Mint, Listed] = listing(tokens.values(), self.maker)
        self.inventory = Inventory(tokens)
        self.blockhashes = BlockhashCache(cluster, clock)
        self.honeypots: dict[Mint, Honeypot] = {}  # may be changed at any time
        self.orders: dict[str, PreparedOrder] = {}  # by request id, oldest first
        self.rent_of: Mapping[str, int] = {}  # lamports of rent for a new token account, by `Token.program`
        self._offers: dict[str, Offer] = {}  # offers of /build, by request id, oldest first
        self._cosigned: dict[str, bytes] = {}  # the one message that was signed for each offer
        self._accounts = AccountCache(cluster, clock)
        self._cluster = cluster
        self._keypair = keypair.reveal()
        self._currency = currency
        self._prices = prices
        self._clock = clock
        self._terms = terms
        self._checks_funds = checks_funds
        # By the clock: a restarted maker does not repeat earlier ids.
        self._number = clock.now_ns() // _NS_PER_MS if first_order is None else first_order
        self._name = str(self.maker)

    def next_number(self) -> int:
        """A number that no other request gets."""
        self._number += 1
        return self._number

    def request_id(self, number: int) -> str:
        digest = blake2b(f"{self._name}:{number}".encode(), digest_size=16).hexdigest()
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))

    async def order(self, swap_request: SwapRequest, fault: Fault | None = None) -> wire.OrderAnswer:
        """Answers /order. Raises Unreadable if it makes no offer, ChainSilent if it cannot build the transaction."""
        began_ns, number = self._clock.now_ns(), self.next_number()
        found = self._deal(swap_request, fault)
        answer = responses.quoted(swap_request, found, self._name, self.request_id(number), began_ns)
        if swap_request.taker is not None:
            swap = await self._swap(swap_request, swap_request.taker, found)
            answer = await self._with_transaction(answer, swap, number, swap_request, fault)
        return replace(answer, total_time=(self._clock.now_ns() - began_ns) / _NS_PER_MS)

    async def _with_transaction(
        self, answer: wire.OrderAnswer, swap: Swap, number: int, swap_request: SwapRequest, fault: Fault | None
    ) -> wire.OrderAnswer:
        budget = budget_of(swap, number, swap_request.priority_fee_lamports)
        tip = legs.tip(swap.taker, number, swap_request.tip_lamports)
        answer = replace(
            answer,
            prioritization_fee_lamports=budget.priority_lamports,
            rent_fee_lamports=self.rent_of[swap.wanted.token.program] if swap.creates_account else 0,
        )
        short = await self._shortfall(answer, swap, swap_request.tip_lamports) if self._checks_funds else None
        if short is not None:
            return responses.unbuilt(answer, short)
        block = await self.blockhashes.block()
        self._reserve(swap, block)
        draft = Draft(swap, swap.taker, budget, (*legs.legs(swap), *tip), block.hash)
        draft = sour(draft, self.honeypots.get(swap.given.token.mint))
        signed = sign(spoil_draft(draft, fault), self._keypair, self.maker)
        _remember(self.orders, answer.request_id, PreparedOrder(swap, signed.message, block.last_valid_height))
        return replace(
            answer,
            transaction=b64encode(signed.transaction).decode(),
            last_valid_block_height=str(block.last_valid_height),
            expire_at=str(self._clock.now_ns() // NS + int(self.blockhashes.life_s(block))),
        )

    async def build(self, swap_request: SwapRequest) -> wire.BuildAnswer:
        """Like `order`, for a trader who assembles the transaction. Nothing is reserved before /cosign."""
        if swap_request.taker is None:
            raise Unreadable("taker: missing; give the trader's public key")
        if swap_request.tip_lamports:
            raise Unreadable("jitoTipLamports: offered by /order alone; add the tip to what /build answers")
        number = self.next_number()
        request_id = self.request_id(number)
        found = self._deal(swap_request)
        swap = await self._swap(swap_request, swap_request.taker, found)
        block = await self.blockhashes.block()
        _remember(self._offers, request_id, Offer(swap, block))
        budget = budget_of(swap, number, swap_request.priority_fee_lamports)
        return responses.built(swap_request, found, swap, budget, block, self.blockhashes.at_ns, request_id)

    def cosign(self, transaction: bytes, request_id: str) -> bytes:
        """Signs one transaction per build. Raises Tampered, Unreadable."""
        offer = self._offers.get(request_id)
        if offer is None:
            raise Unreadable("requestId: no build with this id is remembered; build again")
        read = read_offered(transaction, offer)
        if self._cosigned.get(request_id, read.message) != read.message:
            raise Tampered("another transaction of this build was signed already; build again")
        if request_id not in self._cosigned:
            self._reserve(offer.swap, offer.block)
            _remember(self._cosigned, request_id, read.message)
        return cosign(read, self._keypair, self._name)

    def _deal(self, swap_request: SwapRequest, fault: Fault | None = None) -> Deal:
        ticks, now_ns = self._prices.ticks(), self._clock.now_ns()
        given, wanted = swap_request.given.token, swap_request.wanted.token
        in_price = priced(given.mint, self._currency, ticks, now_ns, self._terms)
        out_price = priced(wanted.mint, self._currency, ticks, now_ns, self._terms)
        if in_price is None or out_price is None:
            raise Unreadable("NO_ROUTES_FOUND: no fresh price of this pair")
        found = deal(given, wanted, swap_request.in_units, in_price, out_price, self._terms)
        if isinstance(found, NoDeal):
            raise Unreadable(found.error)
        if found.out_units > self.inventory.available(wanted.mint):
            raise Unreadable(INSUFFICIENT)
        return replace(found, out_units=max(1, found.out_units // 100)) if fault is Fault.PRICE_X100 else found

    async def _swap(self, swap_request: SwapRequest, taker: Pubkey, found: Deal) -> Swap:
        lacks = not swap_request.wanted.native and not await self._accounts.has_account(taker, swap_request.wanted)
        return Swap(taker, self.maker, swap_request.given, swap_request.wanted, found.in_units, found.out_units, lacks)

    def _reserve(self, swap: Swap, block: RecentBlock) -> None:
        """Reserves the payment out. Raises Unreadable. No await may come between this and the signature."""
        if not self.inventory.reserve(swap.wanted.token.mint, swap.out_units, block.last_valid_height):
            raise Unreadable(INSUFFICIENT)

    async def _shortfall(self, answer: wire.OrderAnswer, swap: Swap, tip_lamports: int) -> int | None:
        """The error code of what the trader lacks; None: it has enough."""
        lamports, units = await self._accounts.funds(swap.taker, swap.given)
        needed = (
            answer.signature_fee_lamports + answer.prioritization_fee_lamports + answer.rent_fee_lamports + tip_lamports
        )
        if units < swap.in_units:
            return responses.SHORT_OF_FUNDS
        if lamports < needed + swap.in_units * swap.given.native:
            return responses.SHORT_OF_SOL
        return None


def _remember(known: dict[str, T], request_id: str, value: T) -> None:
    while len(known) >= REMEMBERED_MAX:
        del known[next(iter(known))]
    known[request_id] = value
