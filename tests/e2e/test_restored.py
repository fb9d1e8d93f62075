"""An operator restores a backup, with real processes: nothing is sent before the history was accepted or read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.command import overmind
from tests.support.live_processes import LiveProcesses, stage
from tests.support.processes import wait_until
from tests.support.service import Service

BUY = {"signal_id": "in", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 4_000}
SELL = {"signal_id": "out", "strategy_type": "TokenSniping", "action": "Sell", "symbol": "SOL", "quantity": "all"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[LiveProcesses]:
    with stage(tmp_path) as made:
        yield made


@contextmanager
def running(made: LiveProcesses, lines: str) -> Iterator[Service]:
    with made.service(OVERMIND_MANAGED_WALLETS=lines) as child:
        yield Service(made.folder, child, child.ready()["url"])
        child.process.terminate()
        assert child.end() == 0, child.complaints


def trade(service: Service, signal: dict[str, object]) -> None:
    wait_until(lambda: service.get("/readyz").status == 200, "to be ready")
    assert service.post("/v1/signals", signal).json["status"] == "placed"
    wait_until(lambda: not service.get("/v1/orders?open=true").json, "to be booked")


@pytest.mark.soak
def test_an_operator_accepts_the_history_of_a_restored_backup(made: LiveProcesses) -> None:
    lines = made.only(primary="primary:medium:0.5")
    with running(made, lines) as service:
        trade(service, BUY)
    shutil.copytree(made.data, made.folder / "backup")
    with running(made, lines) as service:
        trade(service, SELL)
        sold = service.get("/v1/portfolio").json["total_value_usd"]
    shutil.rmtree(made.data)
    shutil.copytree(made.folder / "backup", made.data)

    settings = {**made.environment(), "OVERMIND_MANAGED_WALLETS": lines}
    with running(made, lines) as service:
        wait_until(lambda: "no ticket" in service.get("/readyz").text, "the sale to be found on the chain")
        assert "the history of primary is not known" in service.get("/readyz").text
        refused = service.post("/v1/signals", SELL).json
        assert refused["status"] == "refused", "the copy would sell again"
        blank = overmind(made.folder, "accept-history", "primary", "--reason", " ", **settings)
        nobody = overmind(made.folder, "accept-history", "nobody", "--reason", "looked", **settings)
        assert (blank.returncode, nobody.returncode) == (2, 3), (blank.stderr, nobody.stderr)
        assert "known: primary" in nobody.stderr
        accepted = overmind(made.folder, "accept-history", "primary", "--reason", "it is the sale", **settings)
        assert accepted.returncode == 0, accepted.stderr
        assert "its history is accepted and the books now equal the chain" in accepted.stdout
        wait_until(lambda: service.get("/readyz").status == 200, "to be ready")
        assert float(service.get("/v1/portfolio").json["total_value_usd"]) == pytest.approx(float(sold), abs=0.01)


@pytest.mark.soak
def test_a_second_live_desk_on_one_key_does_not_start(made: LiveProcesses) -> None:
    lines = made.only(primary="primary:medium:0.5")
    with running(made, lines) as service:
        trade(service, BUY)
        with made.service(OVERMIND_MANAGED_WALLETS=lines, OVERMIND_DATA_DIR=str(made.folder / "another")) as second:
            assert second.end() != 0
            assert f"trades live with the key {made.owners['primary']}" in second.complaints
            assert str(service.child.process.pid) in second.complaints
        trade(service, SELL)
