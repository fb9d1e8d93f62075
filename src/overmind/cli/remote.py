"""Calls the running service. While it runs, it alone writes the journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import msgspec

from overmind.cli.exit_codes import BAD_INPUT, REFUSED, UNREACHABLE
from overmind.clock.clocks import SystemClock
from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.problems import Findings
from overmind.config.secrecy import Secret
from overmind.config.settings import Settings
from overmind.config.variables.service import API_TOKEN
from overmind.desk.submit import Answers, NobodyListens
from overmind.http.bounds import BATCH_MAX, BODY_BYTES_MAX, NDJSON
from overmind.http.files import RunningService, find_service, token_of_caller
from overmind.ports import Clock
from overmind.text.amount import Amount
from overmind.text.characters import is_blank
from overmind.views.status import Served

ANSWER_S: Final = 30.0
READY_S: Final = 3.0  # a service that asks its disk and its chain answers within that
ALARMS_S: Final = 3.0
BATCH_BYTES_MAX: Final = BODY_BYTES_MAX // 2
BUSY_RETRY_S: Final = 0.2
SETTLE_S: Final = 120.0  # a ticket that never lands is proven expired within a minute
SETTLE_POLL_S: Final = 0.2
_END: Final = b""


class ServiceSilent(Exception):
    """The service that owns the journal does not answer."""


Row = TypeVar("Row")


class ServiceRefused(Exception):
    """The service refused. `code` is the exit code for it."""

    def __init__(self, status: int, error: str, fix: str = "") -> None:
        super().__init__(error)
        self.fix = fix
        self.code = BAD_INPUT if status in (400, 401, 413) else UNREACHABLE if status in (429, 503) else REFUSED


def call_service(
    data_dir: Path, path: str, body: Mapping[str, object], answer_s: float = ANSWER_S
) -> dict[str, Any] | None:
    """The answer of the service, or None if none runs. Raises ServiceSilent, ServiceRefused, ConfigError."""

    async def call(service: RunningService) -> dict[str, Any]:
        async with Remote(service, caller_token(data_dir), SystemClock(), answer_s) as remote:
            answer: dict[str, Any] = await remote.call("POST", path, msgspec.json.encode(body))
            return answer

    service = find_service(data_dir)
    return None if service is None else asyncio.run(call(service))


def alarms_of_service(data_dir: Path) -> tuple[str, ...]:
    """What the running service alarms about, or that it does not answer; none if none runs."""

    async def ask(service: RunningService) -> tuple[str, ...]:
        async with Remote(service, caller_token(data_dir), SystemClock(), ALARMS_S) as remote:
            return tuple((await remote.call("GET", "/v1/risk"))["alarms"])

    service = find_service(data_dir)
    if service is None:
        return ()
    try:
        return asyncio.run(ask(service))
    except (ServiceSilent, ServiceRefused) as unknown:
        return (f"the alarms of the service are not known: {unknown}",)


def read_as(answer: object, shape: type[Row]) -> Row:
    """A part of a service's answer as the row that the service wrote."""
    return msgspec.convert(answer, shape, dec_hook=_amount)


def _amount(shape: type, told: object) -> Amount:
    assert shape is Amount, shape
    assert isinstance(told, str), told
    return Amount(told)


def caller_token(data_dir: Path) -> Secret:
    findings = Findings()
    configured = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings).get(API_TOKEN)
    return token_of_caller(data_dir, configured)


def readiness(data_dir: Path) -> Served | None:
    """The service that runs there, and whether it can trade. None: none runs."""

    async def ask(service: RunningService) -> Served:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(READY_S)) as session,
                session.get(f"{service.url}/readyz", ssl=pinned(service) or True) as response,
            ):
                told = msgspec.json.decode(await response.read(), type=_Ready)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
            return Served(service.url, service.pid, None, ())
        return Served(service.url, service.pid, told.ready, told.reasons)

    service = find_service(data_dir)
    return None if service is None else asyncio.run(ask(service))


def pinned(service: RunningService) -> aiohttp.Fingerprint | None:
    """A certificate names the public host. Its own file names it for the commands of this machine."""
    return aiohttp.Fingerprint(bytes.fromhex(service.certificate)) if service.certificate else None


class _Ready(msgspec.Struct):
    ready: bool
    reasons: tuple[str, ...]


class Remote:
    """A session with a service. Every call raises ServiceSilent, ServiceRefused."""

    def __init__(self, service: RunningService, token: Secret, clock: Clock, answer_s: float = ANSWER_S) -> None:
        self._service = service
        self._clock = clock
        pin = pinned(service)
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {token.reveal()}"},
            timeout=aiohttp.ClientTimeout(answer_s),
            connector=None if pin is None else aiohttp.TCPConnector(ssl=pin),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """The decoded answer. An NDJSON answer comes as a list of its lines, refused ones included."""
        url = self._service.url + path
        try:
            async with self._session.request(method, url, data=body, headers={"content-type": kind}) as response:
                said = await response.read()
                if response.content_type == NDJSON:
                    return [msgspec.json.decode(line) for line in said.splitlines()]
                answer = msgspec.json.decode(said)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as fault:
            raise ServiceSilent(self._unknown(method, fault)) from None
        if response.status == 401:
            raise ServiceRefused(401, "the service does not know our token", f"give it as {API_TOKEN.name}")
        if response.status >= 400:
            told = answer if isinstance(answer, dict) else {"error": str(answer)}
            raise ServiceRefused(response.status, str(told.get("error", answer)), str(told.get("fix", "")))
        return answer

    def _unknown(self, method: str, fault: Exception) -> str:
        """After a timeout the service may still carry out the request."""
        who = f"the service at {self._service.url} (process {self._service.pid})"
        if isinstance(fault, aiohttp.ClientConnectorError):
            return f"{who} cannot be reached, so it has not received the request: {fault}"
        why = f"{who} does not answer: {str(fault) or type(fault).__name__}"
        if method == "GET":
            return why
        return f"{why}. It may have received the request and may still carry it out: check before you repeat it"

    async def submit(self, lines: AsyncIterator[bytes], tell: Callable[[Mapping[str, object]], None]) -> Answers:
        """Tells the answer to each line, in order. Lines that have arrived meanwhile go in one request."""
        answers, placed = Answers(), set[str]()
        async for batch in _batches(lines):
            for answer in await self._answers(batch):
                answers.add(answer)
                if answer.get("orders"):
                    placed.add(answer["signal_id"])
                try:
                    tell(answer)
                except BrokenPipeError:
                    raise NobodyListens("the reader of the answers is gone; decisions stand") from None
        await self._settle(placed)
        return answers

    async def _settle(self, signal_ids: Set[str]) -> None:
        """Waits until no order of these signals is open, or until SETTLE_S has passed. The service settles the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while signal_ids & await self._under_way():
                    await self._clock.sleep(SETTLE_POLL_S)

    async def _under_way(self) -> set[str]:
        """The signals that have open orders."""
        return {row["order_id"].rsplit(".", 2)[0] for row in await self.call("GET", "/v1/orders?open=true")}

    async def _answers(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """Sends again the lines for which the service had no room."""
        answered = await self._post(lines)
        while busy := [index for index, answer in enumerate(answered) if answer["status"] == "busy"]:
            await self._clock.sleep(BUSY_RETRY_S)
            again = await self._post([lines[index] for index in busy])
            for index, answer in zip(busy, again, strict=True):
                answered[index] = answer
        if any(answer["status"] == "stopping" for answer in answered):
            raise ServiceSilent("the service stopped before it answered; send the signals again")
        return answered

    async def _post(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        answered: list[Mapping[str, Any]] = await self.call("POST", "/v1/signals", b"\n".join(lines), NDJSON)
        return answered


async def _batches(lines: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """The lines that have arrived, at least one and at most what the service accepts at once."""
    waiting: asyncio.Queue[bytes] = asyncio.Queue(BATCH_MAX)

    async def fill() -> None:
        async for line in lines:
            if not is_blank(line):
                await waiting.put(line.strip())
        await waiting.put(_END)

    filling, left = asyncio.ensure_future(fill()), list[bytes]()  # already read, for the next batch
    try:
        while (line := left.pop() if left else await waiting.get()) != _END:
            batch, size = [line], len(line)
            while not left and len(batch) < BATCH_MAX and not waiting.empty():
                line = waiting.get_nowait()
                if line == _END or size + len(line) > BATCH_BYTES_MAX:
                    left.append(line)
                else:
                    batch.append(line)
                    size += len(line) + 1
            yield batch
    finally:
        filling.cancel()
