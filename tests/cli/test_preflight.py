"""`overmind preflight`: each point finds what it is for, and the whole of it passes on a desk that is ready."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from msgspec import structs
from tests.cli.test_init import bare
from tests.support.command import as_json, overmind
from tests.support.desk_on_disk import DeskOnDisk
from tests.support.processes import PATIENCE_S
from tests.support.service import serving

from overmind.cli.preflight import files, live, relay, watching
from overmind.cli.preflight.point import Point, failed, passed
from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, MultiWalletConfig
from overmind.core.model.units import LAMPORTS
from overmind.http.metrics.table import FAMILIES
from overmind.ports import Priority
from overmind.sandbox.drill import Drilled
from overmind.sandbox.localnet import Localnet
from overmind.sandbox.localnet.relay import RelayTerms
from overmind.sandbox.rehearsal import SLOT_MS, live_on
from overmind.solana.rpc import Rpc

DRILLED = Drilled(2, 1.0, True, 0, 0.5, True, True)


@pytest.fixture
def desk(tmp_path: Path) -> DeskOnDisk:
    return DeskOnDisk(tmp_path)


def config_of(desk: DeskOnDisk, **env: str) -> MultiWalletConfig:
    return desk.load(None, OVERMIND_DATA_DIR=str(desk.folder / "data"), **env)


def test_a_sound_desk_passes_what_reads_files(desk: DeskOnDisk) -> None:
    config = config_of(desk)
    for point in (files.configuration(config, None), files.limits(config), files.backups(config), live.cluster(config)):
        assert point.ok, point
        assert point.seen
        assert point.fix == ""
    assert "daily losses of all wallets are at most $3,150" in files.limits(config).seen


def test_without_a_configuration_nothing_passes(desk: DeskOnDisk) -> None:
    with pytest.raises(ConfigError) as wrong:
        config_of(desk, SNIPER_TRADING_MODE="papier")
    first = files.configuration(None, wrong.value)
    assert (first.ok, "SNIPER_TRADING_MODE" in first.seen, "overmind check" in first.fix) == (False, True, True)
    for point in (files.limits(None), files.backups(None), live.cluster(None), watching.monitoring(None)):
        assert (point.ok, point.fix) == (False, "mend the configuration first")


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ({"stop_loss_threshold": 0}, "hft_wallet: no stop loss"),
        ({"max_daily_loss": 0}, "hft_wallet: a daily loss of 0"),
        ({"max_position_size": 0}, "hft_wallet: a position of 0"),
    ],
)
def test_a_limit_that_is_missing_or_forbids_everything_is_found(
    desk: DeskOnDisk, limits: dict[str, float], fault: str
) -> None:
    sound = {
        "max_daily_loss": 100,
        "max_position_size": 100,
        "max_concurrent_positions": 5,
        "max_exposure_percentage": 50,
        "stop_loss_threshold": 5,
        "daily_trade_limit": 50,
    }
    desk.write("hft.json", json.dumps(desk.wallet("hft", risk_limits=sound | limits)))
    point = files.limits(config_of(desk))
    assert (point.ok, fault in point.seen) == (False, True)


def test_an_emergency_stop_that_never_comes_is_found(desk: DeskOnDisk) -> None:
    point = files.limits(config_of(desk, OVERMIND_EMERGENCY_STOP_THRESHOLD="0.9"))
    assert (point.ok, "90 %" in point.seen) == (False, True)


def test_one_wallet_alone_has_no_backup(desk: DeskOnDisk) -> None:
    desk.lines("primary_wallet:env:WALLET1_KEY:primary:medium:1")
    point = files.backups(config_of(desk))
    assert (point.ok, point.seen) == (False, "1 wallet takes entries: if it is stopped, the desk is")


def test_a_live_desk_needs_a_wallet_for_the_proceeds(desk: DeskOnDisk) -> None:
    live_desk = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "devnet"}
    assert "no wallet of type Emergency" in files.backups(config_of(desk, **live_desk)).seen
    listed = desk.env["OVERMIND_MANAGED_WALLETS"].replace("experimental:experimental:0.1", "emergency:low:0.1")
    assert files.backups(config_of(desk, **live_desk, OVERMIND_MANAGED_WALLETS=listed)).ok


def test_a_cluster_that_does_not_answer_is_found(desk: DeskOnDisk) -> None:
    nowhere = "http://127.0.0.1:9"
    config = config_of(desk, SNIPER_TRADING_MODE="live", OVERMIND_CLUSTER="localnet", SNIPER_SOLANA_RPC_URL=nowhere)
    point = live.cluster(config)
    assert (point.ok, "start that chain" in point.fix) == (False, True)


SLOTS_MAX = 200  # until a transfer is confirmed


def test_balances_of_a_live_desk_are_looked_at(desk: DeskOnDisk) -> None:
    async def look() -> list[Point]:
        async with (
            Localnet(port=0, slot_ms=SLOT_MS) as net,
            Rpc([net.url], SystemClock(), requests_per_s=math.inf) as rpc,
        ):
            config = config_of(desk, **live_on({}, net.url, net.url))
            owners = [one.wallet.public_key for one in config.wallets.values()]

            async def until_seen(words: str) -> Point:
                for _ in range(SLOTS_MAX):
                    if words in (point := await live._balances(config)).seen:
                        break
                    await asyncio.sleep(SLOT_MS / 1_000)
                return point

            points = [await live._balances(config)]
            for owner in owners:
                await rpc.call("requestAirdrop", [owner, LAMPORTS], Priority.ENTRY)
            points.append(await until_seen("no wallet holds USDC"))
            quote = config.desk.quote
            await rpc.call("overmind_createMint", [{"mint": quote.mint, "decimals": quote.decimals}], Priority.ENTRY)
            minted = {"mint": config.desk.quote.mint, "owner": owners[0], "amount": 5_000_000}
            await rpc.call("overmind_mintTo", [minted], Priority.ENTRY)
            return [*points, await until_seen("5 USDC in 4 wallets")]

    poor, without_capital, ready = asyncio.run(look())
    assert (poor.ok, "4 of 4 wallets lack SOL" in poor.seen, "0.1 SOL" in poor.fix) == (False, True, True)
    assert (without_capital.ok, without_capital.seen) == (False, "no wallet holds USDC")
    assert (ready.ok, "5 USDC in 4 wallets" in ready.seen) == (True, True)


@pytest.mark.parametrize(
    ("terms", "more", "words"),
    [
        (RelayTerms(), {}, "8 tip accounts, tips of 10000 lamports for an entry and 36196 for an exit"),
        (RelayTerms(), {"OVERMIND_RELAY_TIP_LAMPORTS": "5000"}, "8 tip accounts, tips of 5000 lamports each"),
        (RelayTerms(down=True), {}, "answered HTTP 503 (getTipAccounts)"),
        (RelayTerms(), {"OVERMIND_RELAY_TIP_FLOOR_URL": "http://127.0.0.1:9"}, "tells no tips"),
        (None, {}, "fine"),
    ],
)
def test_a_configured_relay_is_asked(
    desk: DeskOnDisk, terms: RelayTerms | None, more: dict[str, str], words: str
) -> None:
    """In a thread, because the checklist runs its own loop."""

    async def look() -> Point:
        async with Localnet(slot_ms=3_600_000, relay=terms or RelayTerms()) as net:
            relayed = {} if terms is None else {"OVERMIND_RELAY_URLS": net.relay_url}
            config = config_of(desk, **relayed, **more)
            return await asyncio.to_thread(relay.and_relay, passed("cluster", "fine"), config)

    point = asyncio.run(look())
    assert words in point.seen
    assert point.ok is not ("HTTP" in words or "no tips" in words)
    broken = failed("cluster", "silent", "start it")
    assert relay.and_relay(broken, None) is broken


def test_a_journal_of_another_mode_is_found(tmp_path: Path) -> None:
    overmind(tmp_path, "submit", "-", given=json.dumps({"signal_id": "a"}))  # A bad signal; the desk is founded.
    desk = DeskOnDisk(tmp_path)
    assert live.cluster(config_of(desk)).ok
    point = live.cluster(config_of(desk, SNIPER_TRADING_MODE="live", OVERMIND_CLUSTER="devnet"))
    assert (point.ok, "is of Paper trading on paper" in point.seen) == (False, True)


@pytest.mark.parametrize(
    ("done", "fault"),
    [
        (structs.replace(DRILLED, bought=0), "nothing could be bought"),
        (structs.replace(DRILLED, refused=False), "an entry passed after the stop"),
        (structs.replace(DRILLED, left=1), "1 positions were not sold"),
        (structs.replace(DRILLED, books_equal_chain=False), "the books differ"),
        (structs.replace(DRILLED, reactivated=False), "could not be reactivated"),
    ],
)
def test_a_drill_that_shows_a_fault_fails(done: Drilled, fault: str) -> None:
    point = live._drilled(done)
    assert (point.ok, fault in point.seen, "do not trade" in point.fix) == (False, True, True)
    assert live._drilled(DRILLED).ok


def test_a_service_that_does_not_run_monitors_nothing(desk: DeskOnDisk) -> None:
    point = watching.monitoring(config_of(desk))
    assert (point.ok, "overmind run" in point.fix) == (False, True)


def scrape_of(*lines: str, took_ms: float = 20.0) -> watching.Scrape:
    types = [f"# TYPE {family.full_name} {family.kind}" for family in FAMILIES]
    return watching.Scrape("\n".join((*types, *lines)), took_ms)


BOOKS = ("overmind_equity_usd 100000.0", 'overmind_wallet_equity_usd{wallet="w1"} 1.0')


def test_a_sound_scrape_is_told_with_its_figures() -> None:
    point = watching.scraped(scrape_of(*BOOKS), "ready", "http://desk")
    assert (point.ok, point.seen) == (True, "ready, and /metrics told 2 series in 20 ms, at http://desk")


@pytest.mark.parametrize(
    ("scrape", "seen", "fix"),
    [
        (watching.Scrape("overmind_equity_usd 1.0", 20.0), "lacks", "of another version"),
        (scrape_of("overmind_ready 0.0"), "does not tell the books", "the journal's disk"),
        (scrape_of(*BOOKS, took_ms=5_000.0), "took 5,000 ms", "a faster machine"),
    ],
)
def test_a_scrape_that_helps_nobody_fails(scrape: watching.Scrape, seen: str, fix: str) -> None:
    point = watching.scraped(scrape, "ready", "http://desk")
    assert (point.ok, seen in point.seen, fix in point.fix) == (False, True, True)


def test_an_open_key_file_is_found_and_one_of_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare(tmp_path, "init", "--yes", "--wallet", "a:hft:high:1").returncode == 0
    monkeypatch.chdir(tmp_path)
    assert files.keys().ok
    (tmp_path / "wallets" / "a.json").chmod(0o644)
    assert "chmod 600" in files.keys().seen
    example = Path(__file__).parents[2] / "wallets" / "hft.example.json"
    (tmp_path / "wallets" / "a.json").write_text(example.read_text())
    (tmp_path / "wallets" / "a.json").chmod(0o600)
    assert "which everybody can read" in files.keys().seen


@pytest.mark.soak
def test_a_desk_that_is_ready_passes_all_points(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        done = service_preflight(tmp_path)
        assert [point.name for point in done if not point.ok] in ([], ["benchmark"])
        assert any("/metrics told" in point.seen for point in done)
        service.child.process.terminate()
        service.child.process.wait(PATIENCE_S)
    stopped = {point.name: point for point in service_preflight(tmp_path)}
    assert not stopped["monitoring"].ok


def service_preflight(folder: Path) -> list[Point]:
    told = as_json(overmind(folder, "preflight", "--json"))
    assert told["ok"] == all(point["ok"] for point in told["points"])
    return [Point(**point) for point in told["points"]]
