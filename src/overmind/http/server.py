"""Serves the API of a running desk with uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from overmind.clock.clocks import SystemClock, uptime_ns
from overmind.config.door import LOOPBACK, TlsFiles, tls_context
from overmind.config.secrecy import Secret
from overmind.core.model.units import NS
from overmind.desk.answers.answers import Answers
from overmind.desk.answers.post import HttpPost
from overmind.desk.app import App
from overmind.desk.lane import Lane
from overmind.http.access.access import Access
from overmind.http.access.administration import Administration
from overmind.http.access.callers import front_of, url_of
from overmind.http.access.headers import COMMON_HEADERS
from overmind.http.access.logins import Logins
from overmind.http.access.welcomes import Welcomes
from overmind.http.archive import Archive
from overmind.http.auth import Authenticator
from overmind.http.cataloguer import Cataloguer
from overmind.http.commands import commands_router
from overmind.http.connections import Connections, ServerConfig, connections_max
from overmind.http.explainer import Explainer
from overmind.http.health import Reachable, ServiceHealth
from overmind.http.historian import Historian
from overmind.http.hooks.administration import HookAdministration
from overmind.http.hooks.answers import AnswersAdministration
from overmind.http.hooks.hooks import Hooks, is_hook
from overmind.http.hooks.known import KnownSources
from overmind.http.hooks.reading import Market
from overmind.http.intake import Intake
from overmind.http.metrics.machine import BesideSample
from overmind.http.metrics.scrape import Metrics
from overmind.http.outlook import ServiceOutlook
from overmind.http.pages import OperatorPage
from overmind.http.pages.records import Records
from overmind.http.protocol import ConnectionProtocol
from overmind.http.queries import queries_router
from overmind.http.reference.served import Reference
from overmind.http.responses import answer_errors
from overmind.http.stream import Streams
from overmind.notices.delivery import TargetRow
from overmind.signals.decode import token_index

SIGNALS: Final = "/v1/signals"
URGENT: Final = ("/emergency-stop", "/pause", "/close")  # ends of paths
NO_ROUTE: Final = "/-"
LEAVE_S: Final = 5  # for the last responses while the server stops


class ApiServer:
    """The HTTP API of an open desk while it runs."""

    def __init__(
        self,
        url: str,
        server: uvicorn.Server,
        intake: Intake,
        health: ServiceHealth,
        welcomes: Welcomes,
        outlook: ServiceOutlook,
    ) -> None:
        self.url = url
        self.welcomes = welcomes
        self.outlook = outlook
        self._server = server
        self._intake = intake
        self._health = health

    @property
    def users(self) -> int:
        """How many there are."""
        return self.welcomes.users

    def close_intake(self) -> None:
        """Refuses signals from now on; everything else is still served."""
        self._intake.close()
        self._health.stop()

    def stop_at_once(self) -> None:
        """Stops without waiting for open requests."""
        self._server.force_exit = True


@asynccontextmanager
async def serve_api(
    app: App,
    journal: Path,
    listener: socket.socket,
    token: Secret,
    reachable: Reachable | None = None,
    targets: Callable[[], Sequence[TargetRow]] = lambda: (),
) -> AsyncIterator[ApiServer]:
    """Serves an open desk for as long as the block lasts. The last responses are sent before it ends.

    `targets`: what became of notices, for metrics.
    """
    port = listener.getsockname()[1]
    door = app.config.door
    access = Access(journal.parent, token, app.clock, _seconds, door.session_idle_ns / NS, door.session_max_ns / NS)
    recent, explainer = Archive(journal, "archive"), Explainer(journal.parent)
    cataloguer, historian = Cataloguer(app.engine, journal, app.clock), Historian(app.engine, journal, app.clock)
    streams, health = Streams(app.engine, recent), ServiceHealth(app, reachable)
    tokens, ignored = token_index(app.desk.tokens.values()), app.config.signal_fields_ignored
    lane, connections = Lane(), Connections(connections_max())
    networks = [ip_network(one) for one in door.answers_networks]
    outside = SystemClock()  # The desk may play a tape, but who hears answers lives now.
    answers = Answers(app.engine, journal, outside, HttpPost(networks))
    sources, market = KnownSources(journal.parent, app.clock), Market(tokens, app.desk.quote, ignored)
    intake = Intake(app.engine, app.begin, lane, tokens, app.desk.quote, app.clock, ignored, app.look_before)
    hooks = Hooks(sources, access, intake, market)
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    api.router.routes.append(Route(SIGNALS, intake.post, methods=["POST"]))
    logins = Logins(access, port)
    welcomes = Welcomes(access, logins, app.engine)
    page = OperatorPage(app, recent, Records(journal.parent, explainer, historian, access))
    reference = Reference(lambda: api.routes)

    def beside_sample() -> BesideSample:
        live = {"events": streams.open, "pages": page.live}
        return BesideSample(cataloguer.lag, historian.behind, answers.lags, live, connections.open, targets())

    metrics = Metrics(app, health, journal, beside_sample)
    beside = (cataloguer, historian, metrics, access, answers, sources)
    administration = HookAdministration(sources, app.engine, market)
    parts = (
        streams,
        health,
        metrics,
        logins,
        welcomes,
        Administration(access, app.engine),
        administration,
        AnswersAdministration(sources, app.engine, administration, networks, outside),
        hooks,
        reference,
        page,
    )
    for part in parts:
        api.include_router(part.routes())
    for router in (queries_router(app, recent, explainer), commands_router(app)):
        api.include_router(router)
    answer_errors(api)
    make_routes(api)
    door_keeper = Authenticator(by_urgency(intake, hooks.post, api, lane), access, front_of(door, port))
    server = _Server(_config(door_keeper, door.tls, connections))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.serve([listener]))
        running = [tasks.create_task(one.run()) for one in beside]
        try:
            await server.up.wait()
            outlook = ServiceOutlook(app, health, recent)
            yield ApiServer(url_of(door, port), server, intake, health, welcomes, outlook)
        finally:
            streams.close()
            page.close()
            explainer.close()
            server.should_exit = True
            await asyncio.wait((task,))
            for one in running:
                one.cancel()
            for closed in (recent, reference, *beside):
                closed.close()


def make_routes(api: FastAPI) -> None:
    """Makes every route now. The framework would do it at the first request, in one long turn of the event loop."""
    for route in api.router.routes:
        route.matches({"type": "http", "method": "GET", "path": NO_ROUTE, "root_path": "", "headers": []})


def by_urgency(intake: Intake, hook: Callable[[Request], Awaitable[Response]], api: ASGIApp, lane: Lane) -> ASGIApp:
    """Routes signals and hooks past the framework, which would cost a third of the whole response time.

    While an urgent command is served, the lane of the signals rests.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path, posted = scope["path"], scope["method"] == "POST"
        if posted and path == SIGNALS:
            answer = await intake.post(Request(scope, receive))
            await answer(scope, receive, send)
        elif posted and is_hook(path):  # Before what is urgent: the path of a hook ends as anybody likes.
            answer = await hook(Request(scope, receive))
            await answer(scope, receive, send)
        elif posted and path.endswith(URGENT):
            with lane.urgent():
                await api(scope, receive, send)
        else:
            await api(scope, receive, send)

    return route


def _seconds() -> float:
    """Of a clock that never jumps."""
    return uptime_ns() / NS


def listen(port: int, address: str = LOOPBACK) -> socket.socket:
    """Claims a port of this address; 0 takes any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as undo:
        listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        undo.pop_all()
    return listener


def _config(app: ASGIApp, tls: TlsFiles | None, connections: Connections) -> ServerConfig:
    for handler in logging.getLogger("overmind").handlers:  # Put the errors of uvicorn into our log.
        logging.getLogger("uvicorn").addHandler(handler)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # Its warnings come from anybody, one a request.
    config = ServerConfig(
        app,
        http=ConnectionProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=list(COMMON_HEADERS),
        timeout_graceful_shutdown=LEAVE_S,
    )
    config.connections = connections
    config.load()
    config.ssl = None if tls is None else tls_context(tls)  # Uvicorn's own one would take old ciphers.
    return config


class _Server(uvicorn.Server):
    """Sets `up` once it serves, and leaves Unix signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
