"""What an operator looks at in the terminal: signals with their answers, trades, the screen, events as they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs
from tests.support.command import as_json, overmind
from tests.support.core_desk import CoreDesk

from overmind.cli.watch.screen import screen
from overmind.views.lines import Line
from overmind.views.status import Status, status

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}
SIGNALS = (
    BUY,
    {**BUY, "signal_id": "large", "notional_usd": 99_999},
    {**BUY, "signal_id": "wait", "strategy_type": "Arbitrage", "action": "Hold"},
)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a placed, a refused and a recorded signal."""
    folder = tmp_path_factory.mktemp("terminal")
    given = "".join(json.dumps(one) + "\n" for one in SIGNALS)
    assert overmind(folder, "submit", "-", given=given).returncode == 3
    return folder


def test_signals_are_shown_with_their_answers(traded: Path) -> None:
    rows = as_json(overmind(traded, "signals", "--json"))
    assert [(row["signal_id"], row["status"]) for row in rows] == [
        ("one", "placed"),
        ("large", "refused"),
        ("wait", "recorded"),
    ]
    assert rows[0]["wallet_id"] in rows[0]["why"] or "expected cost" in rows[0]["why"]
    shown = overmind(traded, "signals").stdout
    for words in ("Buy SOL $500.00", "refused", "Hold is recorded", "more: `overmind explain large`"):
        assert words in shown


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--refused"], ["large"]),
        (["--code", "DAILY_LOSS_HEADROOM"], ["large"]),
        (["--code", "RATE_LIMIT"], []),
        (["--strategy", "arbitrage"], ["wait"]),
        (["--strategy", "Arbitrage", "--refused"], []),
        (["--last", "1"], ["wait"]),
        (["--to", "2020-01-01"], []),
    ],
)
def test_signals_are_filtered(traded: Path, options: list[str], expected: list[str]) -> None:
    assert [row["signal_id"] for row in as_json(overmind(traded, "signals", *options, "--json"))] == expected


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["signals", "--strategy", "Guessing"], "no strategy 'Guessing'"),
        (["signals", "--code", "NONSENSE"], "no code 'NONSENSE'"),
        (["trades", "--wallet", "nobody"], "no wallet 'nobody'"),
        (["trades", "--from", "yesterday"], "--from"),
    ],
)
def test_a_filter_that_names_nothing_is_refused(traded: Path, words: list[str], problem: str) -> None:
    done = overmind(traded, *words)
    assert (done.returncode, problem in done.stderr, "fix: " in done.stderr) == (2, True, True)


def test_trades_are_what_was_filled(traded: Path) -> None:
    filled = [row for row in as_json(overmind(traded, "orders", "--json")) if row["state"] == "filled"]
    rows = as_json(overmind(traded, "trades", "--json"))
    assert [row["order_id"] for row in rows] == [row["order_id"] for row in filled]
    assert as_json(overmind(traded, "trades", "--signal", "nobody", "--json")) == []
    shown = overmind(traded, "trades").stdout
    assert ("realized by these" in shown) == bool(rows)


def test_the_status_is_one_screen_or_one_object(traded: Path) -> None:
    found = as_json(overmind(traded, "status", "--json"))
    assert (found["mode"], found["cluster"], found["service"]) == ("Paper", "paper", None)
    assert [line["kind"] for line in found["decisions"]] == ["placed", "refused", "recorded"]
    assert {wallet["wallet_id"] for wallet in found["wallets"]} > {"hft_wallet", "primary_wallet"}
    shown = overmind(traded, "status").stdout
    for words in ("PAPER · no real money", "no service runs", "tightest limit", "Last decisions", "refused"):
        assert words in shown
    assert "\x1b" not in shown


def status_with(needs: int, wallets: int, orders: int, decisions: int) -> Status:
    script = "; ".join(f"w{number}" for number in range(wallets)) + "; mark eth 2001"
    desk = CoreDesk(script + "".join(f"; buy eth $1 id s{number}" for number in range(orders)))
    lines = [Line(n, "2026-11-29T00:00:00+00:00", "placed", f"s{n}", "x" * 300) for n in range(decisions)]
    found = status(desk.state, lines, None)
    return structs.replace(found, needs=tuple(f"need {n}: {'y' * 300}" for n in range(needs)))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 10)])
@pytest.mark.parametrize(("needs", "wallets", "orders", "decisions"), [(0, 4, 0, 50), (9, 60, 30, 50), (0, 1, 0, 0)])
def test_whatever_there_is_fits_the_screen(
    width: int, height: int, needs: int, wallets: int, orders: int, decisions: int
) -> None:
    lines = screen(status_with(needs, wallets, orders, decisions), 3, width, height)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    told = "\n".join(line.plain for line in lines)
    assert "PAPER" in told
    if needs:
        assert "9 need a person now" in told
    if height >= 24:
        assert "tightest limit" in told
        assert ("… and" in told) == (wallets > 4)
        assert "Last decisions" in told


def test_text_from_outside_moves_no_cursor_on_the_screen() -> None:
    found = structs.replace(status_with(0, 1, 0, 0), needs=("\x1b[2J gone",))
    assert all("\x1b" not in line.plain for line in screen(found, 0, 80, 24))


def test_events_are_told_in_words_or_as_the_stream_tells_them(traded: Path) -> None:
    rows = [json.loads(line) for line in overmind(traded, "events", "--after", "0", "--json").stdout.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["event"]["type"] == "DeskFounded"
    newest = [json.loads(line) for line in overmind(traded, "events", "--last", "3", "--json").stdout.splitlines()]
    assert newest == rows[-3:]
    told = overmind(traded, "events", "--last", "1000").stdout.splitlines()
    assert any("refused   large" in line for line in told)
    assert any(" market " in line for line in told) is False
    day, *two = overmind(traded, "events", "--last", "2").stdout.splitlines()
    assert (len(day), day[4], len(two)) == (len("2026-11-29"), "-", 2)
    assert any(
        " market " in line for line in overmind(traded, "events", "--after", "0", "--prices").stdout.splitlines()
    )
    far = overmind(traded, "events", "--after", "99999")
    assert (far.returncode, f"the journal ends at entry {len(rows)}" in far.stderr) == (2, True)


def test_an_entry_is_told_by_what_stands_before_it(traded: Path) -> None:
    """Also where the order was placed before the first entry that is shown."""
    rows = [json.loads(line) for line in overmind(traded, "events", "--after", "0", "--json").stdout.splitlines()]
    (closed,) = [row for row in rows if row["event"]["type"] == "OrderClosed"]
    told = overmind(traded, "events", "--after", str(closed["seq"] - 1)).stdout.splitlines()[1]
    assert "one.0.0" in told
    assert "SOL" in told
