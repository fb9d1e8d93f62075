"""A venue on a Solana cluster, through any swap API in Jupiter's shape: real transactions, really signed.

The API proposes, the order bounds, the firewall and a simulation judge, and only the chain decides. A ticket counts as
expired only by proof: finalised blocks have passed its bound, and providers that have seen them do not know it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from overmind.core.entries.quote_check import short_cause
from overmind.core.model.enums import Side
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import NS
from overmind.ports import (
    Allowed,
    Bid,
    Chain,
    ChainSilent,
    ChainTip,
    Clock,
    Effects,
    LandedOtherwise,
    Node,
    Priority,
    Signer,
    Status,
    Swaps,
    VenueUnavailable,
    always,
)
from overmind.solana.firewall import verify, verify_move
from overmind.solana.routes.counts import LandingCounts
from overmind.solana.routes.priority import PriorityFees
from overmind.solana.routes.relay import RelayRoute
from overmind.solana.settlement import Unsettled, misplaced, outside_costs, outside_order, settle
from overmind.solana.tipping import tip_of
from overmind.solana.transactions import BadTransaction, Transaction, parse, signature_text
from overmind.solana.transfers import account_of, build, settle_move

BLOCKHASH_BLOCKS: Final = 150  # a transaction lands within so many blocks after its blockhash, or never
CLAIM_BLOCKS_MAX: Final = 150  # how far a venue's claim may exceed our own bound before it counts as absurd
WITNESSES: Final = 2  # providers that must agree that it never landed, if so many are configured
DENIALS: Final = 3  # per provider: many nodes may take turns behind one address, and some lack old history
TIP_AGE_S: Final = 1.0
REMEMBERED_MAX: Final = 65_536  # signatures: more than can be made during the life of one


class JupiterVenue:
    """`ports.Venue` over `ports.Chain` and `ports.Swaps`."""

    provisional = True

    def __init__(
        self,
        swaps: Swaps,
        chain: Chain,
        signer: Signer,
        clock: Clock,
        public_keys: Mapping[WalletId, str],
        tokens: Mapping[Mint, Token],
        booked_slot: Callable[[WalletId], int] | None = None,
        relay: RelayRoute | None = None,
        fees: PriorityFees | None = None,
    ) -> None:
        """`tokens` includes the quote currency. `booked_slot`: of a wallet's newest booked transaction.

        `relay`: the protected route; None: there is none. `fees`: None leaves priority fees to the swap server.
        """
        self._swaps = swaps
        self._chain = chain
        self._signer = signer
        self._public_keys = public_keys
        self._tokens = tokens
        self._booked_slot = booked_slot
        self._relay = relay
        self._fees = fees
        self.landings = {route: LandingCounts() for route in RouteName}
        self._tips = _Tips(chain, clock)
        self._others = _OtherWallets(public_keys, tokens)
        self._order_of: dict[str, OrderId] = {}  # by signature, oldest first

    async def quote(self, order: Order) -> Quote | Rejected:
        """The API's offer, with its transaction."""
        if order.mint not in self._tokens:
            return Rejected(Cause.PRICE_UNAVAILABLE, f"{order.mint} is not a listed token")
        bid = self._bid(order)
        if isinstance(bid, Rejected):
            return bid
        owner = self._public_keys.get(order.wallet_id)
        if owner is None:
            return Rejected(Cause.NO_KEY, f"wallet {order.wallet_id} is not configured")
        offer = await self._swaps.order(order, owner, bid)
        if isinstance(offer, Rejected):
            return offer
        if offer.out_min_units < order.received_min:
            cause = short_cause(order, self._tokens[order.mint].decimals)
            return Rejected(cause, f"{offer.out_min_units} < {order.received_min}")
        return Quote(
            order.id,
            Money(offer.in_units, offer.input_mint),
            offer.output_mint,
            offer.out_units,
            offer.out_min_units,
            offer.impact_bps,
            transaction=offer.transaction,
            last_valid_height=offer.last_valid_height,
        )

    def _bid(self, order: Order) -> Bid | Rejected:
        """What the transaction pays for landing. Raises VenueUnavailable while the relay's tips are not known."""
        if order.mev_protected and order.side is Side.BUY and not order.route.protects:
            detail = f"an entry that must be protected, and its route is {order.route}"
            return Rejected(Cause.NO_PROTECTED_ROUTE, detail)
        if order.route is not RouteName.RELAY:
            return Bid(0, self._priority_fee(order, 0))
        if self._relay is None or not self._relay.configured:
            return Rejected(Cause.NO_PROTECTED_ROUTE, "the order's route is a relay, and none is configured now")
        tip = self._relay.tip(order)
        return tip if isinstance(tip, Rejected) else Bid(tip, self._priority_fee(order, tip))

    def _priority_fee(self, order: Order, tip_lamports: int) -> int | None:
        return None if self._fees is None else self._fees.bid(order, tip_lamports)

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        """Verifies and simulates the offered transaction, and signs it if both match the order."""
        if not quote.fits(order):
            return Rejected(Cause.BAD_QUOTE, f"the quote does not fit order {order.id}")
        try:
            transaction = parse(quote.transaction)
        except BadTransaction as bad:
            return Rejected(Cause.NOT_VERIFIED, str(bad))
        others = self._others.of(order.wallet_id)
        tips = frozenset() if self._relay is None else self._relay.tip_accounts
        refused = verify(order, self._public_keys[order.wallet_id], self._tokens, transaction, others, tips)
        if refused is not None:
            return refused
        if self._fees is not None:
            self._fees.offered(order, transaction)
        return await self._sign(order, transaction, quote.last_valid_height)

    async def transfer(self, move: Move) -> Ticket | Rejected:
        """Builds the transfer, and verifies it like any other transaction before signing."""
        owner = self._public_keys.get(move.wallet_id)
        if owner is None:
            return Rejected(Cause.NO_KEY, f"wallet {move.wallet_id} is not configured")
        if move.money.mint != SOL and move.money.mint not in self._tokens:
            return Rejected(Cause.NOT_VERIFIED, f"{move.money.mint} is not a listed token")
        try:
            blockhash, last_valid_height = await self._chain.latest_blockhash(_priority(move))
            transaction = parse(build(move, owner, self._tokens, blockhash))
        except ChainSilent as silent:
            raise VenueUnavailable(str(silent)) from None
        except BadTransaction as bad:
            return Rejected(Cause.NOT_VERIFIED, str(bad))
        refused = verify_move(move, owner, self._tokens, transaction)
        return refused if refused is not None else await self._sign(move, transaction, last_valid_height)

    async def _sign(self, work: Work, transaction: Transaction, claimed_height: int) -> Ticket | Rejected:
        seen = await self._simulate(work, transaction)
        if isinstance(seen, Rejected):
            return seen
        height = seen.height
        # The simulating node knew its blockhash, so the blockhash is not younger than the height seen afterwards. The
        # venue may know a higher bound than our node; then the later one is the safe one.
        bound = height + BLOCKHASH_BLOCKS
        if claimed_height > bound + CLAIM_BLOCKS_MAX:
            return Rejected(Cause.BAD_QUOTE, f"said to be valid until block {claimed_height}, now is {height}")
        signature = await self._signer.sign(self._public_keys[work.wallet_id], transaction.message)
        name = signature_text(signature)
        if (other := self._first_signed_for(name, work)) != work.id:  # One landing would be booked as two fills.
            return Rejected(Cause.BAD_QUOTE, f"the same transaction was signed for order {other}")
        return Ticket(
            name,
            transaction.signed_by_payer(signature),
            transaction.blockhash,
            max(bound, claimed_height),
            seen.slot,
        )

    def _first_signed_for(self, signature: str, work: Work) -> OrderId:
        """The order whose transaction this is. Needed only while it may land; later the simulation detects it."""
        while len(self._order_of) >= REMEMBERED_MAX:
            del self._order_of[next(iter(self._order_of))]
        return self._order_of.setdefault(signature, work.id)

    async def _simulate(self, work: Work, transaction: Transaction) -> ChainTip | Rejected:
        """The tip at which its simulation matched the order, or why it must not be signed."""
        try:
            simulation = await self._chain.simulate(transaction.raw, _priority(work))
            self._require_current(simulation.effects, work)
            fill = self._read(simulation.effects, work, transaction.raw)
        except ChainSilent as silent:
            raise VenueUnavailable(str(silent)) from None
        except Unsettled as unsettled:
            return Rejected(Cause.NOT_VERIFIED, f"simulated: {unsettled}")
        if isinstance(fill, Failed):
            return Rejected(fill.cause, f"simulated: {fill.detail}")
        outside = self._misplaced(simulation.effects, work) or _outside(work, fill) or outside_costs(work, fill)
        return (
            ChainTip(simulation.effects.slot, simulation.height)
            if outside is None
            else Rejected(Cause.NOT_VERIFIED, f"simulated: {outside}")
        )

    def _require_current(self, effects: Effects, work: Work) -> None:
        """A state from before our newest booking says nothing about now. Raises ChainSilent."""
        booked = 0 if self._booked_slot is None else self._booked_slot(work.wallet_id)
        if effects.slot < booked:
            raise ChainSilent(f"simulated at slot {effects.slot}, and slot {booked} is booked already")

    def _misplaced(self, effects: Effects, work: Work) -> str | None:
        """`settle_move` compares every account that a move changes."""
        if isinstance(work, Move):
            return None
        sides = (self._tokens[work.spend.mint], self._tokens[work.receive])
        return misplaced(effects, {account_of(effects.accounts[0], token): token.mint for token in sides})

    def _read(self, effects: Effects, work: Work, payload: bytes) -> Filled | Failed:
        """Raises Unsettled."""
        if isinstance(work, Move):
            return settle_move(effects, work, effects.accounts[0], self._tokens)
        return settle(effects, work, tip_of(work, payload))

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        try:
            await self._carrier(work).send(ticket.payload, _priority(work), allowed)
        except ChainSilent as silent:
            raise VenueUnavailable(str(silent)) from None

    def _carrier(self, work: Work) -> Chain | RelayRoute:
        """By the journaled order alone, so that a restart or a repetition changes nothing. Raises ChainSilent."""
        if isinstance(work, Move):
            return self._chain
        if work.route is RouteName.RELAY:
            if self._relay is None or not self._relay.configured:
                raise ChainSilent("it may leave by the relay alone, and none is configured now")
            return self._relay
        if work.mev_protected and work.side is Side.BUY:
            raise ChainSilent("it must be protected, and its route is public")
        return self._chain

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        """The outcome at `confirmed`; Expired only with proof."""
        self._first_signed_for(ticket.signature, work)  # The ticket may be from an earlier process.
        try:
            status = await self._chain.status(ticket.signature) or await self._search(ticket)
            counts = self.landings[work.route if isinstance(work, Order) else RouteName.PUBLIC]
            if isinstance(status, Expired):
                counts.expired += 1
                return status
            outcome = await self._effect(work, ticket) if status is not None and status.confirmed else None
            counts.landed += outcome is not None
            return outcome
        except ChainSilent as silent:
            raise VenueUnavailable(str(silent)) from None

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        """The outcome at `finalized`. A transaction that a fork undid may land again until its expiry is proved."""
        self._first_signed_for(ticket.signature, work)
        try:
            status = await self._chain.status(ticket.signature) or await self._search(ticket)
            if isinstance(status, Expired):
                return status
            if status is None or not status.finalized:
                return None
            if isinstance(booked, Filled | Failed) and (status.slot, status.failed) == (
                booked.slot,
                isinstance(booked, Failed),
            ):
                return booked
            outcome = await self._effect(work, ticket)
            # A lagging node may still report a lost branch; only the landing in the final slot counts.
            is_it = isinstance(outcome, Filled | Failed) and outcome.slot == status.slot
            return outcome if is_it else None
        except ChainSilent as silent:
            raise VenueUnavailable(str(silent)) from None

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._chain.wait(ticket.signature, seconds)

    async def _effect(self, work: Work, ticket: Ticket) -> Outcome | None:
        """The outcome of a landed transaction. If it does not match the order, the order stays open for an operator."""
        effects = await self._chain.effects(ticket.signature)
        if effects is None:
            return None
        try:
            outcome = self._read(effects, work, ticket.payload)
        except Unsettled as unsettled:
            raise LandedOtherwise(f"{ticket.signature} landed, but {unsettled}") from None
        if isinstance(outcome, Filled) and (outside := _outside(work, outcome)) is not None:
            raise LandedOtherwise(f"{ticket.signature} landed, but {outside}")
        return outcome

    async def _search(self, ticket: Ticket) -> Status | Expired | None:
        """After the bound has passed: where it landed, or that it never will. None: too early to tell."""
        if not await self._tips.passed(ticket.last_valid_height):
            return None
        answers = await asyncio.gather(*(_witness(node, ticket) for node in self._chain.nodes))
        landed = [answer for answer in answers if isinstance(answer, Status)]
        if landed:
            return landed[0]
        absent = sum(isinstance(answer, Expired) for answer in answers)
        return Expired() if absent >= min(WITNESSES, len(answers)) else None


async def _witness(node: Node, ticket: Ticket) -> Status | Expired | None:
    """One provider's answer: the final height has passed the bound, and its history has no such transaction. None:
    unknown.
    """
    try:
        tip = await node.finalized()
        if tip.height <= ticket.last_valid_height:
            return None
        for _ in range(DENIALS):
            status = await node.status_in_history(ticket.signature, tip.slot)
            if status is not None:
                return status
        # A node without history that far back denies every transaction.
        return Expired() if await node.first_slot() <= ticket.slot else None
    except ChainSilent:
        return None


class _OtherWallets:
    """The addresses of our wallets and of their associated accounts. Wallets and tokens may come at any time."""

    def __init__(self, public_keys: Mapping[WalletId, str], tokens: Mapping[Mint, Token]) -> None:
        self._public_keys = public_keys
        self._tokens = tokens
        self._mints: tuple[Mint, ...] = ()
        self._addresses: dict[WalletId, frozenset[str]] = {}
        self._others: dict[WalletId, frozenset[str]] = {}

    def of(self, wallet_id: WalletId) -> frozenset[str]:
        """All but those of this wallet."""
        mints = tuple(self._tokens)
        if len(self._addresses) != len(self._public_keys) or mints != self._mints:
            self._mints = mints
            self._addresses = {one: self._derived(owner) for one, owner in self._public_keys.items()}
            self._others.clear()
        if wallet_id not in self._others:
            theirs = (found for one, found in self._addresses.items() if one != wallet_id)
            self._others[wallet_id] = frozenset().union(*theirs) - self._addresses[wallet_id]
        return self._others[wallet_id]

    def _derived(self, owner: str) -> frozenset[str]:
        return frozenset({owner, *(account_of(owner, token) for token in self._tokens.values())})


class _Tips:
    """The final height, requested at most once per interval, so that early callers cause no requests."""

    def __init__(self, chain: Chain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self._tip = ChainTip(0, 0)
        self._asked_ns: int | None = None

    async def passed(self, height: int) -> bool:
        if self._tip.height > height:
            return True
        now_ns = self._clock.now_ns()
        if self._asked_ns is not None and abs(now_ns - self._asked_ns) < TIP_AGE_S * NS:
            return False
        self._asked_ns = now_ns
        answers = await asyncio.gather(*(_tip(node) for node in self._chain.nodes))
        self._tip = max((self._tip, *answers), key=lambda tip: tip.height)
        return self._tip.height > height


async def _tip(node: Node) -> ChainTip:
    try:
        return await node.finalized()
    except ChainSilent:
        return ChainTip(0, 0)


def _outside(work: Work, fill: Filled) -> str | None:
    """For a move, `settle_move` has checked it."""
    return outside_order(work, fill) if isinstance(work, Order) else None


def _priority(work: Work) -> Priority:
    return Priority.EXIT if work.is_urgent else Priority.ENTRY
