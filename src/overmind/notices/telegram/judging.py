"""Whether a message is obeyed: by who sent it, where, and when. Pure, so that one table says all of it."""

from __future__ import annotations

import enum
import re
from typing import Final

from overmind.config.notices import TelegramSettings
from overmind.core.model.value import Value
from overmind.notices.telegram.wire import Message

AGE_MAX_S: Final = 60  # Updates are kept for a day: an old command was meant for another moment.
STOP: Final = "stop"
PRIVATE: Final = "private"
_COMMAND: Final = re.compile(r"\s*/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?![A-Za-z0-9_])")


class Fate(enum.StrEnum):
    STRANGER = "stranger"  # nobody on the list: not answered
    ELSEWHERE = "elsewhere"  # in a group that is not listed: not answered
    TALK = "talk"  # no command, or one for another bot: not answered
    OLD = "old"  # not done
    STOP = "stop"  # done at once, at any age
    COMMAND = "command"  # done in turn


class Judged(Value, frozen=True):
    fate: Fate
    command: str = ""  # without its slash
    rest: str = ""  # of the text
    user_id: int = 0
    chat_id: int = 0


def judged(message: Message, settings: TelegramSettings, bot: str, now_s: int) -> Judged:
    """`bot`: its username; blank: not known."""
    sender, chat = message.sender, message.chat
    if sender is None or sender.id not in settings.users:
        return Judged(Fate.STRANGER, user_id=0 if sender is None else sender.id)
    if not (chat.type == PRIVATE and chat.id == sender.id) and chat.id not in settings.chats:
        return Judged(Fate.ELSEWHERE, user_id=sender.id)
    found = _COMMAND.match(message.text)
    if found is None or (found[2] and bot and found[2].lower() != bot.lower()):
        return Judged(Fate.TALK)
    command, rest = found[1].lower(), message.text[found.end() :]
    fate = Fate.STOP if command == STOP else Fate.COMMAND
    if fate is Fate.COMMAND and abs(now_s - message.date) > AGE_MAX_S:
        fate = Fate.OLD
    return Judged(fate, command, " ".join(rest.split()), sender.id, chat.id)
