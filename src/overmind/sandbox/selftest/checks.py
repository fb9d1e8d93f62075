"""Thirteen checks: configuration, selection, routing and risk.

A check returns what it found, or raises AssertionError.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from overmind.config import ConfigError, MultiWalletConfig
from overmind.core.model.codes import Code
from overmind.core.model.commands import AddHold, LiftHold
from overmind.core.model.controls import Scope
from overmind.core.model.enums import StrategyType, TradingMode, WalletType
from overmind.core.model.events import TicketRecorded
from overmind.core.model.ids import WalletId
from overmind.core.model.units import MICROS
from overmind.sandbox.selftest.scratch_desk import (
    Bench,
    ScratchDesk,
    desk,
    expect,
    placed,
    refused,
    seed_wallet,
    tolerance,
)
from overmind.sdk.records import RejectedSignal
from overmind.sdk.selection import NoEligibleWallet, WalletSelection, WalletSelectionCriteria
from overmind.views.decisions import Decision

SMALL: Final = 50.0  # USD; below the smallest limit of every strategy
BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{87,88}")


async def choose(
    bench: Bench,
    strategy: StrategyType,
    usd: float,
    risk: float,
    preferred: WalletType | None = None,
    exclude: tuple[str, ...] = (),
) -> WalletSelection:
    return await bench.manager.select_wallet(WalletSelectionCriteria(strategy, usd, risk, preferred, exclude))


async def refused_everywhere(
    bench: Bench, strategy: StrategyType, usd: float, risk: float, exclude: tuple[str, ...] = ()
) -> NoEligibleWallet:
    try:
        chosen = await choose(bench, strategy, usd, risk, exclude=exclude)
    except NoEligibleWallet as none:
        return none
    raise AssertionError(f"{chosen.wallet_id} was chosen for {usd} USD of {strategy} at risk {risk}")


# Configuration


async def configuration_validation(scratch: ScratchDesk) -> str:
    """A correct wallet file is read as written. Every kind of broken file is refused with its reason."""
    good = seed_wallet()
    wallet = _load_wallet(scratch, good).wallets[WalletId("primary_wallet")].wallet
    expect(wallet.limits.position_max_micros == 10_000 * MICROS, f"max_position_size is {wallet.limits}")
    expect(wallet.strategies[StrategyType.TOKEN_SNIPING].share_ppm == 400_000, f"the share is {wallet.strategies}")
    expect(wallet.public_key == good["public_key"], f"the public key is {wallet.public_key}")
    share = {"strategy_type": "Arbitrage", "allocation_percentage": 60, "max_position_size": 1}
    limits = seed_wallet()["risk_limits"]
    assert isinstance(limits, dict)
    broken: Mapping[str, dict[str, object]] = {
        "public half": {"private_key": str(list(range(1, 65))), "public_key": None},
        "does not belong": {"public_key": "11111111111111111111111111111112"},
        "is not known": {"wallet_type": "Whale"},
        "listed twice": {"strategy_allocation": [share, {**share, "allocation_percentage": 1}]},
        "sum to 120": {"strategy_allocation": [share, {**share, "strategy_type": "TokenSniping"}]},
        "finite": {"risk_limits": {**limits, "max_daily_loss": "NaN"}},
        "out of bounds": {"risk_limits": {**limits, "max_exposure_percentage": 101}},
    }
    for reason, fields in broken.items():
        _expect_config_error(scratch, seed_wallet(**fields), reason)
    return f"1 wallet accepted, {len(broken)} broken ones refused with their reasons"


def _load_wallet(scratch: ScratchDesk, wallet: Mapping[str, object]) -> MultiWalletConfig:
    path = scratch.write("primary.json", wallet)
    env = {"OVERMIND_MANAGED_WALLETS": f"primary_wallet:{path}:primary:medium:0.4"}
    return MultiWalletConfig.from_env(env, dotenv=None)


def _expect_config_error(scratch: ScratchDesk, wallet: Mapping[str, object], reason: str) -> None:
    try:
        _load_wallet(scratch, wallet)
    except ConfigError as error:
        expect(reason in str(error), f"expected {reason!r} in: {error}")
    else:
        raise AssertionError(f"accepted, though {reason}")


async def environment_parsing(scratch: ScratchDesk) -> str:
    """Every documented variable takes effect, and no secret is shown."""
    env = scratch.seed_env(
        SNIPER_TRADING_MODE="paper",
        OVERMIND_MULTI_WALLET_ENABLED="true",
        OVERMIND_MAX_CONCURRENT_WALLETS="10",
        OVERMIND_WALLET_SELECTION_TIMEOUT_MS="5000",
        OVERMIND_BALANCE_CHECK_INTERVAL_SEC="300",
        OVERMIND_EMERGENCY_STOP_THRESHOLD="0.1",
        OVERMIND_AUTO_REBALANCE_ENABLED="true",
        OVERMIND_RISK_AGGREGATION_ENABLED="true",
    )
    config = MultiWalletConfig.from_env(env, dotenv=None)
    found = [
        f"{one.wallet.id}:{one.wallet.type}:{one.wallet.profile}:{one.wallet.allocation_ppm}"
        for one in config.wallets.values()
    ]
    wanted = [
        "primary_wallet:Primary:medium:400000",
        "hft_wallet:HFT:high:300000",
        "conservative_wallet:Conservative:low:200000",
        "experimental_wallet:Experimental:experimental:100000",
    ]
    expect(found == wanted, f"the wallets are {found}")
    expect(config.mode is TradingMode.PAPER and config.desk.default_wallet == "primary_wallet", f"{config.mode}")
    numbers = (
        config.max_concurrent_wallets,
        config.desk.selection_timeout_ns,
        config.balance_check_interval_s,
        config.desk.emergency_stop_ppm,
        config.auto_rebalance_enabled,
        config.risk_aggregation_enabled,
    )
    expect(numbers == (10, 5_000_000_000, 300, 100_000, True, True), f"the settings are {numbers}")
    expect(env["WALLET1_KEY"] not in f"{config!r}{config.effective()!r}", "a private key shows in the configuration")
    return "4 wallets and 8 settings as the seed writes them, no key shown"


# Selection


async def strategy_based_selection(scratch: ScratchDesk) -> str:
    """Each of the eight strategies goes to a wallet that runs it."""
    runs: dict[str, str] = {}
    async with desk(scratch.seed_env()) as bench:
        for strategy in StrategyType:
            selection = await choose(bench, strategy, SMALL, tolerance(strategy))
            wallet = await bench.manager.get_wallet(selection.wallet_id)
            expect(strategy in wallet.strategies, f"{wallet.id} does not run {strategy}")
            runs[strategy.value] = wallet.id
        others = [one for one in selection.losers if not one.eligible]
        expect(len(others) == 3, f"only experimental_wallet runs {strategy}, but {len(others)} others refuse")
    expect(runs["SoulMeteorSniping"] == "experimental_wallet", f"SoulMeteorSniping went to {runs}")
    return ", ".join(f"{strategy}→{wallet_id.removesuffix('_wallet')}" for strategy, wallet_id in runs.items())


async def risk_based_routing(scratch: ScratchDesk) -> str:
    """No wallet with a risk level above the signal's tolerance is chosen."""
    async with desk(scratch.seed_env()) as bench:
        hft = await choose(bench, StrategyType.ARBITRAGE, SMALL, 0.7, preferred=WalletType.HFT)
        medium = await choose(bench, StrategyType.ARBITRAGE, SMALL, 0.5, preferred=WalletType.HFT)
        low = await choose(bench, StrategyType.ARBITRAGE, SMALL, 0.2, preferred=WalletType.HFT)
        none = await refused_everywhere(bench, StrategyType.ARBITRAGE, SMALL, 0.1)
    chosen = (hft.wallet_id, low.wallet_id)
    expect(chosen == ("hft_wallet", "conservative_wallet"), f"at 0.7 and 0.2 the wallets are {chosen}")
    expect(medium.wallet_id != "hft_wallet", "at 0.5 the HFT wallet (risk 0.7) was chosen")
    codes = [one.code for one in none.refusals]
    expect(codes.count(Code.RISK_LEVEL) == 4, f"at 0.1 the refusals are {codes}")
    return f"tolerance 0.7→hft, 0.5→{medium.wallet_id.removesuffix('_wallet')}, 0.2→conservative, 0.1→nobody"


async def performance_optimization(scratch: ScratchDesk) -> str:
    """The chosen wallet has the lowest expected cost of all eligible ones, and the engine chooses the same."""
    asked = 0
    async with desk(scratch.seed_env()) as bench:
        for usd in (100.0, 400.0, 1_000.0):
            for strategy in (StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING, StrategyType.MOMENTUM_TRADING):
                selection = await choose(bench, strategy, usd, 0.8)
                costs = {one.wallet_id: one.terms.total for one in selection.candidates if one.eligible and one.terms}
                cheapest = min(costs, key=lambda wallet_id: costs[wallet_id])
                expect(selection.wallet_id == cheapest, f"{cheapest} is cheaper than {selection.wallet_id}: {costs}")
                decision = placed(await bench.trade(usd, strategy_type=strategy.value, risk_tolerance=0.8))
                expect(decision.wallet_id == cheapest, f"the engine chose {decision.wallet_id}, not {cheapest}")
                asked += 1
    return f"{asked} of {asked} times the cheapest, and the engine's own choice"


async def fallback_mechanisms(scratch: ScratchDesk) -> str:
    """An unavailable wallet is skipped. The fallback wallet must pass the same gate as all others."""
    sniping, scope = StrategyType.TOKEN_SNIPING, Scope(WalletId("hft_wallet"))
    async with desk(scratch.seed_env()) as bench:
        best = await choose(bench, sniping, 1_000, 0.8, preferred=WalletType.HFT)
        await bench.app.engine.handle(AddHold(scope, "operator", "selftest"))
        second = await choose(bench, sniping, 1_000, 0.8, preferred=WalletType.HFT)
        none = await refused_everywhere(bench, sniping, 1_000, 0.8, exclude=("primary_wallet",))
        await bench.app.engine.handle(LiftHold(scope, "operator", "selftest"))
        again = await choose(bench, sniping, 1_000, 0.8, preferred=WalletType.HFT)
    order = (best.wallet_id, second.wallet_id, again.wallet_id)
    expect(order == ("hft_wallet", "primary_wallet", "hft_wallet"), f"the wallets were {order}")
    codes = {one.code for one in none.refusals}
    expect({Code.WALLET_STATUS, Code.WALLET_EXCLUDED} <= codes, f"refused for {codes}")
    async with desk(scratch.seed_env(OVERMIND_MULTI_WALLET_ENABLED="false")) as bench:
        only = await choose(bench, sniping, 1_000, 0.8, preferred=WalletType.HFT)
        too_large = await refused_everywhere(bench, sniping, 5_001, 0.8)
    expect(only.wallet_id == "primary_wallet", f"the default wallet alone takes entries, but {only.wallet_id} did")
    codes = {one.code for one in too_large.refusals}
    expect(Code.STRATEGY_POSITION_SIZE in codes, f"the fallback wallet was refused for {codes}")
    return "hft on hold→primary, both out→refused, fallback wallet held to its limits"


# Routing


async def trade_routing(scratch: ScratchDesk) -> str:
    """A trade changes the balances of the chosen wallet only."""
    async with desk(scratch.seed_env()) as bench:
        for strategy, symbol in ((StrategyType.ARBITRAGE, "ETH"), (StrategyType.SOUL_METEOR_SNIPING, "BTC")):
            criteria = WalletSelectionCriteria(strategy, SMALL, tolerance(strategy), symbol=symbol)
            selection = await bench.manager.select_wallet(criteria)
            before = await _balances(bench, symbol)
            decision = await bench.fill(SMALL, strategy_type=strategy.value, symbol=symbol)
            after = await _balances(bench, symbol)
            changed = {wallet_id for wallet_id, units in after.items() if units != before[wallet_id]}
            expect(
                decision.wallet_id == selection.wallet_id, f"{decision.wallet_id} took it, not {selection.wallet_id}"
            )
            expect(changed == {selection.wallet_id}, f"the balances of {changed} changed, not {selection.wallet_id}'s")
        usage = (await bench.executor.get_execution_stats()).wallet_usage
    expect(sum(usage.values()) == 2 and usage["experimental_wallet"] == 1, f"wallet usage is {usage}")
    return f"2 trades in the wallets that were selected: {', '.join(name for name, n in usage.items() if n)}"


async def _balances(bench: Bench, symbol: str) -> dict[str, float]:
    wallets = await bench.manager.get_active_wallets()
    metrics = [await bench.manager.get_wallet_metrics(wallet.id) for wallet in wallets]
    return {one.wallet_id: one.token_balances.get(symbol, 0.0) for one in metrics}


async def transaction_ids(scratch: ScratchDesk) -> str:
    """Order ids are {signal}.{part}.{n}. Each ticket's signature is unique and, like a real one, base58."""
    async with desk(scratch.seed_env()) as bench:
        for number in range(10):
            decision = await bench.fill(SMALL, signal_id=f"id_{number}")
            expect(decision.order_id == f"id_{number}.0.0", f"the order id of id_{number} is {decision.order_id}")
        tickets = [one.event for one in bench.entries() if isinstance(one.event, TicketRecorded)]
    signatures = {one.ticket.signature for one in tickets}
    expect(len(signatures) == len(tickets) == 10, f"{len(signatures)} signatures of {len(tickets)} tickets")
    for signature in signatures:
        expect(BASE58.fullmatch(signature) is not None, f"{signature} is not a signature")
    return f"10 orders, 10 signatures such as {min(signatures)[:12]}…"


async def error_handling(scratch: ScratchDesk) -> str:
    """Invalid signals are rejected with a reason, a repeated one gets its first answer, and the next one trades."""
    async with desk(scratch.seed_env()) as bench:
        await bench.executor.start()
        first, last = bench.signal_json(SMALL, signal_id="first"), bench.signal_json(SMALL, signal_id="last")
        bad = [b"{", 42, {"signal_id": "no_amount", "strategy_type": "Arbitrage", "action": "Buy", "symbol": "SOL"}]
        for one in (*bad, bench.signal_json("NaN"), first):
            bench.signals.put_nowait(one)
        before = await bench.next_records(6)
        for one in (first, {**first, "notional_usd": 51}, last):
            bench.signals.put_nowait(one)
        after = await bench.next_records(4)
        stats = await bench.executor.get_execution_stats()
    rejected = [one for one in (*before, *after) if isinstance(one, RejectedSignal)]
    expect(len(rejected) == 5 and all(one.error for one in rejected), f"rejected were {rejected}")
    statuses = [one.status.value for one in (*before, *after) if isinstance(one, Decision)]
    expect(statuses == ["placed", "duplicate", "placed"], f"the decisions were {statuses}")
    expect(stats.successful_executions == 2, f"{stats.successful_executions} trades filled, not 2")
    return "5 bad signals rejected, 1 repeated one recognised, 2 trades filled in between"


# Risk


async def position_size_limits(scratch: ScratchDesk) -> str:
    async with desk(scratch.one_wallet_env({"max_position_size": 1_000}, position_max=800)) as bench:
        refused(await bench.submit("1000.000001"), Code.POSITION_SIZE)
        refused(await bench.submit("800.000001"), Code.STRATEGY_POSITION_SIZE)
        await bench.fill("800")
        refused(await bench.submit("50"), Code.STRATEGY_POSITION_SIZE)
        await bench.fill("800", symbol="ETH")
        state = bench.app.engine.state
        positions = state.wallets[WalletId("one")].positions
        size = max(position.value_micros(state.price_pico(mint)) for mint, position in positions.items())
    expect(size <= 800 * MICROS, f"a position is worth {size} micro-USD")
    return "800 USD taken at a limit of 800, refused at 800.000001 and 1000.000001, and more in the same token"


async def daily_loss_limits(scratch: ScratchDesk) -> str:
    async with desk(scratch.one_wallet_env({"max_daily_loss": 50, "stop_loss_threshold": 5})) as bench:
        refused(await bench.submit("1000"), Code.DAILY_LOSS_HEADROOM)
        both = await asyncio.gather(bench.submit("900"), bench.submit("900"))
        placed(both[0])
        refused(both[1], Code.DAILY_LOSS_HEADROOM)
    async with desk(scratch.one_wallet_env({"max_daily_loss": 0.1, "stop_loss_threshold": 0})) as bench:
        await bench.fill("1000")
        lost = -(await bench.manager.get_wallet_metrics("one")).daily_pnl
        expect(lost >= 0.1, f"the spread cost {lost} USD only")
        refused(await bench.submit("10"), Code.DAILY_LOSS)
        await bench.fill(None, action="Sell", quantity="all")
    return (
        f"what could lose more than is left is refused, in flight too; after a loss of {lost:.2f} USD only exits pass"
    )


async def exposure_checks(scratch: ScratchDesk) -> str:
    async with desk(scratch.one_wallet_env({"max_exposure_percentage": 20})) as bench:
        for symbol in ("SOL", "ETH"):
            await bench.fill("9900", symbol=symbol)
        refused(await bench.submit("300", symbol="BTC"), Code.WALLET_EXPOSURE)
        await bench.fill("190", symbol="BTC")
        summary = await bench.manager.get_portfolio_summary()
    expect(summary.exposure <= 20, f"the exposure is {summary.exposure} %")
    capped = {"OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "10", "OVERMIND_ASSET_MAX_PERCENT": "5"}
    async with desk(scratch.one_wallet_env({}, env=capped)) as bench:
        refused(await bench.submit("5001"), Code.ASSET_CONCENTRATION)
        refused(await bench.submit("10001"), Code.PORTFOLIO_EXPOSURE)
    return f"wallet stays at {summary.exposure:.2f} % of 20 %; portfolio and asset limits refuse as well"


async def concurrent_position_limits(scratch: ScratchDesk) -> str:
    async with desk(scratch.one_wallet_env({"max_concurrent_positions": 2})) as bench:
        held = await asyncio.gather(*(bench.submit("100", symbol=symbol) for symbol in ("SOL", "ETH", "BTC")))
        placed(held[0]), placed(held[1])
        refused(held[2], Code.CONCURRENT_POSITIONS)
        expect(await bench.app.settle(), "the orders did not settle")
        refused(await bench.submit("100", symbol="BTC"), Code.CONCURRENT_POSITIONS)
        await bench.fill("100", symbol="SOL")
        await bench.fill(None, symbol="ETH", action="Sell", quantity="all")
        await bench.fill("100", symbol="BTC")
    return "a third token is refused while held or in flight, more of a held one is not, a sale frees the place"
