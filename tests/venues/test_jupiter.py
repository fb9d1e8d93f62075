"""The venue on a cluster: what it signs, how long a ticket lives, and when it counts as expired."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import pytest
from msgspec.structs import replace
from tests.support.hostile_transactions import (
    BONK,
    FEE_MAX,
    LISTED,
    OWNER,
    PAIRS,
    SOL_TOKEN,
    SPEND,
    USDC,
    address,
    offered,
    order,
    swap,
)
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.order import Order, Quote, Ticket
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import NS
from overmind.keys.secret_key import SecretKey
from overmind.ports import (
    NO_BID,
    Allowed,
    Bid,
    ChainSilent,
    ChainTip,
    Effects,
    Node,
    Priority,
    Simulation,
    Status,
    SwapOffer,
    TokenBalance,
    VenueUnavailable,
    always,
)
from overmind.solana.signer import LocalSigner
from overmind.solana.transactions import parse
from overmind.venues.jupiter import BLOCKHASH_BLOCKS, CLAIM_BLOCKS_MAX, DENIALS, JupiterVenue

T = TypeVar("T")
US = str(OWNER.pubkey())
HEIGHT, SLOT, FEE, RECEIVED = 1_000, 1_200, 20_000, 40 * 10**6
BOUND = HEIGHT + BLOCKHASH_BLOCKS
WANTED = order(USDC, BONK, mark_pico=10**12)


def run(asked: Awaitable[T]) -> T:
    async def ask() -> T:
        return await asked

    return asyncio.run(ask())


PLACES = (str(address(USDC)), str(address(BONK)))


def effects(error: str | None = None, *, spent: int = SPEND, got: int = RECEIVED, rent: int = 0) -> Effects:
    balances = (TokenBalance(1, USDC.mint, US, spent, 0), TokenBalance(2, BONK.mint, US, 0, got))
    return Effects(error, FEE, (US, *PLACES), (10**9, 5, 0), (10**9 - FEE - rent, 5, rent), balances, SLOT, 2)


def elsewhere(index: int, *places: str) -> Effects:
    """The same balances, in other accounts."""
    told = effects()
    return replace(told, accounts=(*told.accounts[:index], *places, *told.accounts[index + len(places) :]))


def stranger() -> Effects:
    told = effects()
    return replace(told, tokens=(*told.tokens, TokenBalance(2, BONK.mint, "mallory", 0, 1)))


class FakeNode:
    """A provider with its final height and its history. It may lag, be silent or have no old history."""

    def __init__(self, height: int = BOUND + 1, *answers: Status | ChainSilent | None) -> None:
        self.name = "a node"
        self.height = height
        self.answers = answers or (None,)  # the last one repeats
        self.asked = 0
        self.first = 0
        self.silent = False

    async def finalized(self) -> ChainTip:
        if self.silent:
            raise ChainSilent("no")
        return ChainTip(self.height + 200, self.height)

    async def first_slot(self) -> int:
        return self.first

    async def status_in_history(self, signature: str, slot_min: int) -> Status | None:
        assert slot_min == self.height + 200
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, ChainSilent):
            raise answer
        return answer


class FakeChain:
    def __init__(self, *nodes: FakeNode) -> None:
        self.nodes: Sequence[Node] = nodes
        self.simulated: Effects | ChainSilent = effects()
        self.told: Status | None = None
        self.landed: Effects | None = None
        self.priorities: list[Priority] = []

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        self.priorities.append(priority)
        if isinstance(self.simulated, ChainSilent):
            raise self.simulated
        return Simulation(self.simulated, HEIGHT)

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        self.priorities.append(priority)
        raise ChainSilent("no node took it")

    async def status(self, signature: str) -> Status | None:
        return self.told

    async def effects(self, signature: str) -> Effects | None:
        return self.landed

    async def wait(self, signature: str, seconds: float) -> None:
        raise AssertionError("not asked for here")


class FakeSwaps:
    def __init__(self, offer: SwapOffer | Rejected | None = None) -> None:
        self.offer = offer

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        assert taker == US
        if self.offer is None:
            raise VenueUnavailable("no answer")
        return self.offer


class CountingSigner:
    def __init__(self) -> None:
        self.signed: list[bytes] = []
        self._signer = LocalSigner([SecretKey(OWNER)])

    async def sign(self, public_key: str, message: bytes) -> bytes:
        self.signed.append(message)
        return await self._signer.sign(public_key, message)


class Stand:
    def __init__(self, *nodes: FakeNode, offer: SwapOffer | Rejected | None = None, booked_slot: int = 0) -> None:
        self.chain = FakeChain(*(nodes or (FakeNode(),)))
        self.signer = CountingSigner()
        self.clock = SteppingClock(10**18)
        keys = {WalletId("w1"): US}
        self.venue = JupiterVenue(
            FakeSwaps(offer), self.chain, self.signer, self.clock, keys, LISTED, lambda wallet_id: booked_slot
        )

    def outcome(self, ticket: Ticket) -> Outcome | None:
        return run(self.venue.outcome(WANTED, ticket))

    def follow_to_the_end(self, ticket: Ticket) -> Outcome | None:
        return self.final(ticket, FILLED)

    def final(self, ticket: Ticket, booked: Outcome) -> Outcome | None:
        return run(self.venue.final(WANTED, ticket, booked))


OFFER = SwapOffer(USDC.mint, BONK.mint, SPEND, RECEIVED, RECEIVED, 3, offered(swap(USDC, BONK)).raw, BOUND - 2)
TICKET = Ticket("a signature", b"some bytes", "a blockhash", BOUND)


def quoted(transaction: bytes = OFFER.transaction, claim: int = BOUND - 2, wanted: Order = WANTED) -> Quote:
    return Quote(
        wanted.id, wanted.spend, wanted.receive, RECEIVED, RECEIVED, 3, transaction=transaction, last_valid_height=claim
    )


# Quote.


def test_an_offer_becomes_a_quote() -> None:
    quote = run(Stand(offer=OFFER).venue.quote(WANTED))
    assert quote == quoted()


QUOTES = [
    (replace(WANTED, receive=Mint("unheard of")), Cause.PRICE_UNAVAILABLE),
    (replace(WANTED, mev_protected=True), Cause.NO_PROTECTED_ROUTE),
    (replace(WANTED, wallet_id=WalletId("w2")), Cause.NO_KEY),
    (replace(WANTED, received_min=RECEIVED + 1), Cause.LIMIT_PRICE),
    (replace(WANTED, received_min=RECEIVED + 1, mark_pico=10**13), Cause.LIMIT_PRICE),
    (replace(WANTED, received_min=RECEIVED + 1, mark_pico=10**6), Cause.SLIPPAGE),
]


@pytest.mark.parametrize(("wanted", "cause"), QUOTES)
def test_what_is_not_quoted(wanted: Order, cause: Cause) -> None:
    answer = run(Stand(offer=OFFER).venue.quote(wanted))
    assert isinstance(answer, Rejected)
    assert answer.cause is cause


def test_an_exit_needs_no_protection() -> None:
    wanted = order(BONK, USDC, mev_protected=True)
    offer = replace(OFFER, input_mint=BONK.mint, output_mint=USDC.mint)
    assert isinstance(run(Stand(offer=offer).venue.quote(wanted)), Quote)


def test_what_the_server_says_is_passed_on() -> None:
    refused = Rejected(Cause.NO_LIQUIDITY, "no route")
    assert run(Stand(offer=refused).venue.quote(WANTED)) is refused
    with pytest.raises(VenueUnavailable):
        run(Stand().venue.quote(WANTED))


# Sign.


@pytest.mark.parametrize(("claim", "bound"), [
    (0, BOUND),
    (BOUND - 1, BOUND),
    (BOUND, BOUND),
    (BOUND + 1, BOUND + 1),
    (BOUND + CLAIM_BLOCKS_MAX, BOUND + CLAIM_BLOCKS_MAX),
])  # fmt: skip
def test_the_bound_is_ours_or_a_later_one(claim: int, bound: int) -> None:
    """If it counted as expired too early, it would be executed twice."""
    stand = Stand()
    ticket = run(stand.venue.sign(WANTED, quoted(claim=claim)))
    assert isinstance(ticket, Ticket)
    assert ticket.last_valid_height == bound
    assert ticket.blockhash == parse(OFFER.transaction).blockhash


def test_what_is_signed_is_what_was_verified() -> None:
    stand = Stand()
    ticket = run(stand.venue.sign(WANTED, quoted()))
    assert isinstance(ticket, Ticket)
    read = parse(ticket.payload)
    assert stand.signer.signed == [parse(OFFER.transaction).message] == [read.message]
    assert read.signatures[1] == parse(OFFER.transaction).signatures[1]
    assert stand.chain.priorities == [Priority.ENTRY]


SIGNED_NOT = [
    ("another order's quote", replace(quoted(), order_id="s2.0.0"), effects(), Cause.BAD_QUOTE, "does not fit"),
    ("less than the minimum", replace(quoted(), received_min=WANTED.received_min - 1), effects(), Cause.BAD_QUOTE, ""),
    ("no transaction", quoted(b""), effects(), Cause.NOT_VERIFIED, ""),
    ("noise", quoted(b"\1" * 300), effects(), Cause.NOT_VERIFIED, ""),
    ("another swap", quoted(offered(swap(USDC, SOL_TOKEN)).raw), effects(), Cause.NOT_VERIFIED, ""),
    ("a claim beyond reason", quoted(claim=BOUND + CLAIM_BLOCKS_MAX + 1), effects(), Cause.BAD_QUOTE, "said to be"),
    ("it would revert", quoted(), effects('{"InstructionError":[3,{"Custom":1}]}'), Cause.REVERTED, "simulated: "),
    ("no lamports for it", quoted(), effects('"InsufficientFundsForFee"'), Cause.WALLET_FUNDS, "simulated: "),
    ("it takes more", quoted(), effects(spent=SPEND + 1), Cause.NOT_VERIFIED, "it spends 100000001"),
    ("the token keeps a fee", quoted(), effects(got=WANTED.received_min - 1), Cause.NOT_VERIFIED, "it receives"),
    ("it costs rent", quoted(), effects(rent=WANTED.rent_max_lamports + 1), Cause.NOT_VERIFIED, "its rent is"),
    ("nothing comes", quoted(), effects(got=0), Cause.NOT_VERIFIED, "received 0"),
    ("it comes elsewhere", quoted(), elsewhere(2, "b"), Cause.NOT_VERIFIED, "it changes b, which is no account"),
    ("it goes from elsewhere", quoted(), elsewhere(1, "a"), Cause.NOT_VERIFIED, "it changes a, which is no account"),
    ("both trade places", quoted(), elsewhere(1, PLACES[1], PLACES[0]), Cause.NOT_VERIFIED, "is shown as"),
    ("its owner changes", quoted(), stranger(), Cause.NOT_VERIFIED, f"{PLACES[1]} is shown as mallory's account"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "quote", "simulated", "cause", "words"), SIGNED_NOT, ids=[row[0] for row in SIGNED_NOT]
)
def test_what_is_not_signed(name: str, quote: Quote, simulated: Effects, cause: Cause, words: str) -> None:
    stand = Stand()
    stand.chain.simulated = simulated
    refused = run(stand.venue.sign(WANTED, quote))
    assert isinstance(refused, Rejected)
    assert refused.cause is cause
    assert words in refused.detail
    assert not stand.signer.signed


@pytest.mark.parametrize(("booked", "signs"), [(SLOT - 1, True), (SLOT, True), (SLOT + 1, False)])
def test_a_simulation_of_before_our_last_booking_says_nothing(booked: int, signs: bool) -> None:
    stand = Stand(booked_slot=booked)
    if signs:
        assert isinstance(run(stand.venue.sign(WANTED, quoted())), Ticket)
        return
    with pytest.raises(VenueUnavailable, match=f"slot {booked} is booked already"):
        run(stand.venue.sign(WANTED, quoted()))
    assert not stand.signer.signed


def test_one_transaction_is_not_signed_for_two_orders() -> None:
    """A server may offer it twice; it would land once and be booked twice. The same order may ask again."""
    stand, other = Stand(), replace(WANTED, id=OrderId("s2.0.0"))
    first = run(stand.venue.sign(WANTED, quoted()))
    assert run(stand.venue.sign(WANTED, quoted())) == first
    refused = run(stand.venue.sign(other, quoted(wanted=other)))
    assert refused == Rejected(Cause.BAD_QUOTE, "the same transaction was signed for order s1.0.0")


def test_a_transaction_of_an_earlier_process_is_not_signed_again() -> None:
    """It is followed from its ticket, so it is known."""
    ticket = run(Stand().venue.sign(WANTED, quoted()))
    assert isinstance(ticket, Ticket)
    other = replace(WANTED, id=OrderId("s2.0.0"))
    for stand, follow in ((Stand(FakeNode(HEIGHT)), Stand.outcome), (Stand(FakeNode(HEIGHT)), Stand.follow_to_the_end)):
        assert follow(stand, ticket) is None
        refused = run(stand.venue.sign(other, quoted(wanted=other)))
        assert isinstance(refused, Rejected)


def test_without_a_simulation_nothing_is_signed() -> None:
    stand = Stand()
    stand.chain.simulated = ChainSilent("the node does not know the transaction's blockhash")
    with pytest.raises(VenueUnavailable, match="blockhash"):
        run(stand.venue.sign(WANTED, quoted()))
    assert not stand.signer.signed


def test_a_sale_is_served_first() -> None:
    spend, receive = PAIRS[1]
    wanted = order(spend, receive)
    stand = Stand()
    stand.chain.simulated = Effects(
        None,
        FEE,
        (US, str(address(spend)), str(address(receive))),
        (10**9, 5, 5),
        (10**9 - FEE, 5, 5),
        (TokenBalance(1, spend.mint, US, SPEND, 0), TokenBalance(2, receive.mint, US, 0, RECEIVED)),
    )
    quote = quoted(offered(swap(spend, receive)).raw, wanted=wanted)
    assert isinstance(run(stand.venue.sign(wanted, quote)), Ticket)
    with pytest.raises(VenueUnavailable):
        run(stand.venue.send(wanted, TICKET))
    assert stand.chain.priorities == [Priority.EXIT, Priority.EXIT]


# Outcome. What landed.

PROCESSED, CONFIRMED, FINAL = (Status(SLOT, False, *stage) for stage in ((False, False), (True, False), (True, True)))
FILLED = Filled(SPEND, RECEIVED, FEE, 0, SLOT)


def test_a_landing_counts_when_it_is_confirmed() -> None:
    stand = Stand(FakeNode(HEIGHT))
    assert stand.outcome(TICKET) is None
    stand.chain.told, stand.chain.landed = PROCESSED, effects()
    assert stand.outcome(TICKET) is None
    stand.chain.told, stand.chain.landed = CONFIRMED, None
    assert stand.outcome(TICKET) is None  # The node that knows the status has no record yet.
    stand.chain.landed = effects()
    assert stand.outcome(TICKET) == FILLED
    stand.chain.landed = effects('{"InstructionError":[3,{"Custom":1}]}')
    assert isinstance(stand.outcome(TICKET), Failed)


def test_a_landing_that_is_not_what_was_ordered_stays_open() -> None:
    """It must not be booked; an operator must look at it."""
    stand = Stand()
    stand.chain.told = FINAL
    for landed in (effects(got=0), effects(spent=SPEND + 1), effects(got=WANTED.received_min - 1)):
        stand.chain.landed = landed
        with pytest.raises(VenueUnavailable, match="landed, but"):
            stand.outcome(TICKET)


def test_costs_that_nobody_foresaw_are_booked() -> None:
    """After a fork the account may have to be created again."""
    stand = Stand()
    stand.chain.told, stand.chain.landed = CONFIRMED, effects(rent=10 * FEE_MAX)
    assert stand.outcome(TICKET) == replace(FILLED, rent_lamports=10 * FEE_MAX)


# Outcome. The proof that it never will.

SILENT = ChainSilent("no")
PROOFS: list[tuple[str, list[FakeNode], Outcome | None]] = [
    ("nobody is past the bound", [FakeNode(BOUND), FakeNode(BOUND)], None),
    ("one is, and it is alone", [FakeNode(BOUND + 1)], Expired()),
    ("one is, the other not", [FakeNode(BOUND + 1), FakeNode(BOUND)], None),
    ("both are", [FakeNode(BOUND + 1), FakeNode(BOUND + 9)], Expired()),
    ("two of three are", [FakeNode(BOUND), FakeNode(), FakeNode()], Expired()),
    ("the other cannot tell", [FakeNode(), FakeNode(BOUND + 1, SILENT)], None),
    ("the only one cannot tell", [FakeNode(BOUND + 1, SILENT)], None),
    ("one knows better", [FakeNode(), FakeNode(), FakeNode(BOUND + 1, FINAL)], FILLED),
    ("one remembers when asked again", [FakeNode(BOUND + 1, None, FINAL)], FILLED),
    ("one remembers at last", [FakeNode(BOUND + 1, *[None] * (DENIALS - 1), FINAL)], FILLED),
    ("one falls silent when asked again", [FakeNode(BOUND + 1, None, SILENT)], None),
    ("one knows it, on a fork as yet", [FakeNode(), FakeNode(), FakeNode(BOUND + 1, PROCESSED)], None),
]


@pytest.mark.parametrize(("name", "nodes", "expected"), PROOFS, ids=[row[0] for row in PROOFS])
def test_the_proof_of_expiry(name: str, nodes: list[FakeNode], expected: Outcome | None) -> None:
    stand = Stand(*nodes)
    stand.chain.landed = effects()
    assert stand.outcome(TICKET) == expected, name
    assert stand.final(TICKET, FILLED) == expected, name


def test_nodes_that_do_not_answer_prove_nothing() -> None:
    nodes = [FakeNode(), FakeNode()]
    for node in nodes:
        node.silent = True
    assert Stand(*nodes).outcome(TICKET) is None


def test_a_node_that_threw_its_history_away_proves_nothing() -> None:
    node = FakeNode()
    node.first = SLOT + 1
    stand = Stand(node)
    assert stand.outcome(replace(TICKET, slot=SLOT)) is None
    assert stand.outcome(replace(TICKET, slot=SLOT + 1)) == Expired()


def test_a_status_needs_no_proof() -> None:
    """It is not even queried."""
    node = FakeNode(BOUND + 1)
    stand = Stand(node)
    stand.chain.told, stand.chain.landed = CONFIRMED, effects()
    assert stand.outcome(TICKET) == FILLED
    assert not node.asked


def test_the_heights_are_asked_for_now_and_then() -> None:
    """Early callers cause no request."""
    node = FakeNode(BOUND)
    stand = Stand(node)
    assert stand.outcome(TICKET) is None
    node.height = BOUND + 1
    assert stand.outcome(TICKET) is None
    stand.clock.advance_to(stand.clock.now_ns() + 2 * NS)
    assert stand.outcome(TICKET) == Expired()


# Final.


def test_final_is_what_was_booked_unless_the_chain_says_otherwise() -> None:
    stand = Stand(FakeNode(HEIGHT))
    stand.chain.landed = effects()
    assert stand.final(TICKET, FILLED) is None
    for early in (PROCESSED, CONFIRMED):
        stand.chain.told = early
        assert stand.final(TICKET, FILLED) is None
    stand.chain.told = FINAL
    assert stand.final(TICKET, FILLED) == FILLED
    stand.chain.told, stand.chain.landed = replace(FINAL, slot=SLOT + 1), replace(effects(), slot=SLOT + 1)
    assert stand.final(TICKET, FILLED) == replace(FILLED, slot=SLOT + 1)


def test_a_fork_turns_a_fill_into_a_failure_and_back() -> None:
    stand = Stand(FakeNode(HEIGHT))
    error = '{"InstructionError":[3,{"Custom":1}]}'
    failed = Failed(FEE, Cause.REVERTED, error, SLOT)
    stand.chain.told, stand.chain.landed = replace(FINAL, failed=True), effects(error)
    assert stand.final(TICKET, FILLED) == failed
    stand.chain.told, stand.chain.landed = FINAL, effects()
    assert stand.final(TICKET, failed) == FILLED


def test_a_record_of_a_branch_that_died_is_not_final() -> None:
    stand = Stand(FakeNode(HEIGHT))
    stand.chain.told, stand.chain.landed = replace(FINAL, slot=SLOT + 1), effects()
    assert stand.final(TICKET, FILLED) is None
