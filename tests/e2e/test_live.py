"""Desk, chain and maker as real processes over real HTTP: whatever is killed, the books equal the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.e2e.killing import Desk, kill
from tests.support.chain_audit import JournaledWork, prove, read_events, unsettled
from tests.support.live_processes import LiveProcesses, stage
from tests.support.processes import Child, wait_until

from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.outcome import Filled

KILLS = 50  # on each desk of the long tier
DESKS = 4
QUICK_KILLS = 4  # on one more desk, in the quick tier
SIGNALS = 40


@pytest.fixture
def made(tmp_path: Path) -> Iterator[LiveProcesses]:
    with stage(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("seed", "kills"),
    [*(pytest.param(seed, KILLS, marks=pytest.mark.soak) for seed in range(DESKS)), (DESKS, QUICK_KILLS)],
)
def test_kill_9_at_random_moments(seed: int, kills: int, tmp_path: Path) -> None:
    desk, proof = kill(tmp_path, kills, seed)
    assert proof.fills > 0, desk.told
    assert sum(desk.interrupted.values()) > desk.interrupted["lives"], "nothing was ever under way when it was killed"


def test_each_strategy_buys_and_sells(made: LiveProcesses) -> None:
    """Signals of the eight strategies, each in a wallet that trades it."""
    buys = [_signal_line(f"buy-{one.value}", one, "Buy", notional_usd=150) for one in StrategyType]
    sells = [_signal_line(f"sell-{one.value}", one, "Sell", quantity="0.1") for one in StrategyType]
    with made.desk() as desk:
        for count, signals in enumerate((buys, sells), 1):
            desk.say(*signals)
            desk.wait_for_lines(count * len(StrategyType))
            wait_until(lambda: not unsettled(made), "to be settled for good")
        assert desk.end() == 0, desk.complaints
    journal = JournaledWork(read_events(made))
    filled = {
        (order.strategy, order.side)
        for order_id, order in journal.orders.items()
        if isinstance(journal.outcomes[order_id], Filled)
    }
    assert filled == {(strategy, side) for strategy in StrategyType for side in Side}
    assert prove(made).fills == 2 * len(StrategyType)


@pytest.mark.parametrize("server", ["chain", pytest.param("maker", marks=pytest.mark.soak)])
def test_a_server_dies_and_comes_back(made: LiveProcesses, server: str) -> None:
    """Meanwhile nothing can be read or sent. Signals are still answered, and in the end everything settles."""
    dying, restart = (made.chain, made.restart_chain) if server == "chain" else (made.maker, made.restart_maker)

    def outage(running: Child) -> None:
        running.wait_for_lines(len(desk.sent) // 2)
        dying.kill()
        running.say(*_next_signals(desk))
        running.wait_for_answers()
        restart()

    desk = _with_signals(made)
    desk.live_on(outage)
    assert prove(made).fills > 0


@pytest.mark.soak
def test_everything_dies(made: LiveProcesses) -> None:
    """Kills desk, chain and maker in random order, and restarts all of them."""
    desk = Desk(made, Random(7))
    for _ in range(3):
        with made.desk() as running:
            running.say(*_next_signals(desk))
            running.wait_for_lines(desk.random.randrange(1, SIGNALS))
            ends = [running.kill, made.chain.kill, made.maker.kill]
            desk.random.shuffle(ends)
            for end in ends:
                end()
            desk.hear(running)
        made.restart_chain()
        made.restart_maker()
    desk.live_on()
    assert prove(made).fills > 0


def _with_signals(made: LiveProcesses) -> Desk:
    desk = Desk(made, Random(3))
    _next_signals(desk)
    return desk


def _next_signals(desk: Desk) -> list[str]:
    return [json.dumps(desk.next_signal()) for _ in range(SIGNALS)]


def _signal_line(name: str, strategy: StrategyType, action: str, **amount: object) -> str:
    signal = {"signal_id": name, "strategy_type": strategy.value, "action": action, "symbol": "SOL", **amount}
    return json.dumps(signal)
