"""`overmind notices`, and the notice of `preflight`: whether people are reached is tried, and no address is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.bad_servers import server_in_thread
from tests.support.command import overmind
from tests.support.desk_on_disk import DeskOnDisk

from overmind.cli.preflight.notices import with_notice
from overmind.cli.preflight.point import passed
from overmind.config.notice_kinds import NoticeKind

SECRET = "s3cr3t-of-the-target"
READY = passed("monitoring", "ready")


@pytest.fixture
def desk(tmp_path: Path) -> DeskOnDisk:
    return DeskOnDisk(tmp_path)


def targets(*ports: int) -> dict[str, str]:
    return {"OVERMIND_NOTICES": ",".join(f"json://127.0.0.1:{port}/{SECRET}" for port in ports)}


def test_a_test_says_which_target_took_the_notice(tmp_path: Path) -> None:
    with server_in_thread("takes") as good, server_in_thread("500") as bad:
        done = overmind(tmp_path, "notices", "test", "--json", **targets(good.port, bad.port))
        (body,) = good.bodies
    assert done.returncode == 4
    assert json.loads(done.stdout) == {
        "ok": False,
        "targets": [{"target": "1 (json)", "delivered": True}, {"target": "2 (json)", "delivered": False}],
    }
    assert "a test" in body["title"]
    assert SECRET not in done.stdout + done.stderr


def test_a_test_without_a_target_says_what_to_set(tmp_path: Path) -> None:
    done = overmind(tmp_path, "notices", "test")
    assert (done.returncode, "docs/notices.md" in done.stderr) == (2, True)


@pytest.mark.parametrize("words", [("check",), ("notices", "test")])
def test_an_address_that_apprise_refuses_is_an_error_by_its_number(words: tuple[str, ...], tmp_path: Path) -> None:
    done = overmind(tmp_path, *words, OVERMIND_NOTICES=f"json://127.0.0.1:9,nonsense://{SECRET}")
    assert (done.returncode, "target 2" in done.stderr, SECRET in done.stderr) == (2, True, False)


def test_the_kinds_in_force_are_shown(tmp_path: Path) -> None:
    rows = json.loads(overmind(tmp_path, "notices", "kinds", "--json", OVERMIND_NOTICES_KINDS="stop:digest").stdout)
    assert {row["kind"]: row["told"] for row in rows}["stop"] == "digest"
    assert [row["kind"] for row in rows] == [*NoticeKind]


@pytest.mark.parametrize(
    ("mode", "ok", "told"),
    [("takes", True, "delivered to each of 1"), ("closes", False, "no notice was delivered to 1")],
)
def test_preflight_delivers_a_notice(mode: str, ok: bool, told: str, desk: DeskOnDisk) -> None:
    with server_in_thread(mode) as server:
        point = with_notice(desk.load(**targets(server.port)), READY)
    assert (point.ok, told in point.seen, len(server.requests)) == (ok, True, 1)


def test_preflight_without_targets_says_so_and_passes(desk: DeskOnDisk) -> None:
    point = with_notice(desk.load(), READY)
    assert point.ok
    assert "nobody gets notices" in point.seen
    assert not with_notice(desk.load(OVERMIND_NOTICES="nonsense://x"), READY).ok
