"""The bots of `examples/` on a paper service whose prices rise and fall within seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from tests.support.crowded import crowded
from tests.support.processes import PATIENCE_S, wait_until
from tests.support.saw_tape import saw_tape
from tests.support.service import Service, serving

ROOT: Final = Path(__file__).parents[2]
MOMENTUM: Final = ("momentum_bot.py", "--bar", "1", "--lookback", "2", "--usd", "300")
REBALANCING: Final = ("rebalancing_bot.py", "--bar", "1", "--band", "0.005")


class Bot:
    def __init__(self, process: subprocess.Popen[bytes], written: Path) -> None:
        self.process = process
        self._written = written

    @property
    def said(self) -> str:
        return self._written.read_text(encoding="utf-8")

    def has_said(self, pattern: str) -> bool:
        return re.search(pattern, self.said) is not None

    def says(self, pattern: str) -> None:
        """Waits for such a line."""
        wait_until(lambda: self.has_said(pattern) or self.process.poll() is not None, f"it says {pattern!r}")
        assert self.has_said(pattern), self.said[-2_000:]

    def end(self) -> int:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("bots")
    with serving(folder, OVERMIND_PRICE_TAPE=str(saw_tape(folder, rising=6))) as found:
        yield found


@contextmanager
def bot(clients: Path, folder: Path, url: str, token: str, *words: str) -> Iterator[Bot]:
    written = folder / f"bot-{len(list(folder.iterdir()))}"
    environment = {**os.environ, "DESK_URL": url, "DESK_TOKEN": token, "PYTHONPATH": str(clients / "python")}
    script, *rest = words
    with written.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / script), *rest], env=environment, stdout=out, stderr=out
        )
    found = Bot(process, written)
    try:
        yield found
    finally:
        found.kill()


def orders(desk: Service, strategy: str, symbol: str) -> list[Any]:
    rows = desk.get("/v1/orders?last=1000").json
    return [row for row in rows if (row["strategy"], row["symbol"]) == (strategy, symbol)]


def has_filled(desk: Service, strategy: str, symbol: str, side: str) -> bool:
    return any(row["side"] == side and row["state"] == "filled" for row in orders(desk, strategy, symbol))


def owned(desk: Service, strategy: str) -> dict[str, float]:
    """Value in USD by token."""
    prices = {row["symbol"]: float(row["price_usd"]) for row in desk.get("/v1/prices").json}
    found = Counter[str]()
    for row in desk.get("/v1/positions").json:
        found[row["symbol"]] += float(row["quantity_by_strategy"].get(strategy, 0)) * prices[row["symbol"]]
    return {symbol: value for symbol, value in found.items() if value}


def test_the_momentum_bot_trades_and_repeats_nothing(clients: Path, desk: Service, tmp_path: Path) -> None:
    """It runs twice at once, is killed and starts again: each bar is decided once all the same."""
    asked = (clients, tmp_path, desk.url, desk.token, *MOMENTUM)
    with bot(*asked) as one, bot(*asked) as other:
        wait_until(lambda: has_filled(desk, "MomentumTrading", "SOL", "Buy"), f"it buys: {one.said}")
        one.kill()
        with bot(*asked) as again:
            wait_until(lambda: has_filled(desk, "MomentumTrading", "SOL", "Sell"), f"it sells: {other.said}")
            again.says("placed|duplicate|decided this bar already")
            assert (again.end(), other.end()) == (0, 0)
        said = one.said + other.said + again.said
    assert "watching until a price of 2 bars ago is known" in said
    assert "stopped; the positions stay" in other.said
    ids = [row["order_id"] for row in orders(desk, "MomentumTrading", "SOL")]
    of_bars = Counter(order_id.split(".")[0] for order_id in ids if order_id.endswith(".0"))
    assert all(re.fullmatch(r"momentum-SOL-\d{10}", signal_id) for signal_id in of_bars), of_bars
    assert set(of_bars.values()) == {1}
    first_answers = re.findall(r"(momentum-SOL-\d+): (?:Buy SOL 300|Sell SOL all): placed", said)
    assert len(first_answers) == len(set(first_answers))


def test_the_rebalancing_bot_keeps_the_weights(clients: Path, desk: Service, tmp_path: Path) -> None:
    asked = (clients, tmp_path, desk.url, desk.token, *REBALANCING)
    with bot(*asked, "SOL=0.01", "ETH=0.01") as first:
        first.says(r"Buy SOL (1000|999\.)")  # A hundredth, after what the other bot won or lost.
        wait_until(lambda: owned(desk, "AIDecision").keys() == {"SOL", "ETH"}, f"it buys both: {first.said}")
        first.says("(?s)Sell (SOL|ETH) .*placed.*Buy (SOL|ETH) .*placed")  # as the prices rise and fall
        assert all(value == pytest.approx(1_000, rel=0.05) for value in owned(desk, "AIDecision").values())
        assert first.end() == 0
    with bot(*asked, "SOL=0", "ETH=0") as last:
        wait_until(lambda: owned(desk, "AIDecision") == {}, f"it sells all: {last.said}")
        assert last.end() == 0


class Filling:
    """A desk on which an order fills as soon as anybody has asked a question."""

    def __init__(self) -> None:
        self.asked = 0
        self.order = SimpleNamespace(strategy="AIDecision")
        self.lot = SimpleNamespace(symbol="SOL", quantity_by_strategy={"AIDecision": "2", "deposit": "40"})

    def orders(self, open: bool) -> list[Any]:
        self.asked += 1
        return [self.order] if open and self.asked == 1 else []

    def positions(self) -> list[Any]:
        self.asked += 1
        return [self.lot, self.lot] if self.asked > 1 else []


def test_an_order_that_fills_between_two_questions_is_not_overlooked(clients: Path) -> None:
    patience: Any = __import__("patience")
    desk = Filling()
    assert patience.settled_holdings(desk, "AIDecision") is None
    assert patience.settled_holdings(desk, "AIDecision") == {"SOL": 4}
    assert patience.settled_holdings(desk, "MomentumTrading") == {}


def test_a_paused_desk_is_told_and_waited_for(clients: Path, desk: Service, tmp_path: Path) -> None:
    desk.post("/v1/portfolio/pause", {"reason": "news"})
    with bot(clients, tmp_path, desk.url, desk.token, *MOMENTUM, "ETH", "--name", "paused") as patient:
        patient.says("Buy ETH 300: refused, ")
        patient.says("it would pass with: without the hold operator")
        patient.says("portfolio is held: operator, news")
        desk.post("/v1/portfolio/resume", {"reason": "calm"})
        patient.says("Buy ETH 300: placed, expected cost")


def test_a_crowded_desk_is_told_and_waited_for(clients: Path, tmp_path: Path) -> None:
    with crowded() as url, bot(clients, tmp_path, url, "any", *MOMENTUM) as patient:
        patient.says("cannot take it now: too many requests are open. try again. Asking again in 1 s")
        patient.says("(?s)Asking again.*Asking again")


def test_a_desk_that_is_not_there_is_waited_for(clients: Path, tmp_path: Path) -> None:
    with bot(clients, tmp_path, "http://127.0.0.1:9", "any", *REBALANCING, "SOL=0.01") as patient:
        patient.says(r"there is no answer \(\w+\). Asking again in 5 s")


def test_what_is_wrong_is_told_and_ends_the_bot(clients: Path, desk: Service, tmp_path: Path) -> None:
    with bot(clients, tmp_path, desk.url, "wrong", *MOMENTUM) as stranger:
        assert stranger.process.wait(PATIENCE_S) == 1
        assert "the desk answers 401: unauthorized" in stranger.said
    with bot(clients, tmp_path, "", "", *MOMENTUM) as lost:
        assert lost.process.wait(PATIENCE_S) == 1
        assert "DESK_URL and DESK_TOKEN must be set" in lost.said
    with bot(clients, tmp_path, desk.url, desk.token, "rebalancing_bot.py", "SOL=x") as mistyped:
        assert mistyped.process.wait(PATIENCE_S) == 2
        assert "argument TOKEN=WEIGHT: invalid weight value: 'SOL=x'" in mistyped.said


def test_numbers_of_the_command_line_are_judged(clients: Path) -> None:
    read_by: Any = __import__("bot")
    weight: Any = __import__("rebalancing_bot").weight
    wrong = {
        read_by.count: ("0", "-1", "1.5", "many", ""),
        read_by.positive: ("0", "-1", "NaN", "inf", "many", ""),
        weight: ("SOL", "SOL=", "=0.1", "SOL=1.1", "SOL=-1", "SOL=x", "SOL=NaN"),
    }
    for read, texts in wrong.items():
        for text in texts:
            with pytest.raises(ValueError, match=r".*"):
                read(text)
    assert (read_by.count("5"), read_by.positive("0.5")) == (5, Decimal("0.5"))
    assert [weight(text) for text in ("SOL=0.01", "SOL=0", "SOL=1")] == [
        ("SOL", Decimal("0.01")),
        ("SOL", 0),
        ("SOL", 1),
    ]


def test_the_types_of_the_examples_are_right(clients: Path, tmp_path: Path) -> None:
    paths = os.pathsep.join(map(str, (ROOT / "src", ROOT / "examples", clients / "python")))
    options = ["--strict", "--config-file", os.devnull, "--follow-imports", "silent", "--cache-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(ROOT / "examples")],
        env={**os.environ, "MYPYPATH": paths},
        cwd=ROOT / "examples",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
