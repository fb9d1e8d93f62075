"""Targets of apprise: which addresses are refused, and what nothing shows."""

from __future__ import annotations

import sys

import pytest
from tests.support.bad_servers import server_in_thread

from overmind.config import ConfigError
from overmind.config.secrecy import Secret
from overmind.notices.targets import targets_of

TOKEN = "AAbbccddeeffgghhiijjkkllmmnnooppqqr"


def test_no_address_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert targets_of(()) == ()


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError) as refused:
        targets_of((Secret("json://127.0.0.1:9"),))
    (problem,) = refused.value.problems
    assert problem.where == "OVERMIND_NOTICES"
    assert problem.fix == "pip install overmind[notices]"


def test_each_address_that_is_refused_is_named_by_its_number_alone() -> None:
    addresses = (f"nonsense://{TOKEN}", "json://127.0.0.1:9", f"tgram://{TOKEN}")
    with pytest.raises(ConfigError) as refused:
        targets_of([Secret(one) for one in addresses])
    assert [problem.where for problem in refused.value.problems] == [
        "OVERMIND_NOTICES: target 1",
        "OVERMIND_NOTICES: target 3",
    ]
    assert TOKEN not in str(refused.value)


def test_a_target_is_named_without_its_address() -> None:
    (target,) = targets_of((Secret(f"tgram://123456789:{TOKEN}/12345"),))
    assert (target.name, TOKEN in repr(target)) == ("1 (tgram)", False)


@pytest.mark.parametrize(("mode", "took"), [("takes", True), ("500", False), ("closes", False), ("garbage", False)])
def test_what_a_target_answers(mode: str, took: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with server_in_thread(mode) as server:
        (target,) = targets_of((Secret(f"json://user:{TOKEN}@127.0.0.1:{server.port}/{TOKEN}"),))
        assert target.send("title", "<b>text</b>", "critical") is took
    assert [(body["title"], body["message"], body["type"]) for body in server.bodies] == [
        ("title", "<b>text</b>", "failure")
    ]
    assert TOKEN not in "".join(capfd.readouterr())


def test_no_redirect_is_followed() -> None:
    with server_in_thread("redirects") as server:
        (target,) = targets_of((Secret(f"json://127.0.0.1:{server.port}/here"),))
        assert not target.send("title", "text", "info")
    assert [path for _, path, _ in server.requests] == ["/here"]
