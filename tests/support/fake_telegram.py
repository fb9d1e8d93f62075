"""Telegram without a network: updates that a test sends, and the answers that the desk gave."""

from __future__ import annotations

import asyncio
from typing import Any

from overmind.core.model.units import NS
from overmind.notices.telegram.bot_api import TelegramSilent
from overmind.notices.telegram.wire import Chat, Message, Sender, Update

ADA, BOB = 1, 2  # ADA is on the list
CHAT_ENV = {"OVERMIND_TELEGRAM_TOKEN": "12345:" + "A" * 35, "OVERMIND_TELEGRAM_USERS": f"{ADA}"}


def message(text: str, at_ns: int, user: int = ADA, age_s: int = 0) -> Message:
    return Message(at_ns // NS - age_s, Chat(user, "private"), Sender(user), text)


class FakeTelegram:
    """`chat.Api`. Gives each update once, as the server does after it is confirmed by a higher offset."""

    def __init__(self) -> None:
        self.waiting: list[Update] = []
        self.answers: list[tuple[int, str]] = []
        self.offsets: list[int] = []
        self.faults: list[TelegramSilent] = []  # of the next polls
        self.refused: list[TelegramSilent] = []  # of the next answers
        self.last = 100
        self.forgetful = False  # gives again what was confirmed
        self._came = asyncio.Event()

    def sends(self, *messages: Message | None) -> None:
        for one in messages:
            self.last += 1
            self.waiting.append(Update(self.last, one))
        self._came.set()

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.answers]

    async def username(self) -> str:
        return "desk_bot"

    async def updates(self, offset: int) -> list[Update]:
        if self.faults:
            raise self.faults.pop(0)
        self.offsets.append(offset)
        if not self.forgetful:
            self.waiting = [one for one in self.waiting if one.update_id >= offset]
        if not self.waiting:
            self._came.clear()
            await self._came.wait()
        return self.waiting[:100]

    async def send(self, chat_id: int, text: str) -> None:
        if self.refused:
            raise self.refused.pop(0)
        self.answers.append((chat_id, text))


def as_json(update_id: int, text: str, at_ns: int, user: int = ADA) -> dict[str, Any]:
    """As the real server sends it, with fields that nobody reads."""
    sender = {"id": user, "is_bot": False, "first_name": "A", "language_code": "en"}
    chat = {"id": user, "first_name": "A", "type": "private"}
    entities = [{"offset": 0, "length": 5, "type": "bot_command"}]
    told = {"message_id": update_id, "from": sender, "chat": chat, "date": at_ns // NS, "text": text}
    return {"update_id": update_id, "message": {**told, "entities": entities}}
