"""What Telegram's server sends, as far as it is read. Anything else in it is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from overmind.core.model.numbers import json_number
from overmind.core.model.value import Value

UPDATES_MAX: Final = 100  # of one answer; the server sends no more
RETRY_MAX_S: Final = 600


class Chat(Value, frozen=True):
    id: int
    type: str = ""


class Sender(Value, frozen=True):
    id: int


class Message(Value, frozen=True, rename={"sender": "from"}):
    date: int  # seconds since 1970
    chat: Chat
    sender: Sender | None = None
    text: str = ""


class Update(Value, frozen=True):
    update_id: int
    message: Message | None = None


class _Id(Value, frozen=True):
    update_id: int


class _Bot(Value, frozen=True):
    username: str = ""


class _Parameters(Value, frozen=True):
    retry_after: int = 0


class Reply(Value, frozen=True):
    """Of any call."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    parameters: _Parameters | None = None

    @property
    def retry_after_s(self) -> int:
        return 0 if self.parameters is None else max(0, min(RETRY_MAX_S, self.parameters.retry_after))


_REPLY: Final = msgspec.json.Decoder(Reply, float_hook=json_number)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw], float_hook=json_number)
_UPDATE: Final = msgspec.json.Decoder(Update, float_hook=json_number)
_ID: Final = msgspec.json.Decoder(_Id, float_hook=json_number)
_BOT: Final = msgspec.json.Decoder(_Bot, float_hook=json_number)
_FAULTS: Final = (msgspec.DecodeError, ValueError, RecursionError)


def reply_in(octets: bytes) -> Reply | None:
    """None: that is no answer of a Bot API."""
    try:
        return _REPLY.decode(octets)
    except _FAULTS:
        return None


def updates_in(reply: Reply) -> list[Update] | None:
    """None: no list of updates. Of one that cannot be read, its number is kept, so that it is not sent again."""
    try:
        return [*_each(_LIST.decode(reply.result)[:UPDATES_MAX])]
    except _FAULTS:
        return None


def username_in(reply: Reply) -> str:
    try:
        return _BOT.decode(reply.result).username
    except _FAULTS:
        return ""


def _each(raws: list[msgspec.Raw]) -> Iterator[Update]:
    for raw in raws:
        try:
            yield _UPDATE.decode(raw)
        except _FAULTS:
            try:
                yield Update(_ID.decode(raw).update_id)
            except _FAULTS:
                continue
