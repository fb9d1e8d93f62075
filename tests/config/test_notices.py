"""Whom a desk tells what: which settings can be meant, and that no secret is shown.

See specification §13.
"""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config.notice_kinds import NoticeKind, Way
from overmind.config.notices import NoticeSettings
from overmind.config.secrecy import Secret
from overmind.core.model.units import NS

TOKEN = "123456789:AAbbccddeeffgghhiijjkkllmmnnooppqqr"
SECRET_PATH = "s3cr3t-path-of-the-target"
CHAT = {"OVERMIND_TELEGRAM_TOKEN": TOKEN, "OVERMIND_TELEGRAM_USERS": "11, 22"}


def test_without_settings_nobody_is_told(desk: DeskOnDisk) -> None:
    assert desk.load().notices == NoticeSettings()


def test_targets_are_parted_where_a_new_address_begins(desk: DeskOnDisk) -> None:
    named = "mailto://a:b@c.d?to=x@y,z@y, tgram://T/1\n json://h,"
    targets = desk.load(OVERMIND_NOTICES=named.replace("\n", " ")).notices.targets
    assert [one.reveal() for one in targets] == ["mailto://a:b@c.d?to=x@y,z@y", "tgram://T/1", "json://h"]


def test_settings_are_read(desk: DeskOnDisk) -> None:
    found = desk.load(
        OVERMIND_NOTICES_KINDS="fill:ON, exit : digest,operator:off",
        OVERMIND_NOTICES_RATE_MAX="9",
        OVERMIND_PING_URL="https://example.org/ping",
        OVERMIND_PING_EVERY_SEC="30",
        OVERMIND_TELEGRAM_CHATS="-1001234567890",
        **CHAT,
    ).notices
    assert found.ways == {NoticeKind.FILL: Way.ON, NoticeKind.EXIT: Way.DIGEST, NoticeKind.OPERATOR: Way.OFF}
    assert found.way_of(NoticeKind.STOP) is Way.ON
    assert found.rate_max == 9
    assert found.ping is not None
    assert found.ping.every_ns == 30 * NS
    assert found.telegram is not None
    assert (found.telegram.users, found.telegram.chats) == (frozenset({11, 22}), frozenset({-1001234567890}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OVERMIND_NOTICES", "not an address"),
        ("OVERMIND_NOTICES", "json://h, plain"),
        ("OVERMIND_NOTICES", ", ".join(["json://h"] * 17)),
        ("OVERMIND_NOTICES_KINDS", "fil:on"),
        ("OVERMIND_NOTICES_KINDS", "fill:loud"),
        ("OVERMIND_NOTICES_KINDS", "fill"),
        ("OVERMIND_NOTICES_KINDS", "fill:on,fill:off"),
        ("OVERMIND_NOTICES_SEVERITY", "loud"),
        ("OVERMIND_NOTICES_RATE_MAX", "0"),
        ("OVERMIND_TELEGRAM_TOKEN", "12345"),
        ("OVERMIND_TELEGRAM_USERS", "@ada"),
        ("OVERMIND_TELEGRAM_USERS", "1" * 16),
        ("OVERMIND_TELEGRAM_URL", "https://api.telegram.example"),
        ("OVERMIND_TELEGRAM_URL", "http://api.telegram.org"),
        ("OVERMIND_TELEGRAM_URL", "https://api.telegram.org.example"),
        ("OVERMIND_TELEGRAM_URL", "https://127.0.0.1.example"),
        ("OVERMIND_PING_URL", "ftp://example.org"),
        ("OVERMIND_PING_EVERY_SEC", "9"),
    ],
)
def test_what_cannot_be_meant_is_refused(variable: str, value: str, desk: DeskOnDisk) -> None:
    assert [problem.where for problem in desk.problems(**{variable: value})] == [variable]


@pytest.mark.parametrize("users", ["", "-5", "11,-5"])
def test_a_bot_that_obeys_nobody_or_a_group_is_refused(users: str, desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(OVERMIND_TELEGRAM_TOKEN=TOKEN, OVERMIND_TELEGRAM_USERS=users)
    assert problem.where == "OVERMIND_TELEGRAM_USERS"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8081", "http://localhost:8081/", "https://api.telegram.org"])
def test_the_bot_api_is_telegrams_or_on_this_machine(url: str, desk: DeskOnDisk) -> None:
    telegram = desk.load(OVERMIND_TELEGRAM_URL=url, **CHAT).notices.telegram
    assert telegram is not None
    assert telegram.url.reveal() == url.rstrip("/")


def test_a_secret_may_be_in_a_file_of_its_own(desk: DeskOnDisk) -> None:
    file = desk.write("targets", f"json://h/{SECRET_PATH}\n")
    assert desk.load(OVERMIND_NOTICES_FILE=str(file)).notices.targets == (Secret(f"json://h/{SECRET_PATH}"),)


@pytest.mark.parametrize(
    ("env", "content", "mode", "told"),
    [
        ({"OVERMIND_NOTICES": "json://h"}, "json://h", 0o600, "as well"),
        ({}, "nonsense", 0o600, "no address of a target"),
        ({}, None, 0o600, "does not exist"),
        ({"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "devnet"}, "json://h", 0o644, "others can read it"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(
    env: dict[str, str], content: str | None, mode: int, told: str, desk: DeskOnDisk
) -> None:
    path = desk.folder / "targets" if content is None else desk.write("targets", content, mode)
    problems = desk.problems(OVERMIND_NOTICES_FILE=str(path), **env)
    assert [told in problem.problem for problem in problems if problem.where.startswith("OVERMIND_NOTICES_FILE")] == [
        True
    ]


def test_no_secret_is_shown(desk: DeskOnDisk) -> None:
    config = desk.load(
        OVERMIND_NOTICES=f"json://u:{SECRET_PATH}@h", OVERMIND_PING_URL=f"https://h/{SECRET_PATH}", **CHAT
    )
    shown = repr(config) + repr(config.effective()) + str(desk.problems(OVERMIND_NOTICES=SECRET_PATH))
    assert SECRET_PATH not in shown
    assert TOKEN.partition(":")[2] not in shown
