"""The manager: one desk behind the names of specification §6."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import structs

import overmind
from overmind import (
    CommandRefused,
    ConfigError,
    EngineStopped,
    MultiWalletConfig,
    NoEligibleWallet,
    StrategyType,
    TradingMode,
    WalletManager,
    WalletSelection,
    WalletSelectionCriteria,
    WalletStatus,
    WalletType,
)
from overmind.config import Cluster
from overmind.core.model.codes import Code
from overmind.core.model.events import Entry
from overmind.journal.errors import JournalLocked
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import JournalFailed
from overmind.sandbox.selftest.scratch_desk import Bench, ScratchDesk, TapeTime, desk
from overmind.venues.paper import PERFECT

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
SNIPE = WalletSelectionCriteria("TokenSniping", 1_000, 0.8)


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


@pytest.fixture
def scratch(tmp_path: Path) -> ScratchDesk:
    return ScratchDesk(tmp_path)


@pytest.fixture
def config(scratch: ScratchDesk) -> MultiWalletConfig:
    return MultiWalletConfig.from_env(scratch.seed_env(), None)


# Criteria


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"required_balance": float("nan")}, "required_balance: 'nan' is not a finite number"),
        ({"required_balance": float("inf")}, "required_balance: 'inf' is not a finite number"),
        ({"required_balance": -1}, "required_balance: '-1' is not above 0"),
        ({"required_balance": 0}, "required_balance: '0' is not above 0"),
        ({"required_balance": True}, "required_balance: 'True' is not a number"),
        ({"required_balance": 1e30}, "required_balance: '1e+30' is absurdly large"),
        ({"required_balance": "many"}, "required_balance: 'many' is not a number"),
        ({"required_balance": None}, "required_balance: missing"),
        ({"risk_tolerance": 1.01}, "risk_tolerance: '1.01' is not a share"),
        ({"risk_tolerance": float("nan")}, "risk_tolerance: 'nan' is not a finite number"),
        ({"risk_tolerance": -0.1}, "risk_tolerance: '-0.1' is not a share"),
        ({"strategy_type": "Snipping"}, "strategy_type: unknown 'Snipping'"),
        ({"preferred_wallet_type": "Whale"}, "preferred_wallet_type: unknown 'Whale'"),
        ({"exclude_wallets": "hft_wallet"}, "exclude_wallets: not a list of ids"),
        ({"exclude_wallets": ["a b"]}, "exclude_wallets: not a list of ids"),
    ],
)
def test_invalid_criteria_name_the_fix(fields: dict[str, Any], problem: str) -> None:
    good: dict[str, Any] = {"strategy_type": "TokenSniping", "required_balance": 1_000, "risk_tolerance": 0.8}
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        WalletSelectionCriteria(**{**good, **fields})


def test_invalid_criteria_list_all_problems() -> None:
    with pytest.raises(ValueError, match=r"strategy_type.*risk_tolerance.*required_balance"):
        WalletSelectionCriteria("?", -1, 2)


@pytest.mark.parametrize("strategy", ["token_sniping", "TOKENSNIPING", StrategyType.TOKEN_SNIPING])
@pytest.mark.parametrize("balance", [1000, 1000.0, "1000", Decimal("1000.00"), "1e3"])
def test_criteria_accept_usual_spellings(strategy: str, balance: float | str | Decimal) -> None:
    criteria = WalletSelectionCriteria(strategy, balance, "0.8", "hft", [])
    assert criteria == WalletSelectionCriteria(StrategyType.TOKEN_SNIPING, 1_000, 0.8, WalletType.HFT)


def test_a_computed_amount_is_rounded_up_to_a_micro_usd() -> None:
    assert WalletSelectionCriteria("Arbitrage", 1000 / 3, 0.8).required_balance == Decimal("333.333334")


# Start and close


def test_nothing_answers_before_initialize_nor_after_close(config: MultiWalletConfig) -> None:
    async def main() -> None:
        manager = WalletManager(config, journal=MemoryJournal(), clock=TapeTime())
        with pytest.raises(EngineStopped, match="initialize"):
            await manager.get_portfolio_summary()
        await manager.close()
        manager = WalletManager(config, journal=MemoryJournal(), clock=TapeTime())
        await manager.initialize(config.wallets.values())
        await asyncio.gather(manager.close(), manager.close())
        await manager.close()
        with pytest.raises(EngineStopped, match="make a new WalletManager"):
            await manager.select_wallet(SNIPE)

    run(main())


def test_a_second_initialize_is_an_error_and_a_failed_one_is_none(config: MultiWalletConfig) -> None:
    async def main() -> None:
        async with WalletManager(config, journal=MemoryJournal(), clock=TapeTime()) as manager:
            with pytest.raises(ConfigError, match="give one WalletConfig at least"):
                await manager.initialize([])
            ids: Any = config.wallets  # What a dict yields when `.values()` was forgotten.
            with pytest.raises(TypeError, match=r"config\.wallets\.values"):
                await manager.initialize(ids)
            await manager.initialize(config.wallets.values())
            with pytest.raises(CommandRefused, match="add_wallet"):
                await manager.initialize(config.wallets.values())
            assert (await manager.get_portfolio_summary()).total_wallets == 4

    run(main())


def test_without_a_config_the_settings_come_from_the_environment(scratch: ScratchDesk, tmp_path: Path) -> None:
    lines = [f'{name}="{value}"' for name, value in scratch.seed_env().items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    (tmp_path / ".env").chmod(0o600)

    async def main() -> None:
        config = MultiWalletConfig.from_env({})
        async with WalletManager() as manager:
            await manager.initialize(config.wallets.values())
            assert manager.app.desk.default_wallet == "primary_wallet"
        assert (tmp_path / "data" / "overmind.db").exists()

    with contextlib.chdir(tmp_path):
        run(main())


def test_wallets_that_contradict_each_other_are_refused(config: MultiWalletConfig, scratch: ScratchDesk) -> None:
    other = MultiWalletConfig.from_env(scratch.seed_env(), None)

    async def main() -> None:
        manager = WalletManager(config, journal=MemoryJournal())
        primary, *rest = config.wallets.values()
        with pytest.raises(ConfigError) as twice:
            await manager.initialize([primary, *rest, *other.wallets.values()])
        with pytest.raises(ConfigError, match="'primary_wallet' is not among the wallets"):
            await manager.initialize(rest)
        assert [problem.problem for problem in twice.value.problems] == [
            "the wallet id occurs 2 times",
            "the wallet id occurs 2 times",
            "the wallet id occurs 2 times",
            "the wallet id occurs 2 times",
            "the allocations sum to 2.0",
        ]

    run(main())


def test_live_trading_on_mainnet_is_refused_in_this_version(config: MultiWalletConfig) -> None:
    async def main() -> None:
        live = structs.replace(config, mode=TradingMode.LIVE, cluster=Cluster.MAINNET)
        async with WalletManager(live, journal=MemoryJournal()) as manager:
            with pytest.raises(CommandRefused, match="set OVERMIND_CLUSTER to devnet or localnet"):
                await manager.initialize(live.wallets.values())

    run(main())


def test_two_desks_cannot_own_one_journal(config: MultiWalletConfig) -> None:
    async def main() -> None:
        async with WalletManager(config) as first, WalletManager(config) as second:
            await first.initialize(config.wallets.values())
            with pytest.raises(JournalLocked):
                await second.initialize(config.wallets.values())
            await first.close()
            await second.initialize(config.wallets.values())

    run(main())


class FailingJournal(MemoryJournal):
    """A journal that fails when a test says so."""

    dead = False

    async def append(self, entries: Sequence[Entry]) -> None:
        if self.dead:
            raise JournalFailed("the disk is gone")
        await super().append(entries)


def test_a_desk_whose_journal_fails_answers_nothing_more_and_close_says_why(scratch: ScratchDesk) -> None:
    async def main() -> None:
        journal = FailingJournal()
        async with desk(scratch.seed_env(), journal=journal) as bench:
            journal.dead = True
            with pytest.raises(EngineStopped):
                await bench.manager.emergency_stop_all("it burns")
            with pytest.raises(EngineStopped):
                await bench.manager.get_portfolio_summary()

    with pytest.raises(JournalFailed, match="the disk is gone"):
        run(main())


# Selection


def test_selecting_records_and_reserves_nothing(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            before = len(list(bench.entries())), await bench.manager.get_portfolio_summary()
            selection = await bench.manager.select_wallet(SNIPE)
            assert (len(list(bench.entries())), await bench.manager.get_portfolio_summary()) == before
            assert selection.wallet_type is WalletType.HFT
            assert selection.selection_reason.startswith(f"expected cost {selection.expected_cost_bps:.1f} bps")
            assert {one.wallet_id: one.eligible for one in selection.candidates} == {
                "primary_wallet": True,
                "hft_wallet": True,
                "conservative_wallet": False,
                "experimental_wallet": False,
            }
            assert [one.wallet_id for one in selection.losers] == [
                "primary_wallet",
                "conservative_wallet",
                "experimental_wallet",
            ]

    run(main())


def test_a_selection_is_what_the_engine_then_does(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            for usd in (50, 300, 700, 900, 1_500, 2_500):
                for strategy in ("Arbitrage", "TokenSniping", "MomentumTrading"):
                    await _expect_same(bench, strategy, usd)

    run(main())


async def _expect_same(bench: Bench, strategy: str, usd: float) -> None:
    selection = await _selection(bench, WalletSelectionCriteria(strategy, usd, 0.7, "Primary"))
    fields = {"strategy_type": strategy, "risk_tolerance": 0.7, "preferred_wallet_type": "Primary"}
    decision = await bench.trade(usd, symbol=selection.symbol, **fields)
    if isinstance(selection, NoEligibleWallet):
        assert decision.refusals == selection.refusals
    else:
        assert (decision.wallet_id, decision.selection_reason) == (selection.wallet_id, selection.selection_reason)


async def _selection(bench: Bench, criteria: WalletSelectionCriteria) -> WalletSelection | NoEligibleWallet:
    try:
        return await bench.manager.select_wallet(criteria)
    except NoEligibleWallet as none:
        return none


def test_without_an_eligible_wallet_every_refusal_is_listed(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            with pytest.raises(NoEligibleWallet, match=r"no wallet may take 9000 USD of TokenSniping in SOL") as none:
                await bench.manager.select_wallet(WalletSelectionCriteria("TokenSniping", 9_000, 0.8))
            refusals = none.value.refusals
            assert {one.wallet_id for one in refusals} == set(bench.app.engine.state.wallets)
            assert Code.STRATEGY_POSITION_SIZE in {one.code for one in refusals}

    run(main())


def test_the_first_token_that_can_be_entered_decides_and_a_symbol_asks_for_one(scratch: ScratchDesk) -> None:
    async def main() -> None:
        env = scratch.one_wallet_env({}, env={"OVERMIND_ASSET_MAX_PERCENT": "10"})
        async with desk(env) as bench:
            criteria = WalletSelectionCriteria("TokenSniping", 6_000, 0.8)
            assert (await bench.manager.select_wallet(criteria)).symbol == "SOL"
            await bench.fill(6_000, symbol="SOL")
            assert (await bench.manager.select_wallet(criteria)).symbol == "BTC"
            btc = WalletSelectionCriteria("TokenSniping", 6_000, 0.8, symbol="btc")
            assert (await bench.manager.select_wallet(btc)).symbol == "BTC"
            sol = WalletSelectionCriteria("TokenSniping", 6_000, 0.8, symbol="SOL")
            with pytest.raises(NoEligibleWallet, match="ASSET_CONCENTRATION"):
                await bench.manager.select_wallet(sol)
            unpriced = WalletSelectionCriteria("TokenSniping", 6_000, 0.8, symbol="JUP")
            with pytest.raises(NoEligibleWallet, match="PRICE_MISSING"):
                await bench.manager.select_wallet(unpriced)
            unknown = WalletSelectionCriteria("TokenSniping", 6_000, 0.8, symbol="SOLL")
            with pytest.raises(ValueError, match="known are SOL"):
                await bench.manager.select_wallet(unknown)

    run(main())


# Wallets and stops


def test_an_emergency_stop_shows_everywhere_and_is_lifted_wallet_by_wallet(
    scratch: ScratchDesk, tmp_path: Path
) -> None:
    async def main() -> None:
        path = tmp_path / "stop.db"
        journal, env = SqliteJournal.open(path), scratch.seed_env()
        async with desk(env, journal=journal) as bench:
            await bench.manager.emergency_stop_all("drill")
        journal.close()
        journal = SqliteJournal.open(path)
        async with desk(env, journal=journal) as bench:  # It survives the restart.
            manager = bench.manager
            assert await manager.get_active_wallets() == []
            assert (await manager.get_wallet("hft_wallet")).status is WalletStatus.EMERGENCY
            with pytest.raises(NoEligibleWallet, match="PORTFOLIO_STOPPED"):
                await manager.select_wallet(SNIPE)
            with pytest.raises(CommandRefused, match="a blank reason"):
                await manager.reactivate_wallet("hft_wallet", " ")
            assert (await manager.reactivate_wallet("hft_wallet")).status is WalletStatus.ACTIVE
            assert [wallet.id for wallet in await manager.get_active_wallets()] == ["hft_wallet"]
            assert (await manager.get_portfolio_summary()).active_wallets == 1
            assert (await manager.select_wallet(SNIPE)).wallet_id == "hft_wallet"
        journal.close()

    run(main())


def test_a_stop_file_forbids_reactivation(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            data_dir = bench.app.config.data_dir
            data_dir.mkdir()
            (data_dir / "STOP").touch()
            with pytest.raises(NoEligibleWallet, match="PORTFOLIO_STOPPED"):
                await bench.manager.select_wallet(SNIPE)
            with pytest.raises(CommandRefused, match="STOP would stop every wallet again"):
                await bench.manager.reactivate_wallet("hft_wallet")
            (data_dir / "STOP").unlink()
            assert (await bench.manager.reactivate_wallet("hft_wallet")).status is WalletStatus.ACTIVE

    run(main())


def test_an_unknown_wallet_is_named_with_those_that_are_known(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            for ask in (
                bench.manager.get_wallet("hft"),
                bench.manager.get_wallet_metrics("hft"),
                bench.manager.reactivate_wallet("hft"),
            ):
                with pytest.raises(CommandRefused, match=r"no wallet 'hft'; known: primary_wallet, hft_wallet"):
                    await ask

    run(main())


def test_a_wallet_joins_the_running_desk_with_its_share_of_the_capital(scratch: ScratchDesk) -> None:
    env = scratch.many_wallets_env(3)
    lines = env["OVERMIND_MANAGED_WALLETS"].split(",")

    async def main() -> None:
        config = MultiWalletConfig.from_env(env, None)
        first, second, third = config.wallets.values()
        async with WalletManager(config, journal=MemoryJournal(), clock=TapeTime(), model=PERFECT) as manager:
            await manager.initialize([first])
            await asyncio.gather(manager.add_wallet(second), manager.add_wallet(second), manager.add_wallet(third))
            summary = await manager.get_portfolio_summary()
            assert summary.total_wallets == 3
            assert summary.total_value_usd == pytest.approx(99_990, abs=1)
            twin = MultiWalletConfig.from_env(
                {**env, "OVERMIND_MANAGED_WALLETS": lines[0].replace("wallet_0", "twin").replace("0.3333", "0")}, None
            )
            with pytest.raises(ConfigError, match="wallet_0 and twin have the same key"):
                await manager.add_wallet(twin.wallets[overmind.WalletId("twin")])
            chosen = await manager.select_wallet(
                WalletSelectionCriteria("TokenSniping", 1_000, 0.8, exclude_wallets=["wallet_0", "wallet_1"])
            )
            assert chosen.wallet_id == "wallet_2"
            with pytest.raises(ValueError, match="exclude_wallets: no wallet nobody; known are wallet_0"):
                await manager.select_wallet(
                    WalletSelectionCriteria("TokenSniping", 1_000, 0.8, exclude_wallets=["nobody"])
                )

    run(main())


def test_a_hundred_calls_at_once_all_get_their_answer(scratch: ScratchDesk) -> None:
    async def main() -> None:
        async with desk(scratch.seed_env()) as bench:
            manager = bench.manager
            asks = [
                ask()
                for _ in range(12)
                for ask in (
                    lambda: manager.select_wallet(SNIPE),
                    lambda: bench.submit(50),
                    lambda: manager.get_wallet("hft_wallet"),
                    lambda: manager.get_wallet_metrics("hft_wallet"),
                    manager.get_active_wallets,
                    manager.get_portfolio_summary,
                    bench.executor.get_execution_stats,
                    lambda: manager.reactivate_wallet("primary_wallet"),
                    bench.executor.start,
                )
            ]
            answers = await asyncio.gather(*asks)
            assert len(answers) == 108
            await bench.app.settle()
            assert (await bench.executor.get_execution_stats()).successful_executions == 12

    run(main())


# The package


def test_every_public_name_loads_and_nothing_else() -> None:
    assert sorted(overmind.__all__) == overmind.__all__
    for name in overmind.__all__:
        assert getattr(overmind, name) is not None
    assert set(overmind.__all__) <= set(dir(overmind))
    misspelt = "WalletManger"
    with pytest.raises(AttributeError, match="has no attribute 'WalletManger'"):
        getattr(overmind, misspelt)


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, overmind; print(sorted(name for name in sys.modules if name.startswith(('overmind', 'numpy'))))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['overmind']"


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert overmind.__version__ == project["version"]
