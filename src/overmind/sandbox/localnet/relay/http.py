"""The relay over HTTP: each method on the path that Jito documents for it, one rate limit for all, and its faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from overmind.clock.instants import iso_seconds
from overmind.core.model.units import LAMPORTS
from overmind.ports import Clock
from overmind.sandbox.localnet import wire
from overmind.sandbox.localnet.errors import METHOD_NOT_FOUND, RpcFault, invalid
from overmind.sandbox.localnet.methods import NO_JSON, NO_REQUEST
from overmind.sandbox.localnet.node import API_VERSION
from overmind.sandbox.localnet.params import RpcParams
from overmind.sandbox.localnet.relay.engine import BlockEngine, BundleState
from overmind.sandbox.localnet.shapes import Json, status

PREFIX: Final = "/api/v1/"
BODY_MAX: Final = 50 * 1024
STATUSES_MAX: Final = 5
TIP_FLOOR: Final = f"{PREFIX}bundles/tip_floor"
BUNDLE_ID: Final = "x-bundle-id"
RATE_LIMITED: Final = -32097
_PERCENTILES: Final = ("25th", "50th", "75th", "95th", "99th")
_METHODS: Final = {
    f"{PREFIX}transactions": ("sendTransaction",),
    f"{PREFIX}bundles": ("sendBundle", "getBundleStatuses", "getInflightBundleStatuses", "getTipAccounts"),
    f"{PREFIX}getBundleStatuses": ("getBundleStatuses",),
    f"{PREFIX}getInflightBundleStatuses": ("getInflightBundleStatuses",),
    f"{PREFIX}getTipAccounts": ("getTipAccounts",),
}


class RelayServer:
    def __init__(self, engine: BlockEngine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def serves(self, path: str) -> bool:
        return path.startswith(PREFIX)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._engine.terms.down:
            return web.Response(status=503, text="Service Unavailable")
        if request.method == "GET" and request.path == TIP_FLOOR:
            return _json([self._tip_floor()])
        if request.path not in _METHODS:
            return web.Response(status=404, text="Not Found")
        if request.method != "POST":
            return web.Response(status=405, text="Method Not Allowed")
        if not self._engine.admits():
            return self._too_many(request.path)
        return await self._post(request)

    async def _post(self, request: web.BaseRequest) -> web.StreamResponse:
        if (request.content_length or 0) > BODY_MAX or len(body := await request.read()) > BODY_MAX:
            return web.Response(status=413, text="Payload Too Large")
        headers: dict[str, str] = {}
        answer = self._answer(request, body, headers)
        terms = self._engine.terms
        if self._engine.draws.occurs("silence", terms.silence_ppm):
            await self._clock.sleep(terms.silence_s)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=504)
        return _json(answer, 400 if "error" in answer else 200, headers)

    def _answer(self, request: web.BaseRequest, body: bytes, headers: dict[str, str]) -> Json:
        try:
            call = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return NO_JSON
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return NO_REQUEST
        number, method = call.get("id"), call["method"]
        try:
            if method not in _METHODS[request.path]:
                raise RpcFault(METHOD_NOT_FOUND, "Method not found")
            result = self._result(method, RpcParams(call.get("params")), request.query, headers)
        except RpcFault as fault:
            return {"jsonrpc": "2.0", "error": fault.body(), "id": number}
        return {"jsonrpc": "2.0", "result": result, "id": number}

    def _result(self, method: str, params: RpcParams, query: Mapping[str, str], headers: dict[str, str]) -> object:
        match method:
            case "sendTransaction":
                return self._send_transaction(params, query, headers)
            case "sendBundle":
                return self._send_bundle(params)
            case "getBundleStatuses":
                return self._with_context([self._status(one) for one in _bundle_ids(params)])
            case "getInflightBundleStatuses":
                return self._with_context([self._in_flight(one) for one in _bundle_ids(params)])
            case _:
                return list(self._engine.terms.tip_accounts)

    def _send_transaction(self, params: RpcParams, query: Mapping[str, str], headers: dict[str, str]) -> str:
        """It is never simulated first, so a doomed transaction gets an answer too."""
        sent = wire.decode(params.text(0), _encoding(params))
        if query.get("bundleOnly") == "true":
            headers[BUNDLE_ID] = self._engine.send_bundle([sent])
        else:
            self._engine.send(sent)
        return sent.signature

    def _send_bundle(self, params: RpcParams) -> str:
        given = params.at(0)
        if not isinstance(given, list):
            raise invalid("Invalid params: invalid type: expected a sequence.")
        encoding = _encoding(params)
        return self._engine.send_bundle([wire.decode(one, encoding) for one in given])

    def _status(self, bundle_id: str) -> Json | None:
        bundle = self._engine.find(bundle_id)
        landed = [] if bundle is None or bundle.state is not BundleState.LANDED else self._engine.landed(bundle)
        if bundle is None or not landed:
            return None
        blocks = self._engine.chain.blocks
        shown = status(landed[0], blocks.head.height, blocks.root_height)
        return {
            "bundle_id": bundle_id,
            "transactions": [one.signature for one in landed],
            "slot": landed[0].slot,
            "confirmation_status": shown["confirmationStatus"],
            "err": {"Ok": None},
        }

    def _in_flight(self, bundle_id: str) -> Json:
        bundle = self._engine.find(bundle_id)
        state = BundleState.INVALID if bundle is None else bundle.state
        slot = bundle.slot if bundle is not None and state is BundleState.LANDED else None
        return {"bundle_id": bundle_id, "status": state.value, "landed_slot": slot}

    def _with_context(self, value: object) -> Json:
        return {"context": {"apiVersion": API_VERSION, "slot": self._engine.chain.blocks.head.slot}, "value": value}

    def _tip_floor(self) -> Json:
        """In SOL, as floats: so the real service tells them."""
        tips = self._engine.terms.tip_floor_lamports
        landed = {
            f"landed_tips_{name}_percentile": tip / LAMPORTS for name, tip in zip(_PERCENTILES, tips, strict=True)
        }
        return {
            "time": iso_seconds(self._clock.now_ns()),
            **landed,
            "ema_landed_tips_50th_percentile": tips[1] / LAMPORTS,
        }

    def _too_many(self, path: str) -> web.Response:
        what = "txn" if path == f"{PREFIX}transactions" else "bundle"
        message = f"Rate limit exceeded. Limit: {self._engine.terms.requests_per_s} per second for {what} requests"
        error = {"code": RATE_LIMITED, "message": message, "data": None}
        return _json({"jsonrpc": "2.0", "error": error, "id": None}, 429)


def _encoding(params: RpcParams) -> str:
    return params.config(1).text("encoding", "base58")


def _bundle_ids(params: RpcParams) -> list[str]:
    given = params.at(0)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise invalid("Invalid params: invalid type: expected a sequence of strings.")
    if len(given) > STATUSES_MAX:
        raise invalid(f"Too many bundle ids; max {STATUSES_MAX}")
    return given


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers)
