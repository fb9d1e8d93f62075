"""Start, drain, stop and kill of a service: the next one keeps all its promises."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

from tests.support.command import overmind
from tests.support.command_process import COMMAND, environment
from tests.support.processes import PATIENCE_S, Child, wait_until
from tests.support.service import BUY, Service, command, serving

from overmind.http.files import SERVICE_FILE, TOKEN_FILE
from overmind.views.verify import verify


def test_an_accepted_signal_survives_kill_9_and_a_stream_resumes(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        token = service.token
        seen = [entry["seq"] for entry in asyncio.run(_follow(service, "/v1/stream?after=0", until="kept"))]
        service.child.kill()
    assert (tmp_path / "data" / SERVICE_FILE).exists()
    offline = command(tmp_path, "stop", "--reason", "stale file")
    assert "recorded in" in offline["how"]
    with serving(tmp_path) as service:
        assert service.token == token
        again = service.post("/v1/signals", {**BUY, "signal_id": "kept"})
        assert (again.status, again.json["status"]) == (202, "duplicate")
        resumed = asyncio.run(_follow(service, "/v1/stream?after=1", until="late", last_event_id=str(seen[-1])))
        numbers = seen + [entry["seq"] for entry in resumed]
        assert numbers == list(range(1, len(numbers) + 1))
    assert verify(service.journal).ok


async def _follow(service: Service, path: str, until: str, **headers: str) -> list[Any]:
    """What is told up to the answer to a signal that is sent once the stream runs; sent to nobody twice."""
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE_S), service.stream(path, **headers) as events:
        async for entry in events:
            if not seen:
                said = await asyncio.to_thread(service.post, "/v1/signals", {**BUY, "signal_id": until})
                assert said.status == 202
            seen.append(entry)
            if entry["event"].get("signal", {}).get("id") == until:
                return seen
    raise AssertionError("the stream ended")


def test_the_service_finishes_open_orders_before_it_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        asyncio.run(_stop_in_the_middle(service))
        assert service.child.end() == 0, service.child.complaints
    assert not (tmp_path / "data" / SERVICE_FILE).exists()
    stats = command(tmp_path, "stats")
    assert (stats["signals"], stats["open_executions"], stats["total_executions"]) == (5, 0, 5)
    assert verify(service.journal).ok


async def _stop_in_the_middle(service: Service) -> None:
    """With a stream open and orders under way. From then on signals are turned away, and the stream ends."""
    signals = [{**BUY, "signal_id": f"s{number}"} for number in range(5)]
    async with asyncio.timeout(PATIENCE_S), service.session() as session, service.stream() as events:
        async with session.post(f"{service.url}/v1/signals", json=signals) as response:
            assert [answer["status"] for answer in await response.json()] == ["placed"] * 5
        service.child.process.send_signal(signal.SIGTERM)
        async for entry in events:
            if entry["event"]["type"] == "OrderClosed":
                break
        async with session.post(f"{service.url}/v1/signals", json={**BUY, "signal_id": "late"}) as response:
            assert (response.status, response.headers["retry-after"]) == (503, "1")
        async with session.get(f"{service.url}/readyz") as response:
            assert (response.status, (await response.json())["reasons"]) == (503, ["the service is stopping"])
        async for _ in events:
            pass


def test_a_second_stop_signal_ends_it_at_once_and_the_next_start_resumes(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.post("/v1/signals", BUY)
        for _ in range(2):
            service.child.process.send_signal(signal.SIGINT)
        assert service.child.end() == 0, service.child.complaints
    with serving(tmp_path) as service:
        assert service.post("/v1/signals", BUY).json["status"] == "duplicate"
        wait_until(lambda: service.get("/v1/orders?open=true").text == "[]", "its order is closed")
        service.child.process.send_signal(signal.SIGTERM)
        assert service.child.end() == 0, service.child.complaints


def test_one_desk_one_service_one_port(tmp_path: Path) -> None:
    with serving(tmp_path) as service, socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.2", service.port))  # A listener on all addresses would take this port.
        second = overmind(tmp_path, "run")
        assert (second.returncode, str(service.child.process.pid) in second.stderr) == (4, True)
        (tmp_path / "other").mkdir()
        taken = overmind(tmp_path / "other", "run", SNIPER_SERVER_PORT=str(service.port))
        assert (taken.returncode, f"port {service.port}" in taken.stderr) == (4, True)
        assert "SNIPER_SERVER_PORT" in taken.stderr
        assert "Traceback" not in second.stderr + taken.stderr
        assert service.get("/healthz").status == 200
        for name in (TOKEN_FILE, SERVICE_FILE):
            assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600
        told = [service.child.complaints, *(path.read_text() for path in (tmp_path / "logs").iterdir())]
        assert service.token not in "".join(told)


def test_a_start_says_where_an_operator_changed_limits(tmp_path: Path) -> None:
    assert overmind(tmp_path, "submit", "-", given=json.dumps(BUY)).returncode == 0
    assert overmind(tmp_path, "limits", "set", "hft_wallet", "max_daily_loss=500", "--reason", "news").returncode == 0
    with Child([*COMMAND[1:], "run"], environment(tmp_path, SNIPER_SERVER_PORT="0"), tmp_path, "service") as child:
        child.wait_for_lines(4)
        assert "hft_wallet: limits differ from the files: max_daily_loss $500, files: " in "".join(child.lines)
        child.process.send_signal(signal.SIGTERM)
        assert child.end() == 0, child.complaints
    assert "limits differ" not in child.complaints


def test_a_configured_token_needs_no_file(tmp_path: Path) -> None:
    with serving(tmp_path, OVERMIND_API_TOKEN="a-token-of-our-own") as service:
        assert not (tmp_path / "data" / TOKEN_FILE).exists()
        assert service.get("/v1/stats", authorization="Bearer a-token-of-our-own").status == 200
