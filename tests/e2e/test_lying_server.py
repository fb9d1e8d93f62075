"""The swap server is restarted on false prices, with real processes: a liar takes nothing, and a true crash is sold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.chain_audit import prove, read_events, unsettled
from tests.support.live_processes import LiveProcesses, stage
from tests.support.processes import wait_until
from tests.support.service import Service

from overmind.core.model.events import OrderPlaced

BUY = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 40_000}
# Each of these would sell everything: at half the price, and at a fiftieth of the portfolio.
PROTECTED = {"OVERMIND_EMERGENCY_STOP_THRESHOLD": "0.002", "OVERMIND_EMERGENCY_LIQUIDATE": "true"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[LiveProcesses]:
    with stage(tmp_path) as made:
        yield made


def own_exits(made: LiveProcesses) -> list[str]:
    return [one.order.id for one in read_events(made) if isinstance(one, OrderPlaced) and ":" in one.signal.id]


def test_a_liar_takes_nothing_and_a_true_crash_is_sold(made: LiveProcesses) -> None:
    lines = made.only(primary="primary:medium:0.5")
    witness = made.start_witness()
    url = str(witness.ready()["url"])
    settings = {**PROTECTED, "OVERMIND_MANAGED_WALLETS": lines, "OVERMIND_PRICE_WITNESS_URL": url}
    with made.service(**settings) as child:
        service = Service(made.folder, child, child.ready()["url"])
        wait_until(lambda: service.get("/readyz").status == 200, "to be ready")
        assert service.post("/v1/signals", {**BUY, "signal_id": "one"}).json["status"] == "placed"
        wait_until(lambda: len(service.get("/v1/positions").json) == 1, "to hold it")
        wait_until(lambda: not unsettled(made), "to be settled for good")
        before = float(service.get("/v1/portfolio").json["total_value_usd"])

        made.let_prices_fall(99)
        wait_until(lambda: "not believed" in service.get("/readyz").text, "the alarm")
        refused = service.post("/v1/signals", {**BUY, "signal_id": "two"}).json
        assert "PRICE_UNCONFIRMED" in {one["code"] for one in refused["refusals"]}
        (doubt, *_) = service.get("/v1/risk").json["doubted"]
        assert (doubt["symbol"], doubt["shown"], doubt["believed"]) in {
            ("SOL", "1", "150"),
            ("ETH", "20", "2000"),
            ("BTC", "900", "90000"),
        }
        assert "accept-price" in doubt["fix"]
        assert own_exits(made) == []
        assert float(service.get("/v1/portfolio").json["total_value_usd"]) == pytest.approx(before, rel=1e-3)

        witness.kill()
        made.start_witness(70, int(url.rpartition(":")[2])).ready()
        made.let_prices_fall(70)
        wait_until(lambda: not service.get("/v1/positions").json, "everything to be sold")
        wait_until(lambda: not unsettled(made), "to be settled for good")
        child.kill()
    assert own_exits(made)
    prove(made, stopped=True)
