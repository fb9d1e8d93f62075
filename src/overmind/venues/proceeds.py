"""What a sale of ours would bring, by a second swap server and by two nodes that simulate it. Nothing is ever signed.

It confirms a price of a token that has one price source. The first server's own route would prove nothing: a liar's
pool pays its lie in a simulation too. So another operator routes the sale, and two nodes of two operators say what the
chain would make of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled, Rejected
from overmind.core.model.units import SCALE
from overmind.ports import ChainSilent, Priority, Simulation, Swaps, VenueUnavailable
from overmind.solana.firewall import verify
from overmind.solana.settlement import Unsettled, settle
from overmind.solana.transactions import BadTransaction, parse

NODES_MIN: Final = 2


class Simulates(Protocol):
    """The part of a chain that is used here: one node of it."""

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        """Raises ChainSilent."""


class Unproven(Exception):
    """Why it is not known what the sale would bring."""


class SaleProceeds:
    def __init__(
        self,
        swaps: Swaps,
        nodes: Sequence[Simulates],
        public_keys: Mapping[WalletId, str],
        tokens: Mapping[Mint, Token],
    ) -> None:
        """`nodes` belong to different operators. `tokens` includes the quote currency."""
        assert len(nodes) >= NODES_MIN, "one node could lie alone"
        self._swaps = swaps
        self._nodes = nodes
        self._public_keys = public_keys
        self._tokens = tokens

    async def price_pico(self, order: Order) -> int:
        """The price that this sale would bring, in pico-USD per whole token, by the lower of the simulations.

        Raises Unproven.
        """
        owner = self._public_keys.get(order.wallet_id)
        if owner is None or order.mint not in self._tokens:
            raise Unproven(f"{order.wallet_id} cannot sell {order.mint}")
        try:
            offer = await self._swaps.order(order, owner)
            if isinstance(offer, Rejected):
                raise Unproven(f"the second swap server offers nothing: {offer.cause}")
            transaction = parse(offer.transaction)
            refused = verify(order, owner, self._tokens, transaction)
            if refused is not None:
                raise Unproven(f"what the second swap server offers is not this sale: {refused.detail}")
            found = await asyncio.gather(*(self._simulated(node, order, transaction.raw) for node in self._nodes))
        except (VenueUnavailable, ChainSilent, BadTransaction, Unsettled) as fault:
            raise Unproven(str(fault)) from None
        decimals = self._tokens[order.mint].decimals
        return min(fill.received_units * SCALE[decimals + 6] // fill.spent_units for fill in found)

    async def _simulated(self, node: Simulates, order: Order, raw: bytes) -> Filled:
        fill = settle((await node.simulate(raw, Priority.EXIT)).effects, order)
        if not isinstance(fill, Filled):
            raise Unproven(f"simulated: {fill.detail}")
        return fill
