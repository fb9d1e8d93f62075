"""A swap server with a market maker, honest or not: `ports.Swaps`, and a signer that checks every signature."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import msgspec
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from tests.sim.books import ten_to
from tests.sim.checks import Auditor
from tests.sim.forks import LIFE_BLOCKS, Chain
from tests.sim.nodes import SimRpc
from tests.sim.runtime import account_of
from tests.sim.world import TOKENS, USDC, ProcessKiller, SimPrices

from overmind.core.model.enums import Side
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Expired, Rejected
from overmind.core.model.units import BPS
from overmind.keys.secret_key import SecretKey
from overmind.ports import NO_BID, Bid, SwapOffer, VenueUnavailable
from overmind.solana import tokens
from overmind.solana.signer import LocalSigner
from overmind.solana.transactions import signature_text

UNITS_MAX: Final = 2**64 - 1
LIMIT_UNITS: Final = 60_000
MINTS: Final = {token.mint: Pubkey.from_string(token.mint) for token in (USDC, *TOKENS)}
LISTED: Final = {token.mint: token for token in (USDC, *TOKENS)}
STRANGER: Final = Pubkey(hashlib.blake2b(b"a stranger", digest_size=32).digest())


def keypair_of(name: str) -> Keypair:
    return Keypair.from_seed(hashlib.blake2b(name.encode(), digest_size=32).digest())


def program_of(token: Token) -> Pubkey:
    return tokens.TOKEN_PROGRAMS[token.program]


MAKER: Final = keypair_of("the maker")


class Draft(msgspec.Struct):
    """A transaction in the making; each part may be spoilt."""

    payer: Pubkey
    setup: list[Instruction]
    pay_in: list[Instruction]
    pay_out: list[Instruction]
    cleanup: list[Instruction]
    budget: list[Instruction]
    signed: bool = True  # by the maker

    @property
    def instructions(self) -> list[Instruction]:
        return [*self.budget, *self.setup, *self.pay_in, *self.pay_out, *self.cleanup]


class SimSwaps:
    def __init__(
        self, random: Random, chain: Chain, prices: SimPrices, killer: ProcessKiller, seen: Counter[str], fault: float
    ) -> None:
        self.maker = MAKER.pubkey()
        self.spoilt: dict[bytes, str] = {}  # messages that must never be signed
        self.posed: dict[bytes, bytes] = {}  # transactions that behave differently in a simulation
        self.orders: dict[bytes, Order] = {}  # by message
        self.blockhashes: dict[bytes, str] = {}
        self._random = random
        self._chain = chain
        self._prices = prices
        self._killer = killer
        self._seen = seen
        self._fault = fault
        self._malice = random.choice((0.0, 0.0, 0.1, 0.6))
        self._made = 0

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        await self._network()
        random = self._random
        if random.random() < self._fault / 2:
            self._seen["offer refused"] += 1
            return Rejected(random.choice((Cause.NO_LIQUIDITY, Cause.ROUTE_DOWN, Cause.WALLET_FUNDS)), "no")
        price = self._prices.price(order.mint)
        if price is None:
            return Rejected(Cause.PRICE_UNAVAILABLE, "no price in this venue")
        out = order.received_min if self._prices.servers.is_lying(order.mint) else self._out(order, price)
        if not 0 < out <= UNITS_MAX or order.spend.units > UNITS_MAX:
            return Rejected(Cause.NO_LIQUIDITY, f"{out} base units")
        if out < order.received_min:
            self._seen["offer below the minimum"] += 1
        return self._offer(order, Pubkey.from_string(taker), out)

    async def _network(self) -> None:
        self._killer.call()
        await asyncio.sleep(self._random.uniform(0.005, 0.3))
        self._killer.call()
        if self._random.random() < self._fault:
            self._seen["offer not answered"] += 1
            raise VenueUnavailable("the swap server does not answer")

    def _out(self, order: Order, price_pico: int) -> int:
        scale, kept = ten_to(LISTED[order.mint].decimals + 6), BPS - self._random.randrange(6)
        if order.side is Side.BUY:
            return order.spend.units * scale * kept // (price_pico * BPS)
        return order.spend.units * price_pico * kept // (scale * BPS)

    def _offer(self, order: Order, taker: Pubkey, out: int) -> SwapOffer:
        least = max(1, min(out, order.received_min + self._random.randint(0, max(0, out - order.received_min))))
        draft, spoilt, honest = self._draft(order, taker, least), None, b""
        if self._random.random() < self._malice:
            honest, _ = self._compiled(draft)
            spoilt = self._spoil(order, taker, draft, least)
        raw, message = self._compiled(draft)
        if spoilt is not None:
            self.spoilt[message] = spoilt
            self.posed[raw] = honest
            self._seen[f"offer: {spoilt}"] += 1
        elif least < order.received_min:
            self.spoilt[message] = "too little"
        self.orders[message] = order
        offer = SwapOffer(order.spend.mint, order.receive, order.spend.units, out, least, 0, raw, self._claim(message))
        return self._misdescribe(order, offer, message) if self._random.random() < self._fault / 4 else offer

    def _draft(self, order: Order, taker: Pubkey, out: int) -> Draft:
        given, wanted, maker = LISTED[order.spend.mint], LISTED[order.receive], self.maker
        price = self._random.choice((0, 50_000, 1_000_000))
        draft = Draft(
            taker,
            [],
            [_pay(taker, maker, given, order.spend.units)],
            [_pay(maker, taker, wanted, out)],
            [],
            [set_compute_unit_limit(LIMIT_UNITS), set_compute_unit_price(price)],
        )
        if given.mint == SOL:
            wrapped = account_of(taker, given)
            draft.setup = [
                _create(taker, taker, given),
                tokens.system_transfer(taker, wrapped, order.spend.units),
                tokens.sync_native(wrapped),
            ]
            draft.cleanup = [tokens.close_account(wrapped, taker, taker, program_of(given))]
        draft.setup.append(_create(taker, taker, wanted))
        if wanted.mint == SOL:
            draft.cleanup = [tokens.close_account(account_of(taker, wanted), taker, taker, program_of(wanted))]
        return draft

    def _spoil(self, order: Order, taker: Pubkey, draft: Draft, out: int) -> str:
        """Changes a transaction like a thief or a broken server would. It must never be signed."""
        given, wanted, maker = LISTED[order.spend.mint], LISTED[order.receive], self.maker
        other = self._random.choice([token for token in LISTED.values() if token.mint not in (given.mint, wanted.mint)])
        spend = order.spend.units

        def more(units: int) -> list[Instruction]:
            return [_pay(taker, maker, given, units)]

        drained = account_of(taker, other)
        approve = _raw(program_of(given), bytes([13]) + spend.to_bytes(8, "little") + bytes([given.decimals]), taker)
        authority = _raw(program_of(given), bytes([6, 2, 1]) + bytes(STRANGER), taker)
        ways: dict[str, dict[str, list[Instruction]]] = {
            "drains the spent token": {"pay_in": more(spend), "cleanup": [*draft.cleanup, *more(1)]},
            "takes more": {"pay_in": more(min(UNITS_MAX, 2 * spend))},
            "takes another token": {
                "pay_in": more(max(1, spend - 1)),
                "cleanup": [*draft.cleanup, _pay(taker, maker, other, 1)],
            },
            "drains lamports": {"setup": [*draft.setup, tokens.system_transfer(taker, STRANGER, 1_000_000)]},
            "pays another token out": {"pay_out": [_pay(maker, taker, other, out)]},
            "pays too little": {"pay_out": [_pay(maker, taker, wanted, order.received_min - 1)]},
            "pays a stranger": {"pay_out": [_pay(maker, STRANGER, wanted, out)]},
            "pays nothing": {"pay_out": []},
            "has no compute limit": {"budget": draft.budget[1:]},
            "has an absurd fee": {"budget": [set_compute_unit_limit(1_400_000), set_compute_unit_price(10**9)]},
            "repeats its compute limit": {"budget": [*draft.budget, set_compute_unit_limit(1_400_000)]},
            "is durable by a nonce": {"setup": [_nonce(taker), *draft.setup]},
            "empties a nonce account": {"setup": [_nonce_withdrawal(taker), *draft.setup]},
            "approves a delegate": {"cleanup": [*draft.cleanup, approve]},
            "gives the account away": {"cleanup": [*draft.cleanup, authority]},
            "closes an account of ours": {
                "cleanup": [*draft.cleanup, tokens.close_account(drained, STRANGER, taker, program_of(other))]
            },
            "runs an unknown program": {"cleanup": [*draft.cleanup, _raw(STRANGER, b"\x01", taker)]},
            "makes us pay for a stranger's account": {"setup": [*draft.setup, _create(taker, STRANGER, wanted)]},
        }
        if given.mint == SOL:
            drain = tokens.system_transfer(taker, STRANGER, order.spend.units)
            ways["wraps for a stranger"] = {"setup": [draft.setup[0], drain, *draft.setup[2:]]}
        if wanted.mint == SOL or given.mint == SOL:
            unwrapped = account_of(taker, LISTED[SOL])
            ways["unwraps to a stranger"] = {
                "cleanup": [tokens.close_account(unwrapped, STRANGER, taker, tokens.TOKEN_PROGRAM)]
            }
        others = ("has another fee payer", "is not signed by the maker")
        of_sol = sorted(way for way in ways if "wraps" in way)
        what = self._random.choice(of_sol if of_sol and self._random.random() < 0.7 else sorted((*ways, *others)))
        for part, instructions in ways.get(what, {}).items():
            setattr(draft, part, instructions)
        if what == "has another fee payer":
            draft.payer = maker
        draft.signed = what != "is not signed by the maker"
        return what

    def _compiled(self, draft: Draft) -> tuple[bytes, bytes]:
        self._made += 1
        salt = set_compute_unit_limit(LIMIT_UNITS + self._made)  # No two transactions are ever the same.
        if draft.budget and draft.budget[0].data == set_compute_unit_limit(LIMIT_UNITS).data:
            draft.budget[0] = salt
        message = MessageV0.try_compile(draft.payer, draft.instructions, [], Hash.from_string(self._blockhash()))
        signed = to_bytes_versioned(message)
        self.blockhashes[signed] = str(message.recent_blockhash)
        signatures = [Signature.default()] * message.header.num_required_signatures
        keys = message.account_keys[: len(signatures)]
        if draft.signed and self.maker in keys:
            signatures[keys.index(self.maker)] = MAKER.sign_message(signed)
        return bytes(VersionedTransaction.populate(message, signatures)), signed

    def _blockhash(self) -> str:
        """The server's own node may be ahead of ours, far behind, or on the losing branch."""
        chain, random = self._chain, self._random
        chain.catch_up()
        tip = random.choice(chain.tips)
        age = random.choices((0, 2, 20, LIFE_BLOCKS - 5, LIFE_BLOCKS + 10), (60, 25, 10, 3, 2))[0]
        self._seen["old blockhash"] += age > 20
        return tip.at_height(tip.height - age).hash

    def _claim(self, message: bytes) -> int:
        """The claimed last valid height: mostly correct, otherwise too low or absurd."""
        valid = self._chain.hashes[self.blockhashes[message]].height + LIFE_BLOCKS
        luck = self._random.random()
        if luck > self._fault:
            return valid
        self._seen["wrong claim"] += 1
        return self._random.choice((0, valid - LIFE_BLOCKS, valid - 20, valid + 100, valid + 10_000, UNITS_MAX))

    def _misdescribe(self, order: Order, offer: SwapOffer, message: bytes) -> SwapOffer:
        """Makes the description differ from the transaction."""
        change = msgspec.structs.replace
        lies = {
            "other input": change(offer, input_mint=Mint("OTHER")),
            "other output": change(offer, output_mint=Mint("OTHER")),
            "other amount": change(offer, in_units=offer.in_units + 1),
            "guarantees too little": change(offer, out_min_units=order.received_min - 1),
            "contradicts itself": change(offer, out_min_units=offer.out_units + 1),
            "high impact": change(offer, impact_bps=order.slippage_max_bps + 1),
            "no transaction": change(offer, transaction=b""),
            "truncated": change(offer, transaction=offer.transaction[: self._random.randrange(len(offer.transaction))]),
        }
        what = self._random.choice(sorted(lies))
        self._seen[f"description: {what}"] += 1
        if what not in ("guarantees too little", "contradicts itself"):
            self.spoilt.setdefault(message, f"described with {what}")
        return lies[what]


class SimSigner:
    """`ports.Signer`: the real one, called over a network, and checked against the truth."""

    def __init__(
        self,
        random: Random,
        keys: Mapping[WalletId, Keypair],
        swaps: SimSwaps,
        rpc: SimRpc,
        chain: Chain,
        auditor: Auditor,
        killer: ProcessKiller,
    ) -> None:
        self.check_bought: Callable[[Mint], None] = lambda _: None
        self._signer = LocalSigner(map(SecretKey, keys.values()))
        self._random = random
        self._swaps = swaps
        self._rpc = rpc
        self._chain = chain
        self._auditor = auditor
        self._killer = killer

    async def sign(self, public_key: str, message: bytes) -> bytes:
        spoilt = self._swaps.spoilt.get(message)
        assert spoilt is None, f"signed, although it {spoilt}"
        self._killer.call()
        await asyncio.sleep(self._random.uniform(0.0, 0.05))
        self._killer.call()
        order = self._swaps.orders.get(message)
        if order is not None:
            self._check_earlier(order)
            if order.is_entry:
                self.check_bought(order.mint)
                self.check_bought(order.spend.mint)
        signature = await self._signer.sign(public_key, message)
        self._rpc.signed(signature_text(signature), order)
        return signature

    def _check_earlier(self, order: Order) -> None:
        """An earlier ticket of the same order must never be able to land any more."""
        books = self._auditor.books
        assert order.id not in books.tickets, f"{order.id} is signed again"
        for order_id, ticket in books.tickets.items():
            if order_id in books.moves:
                continue
            signal_id, part, _ = order_id.rsplit(".", 2)
            if (signal_id, int(part)) != (order.signal_id, order.part) or ticket.signature not in self._rpc.sent:
                continue
            assert isinstance(books.outcomes.get(order_id), Expired), f"{order.id} is signed after {order_id}"
            gone = self._chain.cannot_be_taken(ticket.signature, ticket.blockhash)
            assert gone, f"{order.id} is signed, and {order_id} may still land"


def _pay(source: Pubkey, target: Pubkey, token: Token, units: int) -> Instruction:
    program = program_of(token)
    accounts = account_of(source, token), account_of(target, token)
    return tokens.transfer_checked(accounts[0], MINTS[token.mint], accounts[1], source, units, token.decimals, program)


def _create(payer: Pubkey, owner: Pubkey, token: Token) -> Instruction:
    return tokens.create_ata_idempotent(payer, owner, MINTS[token.mint], program_of(token))


def _raw(program: Pubkey, data: bytes, signer: Pubkey) -> Instruction:
    return Instruction(program, data, [AccountMeta(signer, True, True)])


def _nonce_withdrawal(authority: Pubkey) -> Instruction:
    accounts = [AccountMeta(STRANGER, False, True), AccountMeta(authority, True, True)]
    return Instruction(tokens.SYSTEM_PROGRAM, b"\x05\x00\x00\x00" + (1).to_bytes(8, "little"), accounts)


def _nonce(authority: Pubkey) -> Instruction:
    accounts = [AccountMeta(STRANGER, False, True), AccountMeta(STRANGER, False, False)]
    return Instruction(tokens.SYSTEM_PROGRAM, b"\x04\x00\x00\x00", [*accounts, AccountMeta(authority, True, False)])
