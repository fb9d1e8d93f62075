"""The executor: from a queue of signals, valid or not, to records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import structs

from overmind import (
    CommandRefused,
    Decision,
    DecisionStatus,
    EngineStopped,
    ExecutionRecord,
    HFTConfig,
    MultiWalletExecutor,
    RejectedSignal,
    Signal,
    SignalId,
    StrategyType,
    TradeAction,
    TradingMode,
    WalletManager,
)
from overmind.clock.clocks import SystemClock
from overmind.core.model.commands import SubmitSignal
from overmind.core.model.ids import SOL
from overmind.core.model.units import MICROS
from overmind.desk.engine import BOUNDS
from overmind.sandbox.selftest.scratch_desk import Bench, ScratchDesk, desk
from overmind.sdk.records import Record
from overmind.venues.paper import PERFECT, PaperModel

T = TypeVar("T")

SLOW = structs.replace(PERFECT, latency_min_ms=2_000, latency_max_ms=2_000)
GOOD = Signal(SignalId("typed"), StrategyType.TOKEN_SNIPING, TradeAction.BUY, SOL, 800_000, notional_micros=50 * MICROS)


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


@pytest.fixture
def scratch(tmp_path: Path) -> ScratchDesk:
    return ScratchDesk(tmp_path)


def shown(record: Record) -> str:
    if isinstance(record, RejectedSignal):
        return f"rejected {record.signal_id}"
    return f"{record.status} {record.order_id or record.signal_id}"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await SystemClock().sleep(0.01)


async def answers(bench: Bench, *signals: object) -> list[Record]:
    """The first record that each signal leads to."""
    found = []
    for signal in signals:
        bench.signals.put_nowait(signal)
        found += await bench.next_records(1)
    return found


def test_a_signal_comes_as_a_value_a_dict_text_or_bytes(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            for raw in (
                GOOD,
                bench.signal_json(50, signal_id="dict"),
                json.dumps(bench.signal_json(50, signal_id="text")),
                json.dumps(bench.signal_json(50, signal_id="bytes")).encode(),
            ):
                bench.signals.put_nowait(raw)
                decision, outcome = await bench.next_records(2)
                assert isinstance(decision, Decision)
                assert isinstance(outcome, ExecutionRecord)
                assert decision.status is DecisionStatus.PLACED
                assert outcome.to_json() | {"seq": 0, "at_ns": 0} == {
                    "order_id": f"{decision.signal_id}.0.0",
                    "signal_id": decision.signal_id,
                    "wallet_id": decision.wallet_id,
                    "strategy": "TokenSniping",
                    "side": "Buy",
                    "status": "filled",
                    "spent": {"units": 50_000_000, "mint": bench.app.desk.quote.mint},
                    "received": {"units": outcome.received.units, "mint": SOL},
                    "fee_lamports": 13_000,
                    "rent_lamports": 0,
                    "cause": None,
                    "detail": "",
                    "at_ns": 0,
                    "seq": 0,
                    "provisional": False,
                    "rolled_back": False,
                }

    run(main())


@pytest.mark.parametrize(
    "bad",
    [
        None,
        42,
        b"",
        b"\xff",
        "[]",
        {},
        {"signal_id": "a:b"},
        {1: 2},
        structs.replace(GOOD, notional_micros=None),
        structs.replace(GOOD, notional_micros=-1),
        structs.replace(GOOD, notional_micros=1.5),
        structs.replace(GOOD, notional_micros=10**40),
        structs.replace(GOOD, quantity=Decimal("NaN")),
        structs.replace(GOOD, quantity=Decimal(1)),
        structs.replace(GOOD, strategy="Snipping"),
        structs.replace(GOOD, mint="?"),
        structs.replace(GOOD, id="stop:x"),
        structs.replace(GOOD, at_ns=10**40),
        structs.replace(GOOD, at_ns=-(10**18)),
        structs.replace(GOOD, risk_tolerance_ppm=-1),
        structs.replace(GOOD, slippage_max_bps=-5),
    ],
)
def test_an_invalid_signal_is_rejected_and_the_next_one_is_taken(scratch: ScratchDesk, bad: object) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            rejected, decision = await answers(bench, bad, GOOD)
            assert isinstance(rejected, RejectedSignal)
            assert rejected.to_json()["status"] == "rejected"
            assert rejected.error
            assert isinstance(decision, Decision)
            assert decision.status is DecisionStatus.PLACED

    run(main())


def test_a_known_signal_gets_its_first_answer_and_a_changed_one_is_rejected(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            bench.signals.put_nowait(GOOD)
            first, _ = await bench.next_records(2)
            again, changed = await answers(bench, GOOD, structs.replace(GOOD, notional_micros=51 * MICROS))
            assert isinstance(first, Decision)
            assert again == structs.replace(first, status=DecisionStatus.DUPLICATE)
            assert isinstance(changed, RejectedSignal)
            assert changed.signal_id == "typed"
            assert "known with other content" in changed.error

    run(main())


def test_a_refusal_and_a_hold_are_decisions_without_an_outcome(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            found = await answers(bench, bench.signal_json(9_000), bench.signal_json(None, action="Hold"))
            assert [shown(one) for one in found] == ["refused s1", "recorded s2"]
            assert await bench.executor.stop()
            assert bench.records.empty()

    run(main())


def test_records_come_in_order_each_decision_before_its_outcome(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            for _ in range(60):
                bench.signals.put_nowait(bench.signal_json(10))
            await bench.executor.start()
            found = await bench.next_records(120)
            assert await bench.executor.stop()
            decided = [one.order_id for one in found if isinstance(one, Decision)]
            assert decided == [f"s{number}.0.0" for number in range(1, 61)]
            for order_id in decided:
                mine = [
                    type(one).__name__
                    for one in found
                    if not isinstance(one, RejectedSignal) and one.order_id == order_id
                ]
                assert mine == ["Decision", "ExecutionRecord"]

    run(main())


def test_starting_and_stopping_again_changes_nothing(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = bench.executor
            assert await executor.stop()
            await asyncio.gather(executor.start(), executor.start(), executor.start())
            assert [shown(one) for one in await answers(bench, bench.signal_json(50))] == ["placed s1.0.0"]
            assert all(await asyncio.gather(executor.stop(), executor.stop()))
            assert not executor.alive
            bench.signals.put_nowait(bench.signal_json(50))  # Waits in its queue until an executor takes it.
            assert [shown(one) for one in await bench.next_records(1)] == ["filled s1.0.0"]
            await executor.start()
            assert [shown(one) for one in await bench.next_records(2)] == ["placed s2.0.0", "filled s2.0.0"]

    run(main())


def test_stop_waits_for_what_is_under_way_but_not_for_ever(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env(), model=SLOW) as bench:
            await bench.executor.start()
            await answers(bench, bench.signal_json(50))
            assert not await bench.executor.stop(deadline_s=0.05)
            await bench.executor.start()  # The desk still has the order, and its outcome is reported.
            assert await bench.executor.stop()
            assert [shown(one) for one in await bench.next_records(1)] == ["filled s1.0.0"]

    run(main())


def test_closing_the_desk_stops_the_executor_first(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            for _ in range(20):
                bench.signals.put_nowait(bench.signal_json(20))
            await answers(bench)
            await bench.next_records(1)
        left = bench.signals.qsize()
        decisions = 1 + sum(isinstance(bench.records.get_nowait(), Decision) for _ in range(bench.records.qsize()))
        assert left + decisions == 20

    run(main())


def test_a_slow_sender_slows_the_intake_and_loses_nothing(scratch: ScratchDesk) -> None:
    class Slow:
        def __init__(self) -> None:
            self.seen: list[Record] = []

        async def put(self, record: Record, /) -> None:
            await asyncio.sleep(0.001)
            self.seen.append(record)

    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            sender = Slow()
            executor = MultiWalletExecutor(bench.signals, sender, bench.manager)
            for _ in range(80):
                bench.signals.put_nowait(bench.signal_json(10))
            await executor.start()
            await until(bench.signals.empty)
            assert await executor.stop()
            assert len(sender.seen) == 160

    run(main())


def test_a_reader_that_lags_too_far_reads_the_journal(scratch: ScratchDesk) -> None:
    """One batch with more entries than a feed keeps, among them those of the reported order."""
    hold = structs.replace(GOOD, action=TradeAction.HOLD, notional_micros=None)

    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            await bench.executor.start()
            now_ns = bench.app.clock.now_ns()
            holds = (structs.replace(hold, id=SignalId(f"h{number}")) for number in range(BOUNDS.feed_max))
            submissions = [bench.app.engine.handle(SubmitSignal(signal, now_ns)) for signal in (GOOD, *holds)]
            await asyncio.gather(*submissions)
            (outcome,) = await bench.executions(1)
            assert shown(outcome) == "filled typed.0.0"
            assert await bench.executor.stop()

    run(main())


def test_a_receiver_that_fails_is_asked_again(scratch: ScratchDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def __init__(self, signals: asyncio.Queue[object]) -> None:
            self.signals = signals
            self.failures = 3

        async def get(self) -> object:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the broker is gone")
            return await self.signals.get()

    monkeypatch.setattr("overmind.sdk.executor.RECEIVER_RETRY_S", 0.001)

    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = MultiWalletExecutor(Failing(bench.signals), bench.records, bench.manager)
            await executor.start()
            bench.signals.put_nowait(bench.signal_json(None, action="Hold"))
            assert [shown(one) for one in await bench.next_records(1)] == ["recorded s1"]
            assert await executor.stop()

    run(main())


def test_a_failure_of_the_desk_is_the_answer_of_its_signal_alone(
    scratch: ScratchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            submit = bench.app.submit

            async def failing(signal: Signal, received_at_ns: int | None = None) -> Decision:
                if signal.id == "s1":
                    raise ZeroDivisionError(signal.id)
                return await submit(signal, received_at_ns)

            monkeypatch.setattr(bench.app, "submit", failing)
            await bench.executor.start()
            wishes = [bench.signal_json(None, action="Hold") for _ in range(2)]
            assert [shown(one) for one in await answers(bench, *wishes)] == ["rejected s1", "recorded s2"]
            assert await bench.executor.stop()

    run(main())


def test_a_sender_that_breaks_ends_the_executor_and_stop_says_why(scratch: ScratchDesk) -> None:
    class Broken:
        async def put(self, record: Record, /) -> None:
            raise ConnectionError(f"no room for {shown(record)}")

    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = MultiWalletExecutor(bench.signals, Broken(), bench.manager)
            await executor.start()
            bench.signals.put_nowait(bench.signal_json(50))
            await until(lambda: not executor.alive)
            with pytest.raises(ConnectionError, match=r"no room for placed s1\.0\.0"):
                await executor.stop()
            assert await executor.stop()
            await bench.fill(50)  # The desk continues.

    run(main())


def test_a_sender_is_optional(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = MultiWalletExecutor(bench.signals, None, bench.manager)
            stats = await executor.get_execution_stats()
            assert (stats.total_executions, stats.success_rate) == (0, 0.0)
            await executor.start()
            bench.signals.put_nowait(bench.signal_json(50))
            bench.signals.put_nowait(42)
            await until(bench.signals.empty)
            assert await executor.stop()
            stats = await executor.get_execution_stats()
            assert (stats.successful_executions, stats.success_rate) == (1, 1.0)

    run(main())


# Settings


def test_the_timeout_and_the_fallback_wallet_become_the_desks(scratch: ScratchDesk) -> None:
    async def main() -> None:
        env = scratch.seed_env(OVERMIND_MULTI_WALLET_ENABLED="false")
        async with desk(env) as bench:
            executor = MultiWalletExecutor.new_with_hft(
                bench.signals,
                bench.records,
                bench.manager,
                TradingMode.PAPER,
                "https://rpc.example.com/?api-key=secret",
                750,
                "hft_wallet",
                HFTConfig(jito_endpoint="https://jito.example.com/?uuid=secret"),
            )
            await executor.start()
            settings = bench.app.engine.state.settings
            assert (settings.selection_timeout_ns, settings.default_wallet) == (750_000_000, "hft_wallet")
            (decision,) = await answers(bench, bench.signal_json(50))
            assert isinstance(decision, Decision)
            assert decision.wallet_id == "hft_wallet"
            assert executor.hft_config is not None
            assert "secret" not in f"{executor.hft_config!r}{executor!r}"

    run(main())


def test_an_unknown_fallback_wallet_is_refused_at_the_start(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = MultiWalletExecutor(bench.signals, None, bench.manager, fallback_wallet="primary")
            with pytest.raises(CommandRefused, match=r"'primary' is not an active wallet; known: primary_wallet, "):
                await executor.start()
            assert not executor.alive

    run(main())


@pytest.mark.parametrize("mode", [TradingMode.LIVE, "live"])
def test_another_mode_than_the_desks_is_refused(scratch: ScratchDesk, mode: TradingMode | str) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            executor = MultiWalletExecutor(asyncio.Queue(), None, bench.manager, trading_mode=mode)
            with pytest.raises(CommandRefused, match="this desk trades Paper, not Live"):
                await executor.start()

    run(main())


def test_without_a_running_desk_there_is_nothing_to_start() -> None:
    async def main() -> None:
        executor = MultiWalletExecutor(asyncio.Queue(), None, WalletManager())
        with pytest.raises(EngineStopped, match="initialize"):
            await executor.start()

    run(main())


@pytest.mark.parametrize(
    ("fields", "error", "why"),
    [
        ({"trading_mode": "papper"}, ValueError, "trading_mode 'papper' is not known"),
        ({"selection_timeout_ms": 0}, ValueError, "selection_timeout_ms: 0 ms is out of bounds"),
        ({"selection_timeout_ms": 600_001}, ValueError, "selection_timeout_ms: 600001 ms is out of bounds"),
        ({"solana_rpc_url": "ftp://x"}, ValueError, "solana_rpc_url: not an http or https URL"),
    ],
)
def test_bad_arguments_are_refused_at_once(fields: dict[str, Any], error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        MultiWalletExecutor(asyncio.Queue(), None, WalletManager(), **fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"jito_endpoint": "mainnet.jito"}, "jito_endpoint: not an http or https URL"),
        ({"tip_lamports": -1}, "tip_lamports: -1 is not a whole number from 1000 to 1000000000"),
        ({"tip_lamports": 999}, "tip_lamports: 999 is not a whole number from 1000"),
        ({"tip_lamports": 2 * 10**9}, "tip_lamports"),
        ({"tip_lamports": 0.5}, "tip_lamports"),
        ({"max_latency_ms": 0}, "max_latency_ms: 0 is not a whole number from 1 to 60000"),
        ({"retries": 11}, "retries: 11 is not a whole number from 0 to 10"),
        ({"retries": True}, "retries"),
        ({"tip_lamports": -1, "retries": -1}, r"tip_lamports.*retries"),
    ],
)
def test_an_hft_config_is_checked_when_it_is_made(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        HFTConfig(**fields)


def test_what_the_model_calls_rough_is_reported_as_such(scratch: ScratchDesk) -> None:
    async def main() -> None:
        model = PaperModel(failure_ppm=1_000_000, expiry_ppm=0, route_down_ppm=0, latency_min_ms=0, latency_max_ms=0)
        async with desk(scratch.seed_env(), model=model) as bench:
            await bench.executor.start()
            bench.signals.put_nowait(GOOD)
            (outcome,) = await bench.executions(1)
            assert (outcome.status, outcome.cause, outcome.spent.units) == ("failed", "SLIPPAGE", 0)
            assert outcome.fee_lamports > 0
            assert (await bench.executor.get_execution_stats()).success_rate == 0.0

    run(main())
