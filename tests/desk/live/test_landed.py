"""A swap on an embedded chain that the desk cannot read as its order: told, held, and booked by an operator."""

from __future__ import annotations

import pytest
from tests.desk.live.test_balances import owned
from tests.support.chain_desk import W1, ChainDesk, on_stage

from overmind.core.model.commands import CommandRefused
from overmind.core.model.ids import SOL, OrderId
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Filled
from overmind.ports import LandedOtherwise
from overmind.venues.jupiter import JupiterVenue


@on_stage
async def test_an_operator_books_what_landed_otherwise(stage: ChainDesk) -> None:
    """Until then its capital is held. The books equal the chain after it, and the order is followed no more."""

    async def unreadable(self: JupiterVenue, work: Order, ticket: Ticket) -> None:
        if await self._chain.effects(ticket.signature) is not None:
            raise LandedOtherwise(f"{ticket.signature} landed, but received 0")

    async with stage.desk() as app:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(JupiterVenue, "_effect", unreadable)
            order_id = (await stage.buy(app, "odd")).order_id
            assert order_id is not None
            known = app.engine.state.open_orders[order_id]
            await stage.until(lambda: bool(known.otherwise))
            with pytest.raises(CommandRefused, match=f"there are: {order_id}"):
                await app.book_from_chain(OrderId("another"), "a slip of the hand")

            async def booked() -> bool:
                try:
                    return isinstance(await app.book_from_chain(order_id, "the explorer shows the swap"), Filled)
                except CommandRefused:  # It is not final yet.
                    return False

            await stage.until(booked)
            await app.executor.idle()
        assert not app.engine.state.open_orders
        assert owned(app, W1, SOL) > 0
        await stage.agrees(app)
