"""No secret of a hook, of its path or of a body, is logged, journaled or answered (specification §13.10, §13.11)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import examples
from tests.support.hook_stage import ALERT, Stage, on_stage
from tests.support.hooked import SECRET, TO_BOT, TO_CHART

from overmind.core.model.ids import SignalId
from overmind.desk.engine import Begun
from overmind.desk.log.file import LOG_FILE
from overmind.desk.log.setup import configure_logging, stop_logging
from overmind.http.hooks.bodies import SECRETS
from overmind.journal.memory import MemoryJournal

IN_BODY = "hunter2-hunter2"
GUESS = "a-guess-that-may-be-a-right-secret-elsewhere"


@pytest.fixture(name="logs")
def _logs(tmp_path: Path) -> Iterator[Path]:
    configure_logging(tmp_path / "logs", "DEBUG")
    yield tmp_path / "logs" / LOG_FILE
    stop_logging()


def bodies() -> Iterator[bytes]:
    """A good alert, and bad ones, each with every name of a secret, at two depths and in three spellings."""
    names = [spelt for name in sorted(SECRETS) for spelt in (name, name.upper(), name.capitalize())]
    within = dict.fromkeys(names, IN_BODY)
    for more in (
        {},
        {"action": "hold"},
        {"ticker": "DOGE"},
        {"position": "short"},
        {"fired_at": "2020-01-01T00:00:00Z"},
    ):
        yield json.dumps({**ALERT, "order_id": "1", **more, **within, "meta": {"at": [within]}}).encode()
    yield f"not JSON, with {IN_BODY}".encode()
    yield b'{"token": "%b", "token": "%b"}' % (IN_BODY.encode(), IN_BODY.encode())


def told_by(journal: MemoryJournal) -> str:
    return msgspec.json.encode([entry.event for entry in journal.read()]).decode()


def test_no_secret_is_logged_journaled_or_answered(tmp_path: Path, logs: Path) -> None:
    answers, statuses = list[str](), set[int]()

    async def play(stage: Stage) -> None:
        rotated = (await stage.ask("/v1/hooks/bot/rotate")).json["path"]
        for path in (
            TO_CHART,
            rotated,
            f"/v1/hooks/tradingview/chart/{GUESS}",
            f"/v1/hooks/freqtrade/{GUESS}/{SECRET}",
        ):
            for body in bodies():
                answer = await stage.post(path, body)
                answers.append(answer.text)
                statuses.add(answer.status)
        secrets.append(rotated.rpartition("/")[2])

    secrets = [SECRET, IN_BODY, GUESS]
    journal = on_stage(tmp_path, play)
    stop_logging()
    log = logs.read_text()
    assert statuses == {202, 400, 404, 429}
    assert log.count("a hook sent what is no signal") > 5
    assert log.count("a hook was called with a wrong secret") >= 3
    for secret in secrets:
        assert secret not in log + told_by(journal) + "".join(answers), secret[:4]


def test_a_fault_of_the_desk_tells_no_secret_and_is_answered(tmp_path: Path, logs: Path) -> None:
    def broken(*_: object) -> Begun:
        raise RuntimeError("a fault of the tests")

    async def play(stage: Stage) -> None:
        stage.begin = broken
        answer = await stage.post(TO_CHART, next(bodies()))
        assert (answer.status, answer.json["status"]) == (500, "failed")
        assert SignalId(answer.json["signal_id"]).startswith("tv-")
        assert not any(secret in answer.text for secret in (SECRET, IN_BODY, "Traceback"))

    on_stage(tmp_path, play)
    stop_logging()
    log = logs.read_text()
    assert "a fault of the tests" in log
    assert not any(secret in log for secret in (SECRET, IN_BODY))


NAMES = st.sampled_from([*ALERT, "event", "trade_id", "pair", "direction", "amount", "final", "meta", *SECRETS, ""])
VALUES = st.sampled_from(
    [*ALERT.values(), "sell", "flat", "exit", "SOL/USDC", "Long", "1e999", None, 0, -1, [], {}, True]
)
BODIES = st.dictionaries(NAMES, VALUES).map(lambda body: json.dumps({**ALERT, **body}).encode()) | st.binary(
    max_size=40
)
KINDS = st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", ""])


@settings(max_examples=examples(40))
@given(st.lists(st.tuples(st.sampled_from([TO_CHART, TO_BOT]), BODIES, KINDS), min_size=1, max_size=12))
def test_whatever_is_posted_is_decided_or_refused(posts: list[tuple[str, bytes, str]]) -> None:
    async def play(stage: Stage) -> None:
        for path, body, kind in posts:
            answer = await stage.post(path, body, kind)
            assert answer.status in (202, 400), answer
            assert "Traceback" not in answer.text

    with TemporaryDirectory() as folder:
        on_stage(Path(folder), play)
