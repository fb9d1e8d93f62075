"""`POST /v1/hooks/KIND/SOURCE/SECRET` takes a signal from another program, and answers once its decision is durable.

Such programs send again after a 503 and after nothing else that tells them to wait, so overload is a 503 here.
"""

from __future__ import annotations

import math
from typing import Final

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.desk.sources.source import Source, SourceKind, is_secret_of
from overmind.desk.submit import invalid
from overmind.http.access.access import Access
from overmind.http.access.callers import CALLER, Caller
from overmind.http.connections import CONNECTION
from overmind.http.hooks.in_flight import entries_done
from overmind.http.hooks.known import KnownSources
from overmind.http.hooks.reading import Market, read_hook
from overmind.http.intake import BUSY, INVALID, STOPPED, AnsweredSignal, Intake
from overmind.http.responses import RETRY_AFTER_S, HttpRefusal, JsonResponse, error_response
from overmind.signals.decode import BadSignal
from overmind.text.printable import json_bytes

PATHS: Final = tuple(f"/v1/hooks/{kind}/" for kind in SourceKind)
PARTS: Final = 5  # of a path
GUESSES: Final = "a secret of a hook"  # whose wrong guesses of one address are counted together
UNKNOWN: Final = "unknown"  # in the log: what a stranger calls a source may be a secret
PROBLEMS_LOGGED_MAX: Final = 5
EARLY: Final = "the entry that this exit would sell is not filled yet: send it again later; nothing was decided"

log = structlog.get_logger("hooks")


class Hooks:
    def __init__(self, known: KnownSources, access: Access, intake: Intake, market: Market) -> None:
        self._known = known
        self._access = access
        self._intake = intake
        self._market = market

    def routes(self) -> APIRouter:
        router = APIRouter(prefix="/v1/hooks")

        @router.post("/tradingview/{source}/{secret}")
        async def tradingview(request: Request) -> Response:
            return await self.post(request)

        @router.post("/freqtrade/{source}/{secret}")
        async def freqtrade(request: Request) -> Response:
            return await self.post(request)

        return router

    async def post(self, request: Request) -> Response:
        """Also without the framework, whose way costs as much as the decision."""
        try:
            source = self._let_in(request, *parts_of(request.scope["path"]))
        except HttpRefusal as refused:
            return error_response(refused.status, refused.error, refused.fix)
        if not request.scope["state"][CONNECTION].recognise():
            return error_response(STOPPED, "too many requests with a token or a session are open")
        received_at_ns = self._known.clock.now_ns()
        answered = await self._answer(source, request, received_at_ns)
        status = STOPPED if answered.status == BUSY else answered.status
        headers = {"retry-after": str(RETRY_AFTER_S)} if status == STOPPED else None
        return Response(answered.json, status, headers, media_type=JsonResponse.media_type)

    async def _answer(self, source: Source, request: Request, received_at_ns: int) -> AnsweredSignal:
        body, wallets = await request.body(), self._state().wallets
        try:
            read = read_hook(source, body, request.headers.get("content-type", ""), self._market, wallets)
        except BadSignal as bad:
            problems = [f"{one.field}: {one.problem}" for one in bad.problems[:PROBLEMS_LOGGED_MAX]]
            log.warning("a hook sent what is no signal", source=source.name, signal_id=bad.signal_id, problems=problems)
            return AnsweredSignal(INVALID, json_bytes(invalid(bad)))
        if not await entries_done(read.signal, self._state, self._known.clock):
            log.warning("an exit came before its entry was filled", source=source.name, signal_id=read.signal.id)
            told = {"signal_id": read.signal.id, "status": "busy", "error": EARLY}
            return AnsweredSignal(BUSY, json_bytes(told))
        return await self._intake.take(read, received_at_ns)

    def _state(self) -> State:
        return self._intake.state

    def _let_in(self, request: Request, kind: SourceKind, name: str, secret: str) -> Source:
        """The source, if the secret is right. A stranger learns nothing of which sources there are.

        A right secret is always let in: others may send from the same address, and their guesses must not stop it.
        """
        source = self._known.sources.get(name)
        right = is_secret_of(source, secret, self._known.clock.now_ns())
        if right and source is not None and source.kind is kind:
            return source
        peer, waits, at = peer_of(request), self._access.waits, self._access.steady()
        left_s = waits.left_s(GUESSES, peer, at)
        if left_s > 0:
            raise HttpRefusal(429, "too many wrong secrets", f"wait {math.ceil(left_s)} s, and send the hook's own URL")
        waits.count(GUESSES, peer, at)
        log.warning("a hook was called with a wrong secret", source=UNKNOWN if source is None else name, peer=peer)
        raise HttpRefusal(404, "no such hook", "send to the URL that `overmind hooks add` or `rotate` has shown")


def is_hook(path: str) -> bool:
    return path.startswith(PATHS) and path.count("/") == PARTS


def parts_of(path: str) -> tuple[SourceKind, str, str]:
    """Kind, source and secret."""
    kind, name, secret = path.split("/")[-3:]
    return SourceKind(kind), name, secret


def peer_of(request: Request) -> str:
    """The address of the sender, as a trusted proxy tells it."""
    state = request.scope["state"]
    caller = state.get(CALLER)
    peer: str = caller.peer if isinstance(caller, Caller) else state[CONNECTION].peer
    return peer
