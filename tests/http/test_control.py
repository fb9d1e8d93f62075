"""The smaller tools against a running service."""

from decimal import Decimal
from pathlib import Path

from tests.support.command import as_json, overmind
from tests.support.processes import wait_until
from tests.support.service import BUY, command, serving


def test_dust_is_written_off_through_a_running_service(tmp_path: Path) -> None:
    """Positions of up to $1,000 are dust here."""
    with serving(tmp_path, OVERMIND_DUST_USD="1000", OVERMIND_SIGNAL_FIELDS_IGNORED="comment") as service:
        for number in range(3):
            said = service.post("/v1/signals", {**BUY, "signal_id": f"s{number}", "comment": "a list allows it"})
            assert said.status == 202
        unlisted = service.post("/v1/signals", {**BUY, "signal_id": "other", "remark": "no list has it"})
        assert (unlisted.status, unlisted.json["problems"][0]["field"]) == (400, "remark")
        wait_until(lambda: service.get("/v1/orders?open=true").text == "[]", "to be settled")
        (row, *others) = service.get("/v1/positions").json
        assert row["dust"]
        done = command(tmp_path, "write-off", f"{row['wallet_id']}:SOL", "--reason", "not worth it")
        assert (done["reason"], done["units"]) == ("not worth it", Decimal(row["quantity"]) * 10**9)
        assert service.get("/v1/positions").json == others
        again = service.post(f"/v1/positions/{row['wallet_id']}/SOL/write-off", {"reason": "x"})
        assert (again.status, "holds no 'SOL'" in again.json["error"]) == (409, True)


def test_the_tools_work_on_a_running_service(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        for number in range(3):
            assert service.post("/v1/signals", {**BUY, "signal_id": f"s{number}"}).status == 202
        paused = command(tmp_path, "pause", "primary_wallet", "--reason", "look")
        assert (paused["target"], paused["holds"]) == ("primary_wallet", ["operator"])
        assert paused["held"] == [
            {
                "cause": "operator",
                "reason": "look",
                "until_ns": None,
                "lifted_by": "`overmind resume primary_wallet --reason …`",
            }
        ]
        assert command(tmp_path, "resume", "primary_wallet", "--reason", "seen")["holds"] == []
        assert command(tmp_path, "pause", "momentum", "--reason", "x")["holds"] == ["operator"]
        assert command(tmp_path, "resume", "portfolio", "--reason", "x")["holds"] == []
        assert service.post("/v1/wallets/nobody/pause", {"reason": "x"}).status == 404
        assert service.post("/v1/wallets/primary_wallet/pause", {"reason": " "}).status == 400
        other = service.post("/v1/wallets/primary_wallet/resume", {"reason": "x", "hold": "drawdown"})
        assert (other.status, "is not held by 'drawdown'; nothing holds it" in other.json["error"]) == (409, True)
        assert service.post("/v1/wallets/primary_wallet/resume", {"reason": "x", "hold": 7}).status == 400
        assert service.post("/v1/wallets/primary_wallet/pause", {"reason": "x", "hold": "a"}).status == 400
        assert service.post("/v1/portfolio/pause", {"reason": "look"}).status == 200
        lifted = service.post("/v1/portfolio/resume", {"reason": "seen", "hold": "operator"})
        nothing: dict[str, object] = {"holds": [], "held": [], "returns": [], "above": []}
        assert (lifted.status, lifted.json) == (200, {"target": "portfolio", **nothing})
        assert service.post("/v1/wallets/primary_wallet/leap", {"reason": "x"}).status == 400
        assert command(tmp_path, "accept-price", "sol", "147.50", "--reason", "seen")["price"] == "147.50"
        priced = service.post("/v1/prices/SOL/accept", {"reason": "seen", "price": "1e-3"})
        assert (priced.status, priced.json["doubted"]) == (200, [])
        for body in ({"price": "0"}, {"price": "abc"}, {"price": 147.5}, {"price": "1e999999999"}, {}):
            assert service.post("/v1/prices/SOL/accept", {"reason": "seen", **body}).status == 400
        assert service.post("/v1/prices/NOPE/accept", {"reason": "seen", "price": "1"}).status == 409
        for row in service.get("/v1/positions").json:
            closed = as_json(overmind(tmp_path, "close", f"{row['wallet_id']}:SOL", "--reason", "out", "--json"))
            assert (closed["order_id"].startswith("close:"), closed["closing"]) == (True, True)
            assert (closed["reason"], closed["left_quantity"]) == ("out", "0")
        stopped = command(tmp_path, "stop", "--reason", "leave", "--liquidate")
        assert stopped["how"].endswith("by the running service")
        assert stopped["not_swept"] == ""
        stopped = command(tmp_path, "stop", "--reason", "leave", "--sweep")
        assert stopped["not_swept"] == "no wallet of the type Emergency is configured"
