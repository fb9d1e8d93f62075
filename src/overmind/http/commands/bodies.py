"""The body of a command: JSON with a reason. Whatever cannot be read is answered with an example."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol, TypeVar

import msgspec
from starlette.requests import Request

from overmind.core.model.ids import WalletId
from overmind.core.model.numbers import json_number
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.watches.timers import REASON_CHARS_MAX
from overmind.http.responses import HttpRefusal
from overmind.signals.validation import bare
from overmind.text.json_names import repeated_name

WHO_CHARS_MAX: Final = 64


class CommandBody(Protocol):
    example: ClassVar[str]

    @property
    def reason(self) -> str: ...


class ReasonBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…"}'
    reason: str


Body = TypeVar("Body", bound=CommandBody)


async def read_body(request: Request, shape: type[Body]) -> Body:
    text = await request.body()
    try:
        body = msgspec.json.Decoder(shape, float_hook=json_number).decode(text)
        repeated = repeated_name(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise HttpRefusal(400, f"not the expected body: {fault}", f"send {shape.example}") from None
    if repeated is not None:
        raise HttpRefusal(400, f"{bare(repeated)} is given more than once", "keep one of them")
    return with_reason(body)


def with_reason(body: Body) -> Body:
    """The same, if its reason can be journaled."""
    if not body.reason.strip():
        raise HttpRefusal(400, "a blank reason", "say why; it is journaled")
    if len(body.reason) > REASON_CHARS_MAX:
        raise HttpRefusal(400, f"a reason of more than {REASON_CHARS_MAX} characters", "shorten it")
    return body


def named_author(by: str) -> str:
    if not by.strip() or len(by) > WHO_CHARS_MAX:
        raise HttpRefusal(400, "`by` is blank or too long", f"name who wants it, in 1 to {WHO_CHARS_MAX} characters")
    return by


def known_wallet(app: App, wallet_id: str) -> WalletId:
    wallets = app.engine.state.wallets
    if WalletId(wallet_id) not in wallets:
        raise HttpRefusal(404, f"no wallet {wallet_id[:64]!r}", f"known: {', '.join(wallets)}")
    return WalletId(wallet_id)
