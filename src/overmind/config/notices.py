"""Reads whom the desk tells what, and where each secret for it comes from: a variable, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from msgspec import field

from overmind.config.files import InvalidValue, read_file
from overmind.config.notice_kinds import KINDS, NoticeKind, Severity, Way
from overmind.config.problems import Findings
from overmind.config.secrecy import Secret, shown_path
from overmind.config.settings import Settings
from overmind.config.variables.notices import (
    NOTICES,
    NOTICES_FILE,
    NOTICES_FILL,
    NOTICES_KINDS,
    NOTICES_PERIOD,
    NOTICES_RATE,
    NOTICES_SEVERITY,
    PING_EVERY,
    PING_URL,
    PING_URL_FILE,
    TELEGRAM_CHATS,
    TELEGRAM_TOKEN,
    TELEGRAM_TOKEN_FILE,
    TELEGRAM_URL,
    TELEGRAM_USERS,
)
from overmind.config.variables.variable import Variable
from overmind.core.model.enums import TradingMode
from overmind.core.model.value import Value

T = TypeVar("T")


class TelegramSettings(Value, frozen=True):
    token: Secret
    users: frozenset[int]
    chats: frozenset[int]
    url: Secret


class PingSettings(Value, frozen=True):
    url: Secret
    every_ns: int


class NoticeSettings(Value, frozen=True):
    targets: tuple[Secret, ...] = ()
    ways: dict[NoticeKind, Way] = field(default_factory=dict)  # where they are not the default
    severity_min: Severity = Severity.INFO
    rate_max: int = 5  # notices of a kind in a period
    period_ns: int = 900 * 10**9
    fill_min_micros: int = 1_000 * 10**6
    telegram: TelegramSettings | None = None
    ping: PingSettings | None = None

    def way_of(self, kind: NoticeKind) -> Way:
        return self.ways.get(kind, KINDS[kind].way)


def read_notices(settings: Settings, mode: TradingMode, findings: Findings) -> NoticeSettings:
    ping_url, every_ns = _secret(settings, PING_URL, PING_URL_FILE, mode, findings), settings.get(PING_EVERY)
    return NoticeSettings(
        targets=_secret(settings, NOTICES, NOTICES_FILE, mode, findings),
        ways=settings.get(NOTICES_KINDS),
        severity_min=settings.get(NOTICES_SEVERITY),
        rate_max=settings.get(NOTICES_RATE),
        period_ns=settings.get(NOTICES_PERIOD),
        fill_min_micros=settings.get(NOTICES_FILL),
        telegram=_telegram(settings, mode, findings),
        ping=None if ping_url is None else PingSettings(ping_url, every_ns),
    )


def _telegram(settings: Settings, mode: TradingMode, findings: Findings) -> TelegramSettings | None:
    token = _secret(settings, TELEGRAM_TOKEN, TELEGRAM_TOKEN_FILE, mode, findings)
    users, chats, url = settings.get(TELEGRAM_USERS), settings.get(TELEGRAM_CHATS), settings.get(TELEGRAM_URL)
    if token is None:
        return None
    if not users or min(users) < 0:
        findings.refuse(TELEGRAM_USERS.name, "names no user", "write the ids of those who may command the desk")
        return None
    return TelegramSettings(token, users, chats, url)


def _secret(
    settings: Settings, variable: Variable[T], in_file: Variable[Path | None], mode: TradingMode, findings: Findings
) -> T:
    """Of the variable, or of the file that the other one names."""
    value, path = settings.get(variable), settings.get(in_file)
    if path is None:
        return value
    if value:
        findings.refuse(in_file.name, f"is set, and {variable.name} as well", "keep one of them")
        return value
    where, file = f"{in_file.name}: {shown_path(path)}", read_file(path)
    if isinstance(file, InvalidValue):
        findings.refuse(where, file.problem, file.fix)
        return value
    if file.open_to_others:
        say = findings.refuse if mode is TradingMode.LIVE else findings.warn
        say(where, "others can read it", f"chmod 600 {shown_path(path)}")
    read = variable.kind.read(file.text.strip())
    if isinstance(read, InvalidValue):
        findings.refuse(where, read.problem, read.fix)
        return value
    return read
