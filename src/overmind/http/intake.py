"""`POST /v1/signals` takes one signal, an array or NDJSON, and answers with the decisions once they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.commands import CommandRefused
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.desk.engine import DiskFull, EngineBusy, EngineStopped
from overmind.desk.submit import conflict, failed, invalid, not_taken
from overmind.http.bounds import BATCH_MAX, NDJSON
from overmind.http.responses import RETRY_AFTER_S, JsonResponse, error_response
from overmind.ports import Clock
from overmind.signals.decode import BadSignal, read_signal
from overmind.text.characters import BOM_BYTES, is_blank
from overmind.text.printable import json_bytes
from overmind.views.decisions import Decision

DECIDED, INVALID, CONFLICT, BUSY, FAILED, STOPPED, FULL = 202, 400, 409, 429, 500, 503, 503
NDJSON_TYPES: Final = (NDJSON, "application/ndjson", "application/jsonl")
STOPPING: Final = "the service is stopping: send it to the next one"

log = structlog.get_logger("intake")

_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


class AnsweredSignal(NamedTuple):
    status: int
    answer: Mapping[str, object]


class Intake:
    def __init__(
        self,
        submit: Callable[[Signal, int], Awaitable[Decision]],
        tokens: Mapping[str, Token],
        quote: Token,
        clock: Clock,
        ignored: Container[str] = (),
        wallets: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        """`submit` decides on a signal that was received at the given time. The decision is durable on return.

        `wallets` says which there are now.
        """
        self._submit = submit
        self._tokens = tokens
        self._quote = quote
        self._clock = clock
        self._ignored = ignored
        self._wallets = wallets
        self._closed = False

    def close(self) -> None:
        """Refuses new signals. Those already taken are still answered."""
        self._closed = True

    async def post(self, request: Request) -> Response:
        body = (await request.body()).removeprefix(BOM_BYTES)
        if self._closed:
            return error_response(STOPPED, STOPPING)
        received_at_ns = self._clock.now_ns()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() in NDJSON_TYPES:
            lines = [line for line in body.split(b"\n") if not is_blank(line)]
            return await self._batch(lines, received_at_ns, _as_lines)
        if body.lstrip()[:1] == b"[":
            try:
                return await self._batch(_ARRAY.decode(body), received_at_ns, _as_array)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
                return error_response(INVALID, f"not a JSON array of signals: {fault}", "send [{…}, …]")
        status, answer = await self._answer(body, received_at_ns)
        return JsonResponse(answer, status, _headers(status))

    async def _batch(
        self,
        signals: Sequence[bytes | msgspec.Raw],
        received_at_ns: int,
        shown: Callable[[Sequence[AnsweredSignal], int], Response],
    ) -> Response:
        """Decides in this order and makes all durable together. A bad signal does not stop the others."""
        if not 1 <= len(signals) <= BATCH_MAX:
            fix = f"send 1 to {BATCH_MAX} signals in a request"
            return error_response(413 if signals else INVALID, f"{len(signals)} signals", fix)
        answered = await asyncio.gather(*(self._answer(bytes(signal), received_at_ns) for signal in signals))
        found = {status for status, _ in answered}
        first = next((status for status in (DECIDED, STOPPED, FAILED, BUSY) if status in found), INVALID)
        return shown(answered, first)

    async def _answer(self, raw: bytes, received_at_ns: int) -> AnsweredSignal:
        try:
            signal, notes = read_signal(raw, self._tokens, self._quote, self._ignored, self._wallets())
        except BadSignal as bad:
            return AnsweredSignal(INVALID, invalid(bad))
        try:
            return AnsweredSignal(DECIDED, (await self._submit(signal, received_at_ns)).to_json(notes))
        except CommandRefused as refused:
            return AnsweredSignal(CONFLICT, conflict(signal.id, refused))
        except DiskFull as full:
            return AnsweredSignal(FULL, not_taken(signal.id, full))
        except EngineBusy as busy:
            return AnsweredSignal(BUSY, {"signal_id": signal.id, "status": "busy", "error": str(busy)})
        except EngineStopped:
            return AnsweredSignal(STOPPED, {"signal_id": signal.id, "status": "stopping", "error": STOPPING})
        except Exception as fault:
            log.exception("a signal could not be decided", signal_id=signal.id)
            return AnsweredSignal(FAILED, failed(signal.id, fault))


def _as_array(answered: Sequence[AnsweredSignal], status: int) -> Response:
    return JsonResponse([one.answer for one in answered], status, _headers(status))


def _as_lines(answered: Sequence[AnsweredSignal], status: int) -> Response:
    lines = b"".join(json_bytes(one.answer) + b"\n" for one in answered)
    return Response(lines, status, _headers(status), media_type=NDJSON)


def _headers(status: int) -> dict[str, str] | None:
    return {"retry-after": str(RETRY_AFTER_S)} if status in (BUSY, STOPPED) else None
