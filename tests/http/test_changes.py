"""Limits and mint lists of a running service: over HTTP, by the commands, and after its death."""

from pathlib import Path

from tests.support.command import overmind
from tests.support.service import BUY, Service, command, serving

PATH = "/v1/wallets/hft_wallet/limits"


def limit(service: Service, name: str) -> dict[str, object]:
    (wallet,) = [one for one in service.get("/v1/limits").json if one["wallet_id"] == "hft_wallet"]
    (found,) = [one for one in wallet["limits"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


def test_limits_of_a_running_service(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        changes = {"max_daily_loss": 10.25, "arbitrage.share": "30", "Arbitrage.enabled": False}
        told = service.post(PATH, {"changes": changes, "reason": "calm", "by": "ann"})
        assert (told.status, told.json["wallet_id"], told.json["differs"]) == (200, "hft_wallet", True)
        assert limit(service, "max_daily_loss")["in_force"] == "10.25"
        assert limit(service, "Arbitrage.enabled")["in_force"] is False
        assert limit(service, "Arbitrage.share")["who"] == "ann (token:api_token)"
        words = ("limits", "set", "hft_wallet", "max_daily_loss=500", "--reason", "wider", "--by", "bob")
        assert command(tmp_path, *words)["differs"] is True
        assert limit(service, "max_daily_loss")["reason"] == "wider"
        service.child.kill()
    with serving(tmp_path) as service:
        assert limit(service, "max_daily_loss")["in_force"] == "500"
        assert service.post(PATH, {"changes": {"max_daily_loss": None}, "reason": "x"}).status == 200
        assert limit(service, "max_daily_loss")["in_force"] == "2000"
        assert limit(service, "Arbitrage.share")["in_force"] == 30
        assert command(tmp_path, "limits", "reset", "hft_wallet", "--reason", "x")["differs"] is False
        too_wide = overmind(tmp_path, "limits", "set", "hft_wallet", "max_daily_loss=2001", "--reason", "x")
        assert (too_wide.returncode, "at most $2,000" in too_wide.stderr) == (3, True)
        assert service.post(PATH, {"reset": True, "reason": "x"}).status == 200
        check_what_is_refused(service)
        check_mints(service)
        check_learner(service)


def check_what_is_refused(service: Service) -> None:
    for body, status in (
        ({"changes": {"max_daily_loss": 2_000.5}, "reason": "x"}, 409),
        ({"changes": {"leverage": 5, "allocation": 7}, "reason": "x"}, 400),
        ({"changes": {}, "reason": "x"}, 400),
        ({"changes": {"max_daily_loss": 1}, "reset": True, "reason": "x"}, 400),
        ({"changes": {"max_daily_loss": 1}, "reason": " "}, 400),
        ({"changes": {"max_daily_loss": 1}, "reason": "x", "by": ""}, 400),
        ({"changes": {"max_daily_loss": 1}, "reason": "x", "by": "b" * 65}, 400),
        ({"changes": [], "reason": "x"}, 400),
        ({"changes": {"max_daily_loss": [1]}, "reason": "x"}, 400),
        (b'{"changes": {"max_daily_loss": 1e99999999999999999999}, "reason": "x"}', 400),
        (b'{"changes": {"max_daily_loss": 1e-999999}, "reason": "x"}', 400),
    ):
        assert service.post(PATH, body).status == status, body
    bad = service.post(PATH, {"changes": {"leverage": 5, "allocation": 7}, "reason": "x"}).json["error"]
    assert "leverage" in bad
    assert "allocation" in bad
    assert service.post("/v1/wallets/nobody/limits", {"changes": {"max_daily_loss": 1}, "reason": "x"}).status == 404
    assert not any(one["differs"] for one in service.get("/v1/limits").json)


def check_mints(service: Service) -> None:
    told = service.post("/v1/mints", {"verb": "block", "token": "sol", "reason": "drained", "by": "ann"})
    assert (told.status, told.json["blocked"][0]["reason"]) == (200, "drained")
    refused = service.post("/v1/signals", {**BUY, "signal_id": "blocked"}).json["refusals"]
    assert {"code": "MINT_BLOCKED", "actual": "blocked by ann (token:api_token): drained"}.items() <= {
        key: value for one in refused if one["code"] == "MINT_BLOCKED" for key, value in one.items()
    }.items()
    assert command(service.folder, "mints", "unblock", "SOL", "--reason", "safe")["blocked"] == []
    assert service.get("/v1/mints").json == {"blocked": [], "allowed": None}
    for body, status in (
        ({"verb": "burn", "token": "SOL", "reason": "x"}, 400),
        ({"verb": "block", "token": "", "reason": "x"}, 409),
        ({"verb": "block", "token": "NOPE", "reason": "x"}, 409),
        ({"verb": "disallow", "token": "SOL", "reason": "x"}, 409),
        ({"verb": "block", "token": "SOL"}, 400),
    ):
        assert service.post("/v1/mints", body).status == status, body


def check_learner(service: Service) -> None:
    assert service.get("/v1/learner").json["mode"] == "shadow"
    told = service.post("/v1/learner/mode", {"mode": "canary", "reason": "the report allows it", "by": "ann"})
    assert (told.status, told.json["mode"], told.json["configured"]) == (200, "canary", "shadow")
    assert (told.json["who"], told.json["cause"]) == ("ann (token:api_token)", "operator")
    shown = command(service.folder, "learn", "mode", "off", "--reason", "a quiet week", "--by", "bob")
    assert (shown["mode"], shown["reason"]) == ("off", "a quiet week")
    for body in ({"mode": "maybe", "reason": "x"}, {"mode": "on", "reason": " "}, {"mode": "on"}):
        assert service.post("/v1/learner/mode", body).status == 400, body
