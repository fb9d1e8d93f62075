"""All methods by name, and the dispatch of one call: it returns an answer or an error body and never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from overmind.sandbox.localnet import methods_accounts, methods_cluster, methods_overmind, methods_transactions
from overmind.sandbox.localnet.errors import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    NOT_AVAILABLE,
    PARSE_ERROR,
    RpcFault,
    min_context,
    unhealthy,
)
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.params import RpcParams
from overmind.sandbox.localnet.shapes import Json

Method = Callable[[LocalNode, RpcParams], object]

METHODS: Final[Mapping[str, Method]] = {
    **methods_accounts.METHODS,
    **methods_cluster.METHODS,
    **methods_transactions.METHODS,
    **methods_overmind.METHODS,
}
OWN: Final = "overmind_"
NO_JSON: Final[Json] = {"jsonrpc": "2.0", "error": {"code": PARSE_ERROR, "message": "Parse error"}, "id": None}
NO_REQUEST: Final[Json] = {
    "jsonrpc": "2.0",
    "error": {"code": INVALID_REQUEST, "message": "Invalid request"},
    "id": None,
}


def answer(node: LocalNode, call: object) -> Json | None:
    """Answers one call. None for a notification: a call without an id is executed and not answered."""
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        return NO_REQUEST
    try:
        said: Json = {"jsonrpc": "2.0", "result": _result(node, call["method"], call.get("params"))}
    except RpcFault as refusal:
        said = {"jsonrpc": "2.0", "error": refusal.body()}
    if "id" not in call:
        return None
    said["id"] = call["id"]
    return said


def _result(node: LocalNode, name: str, given: object) -> object:
    method = METHODS.get(name)
    if method is None:
        raise RpcFault(METHOD_NOT_FOUND, "Method not found")
    if not name.startswith(OWN):
        _raise_faults(node, name)
    return method(node, RpcParams(given))


def _raise_faults(node: LocalNode, name: str) -> None:
    """Applies the faults with which a node answers by an error. Raises RpcFault."""
    draws = node.chain.draws
    faults = draws.faults
    if faults.methods and name not in faults.methods:
        return
    if draws.occurs("unhealthy", faults.unhealthy_ppm):
        raise unhealthy(faults.slots_behind)
    if draws.occurs("min_context", faults.min_context_ppm):
        raise min_context(node.chain.blocks.head.slot)
    if draws.occurs("not_available", faults.not_available_ppm):
        raise RpcFault(NOT_AVAILABLE, f"Block not available for slot {node.chain.blocks.head.slot}")
