"""A desk with a public route and a protected one, on an embedded chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from tests.support.chain_desk import OWNERS, W1, W2, ChainDesk, buy_signal, on_stage
from tests.support.sandwicher import Watcher

from overmind.core.model.enums import Side, TradeAction
from overmind.core.model.events import OrderClosed, OrderPlaced
from overmind.core.model.ids import WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled, Outcome
from overmind.core.model.route import RouteName
from overmind.core.model.units import MICROS
from overmind.desk.app import App
from overmind.sandbox.localnet import Faults
from overmind.sandbox.localnet.relay import RelayTerms
from overmind.sdk.hft import HFTConfig, land_by_relay
from overmind.views.decisions import DecisionStatus

TIP = 20_000
QUICK = RelayTerms(requests_per_s=0)
RELAYED = {"OVERMIND_RELAY_TIP_LAMPORTS": str(TIP), "OVERMIND_RELAY_REQUESTS_PER_SEC": "1000"}


def with_relay(stage: ChainDesk) -> dict[str, str]:
    return {"OVERMIND_RELAY_URLS": stage.net.relay_url, **RELAYED}


def orders(stage: ChainDesk) -> list[tuple[Order, Outcome | None]]:
    events = [one.event for one in stage.journal.read()]
    closed = {one.order_id: one.outcome for one in events if isinstance(one, OrderClosed)}
    return [(one.order, closed.get(one.order.id)) for one in events if isinstance(one, OrderPlaced)]


@pytest.mark.soak
@on_stage
async def test_a_desk_lands_unseen_by_the_relay_also_after_a_restart(stage: ChainDesk) -> None:
    stage.net.relay.change(QUICK)
    watcher = Watcher(stage.net.chain)
    async with stage.desk(**with_relay(stage)) as app:
        await land_by_relay(HFTConfig(stage.net.relay_url, tip_lamports=TIP), app)
        bought = await stage.outcome(app, await stage.buy(app, 1))
        assert isinstance(bought, Filled)
        assert bought.tip_lamports == TIP
        await stage.agrees(app)
        stage.net.relay.change(structs.replace(QUICK, landing_ppm=0))  # Taken, and lost in the auction.
        decision = await stage.buy(app, 2)
        assert decision.order_id is not None
        order_id = decision.order_id
        await stage.until(lambda: app.engine.state.open_orders[order_id].ticket is not None)
    stage.net.relay.change(QUICK)
    async with stage.desk(**with_relay(stage)) as app:
        await stage.until(lambda: order_id not in app.engine.state.open_orders)
        await stage.agrees(app)
    routes = {order.route for order, _ in orders(stage)}
    assert routes == {RouteName.RELAY}
    # The second one lands after the restart, or is proved never to land if its blockhash was too old by then.
    tips = [outcome.tip_lamports for _, outcome in orders(stage) if isinstance(outcome, Filled)]
    assert tips in ([TIP], [TIP, TIP])
    assert [swap for owner in OWNERS.values() for swap in watcher.swaps_of(owner)] == []


@pytest.mark.soak
@on_stage
async def test_without_a_relay_a_protected_entry_is_refused_and_an_exit_goes_public(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        await stage.outcome(app, await stage.buy(app, 1))
        refused = await stage.buy(app, 2, mev_protected=True)
        assert refused.status is DecisionStatus.REFUSED
    assert {order.route for order, _ in orders(stage)} == {RouteName.PUBLIC}


@pytest.mark.soak
@on_stage
async def test_an_exit_that_the_relay_does_not_take_goes_public_after_the_stated_time(stage: ChainDesk) -> None:
    stage.net.relay.change(QUICK)
    relay_alone = {"OVERMIND_WALLET_ROUTES": f"{W1}:relay,{W2}:relay", "OVERMIND_EXIT_PUBLIC_AFTER_SEC": "2"}
    async with stage.desk(**with_relay(stage), **relay_alone) as app:
        assert isinstance(await stage.outcome(app, await stage.buy(app, 1)), Filled)
        stage.net.relay.change(structs.replace(QUICK, landing_ppm=0))
        watcher = Watcher(stage.net.chain)
        for number in range(2, 6):  # Each one is proved never to land before the next one is made.
            if isinstance(await stage.outcome(app, await stage.buy(app, number, action=TradeAction.SELL)), Filled):
                break
            assert watcher.swaps_of(OWNERS[W1]) == []
        await stage.agrees(app)
        assert not app.engine.state.wallets[W1].positions
    exits = [order.route for order, _ in orders(stage) if order.side is Side.SELL]
    assert exits == [*(RouteName.RELAY for _ in exits[1:]), RouteName.PUBLIC]
    assert len(exits) > 1
    assert len(watcher.swaps_of(OWNERS[W1])) >= 1


Place = tuple[WalletId, RouteName]
TRADES_MAX = 30
BOTH = ",".join(f"{wallet_id}:public+relay" for wallet_id in OWNERS)
IN_A_ROW = 4  # trades at other places, then the flow has moved


class Flow:
    """Trades one after the other, and where each went."""

    def __init__(self, stage: ChainDesk, app: App) -> None:
        self._stage, self._app, self._number = stage, app, 0

    async def trade(self) -> tuple[Place, bool]:
        """The place, and whether it was filled."""
        self._number += 1
        decision = await self._app.submit(buy_signal(self._number, exclude=(), notional_micros=60 * MICROS))
        outcome = await self._stage.outcome(self._app, decision)
        order = next(order for order, _ in orders(self._stage) if order.id == decision.order_id)
        return (order.wallet_id, order.route), isinstance(outcome, Filled)

    async def until_elsewhere(self, bad: Callable[[Place], bool]) -> int:
        """How many trades it takes until so many in a row are at other places, and filled."""
        good = 0
        for number in range(1, TRADES_MAX + 1):
            place, filled = await self.trade()
            good = good + 1 if not bad(place) and filled else 0
            if good == IN_A_ROW:
                return number
        raise AssertionError(f"the flow did not move within {TRADES_MAX} trades")

    async def until_there(self, wanted: Callable[[Place], bool]) -> int:
        """How many trades it takes until one is at that place."""
        for number in range(1, TRADES_MAX + 1):
            place, _ = await self.trade()
            if wanted(place):
                return number
        raise AssertionError(f"the flow did not come back within {TRADES_MAX} trades")


@pytest.mark.soak
@on_stage
async def test_flow_leaves_a_route_and_a_wallet_that_fail_and_comes_back(stage: ChainDesk) -> None:
    stage.net.relay.change(QUICK)
    quick = {"OVERMIND_COST_MISS_HALF_LIFE_SEC": "3", "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100"}
    quick |= {"OVERMIND_ASSET_MAX_PERCENT": "100", "OVERMIND_WALLET_ROUTES": BOTH}
    async with stage.desk(**with_relay(stage), **quick) as app:
        flow = Flow(stage, app)
        (home, route), filled = await flow.trade()
        assert (route, filled) == (RouteName.PUBLIC, True)
        for faults, is_hit in (
            # The sends of one wallet fail on the public route.
            (Faults(drop_ppm=10**6, payers=(OWNERS[home],)), lambda place: place == (home, RouteName.PUBLIC)),
            # The public route loses most of what it carries, the relay little.
            (Faults(drop_ppm=900_000, seed=7), lambda place: place[1] is RouteName.PUBLIC),
        ):
            stage.net.chain.set_faults(faults)
            stage.net.relay.change(structs.replace(QUICK, landing_ppm=950_000))
            moved = await flow.until_elsewhere(is_hit)
            stage.net.chain.set_faults(Faults())
            back = await flow.until_there(is_hit)
            assert moved + back <= 2 * TRADES_MAX
        await stage.agrees(app)
