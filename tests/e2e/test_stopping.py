"""The whole of it with real processes: prices fall, the desk stops by itself, sells, and brings the money to safety;
and whatever dies while capital moves, books and chain are one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.support.chain_audit import balances_of, prove, read_events, unsettled
from tests.support.live_processes import CASH_UNITS, USDC, LiveProcesses, stage
from tests.support.processes import Child, wait_until
from tests.support.service import Service

from overmind.cli.opening import state_on_disk
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MoveClosed, MovePlaced
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.outcome import Filled
from overmind.core.model.units import MICROS

STOPS_BY_ITSELF = {
    "OVERMIND_EMERGENCY_STOP_THRESHOLD": "0.002",
    "OVERMIND_EMERGENCY_LIQUIDATE": "true",
    "OVERMIND_EMERGENCY_SWEEP": "true",
}
FALL_PERCENT = 12
BOUGHT_USD = 40_000  # bought by each wallet, without moving the market too far
KILLS = 4
PAUSE_S = 0.05  # about the time of a transfer
TRADERS = ("primary", "hft")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[LiveProcesses]:
    with stage(tmp_path) as made:
        yield made


def service_of(made: LiveProcesses, child: Child) -> Service:
    return Service(made.folder, child, child.ready()["url"])


def buy(service: Service, name: str, wallet: str, symbol: str, usd: int) -> Any:
    """In that wallet and no other."""
    others = [one for one in (*TRADERS, "vault") if one != wallet]
    strategy = {"primary": "TokenSniping", "hft": "Arbitrage"}[wallet]
    signal = {"signal_id": name, "strategy_type": strategy, "action": "Buy", "symbol": symbol, "notional_usd": usd}
    return service.post("/v1/signals", {**signal, "exclude_wallets": others}).json


def statuses(service: Service) -> dict[str, str]:
    return {row["wallet_id"]: row["status"] for row in service.get("/v1/wallets").json}


def cash_of(made: LiveProcesses, wallet: str) -> int:
    return balances_of(made, made.owners[WalletId(wallet)])[Mint(USDC)]


def moved(made: LiveProcesses, kind: MoveKind) -> list[Filled]:
    events = read_events(made)
    placed = {one.move.id for one in events if isinstance(one, MovePlaced) and one.move.kind is kind}
    closed = [one.outcome for one in events if isinstance(one, MoveClosed) and one.move_id in placed]
    return [one for one in closed if isinstance(one, Filled)]


def test_prices_fall_and_the_desk_protects_itself(made: LiveProcesses) -> None:
    lines = made.only(primary="primary:medium:0.5", hft="hft:high:0.5", vault="emergency:low:0")
    settings = {**STOPS_BY_ITSELF, "OVERMIND_MANAGED_WALLETS": lines}
    with made.service(**settings) as child:
        service = service_of(made, child)
        wait_until(lambda: service.get("/readyz").status == 200, "to be ready")
        for name, wallet, symbol, usd in (("one", "primary", "SOL", BOUGHT_USD), ("two", "hft", "ETH", BOUGHT_USD)):
            answer = buy(service, name, wallet, symbol, usd)
            assert answer["status"] == "placed", answer["refusals"]
        wait_until(lambda: len(service.get("/v1/positions").json) == 2, "to hold both")
        wait_until(lambda: not unsettled(made), "to be settled for good")
        assert set(statuses(service).values()) == {"Active"}

        made.let_prices_fall(FALL_PERCENT)
        wait_until(lambda: set(statuses(service).values()) == {"Emergency"}, "the stop")
        child.kill()  # Before, during or after the sales; the next process continues.
    with made.service(**settings) as child:
        service = service_of(made, child)
        wait_until(lambda: not service.get("/v1/positions").json, "everything to be sold")
        wait_until(lambda: not any(cash_of(made, one) for one in TRADERS), "the proceeds to be brought to safety")
        wait_until(lambda: not unsettled(made), "to be settled for good")
        child.kill()
    swept = sum(one.received_units for one in moved(made, MoveKind.SWEEP))
    assert cash_of(made, "vault") == CASH_UNITS + swept
    lost = 2 * CASH_UNITS - swept
    assert 0.12 * 2 * BOUGHT_USD < lost / MICROS < 0.2 * 2 * BOUGHT_USD
    prove(made, stopped=True)

    with made.service(**settings) as child:
        service = service_of(made, child)
        assert set(statuses(service).values()) == {"Emergency"}  # A restart forgets no stop.
        assert buy(service, "three", "primary", "SOL", BOUGHT_USD)["status"] == "refused"
        for wallet in ("primary", "vault"):
            lifted = service.post(f"/v1/wallets/{wallet}/reactivate", {"reason": "the market has calmed down"})
            assert (lifted.status, lifted.json["holds"]) == (200, [])
        shown = service.post("/v1/rebalance", {"reason": "capital to trade with", "dry_run": True}).json
        assert shown["moves"] == []
        placed = service.post("/v1/rebalance", {"reason": "capital to trade with"})
        assert placed.status == 200, placed.text
        assert placed.json["moves"], placed.text
        wait_until(lambda: moved(made, MoveKind.REBALANCE) != [], "capital to come back")
        again = buy(service, "four", "primary", "SOL", BOUGHT_USD)
        assert again["status"] == "placed", again["refusals"]
        wait_until(lambda: len(service.get("/v1/positions").json) == 1, "to hold something again")
        assert statuses(service) == {"primary": "Active", "hft": "Emergency", "vault": "Active"}
        wait_until(lambda: not unsettled(made), "to be settled for good")
        child.kill()
    assert prove(made, stopped=True).sides["Buy"] == 3


@pytest.mark.soak
def test_kill_9_in_the_middle_of_a_rebalance(made: LiveProcesses) -> None:
    """Whatever was reserved, signed, sent or booked when it died: what landed is what was booked, once."""
    random, interrupted = Random(5), 0
    for number in range(KILLS + 1):
        share = (0.2, 0.8)[number % 2]
        lines = made.only(primary=f"primary:medium:{share}", hft=f"hft:high:{1 - share:.1f}")
        with made.service(OVERMIND_MANAGED_WALLETS=lines) as child:
            service = service_of(made, child)
            until_nothing_moves(service)
            placed = service.post("/v1/rebalance", {"reason": json.dumps(number)})
            assert placed.status == 200, placed.text
            assert placed.json["moves"], placed.text
            if number < KILLS:
                time.sleep(random.uniform(0, 2 * PAUSE_S) * (number > 0))
            else:
                wait_until(lambda: not unsettled(made), "to be settled for good")
            child.kill()
        interrupted += len(state_on_disk(made.data).open_moves)
    assert interrupted, "none was ever under way when it died"
    assert 0 < len(moved(made, MoveKind.REBALANCE)) <= KILLS + 1
    prove(made)


def until_nothing_moves(service: Service) -> None:
    wait_until(lambda: not service.get("/v1/moves?open=true").json, "what was under way to be decided")
