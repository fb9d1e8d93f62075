"""kill -9 of a running `overmind submit` at random moments loses no acknowledged decision and doubles none.

See specification §1.3.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.support.command import overmind
from tests.support.command_process import start

from overmind.core.model.events import Answer, OrderClosed, OrderPlaced
from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

DESKS = 8
KILLS = 13  # per desk: 104 in all
QUICK_KILLS = 4  # on one more desk, in the quick tier
STRATEGIES = ("TokenSniping", "Arbitrage", "MomentumTrading", "AIDecision", "SoulMeteorSniping", "MeteoraDAMM")


def random_signal(random: Random, number: int) -> dict[str, Any]:
    signal = {
        "signal_id": f"s{number}",
        "strategy_type": random.choice(STRATEGIES),
        "action": "Buy" if random.random() < 0.75 else "Sell",
        "symbol": random.choice(["SOL", "ETH", "BTC"]),
    }
    buys = signal["action"] == "Buy"
    return signal | ({"notional_usd": random.choice([20, 75, 150, 99_999])} if buys else {"quantity": "all"})


@pytest.mark.parametrize(
    ("desk", "kills"),
    [*(pytest.param(desk, KILLS, marks=pytest.mark.soak) for desk in range(DESKS)), (DESKS, QUICK_KILLS)],
)
def test_kill_9_at_random_moments(desk: int, kills: int, tmp_path: Path) -> None:
    random, told, sent = Random(desk), dict[str, Any](), dict[str, dict[str, Any]]()
    for _ in range(kills):
        _life(random, tmp_path, told, sent)
    _last_life(tmp_path, told, sent)
    _check(tmp_path / "data" / "overmind.db", told, sent)


def _life(random: Random, folder: Path, told: dict[str, Any], sent: dict[str, dict[str, Any]]) -> None:
    """Starts, sends new and old signals, and kills the process during start, work or settlement."""
    service = start(folder, ["submit", "-"])
    killer = threading.Timer(random.uniform(0.05, 2.0), service.kill)
    killer.start()
    assert service.stdin
    assert service.stdout
    with contextlib.suppress(BrokenPipeError):  # The process may have ended already.
        for _ in range(random.randrange(40)):
            signal = (
                random_signal(random, len(sent))
                if random.random() < 0.8 or not sent
                else random.choice(list(sent.values()))
            )
            sent[signal["signal_id"]] = signal
            service.stdin.write(json.dumps(signal) + "\n")
        service.stdin.flush()
    for line in _whole_lines(service):
        _hear(json.loads(line), told)
    killer.join()
    service.wait()
    assert service.stderr
    for pipe in (service.stdin, service.stdout, service.stderr):
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _whole_lines(service: subprocess.Popen[str]) -> Iterator[str]:
    """The complete lines of the output; an incomplete last line does not count."""
    assert service.stdout
    for line in service.stdout:
        if line.endswith("\n"):
            yield line


def _hear(answer: dict[str, Any], told: dict[str, Any]) -> None:
    """An answer never changes, except that its status says that it is repeated."""
    known = told.setdefault(answer["signal_id"], answer)
    assert {**answer, "status": ""} == {**known, "status": ""}
    assert answer["status"] in (known["status"], "duplicate"), (answer, known)


def _last_life(folder: Path, told: dict[str, Any], sent: dict[str, dict[str, Any]]) -> None:
    """Sends everything again and lets it settle."""
    done = overmind(folder, "submit", "-", given="".join(json.dumps(signal) + "\n" for signal in sent.values()))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(sent), done.stderr
    for answer in answers:
        _hear(answer, told)


def _check(path: Path, told: dict[str, Any], sent: dict[str, dict[str, Any]]) -> None:
    verified = verify(path)
    assert verified.ok, verified.problems
    journal = SqliteJournal.open_read_only(path)
    entries = list(journal.read())
    journal.close()
    first = [entry.event for entry in entries if isinstance(entry.event, Answer)]
    decided = Counter(
        event.signal.id
        for event in first
        if not isinstance(event, OrderPlaced) or (event.order.attempt == 0 and event.order.part == 0)
    )
    assert set(decided) == set(sent), "a signal was lost or invented"
    assert set(decided.values()) <= {1}, "a signal was decided twice"
    placed = {event.order.id for event in first if isinstance(event, OrderPlaced)}
    closed = Counter(entry.event.order_id for entry in entries if isinstance(entry.event, OrderClosed))
    assert set(closed) == placed, "an order was left open"
    assert set(closed.values()) <= {1}, "an order was closed twice"
    for signal_id, answer in told.items():
        assert {one["order_id"] for one in answer["orders"]} <= placed, signal_id
