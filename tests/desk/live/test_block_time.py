"""A live desk compares its clock with the time of the chain's blocks."""

from __future__ import annotations

from tests.support.chain_desk import ChainDesk, on_stage


@on_stage
async def test_the_distance_from_block_time_is_known_and_an_alarm(stage: ChainDesk) -> None:
    async with stage.desk() as app:
        watch = app.clock_watch
        assert watch.ahead_s is not None
        assert not watch.alarms()
        stage.net.chain.jump_clock(-120)
        while not watch.alarms():
            await watch.ask()
            await stage.clock.sleep(0.05)
        assert "s ahead of the chain's block time" in watch.alarms()[0]
        assert not app.engine.state.holds
