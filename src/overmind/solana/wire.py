"""Encodes and decodes JSON-RPC 2.0, and checks every answer of a node.

The error tree:
    ChainSilent            no usable answer; asking again later is safe
    └── RpcSilent          … from the nodes of an `Rpc`
    RpcError               the node did answer, and its answer is an error
    Unusable               inside this package only: why an answer cannot be used, before the node's name is added
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NoReturn

import msgspec

from overmind.ports import ChainSilent

CODE_MAX: Final = 2**31
# Codes of a node that cannot serve now: it lags behind, or we asked too often. Another node may.
BUSY_CODES: Final = frozenset({-32005, -32429, 429})
# The node has not reached the requested slot. It is healthy, but another node may be ahead.
BEHIND_CODES: Final = frozenset({-32016})

_encoder = msgspec.json.Encoder()


class RpcSilent(ChainSilent):
    """No usable answer. The request may have taken effect all the same."""


class RpcError(Exception):
    """A JSON-RPC error from a node. `data` may be anything; it is never printed."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Unusable(Exception):
    """Why an answer cannot be used. `busy`: the node asks for a pause, of `retry_after_s` if it says how long."""

    def __init__(self, reason: str, *, busy: bool = False, retry_after_s: float = 0.0, asked: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.busy = busy
        self.retry_after_s = retry_after_s
        self.asked = asked  # False: the request was never sent, so the node did not fail


class Request(msgspec.Struct, frozen=True, gc=False):
    id: int
    method: str
    params: Sequence[object]
    jsonrpc: str = "2.0"


def encode(request: Request | Sequence[Request]) -> bytes:
    return _encoder.encode(request)


def decode(body: bytes) -> object:
    """Integers of any size stay exact. Raises Unusable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass  # Raised below, so that the body is not part of the exception.
    return _garbled(body)


def read_one(body: bytes, request_id: int) -> object:
    """The result. Raises RpcError, Unusable."""
    answer = decode(body)
    if not isinstance(answer, dict):
        raise Unusable("answered something that is not a JSON-RPC answer")
    _refuse_unread(answer)
    if not _is_id(answer.get("id"), request_id):
        raise Unusable("answered with the id of another request")
    outcome = _outcome(answer)
    if isinstance(outcome, RpcError):
        raise outcome
    return outcome


def read_many(body: bytes, first_id: int, count: int) -> list[object]:
    """One outcome per request, in their order: a result, an RpcError, or an Unusable if its answer is missing or
    unreadable. Raises Unusable if no answer can be used."""
    answers = decode(body)
    if isinstance(answers, dict):
        _refuse_unread(answers)
    if not isinstance(answers, list):
        raise Unusable("answered a batch with something that is not a batch")
    outcomes: list[object] = [Unusable("left a request of a batch unanswered")] * count
    for answer in answers:
        index = _index(answer, first_id, count)
        if index is not None:
            outcomes[index] = _careful_outcome(answer)
    if count and all(_says_nothing(outcome) for outcome in outcomes):
        raise _as_unusable(outcomes[0])
    return outcomes


def is_count(number: object) -> bool:
    """An unsigned 64-bit integer: a slot, a height, an amount."""
    return type(number) is int and 0 <= number < 2**64


def _garbled(body: bytes) -> NoReturn:
    if not body.strip():
        raise Unusable("answered nothing")
    if body.lstrip()[:1] == b"<":
        raise Unusable("answered HTML instead of JSON")
    raise Unusable("answered something that is not JSON, or only the beginning of it")


def _is_id(answered: object, asked: int) -> bool:
    return type(answered) is int and answered == asked


def _index(answer: object, first_id: int, count: int) -> int | None:
    answered = answer.get("id") if isinstance(answer, dict) else None
    if type(answered) is int and first_id <= answered < first_id + count:
        return answered - first_id
    return None


def _careful_outcome(answer: dict[str, Any]) -> object:
    try:
        return _outcome(answer)
    except Unusable as unusable:
        return unusable


def _outcome(answer: dict[str, Any]) -> object:
    error = answer.get("error")
    if error is not None:
        return _error(error)
    if "result" in answer:
        return answer["result"]
    raise Unusable("answered with neither a result nor an error")


def _error(error: object) -> RpcError:
    """`data` is optional for every code."""
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or type(code) is not int or abs(code) > CODE_MAX:
        raise Unusable("answered an error without a code")
    message = error.get("message")
    found = RpcError(code, message if isinstance(message, str) else "no message", error.get("data"))
    if code in BUSY_CODES:
        raise Unusable(f"cannot serve now: {found}", busy=True)
    if code in BEHIND_CODES:
        raise Unusable(f"has not reached that slot: {found}")
    return found


def _refuse_unread(answer: dict[str, Any]) -> None:
    """Raises Unusable for an error without an id: the node refused before it read the request, for its rate, say."""
    if answer.get("id") is None and isinstance(answer.get("error"), dict):
        refused = _error(answer["error"])
        raise Unusable(f"did not read the request: {refused}")


def _says_nothing(outcome: object) -> bool:
    return isinstance(outcome, Unusable)


def _as_unusable(outcome: object) -> Unusable:
    assert isinstance(outcome, Unusable), outcome
    return outcome
