"""The settings: everybody reads limits and lists; users and tokens are told to admins alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.http.pages.page_stage import PageStage, staged
from tests.support.door import Door

from overmind.http.access.identity import Identity, Kind
from overmind.http.endpoints import Role
from overmind.http.pages.records.settings import settings_router

FOR_ADMINS = ('id="users"', 'id="tokens"', "zoe", "nightly-bot")


@pytest.mark.parametrize("role", Role)
def test_users_and_tokens_are_shown_to_admins_alone(role: Role, tmp_path: Path) -> None:
    async def play(stage: PageStage) -> None:
        stage.api.include_router(settings_router(stage.pages, door.access))
        shown = await stage.get("/desk/settings", Identity("eve", role, Kind.USER, "csrf-of-eve"))
        assert shown.status == 200
        assert 'id="limits"' in shown.text
        assert [piece in shown.text for piece in FOR_ADMINS] == [role is Role.ADMIN] * len(FOR_ADMINS)
        assert "argon2" not in shown.text, "no hash of a password"
        assert token not in shown.text

    with closing(Door(tmp_path / "door")) as door:
        door.user("zoe", Role.OPERATE)
        token = door.token("nightly-bot", Role.SIGNAL)
        staged(play, tmp_path / "desk")


def test_an_admin_is_never_shown_what_was_rendered_before_and_a_reader_not_what_an_admin_sees(tmp_path: Path) -> None:
    """Both look at one address in the same moment."""

    async def play(stage: PageStage) -> None:
        stage.api.include_router(settings_router(stage.pages, door.access))
        told = [
            (await stage.fragment("/desk/settings", Identity(name, role, Kind.USER, name))).text
            for name, role in (("ada", Role.ADMIN), ("vera", Role.READ), ("ada", Role.ADMIN))
        ]
        assert ["zoe" in text for text in told] == [True, False, True]

    with closing(Door(tmp_path / "door")) as door:
        door.user("zoe", Role.OPERATE)
        staged(play, tmp_path / "desk")
