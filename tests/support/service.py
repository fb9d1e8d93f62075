"""A real `overmind run`, and a client of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from tests.support.command_process import COMMAND, environment
from tests.support.contract import answer_faults
from tests.support.processes import PATIENCE_S, Child
from typer.testing import CliRunner

from overmind.cli import cli
from overmind.cli.data_files import file_of
from overmind.desk.log.setup import stop_logging

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}
NDJSON = {"content-type": "application/x-ndjson"}


def command(folder: Path, *words: str) -> Any:
    """The output of a command with `--json`, run in this process."""
    done = CliRunner().invoke(cli, [*words, "--data-dir", str(folder / "data"), "--json"])
    stop_logging()  # as `main` does; the next tests read their own lines
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


class ServiceAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]


class Service:
    def __init__(self, folder: Path, child: Child, url: str) -> None:
        self.folder = folder
        self.child = child
        self.url = url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def token(self) -> str:
        return (self.folder / "data" / "api_token").read_text().strip()

    @property
    def journal(self) -> Path:
        return self.folder / "data" / "overmind.db"

    def get(self, path: str, **headers: str) -> ServiceAnswer:
        return asyncio.run(self._call("GET", path, None, headers))

    def post(self, path: str, body: object = b"", **headers: str) -> ServiceAnswer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(self._call("POST", path, BytesIO(raw), headers))

    async def _call(self, method: str, path: str, body: BytesIO | None, headers: Mapping[str, str]) -> ServiceAnswer:
        async with (
            self.session(headers) as session,
            session.request(method, self.url + path, data=body, skip_auto_headers=["content-type"]) as response,
        ):
            told = {name.lower(): value for name, value in response.headers.items()}
            answer = ServiceAnswer(response.status, told, await response.text())
        broken = answer_faults(method, path, answer.status, told.get("content-type", ""), answer.text)
        assert broken == [], (method, path, answer.status, broken[:5])
        return answer

    def session(self, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
        given = dict(headers or {})
        if "authorization" not in given:
            given["authorization"] = f"Bearer {self.token}"
        timeout = aiohttp.ClientTimeout(PATIENCE_S)
        return aiohttp.ClientSession(
            headers={name.replace("_", "-"): one for name, one in given.items()}, timeout=timeout
        )

    @asynccontextmanager
    async def stream(self, path: str = "/v1/stream", **headers: str) -> AsyncIterator[AsyncIterator[Any]]:
        """The stream's events as entries; checks their numbers."""
        async with self.session(headers) as session, session.get(self.url + path) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "text/event-stream"
            yield _events(response)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    fields: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            entry = json.loads(fields["data"])
            assert (int(fields["id"]), fields["event"]) == (entry["seq"], entry["event"]["type"])
            yield entry
            fields = {}


@contextmanager
def serving(folder: Path, **more: str) -> Iterator[Service]:
    """Starts a service, and kills it at the end if it still runs."""
    env = environment(folder, **{"SNIPER_SERVER_PORT": "0", **more})
    with Child([*COMMAND[1:], "run", "--json"], env, folder, "service") as child:
        yield Service(folder, child, child.ready()["url"])
    require_known(folder / "data")


def require_known(data_dir: Path) -> None:
    """Whatever a service wrote is a file of which somebody said whether a backup holds it."""
    names = [path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*") if path.is_file()]
    assert [name for name in names if file_of(name) is None] == [], "give them a row in cli/data_files.py"
