"""A real service whose target, Telegram and ping all hang: it trades, answers and ends as if there were none."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.bad_servers import BadServer, server_in_thread
from tests.support.service import BUY, NDJSON, serving

TOKEN = "12345:" + "A" * 35
SECRETS = (TOKEN, "secret-of-the-target", "secret-of-the-ping")
SIGNALS = 40


def serve_with(modes: str, folder: Path) -> tuple[list[BadServer], str]:
    """Trades with servers that all are so, stops the desk, and ends it; returns them and what the log says."""
    with ExitStack() as undo:
        target, telegram, switch = (undo.enter_context(server_in_thread(modes)) for _ in range(3))
        env = {
            "OVERMIND_NOTICES": f"json://127.0.0.1:{target.port}/{SECRETS[1]}",
            "OVERMIND_TELEGRAM_TOKEN": TOKEN,
            "OVERMIND_TELEGRAM_USERS": "1",
            "OVERMIND_TELEGRAM_URL": f"http://127.0.0.1:{telegram.port}",
            "OVERMIND_PING_URL": f"http://127.0.0.1:{switch.port}/{SECRETS[2]}",
        }
        service = undo.enter_context(serving(folder, **env))
        body = "\n".join(json.dumps({**BUY, "signal_id": f"s{number}"}) for number in range(SIGNALS))
        answer = service.post("/v1/signals", body.encode(), content_type=NDJSON["content-type"])
        assert len(answer.lines) == SIGNALS
        assert answer.status == 202
        assert service.post("/v1/emergency-stop", {"reason": "fire"}).json["stopped"]
        assert service.get("/metrics").status == 200
        service.child.process.send_signal(signal.SIGTERM)
        assert service.child.end() == 0
        return [target, telegram, switch], (folder / "logs" / "overmind.log").read_text() + service.child.complaints


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["hangs", "500", "closes", "garbage"])
def test_whatever_hangs_or_fails_costs_trading_nothing(mode: str, tmp_path: Path) -> None:
    servers, log = serve_with(mode, tmp_path)
    assert all(server.requests for server in servers)
    assert not [secret for secret in SECRETS if secret in log]


@pytest.mark.soak
def test_a_start_a_stop_and_an_end_are_told(tmp_path: Path) -> None:
    (target, _, switch), _ = serve_with("takes", tmp_path)
    titles = [body["title"].partition(": ")[2] for body in target.bodies]
    assert [titles[0], titles[-1]] == ["service", "service"] or titles[-1] == "what else happened"
    assert {"emergency stop", "operator"} <= {*titles}
    assert next(path.rpartition("/")[2] for _, path, _ in switch.requests) == "start"
    assert switch.requests[-1][2] == b"emergency stop: fire"
