"""Runs a live desk many times, and ends each run but the last by kill -9 at a random moment.

`python -m tests.e2e.killing KILLS SEED` runs as many as you like.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.support.chain_audit import AuditCounts, prove, unsettled
from tests.support.live_processes import STRATEGIES, LiveProcesses, stage
from tests.support.processes import Child, wait_until

from overmind.cli.exit_codes import UNREACHABLE
from overmind.cli.opening import state_on_disk

SYMBOLS = ("SOL", "ETH", "BTC")
EACH = sorted({strategy.value for strategies in STRATEGIES.values() for strategy in strategies})
NEW_MAX = 60  # new signals per run
AGAIN_SHARE = 0.2
STARTS_MAX = 20
START_S = 1.5  # about the time of a start
LINGER_S = 0.03  # after an answer: about the time of a swap


class Desk:
    """One data directory through many lives. What it was told it is told again, and its answers must not change."""

    def __init__(self, stage: LiveProcesses, random: Random) -> None:
        self.stage = stage
        self.random = random
        self.sent: dict[str, dict[str, Any]] = {}
        self.told: dict[str, Any] = {}
        self.interrupted = Counter[str]()  # the work that a kill interrupted

    def live_and_die(self) -> None:
        """Some signals, old ones among them, and death while it starts, decides, trades or settles."""
        random = self.random
        signals = [self.next_signal() for _ in range(random.randrange(1, NEW_MAX))]
        heard = random.randrange(len(signals) + 1)
        with self.stage.desk() as desk:
            desk.say(*map(json.dumps, signals))
            if random.random() < 0.2:
                time.sleep(random.uniform(0, START_S))
            else:
                desk.wait_for_lines(heard)
                if random.random() < 0.3:
                    desk.hush()
                time.sleep(random.expovariate(1 / LINGER_S))
            desk.kill()
            self.hear(desk)
        self._note()

    def live_on(self, meanwhile: Callable[[Child], None] | None = None) -> int:
        """Everything is said again; ends when all is settled for good. Returns the exit code."""
        with self._started() as desk:
            if meanwhile is not None:
                meanwhile(desk)
            desk.wait_for_answers()
            wait_until(lambda: desk.process.poll() is not None or not unsettled(self.stage), "to be settled for good")
            code = desk.end()
            self.hear(desk)
        assert set(self.told) == set(self.sent), "a signal was lost or invented"
        return code

    def _started(self) -> Child:
        """Sends everything again. A desk that cannot verify its chain does not start and is started again."""
        for _ in range(STARTS_MAX):
            desk = self.stage.desk()
            desk.say(*map(json.dumps, self.sent.values()))
            desk.wait_for_lines(1)
            if desk.lines:
                return desk
            assert desk.end() == UNREACHABLE, desk.complaints
        raise AssertionError(f"{STARTS_MAX} starts in vain: {desk.complaints}")

    def next_signal(self) -> dict[str, Any]:
        random = self.random
        if self.sent and random.random() < AGAIN_SHARE:
            return random.choice(list(self.sent.values()))
        signal: dict[str, Any] = {
            "signal_id": f"s{len(self.sent)}",
            "strategy_type": random.choice(EACH),
            "action": "Buy" if random.random() < 0.65 else "Sell",
            "symbol": random.choice(SYMBOLS),
        }
        if signal["action"] == "Buy":
            signal["notional_usd"] = random.choice([20, 75, 150, 1_500])
        else:
            signal["quantity"] = "all"
        self.sent[signal["signal_id"]] = signal
        return signal

    def hear(self, desk: Child) -> None:
        """An answer never changes, except that its status says that it is repeated."""
        for answer in map(json.loads, desk.lines):
            known = self.told.setdefault(answer["signal_id"], answer)
            assert {**answer, "status": ""} == {**known, "status": ""}
            assert answer["status"] in (known["status"], "duplicate"), (answer, known)
            assert answer["status"] != "invalid", answer

    def _note(self) -> None:
        if not (self.stage.data / "overmind.db").exists():
            return
        state = state_on_disk(self.stage.data)
        self.interrupted["lives"] += 1
        self.interrupted["orders without a ticket"] += sum(one.ticket is None for one in state.open_orders.values())
        self.interrupted["tickets without an outcome"] += sum(
            one.ticket is not None for one in state.open_orders.values()
        )
        self.interrupted["outcomes not final"] += len(state.provisional)


def kill(folder: Path, kills: int, seed: int, said: Callable[[str], None] = lambda _: None) -> tuple[Desk, AuditCounts]:
    with stage(folder) as made:
        desk = Desk(made, Random(seed))
        for count in range(1, kills + 1):
            desk.live_and_die()
            if count % 20 == 0:
                said(f"{count} kills, {len(desk.sent)} signals, interrupted: {dict(desk.interrupted)}")
        desk.live_on()
        return desk, prove(made)


def main() -> None:
    kills, seed = (int(word) for word in (*sys.argv[1:], "200", "1")[:2])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        desk, proof = kill(Path(folder), kills, seed, lambda line: print(line, flush=True))
    print(f"{kills} kills in {time.monotonic() - began:.0f} s; under way when killed: {dict(desk.interrupted)}")
    print(f"{len(desk.sent)} signals, {proof.orders} orders; on the chain {proof.landed} transactions that we signed,")
    print(f"in the books {proof.fills} fills {dict(proof.sides)} and {proof.failures} failures; balances are equal")


if __name__ == "__main__":
    main()
