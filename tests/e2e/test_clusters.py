"""A desk starts on the chain that it was configured for and that its journal knows, or it says why not.

See specification §5.9.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.command_process import COMMAND
from tests.support.live_processes import LiveProcesses, stage
from tests.support.processes import Child

DEVNET = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
REFUSED, UNREACHABLE = 3, 4
SIGNAL = json.dumps(
    {"signal_id": "s1", "strategy_type": "AIDecision", "action": "Buy", "symbol": "SOL", "notional_usd": 20}
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProcesses]:
    with stage(tmp_path_factory.mktemp("clusters")) as made:
        yield made


@contextmanager
def node(body: bytes) -> Iterator[str]:
    """Answers every request with one sentence."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_nobody_at_the_address(made: LiveProcesses) -> None:
    code, said = _start(made, SNIPER_SOLANA_RPC_URL="http://127.0.0.1:1")
    assert code == UNREACHABLE, said
    assert "127.0.0.1:1" in said


def test_a_page_instead_of_a_node(made: LiveProcesses) -> None:
    with node(b"<html>504 Gateway Timeout</html>") as url:
        code, said = _start(made, SNIPER_SOLANA_RPC_URL=url)
    assert code == UNREACHABLE, said
    assert "HTML" in said


def test_devnet_where_localnet_was_configured(made: LiveProcesses) -> None:
    with node(json.dumps({"jsonrpc": "2.0", "id": 1, "result": DEVNET}).encode()) as url:
        code, said = _start(made, SNIPER_SOLANA_RPC_URL=url)
    assert code == REFUSED, said
    assert "devnet" in said


def test_localnet_where_devnet_was_configured(made: LiveProcesses) -> None:
    code, said = _start(made, OVERMIND_CLUSTER="devnet")
    assert code == REFUSED, said
    assert "devnet" in said


def test_the_journal_of_another_chain(made: LiveProcesses, tmp_path: Path) -> None:
    """The same cluster name, but another genesis hash: its balances are not those of the books."""
    with made.desk() as desk:
        assert desk.end() == 0, desk.complaints
    words = ["-m", "overmind.sandbox.localnet", "--port", "0", "--slot-ms", "5", "--seed", "2"]
    with Child(words, made.environment(), tmp_path, "other") as other:
        code, said = _start(made, SNIPER_SOLANA_RPC_URL=other.ready()["url"])
    assert code == REFUSED, said
    assert "genesis" in said


def test_a_paper_journal_is_not_traded_live(made: LiveProcesses, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with Child([*COMMAND[1:], "submit", "-"], _paper(made, data), tmp_path, "paper") as desk:
        assert desk.end() == 0, desk.complaints
    code, said = _start(made, OVERMIND_DATA_DIR=data)
    assert code == REFUSED, said
    assert "Paper" in said


def _paper(made: LiveProcesses, data: str) -> dict[str, str]:
    live = made.environment(OVERMIND_DATA_DIR=data, SNIPER_TRADING_MODE="paper")
    return {name: value for name, value in live.items() if name not in ("OVERMIND_CLUSTER", "SNIPER_SOLANA_RPC_URL")}


def _start(made: LiveProcesses, **settings: str) -> tuple[int, str]:
    """Exit code and error output of a desk that gets one signal."""
    (made.folder / "desk.stderr").unlink(missing_ok=True)
    with made.desk(**settings) as desk:
        desk.say(SIGNAL)
        code = desk.end()
        assert not desk.lines, desk.lines
        return code, desk.complaints
