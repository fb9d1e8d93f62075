"""The self-test: nineteen checks of a real desk. `overmind selftest`, `python3 test-multi-wallet-system.py`."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from overmind.config import ConfigError
from overmind.core.model.commands import CommandRefused
from overmind.core.model.value import Value
from overmind.desk.engine import EngineBusy, EngineStopped
from overmind.journal.errors import JournalUnusable
from overmind.ports import JournalFailed
from overmind.prices.candles import TapeError
from overmind.sandbox.selftest import checks, performance_checks
from overmind.sandbox.selftest.scratch_desk import ScratchDesk
from overmind.sdk.selection import NoEligibleWallet
from overmind.signals.decode import BadSignal
from overmind.text.printable import printable

Check = Callable[[ScratchDesk], Awaitable[str]]

CONFIGURATION: Final = "Wallet Configuration Tests"
SELECTION: Final = "Wallet Selection Logic Tests"
ROUTING: Final = "Execution Routing Tests"
RISK: Final = "Risk Management Tests"
PERFORMANCE: Final = "Performance Tests"
INTEGRATION: Final = "Integration Tests"

# Group and name of each check.
CHECKS: Final[Mapping[tuple[str, str], Check]] = {
    (CONFIGURATION, "Wallet configuration validation"): checks.configuration_validation,
    (CONFIGURATION, "Environment configuration parsing"): checks.environment_parsing,
    (SELECTION, "Strategy-based selection"): checks.strategy_based_selection,
    (SELECTION, "Risk-based routing"): checks.risk_based_routing,
    (SELECTION, "Performance optimization"): checks.performance_optimization,
    (SELECTION, "Fallback mechanisms"): checks.fallback_mechanisms,
    (ROUTING, "Trade routing to selected wallets"): checks.trade_routing,
    (ROUTING, "Transaction ID formatting"): checks.transaction_ids,
    (ROUTING, "Error handling"): checks.error_handling,
    (RISK, "Position size limits"): checks.position_size_limits,
    (RISK, "Daily loss limits"): checks.daily_loss_limits,
    (RISK, "Exposure percentage checks"): checks.exposure_checks,
    (RISK, "Concurrent position limits"): checks.concurrent_position_limits,
    (PERFORMANCE, "Wallet selection speed (<50ms)"): performance_checks.selection_speed,
    (PERFORMANCE, "Concurrent operations"): performance_checks.concurrent_operations,
    (PERFORMANCE, "Memory usage optimization"): performance_checks.memory_usage,
    (INTEGRATION, "Complete trading flow"): performance_checks.complete_trading_flow,
    (INTEGRATION, "Wallet failover scenarios"): performance_checks.wallet_failover,
    (INTEGRATION, "Multi-strategy execution"): performance_checks.multi_strategy_execution,
}

# How a broken desk fails. Any other exception is a bug of the self-test and ends it.
FAILURES: Final = (
    AssertionError,
    BadSignal,
    CommandRefused,
    ConfigError,
    EngineBusy,
    EngineStopped,
    JournalFailed,
    JournalUnusable,
    NoEligibleWallet,
    OSError,
    TapeError,
    TimeoutError,
)


class CheckResult(Value, frozen=True):
    name: str
    group: str
    passed: bool
    detail: str  # what was found, or why it failed
    seconds: float


def run_selftest(
    env: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    seen: Callable[[CheckResult], None] = lambda result: None,
) -> list[CheckResult]:
    """Runs every check, or the named ones, each on a desk of its own. A failed check does not stop the others.

    `env` are settings to test under; they override those of every desk. `seen` is called with each result.
    """
    results = []
    for (group, name), check in CHECKS.items():
        if names is None or name in names:
            results.append(_result(group, name, check, env or {}))
            seen(results[-1])
    return results


def _result(group: str, name: str, check: Check, env: Mapping[str, str]) -> CheckResult:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="overmind-selftest-") as folder:
        try:
            detail, passed = asyncio.run(_await(check(ScratchDesk(Path(folder), env)))), True
        except FAILURES as failure:
            detail, passed = str(failure) or type(failure).__name__, False
    return CheckResult(name, group, passed, detail, time.perf_counter() - began)


async def _await(found: Awaitable[str]) -> str:
    return await found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one line per check and a summary. Returns 0 only if all checks passed."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    results = run_selftest(seen=lambda result: None if as_json else _say(result))
    passed = sum(result.passed for result in results)
    summary = f"{passed}/{len(results)} tests passed ({passed * 100 / len(results):.0f}% success rate)"
    if as_json:
        whole = {"passed": passed, "total": len(results), "checks": msgspec.to_builtins(results)}
        sys.stdout.write(json.dumps(whole) + "\n")
    else:
        sys.stdout.write(f"\n{summary}\n")
    return 0 if passed == len(results) else 1


def _say(result: CheckResult) -> None:
    mark = "✅" if result.passed else "❌"
    detail = printable(result.detail)
    sys.stdout.write(f"{mark} {result.group}: {result.name} ({result.seconds:.2f} s): {detail}\n")
    sys.stdout.flush()
