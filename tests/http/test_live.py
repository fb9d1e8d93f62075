"""A live service on an embedded chain: readiness depends on the chain, and an operator's acceptance goes to it."""

from __future__ import annotations

from pathlib import Path

from tests.support.command_process import COMMAND
from tests.support.live_processes import stage as on_stage
from tests.support.processes import Child, wait_until
from tests.support.service import BUY, Service


def test_a_live_service(tmp_path: Path) -> None:
    with on_stage(tmp_path) as stage:
        words = [*COMMAND[1:], "run", "--json"]
        with Child(words, stage.environment(SNIPER_SERVER_PORT="0"), tmp_path, "service") as child:
            service = Service(tmp_path, child, child.ready()["url"])
            wait_until(lambda: service.get("/readyz").status == 200, "ready")
            assert service.post("/v1/signals", BUY).json["status"] == "placed"
            wait_until(lambda: service.get("/v1/stats").json["successful_executions"] == 1, "filled")
            wait_until(lambda: service.get("/v1/portfolio").json["provisional_orders"] == 0, "final")
            for wallet in stage.owners:
                accepted = service.post(f"/v1/wallets/{wallet}/accept", {"reason": "all is as it should be"})
                assert (accepted.status, accepted.json["adjusted"]) == (200, {})
            stage.chain.kill()
            wait_until(lambda: "the chain does not answer" in service.get("/readyz").json["reasons"], "not ready")
            silent = service.post("/v1/wallets/primary/accept", {"reason": "the chain is gone"})
            assert (silent.status, "cannot be read" in silent.json["error"]) == (503, True)
            assert service.get("/healthz").status == 200
