"""The nineteen checks of the self-test, one by one, and that they detect a broken system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from overmind.sandbox.selftest import CHECKS, main, run_selftest
from overmind.sandbox.selftest.scratch_desk import expect

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "test-multi-wallet-system.py"


@pytest.mark.parametrize(
    "name", [name for _, name in CHECKS], ids=[name.lower().replace(" ", "-") for _, name in CHECKS]
)
def test_seed(name: str) -> None:
    (result,) = run_selftest(names=[name])
    assert result.passed, result.detail


def test_there_are_nineteen_in_the_groups_of_the_seed() -> None:
    assert Counter(group for group, _ in CHECKS) == {
        "Wallet Configuration Tests": 2,
        "Wallet Selection Logic Tests": 4,
        "Execution Routing Tests": 3,
        "Risk Management Tests": 4,
        "Performance Tests": 3,
        "Integration Tests": 3,
    }
    assert len(set(CHECKS.values())) == 19


# What is broken, and the checks that must fail.
BROKEN = [
    (
        {"OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "0"},
        {
            "Strategy-based selection",
            "Risk-based routing",
            "Performance optimization",
            "Fallback mechanisms",
            "Trade routing to selected wallets",
            "Transaction ID formatting",
            "Position size limits",
            "Daily loss limits",
            "Exposure percentage checks",
            "Concurrent position limits",
            "Wallet selection speed (<50ms)",
            "Wallet failover scenarios",
        },
    ),
    ({"OVERMIND_ATTEMPTS_MAX": "1"}, {"Wallet failover scenarios"}),
    ({"OVERMIND_COST_PREFERENCE_BPS": "0", "OVERMIND_COST_HEADROOM_BPS": "0"}, {"Risk-based routing"}),
    ({"OVERMIND_MULTI_WALLET_ENABLED": "false"}, {"Strategy-based selection", "Risk-based routing"}),
    ({"OVERMIND_MAX_CONCURRENT_WALLETS": "3"}, {"Environment configuration parsing"}),
    ({"OVERMIND_PAPER_CAPITAL_USD": "10"}, {"Transaction ID formatting", "Strategy-based selection"}),
    ({"SNIPER_TRADING_MODE": "papper"}, {"Environment configuration parsing", "Transaction ID formatting"}),
]


@pytest.mark.parametrize(("env", "noticed"), BROKEN, ids=[next(iter(env)) for env, _ in BROKEN])
def test_a_broken_system_is_noticed_and_the_rest_goes_on(env: dict[str, str], noticed: set[str]) -> None:
    results = run_selftest(env, names=sorted(noticed))
    assert len(results) == len(noticed)
    assert [result.name for result in results if result.passed] == []
    assert all(result.detail for result in results)


def test_all_wallets_on_hold_fail_the_checks_that_trade(tmp_path: Path) -> None:
    """A STOP file in the data directory holds every wallet before the first signal."""
    (tmp_path / "STOP").touch()
    names = ["Transaction ID formatting", "Strategy-based selection", "Position size limits"]
    results = run_selftest({"OVERMIND_DATA_DIR": str(tmp_path)}, names)
    assert [result.passed for result in results] == [False] * 3
    assert all("PORTFOLIO_STOPPED" in result.detail or "POSITION_SIZE" in result.detail for result in results)


def test_the_count_is_honest(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--json"])
    told = json.loads(capsys.readouterr().out)
    passed = [check for check in told["checks"] if check["passed"]]
    assert (told["passed"], told["total"]) == (len(passed), 19)
    assert (code == 0) == (len(passed) == 19)


def test_checks_are_not_switched_off_by_optimisation() -> None:
    with pytest.raises(AssertionError, match="why"):
        expect(False, "why")


def test_the_seeds_own_command_runs_with_any_python() -> None:
    """Started with the system's python3, it finds the environment beside it; hiding the sources simulates that here."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["PYTHONPATH"] = str(ROOT / "src")
    done = subprocess.run(
        [sys.executable, str(COMMAND)], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert done.stdout.rstrip().splitlines()[-1] == "19/19 tests passed (100% success rate)", done.stdout + done.stderr
    assert done.returncode == 0


def test_without_an_environment_the_command_says_what_to_do(tmp_path: Path) -> None:
    alone = tmp_path / COMMAND.name
    alone.write_text(COMMAND.read_text())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(alone)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "make" in done.stderr
