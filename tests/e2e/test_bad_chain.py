"""A chain with injected faults and a killed desk: the books equal the chain nevertheless."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from tests.e2e.killing import Desk
from tests.support.chain_audit import prove
from tests.support.live_processes import LiveProcesses, stage
from tests.support.processes import Child

SIGNALS = 30
FAULTS: dict[str, dict[str, object]] = {
    "dropped": {"drop_ppm": 400_000},
    "delayed and doubled": {"delay_ppm": 500_000, "delay_slots": 40, "duplicate_ppm": 300_000},
    "taken but never answered": {"silence_ppm": 100_000, "silence_s": 1.0},
    "too many requests": {"too_many_requests_ppm": 100_000},
    "behind": {"unhealthy_ppm": 100_000, "min_context_ppm": 100_000, "not_available_ppm": 100_000},
    "statuses that flap and lag": {"status_flap_ppm": 500_000, "status_lag_slots": 20},
    "stale balances": {"stale_balance_ppm": 500_000, "stale_slots": 30},
    "nonsense": {
        "html_ppm": 50_000,
        "truncated_ppm": 50_000,
        "wrong_json_ppm": 50_000,
        "nulls_ppm": 50_000,
    },
    "forks": {"rollback_ppm": 30_000, "rollback_slots": 8, "reland_ppm": 500_000},
    "clock jumps": {"clock_jump_ppm": 50_000, "clock_jump_s": 60},
}
QUICK = ("forks", "dropped")  # The simulator and tests/desk/live show the others in the quick tier too.


@pytest.mark.parametrize(
    "faults", [pytest.param(one, marks=[] if one in QUICK else [pytest.mark.soak]) for one in FAULTS]
)
def test_books_equal_chain(faults: str, tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        desk = Desk(made, Random(faults))
        with made.desk() as running:
            running.say(*_wishes(desk))
            running.wait_for_lines(1)  # Its first check of the wallets was undisturbed.
            _switch(made, {**FAULTS[faults], "seed": 1})
            running.say(*_wishes(desk))
            running.wait_for_lines(SIGNALS + SIGNALS // 2)
            running.kill()
            desk.hear(running)

        def amid_faults(running: Child) -> None:
            running.say(*_wishes(desk))
            running.wait_for_answers()
            _switch(made, {"reset": True})

        desk.live_on(amid_faults)
        prove(made, forked="rollback_ppm" in FAULTS[faults], clock_jumped="clock_jump_ppm" in FAULTS[faults])


def _wishes(desk: Desk) -> list[str]:
    return [json.dumps(desk.next_signal()) for _ in range(SIGNALS)]


def _switch(made: LiveProcesses, faults: dict[str, object]) -> None:
    made.ask("overmind_setFaults", faults)
