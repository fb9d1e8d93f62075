"""`overmind hooks answers` on a desk that does not run, and beside a service (specification §13.12)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_hooks import ADD, HOLD, acted
from tests.support.command import as_json, overmind
from tests.support.service import command, serving

from overmind.core.model.units import DAY_NS
from overmind.desk.sources.store import read_sources_with_keys

URL = "https://bot.example.org/its-own-secret"
TO = ("hooks", "answers", "chart", URL)
OF_A_PATH = "its-own-secret"


def test_answers_of_a_desk_that_does_not_run(tmp_path: Path) -> None:
    assert overmind(tmp_path, "submit", "-", given=json.dumps(HOLD)).returncode == 0
    overmind(tmp_path, *ADD)
    made = as_json(overmind(tmp_path, *TO, "--reason", "it listens", "--json"))
    assert made["key"].startswith("whsec_")
    assert (made["answers_to"], made["after"] > 0) == ("https://bot.example.org", True)
    again = overmind(tmp_path, "hooks", "answers", "chart", "http://127.0.0.1:9000/x", "--after", "1")
    assert again.stdout.splitlines() == ["chart hears at http://127.0.0.1:9000 of every entry after 1."]
    turned = overmind(tmp_path, "hooks", "rotate-answers", "chart").stdout.splitlines()[-1]
    (source,) = read_sources_with_keys(tmp_path / "data").values()
    assert [one.key for one in source.answers_keys] == [turned, made["key"]]
    assert source.answers_keys[1].valid_until_ns > DAY_NS
    (row,) = as_json(overmind(tmp_path, "hooks", "list", "--json"))
    assert row["answers_to"] == "http://127.0.0.1:9000"
    assert as_json(overmind(tmp_path, "hooks", "stop-answers", "chart", "--json")) == {"name": "chart"}
    assert acted(tmp_path)[1:] == [
        ("SendAnswers", "chart, https://bot.example.org", "it listens"),
        ("SendAnswers", "chart, http://127.0.0.1:9000", acted(tmp_path)[0][2]),
        ("RotateAnswersKey", "chart", acted(tmp_path)[0][2]),
        ("StopAnswers", "chart", acted(tmp_path)[0][2]),
    ]
    everything = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert not any(secret.encode() in everything for secret in (turned, made["key"], OF_A_PATH))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (TO, 3, "no source 'chart'"),
        (("hooks", "stop-answers", "chart"), 3, "no source 'chart'"),
        (("hooks", "rotate-answers", "chart"), 3, "no source 'chart'"),
        ((*TO[:3], "http://bot.example.org/a"), 2, "http to another machine"),
        ((*TO[:3], "https://10.1.2.3/a"), 2, "OVERMIND_ANSWERS_NETWORKS"),
        ((*TO, "--after", "1"), 2, "the journal ends at entry 0"),
        ((*TO, "--reason", " "), 2, "a blank reason"),
    ],
)
def test_what_cannot_be_done_says_what_would_be_right(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = overmind(tmp_path, *words)
    assert (done.returncode, told in done.stderr) == (code, True), done


def test_a_token_of_a_source(tmp_path: Path) -> None:
    made = overmind(tmp_path, "tokens", "add", "bot", "--role", "signal", "--source", "chart")
    assert made.stdout.splitlines()[1].startswith("ovm_")
    (row,) = as_json(overmind(tmp_path, "tokens", "list", "--json"))
    assert (row["role"], row["source"]) == ("signal", "chart")
    refused = overmind(tmp_path, "tokens", "add", "all", "--role", "operate", "--source", "chart")
    assert (refused.returncode, "only sends signals" in refused.stderr) == (2, True)


@pytest.mark.soak
def test_beside_a_service_the_service_does_it(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert command(tmp_path, *ADD)["name"] == "chart"
        made = command(tmp_path, *TO, "--after", "2")
        assert made["after"] == 2
        assert command(tmp_path, "hooks", "rotate-answers", "chart")["key"] != made["key"]
        far = service.post("/v1/hooks/chart/answers", {"reason": "no", "url": URL, "after": 999_999})
        assert (far.status, "the journal ends at entry" in far.text) == (400, True)
        assert command(tmp_path, "hooks", "stop-answers", "chart") == {"name": "chart"}
        stopped = service.post("/v1/hooks/chart/stop-answers", {"reason": "again"})
        assert (stopped.status, "has no answers" in stopped.text) == (409, True)
        for url, why in (("http://example.org/", "http to another machine"), ("https://10.1.2.3/a", "private")):
            refused = service.post("/v1/hooks/chart/answers", {"reason": "no", "url": url})
            assert (refused.status, why in refused.text) == (400, True)
    told = [action for action, _, _ in acted(tmp_path)]
    assert told == ["AddSource", "SendAnswers", "RotateAnswersKey", "StopAnswers"]
