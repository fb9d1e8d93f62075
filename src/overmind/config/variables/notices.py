"""Settings of what tells people: notices, Telegram, and the ping that a dead desk no longer sends."""

from __future__ import annotations

import re
from typing import Final

from overmind.config import kinds
from overmind.config.files import InvalidValue
from overmind.config.kinds import Kind, measured, nearest
from overmind.config.notice_kinds import NoticeKind, Severity, Way
from overmind.config.operators import host_of, is_loopback_host
from overmind.config.secrecy import Secret, shown
from overmind.config.variables.variable import Variable
from overmind.core.model.numbers import digits

TARGETS_MAX: Final = 16
URL_MAX: Final = 2_048
IDS_MAX: Final = 64
TELEGRAM_HOST: Final = "api.telegram.org"
_BETWEEN: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_TARGET: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,128}")
_ID: Final = re.compile(r"-?[0-9]{1,15}")
ID_MAX: Final = 10**15


def _targets(text: str) -> tuple[Secret, ...] | InvalidValue:
    found = [one.strip(" \t\r\n,") for one in _BETWEEN.split(text.strip(" \t\r\n,")) if one.strip(" \t\r\n,")]
    if any(not _TARGET.fullmatch(one) or len(one) > URL_MAX for one in found):
        return InvalidValue("holds something that is no address of a target", "write such as tgram://TOKEN/CHAT")
    if len(found) > TARGETS_MAX:
        return InvalidValue(f"{len(found)} targets", f"name {TARGETS_MAX} at most")
    return tuple(Secret(one) for one in found)


def _ways(text: str) -> dict[NoticeKind, Way] | InvalidValue:
    ways: dict[NoticeKind, Way] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        name, _, word = (piece.strip().lower() for piece in part.partition(":"))
        if name not in [*NoticeKind]:
            return InvalidValue(
                f"{shown(name)!r} is no kind of notice",
                f"write {nearest(name, [*NoticeKind]) or 'one of docs/notices.md'}",
            )
        if word not in [*Way] or NoticeKind(name) in ways:
            return InvalidValue(f"{shown(part)!r} is not KIND:WAY, each kind once", f"write {name}:{' | '.join(Way)}")
        ways[NoticeKind(name)] = Way(word)
    return ways


def _ids(text: str) -> frozenset[int] | InvalidValue:
    found = [one.strip() for one in text.split(",") if one.strip()]
    wrong = next((one for one in found if not _ID.fullmatch(one)), None)
    if wrong is not None:
        return InvalidValue(f"{shown(wrong)!r} is no id of Telegram", "write the number, such as 123456789")
    if len(found) > IDS_MAX:
        return InvalidValue(f"{len(found)} ids", f"name {IDS_MAX} at most")
    numbers = (digits(one.removeprefix("-"), ID_MAX) for one in found)
    return frozenset(
        -number if one.startswith("-") else number
        for one, number in zip(found, numbers, strict=True)
        if number is not None
    )


def _bot_token(text: str) -> Secret | InvalidValue:
    text = text.strip()
    return Secret(text) if _TOKEN.fullmatch(text) else InvalidValue("is no token of a bot", "copy it from @BotFather")


def _telegram_url(text: str) -> Secret | InvalidValue:
    url = kinds.url().read(text.strip().rstrip("/"))
    if isinstance(url, InvalidValue):
        return url
    official = url.reveal() == f"https://{TELEGRAM_HOST}"
    if official or is_loopback_host(host_of(url)):
        return url
    return InvalidValue("is neither Telegram's nor on this machine", f"leave it at https://{TELEGRAM_HOST}")


NOTICES = Variable(
    "OVERMIND_NOTICES",
    Kind(_targets, "comma list of apprise URLs"),
    "",
    "Where notices go, such as tgram://TOKEN/CHAT. Needs `pip install overmind[notices]`.",
    secret=True,
)
NOTICES_FILE = Variable(
    "OVERMIND_NOTICES_FILE", kinds.optional(kinds.path()), "", "A file with OVERMIND_NOTICES, for you alone (0600)."
)
NOTICES_KINDS = Variable(
    "OVERMIND_NOTICES_KINDS",
    Kind(_ways, "comma list of KIND:on | digest | off"),
    "",
    "When each kind of notice is told, where that is not the default: docs/notices.md lists the kinds.",
)
NOTICES_SEVERITY = Variable(
    "OVERMIND_NOTICES_SEVERITY",
    kinds.choice({severity.value: severity for severity in Severity}),
    "info",
    "Notices that are less severe are not told.",
)
NOTICES_RATE = Variable(
    "OVERMIND_NOTICES_RATE_MAX",
    measured(kinds.whole("notices", 1, 1_000)),
    "5",
    "So many notices of each kind are told in a period. The digest at its end counts the others.",
)
NOTICES_PERIOD = Variable(
    "OVERMIND_NOTICES_PERIOD_SEC",
    measured(kinds.seconds(10, 86_400)),
    "900",
    "The period of the rate, and of the digest.",
)
NOTICES_FILL = Variable(
    "OVERMIND_NOTICES_FILL_MIN_USD", measured(kinds.usd()), "1000", "Fills of smaller orders are not told."
)
TELEGRAM_TOKEN = Variable(
    "OVERMIND_TELEGRAM_TOKEN",
    kinds.optional(Kind(_bot_token, "text")),
    "",
    "The token of the desk's bot. Needs OVERMIND_TELEGRAM_USERS.",
    secret=True,
)
TELEGRAM_TOKEN_FILE = Variable(
    "OVERMIND_TELEGRAM_TOKEN_FILE",
    kinds.optional(kinds.path()),
    "",
    "A file with OVERMIND_TELEGRAM_TOKEN, for you alone (0600).",
)
TELEGRAM_USERS = Variable(
    "OVERMIND_TELEGRAM_USERS",
    Kind(_ids, "comma list of user ids"),
    "",
    "Who may command the desk by Telegram. Nobody else is answered.",
)
TELEGRAM_CHATS = Variable(
    "OVERMIND_TELEGRAM_CHATS",
    Kind(_ids, "comma list of chat ids"),
    "",
    "Groups in which those users are obeyed, besides their private chats with the bot.",
)
TELEGRAM_URL = Variable(
    "OVERMIND_TELEGRAM_URL",
    Kind(_telegram_url, "URL", f"https://{TELEGRAM_HOST}, or on this machine"),
    f"https://{TELEGRAM_HOST}",
    "The server of the Bot API, if it is one of your own on this machine.",
)
PING_URL = Variable(
    "OVERMIND_PING_URL",
    kinds.optional(kinds.url()),
    "",
    "A dead man's switch: it is asked each period while the desk can trade, and told of an emergency stop.",
    secret=True,
)
PING_URL_FILE = Variable(
    "OVERMIND_PING_URL_FILE",
    kinds.optional(kinds.path()),
    "",
    "A file with OVERMIND_PING_URL, for you alone (0600).",
)
PING_EVERY = Variable("OVERMIND_PING_EVERY_SEC", measured(kinds.seconds(10, 3_600)), "60", "The period of these pings.")
