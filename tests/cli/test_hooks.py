"""`overmind hooks` on a desk that does not run, and beside a service (specification §13.11)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import as_json, overmind
from tests.support.service import command, serving

from overmind.cli.reasons import BY_OPERATOR
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import FoundDesk
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import OperatorActed, OrderPlaced
from overmind.core.model.units import DAY_NS, NS
from overmind.desk.engine import Engine
from overmind.desk.sources.source import is_secret_of
from overmind.desk.sources.store import SOURCES_FILE, read_sources
from overmind.journal.sqlite import SqliteJournal

SYMBOLS = ("--symbols", "SOLUSDC=SOL, binance:solusdt=SOL")
ADD = ("hooks", "add", "chart", "--kind", "tradingview", *SYMBOLS, "--strategy", "TokenSniping")
HOLD = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL"}
IN_BODY = "hunter2-hunter2"


def secret_of(made: Any) -> str:
    return str(made["path"].rpartition("/")[2])


def acted(folder: Path) -> list[tuple[str, str, str]]:
    journal = SqliteJournal.open_read_only(folder / "data" / "overmind.db")
    events = [entry.event for entry in journal.read() if isinstance(entry.event, OperatorActed)]
    journal.close()
    return [(one.action, one.about, one.reason) for one in events]


def test_a_source_of_a_desk_that_does_not_run(tmp_path: Path) -> None:
    assert overmind(tmp_path, "submit", "-", given=json.dumps(HOLD)).returncode == 0
    assert "no sources" in overmind(tmp_path, "hooks", "list").stdout
    made = as_json(overmind(tmp_path, *ADD, "--notional", "50", "--default", "ttl_ms=5000", "--json"))
    assert made["path"].startswith("/v1/hooks/tradingview/chart/")
    (row,) = as_json(overmind(tmp_path, "hooks", "list", "--json"))
    assert row["symbols"] == {"SOLUSDC": "SOL", "SOLUSDT": "SOL"}
    assert row["defaults"] == {"strategy_type": "TokenSniping", "notional_usd": "50", "ttl_ms": "5000"}
    assert (row["secrets"], row["changed_at"], row["made_by"].partition(":")[0]) == (1, None, "cli")
    turned = as_json(overmind(tmp_path, "hooks", "rotate", "chart", "--reason", "spring", "--json"))
    shown = overmind(tmp_path, "hooks", "list").stdout
    assert "SOLUSDC, SOLUSDT" in shown
    (source,) = read_sources(tmp_path / "data").values()
    secrets = [secret_of(one) for one in (turned, made)]
    now_ns = SystemClock().now_ns()
    assert [is_secret_of(source, secret, now_ns) for secret in secrets] == [True, True]
    ended = overmind(tmp_path, "hooks", "rotate", "chart", "--at-once")
    assert ended.stdout.splitlines()[-1].startswith("/v1/hooks/tradingview/chart/")
    (source,) = read_sources(tmp_path / "data").values()
    assert [is_secret_of(source, secret, now_ns) for secret in secrets] == [False, False]
    assert as_json(overmind(tmp_path, "hooks", "remove", "chart", "--json")) == {"name": "chart"}
    assert as_json(overmind(tmp_path, "hooks", "list", "--json")) == []
    told = [("AddSource", "chart, tradingview", BY_OPERATOR), ("RotateSource", "chart", "spring")]
    assert acted(tmp_path)[:2] == told
    assert (tmp_path / "data" / SOURCES_FILE).stat().st_mode & 0o777 == 0o600
    everything = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert not any(secret.encode() in everything for secret in secrets)


def test_a_secret_ends_by_the_time_of_the_desk(tmp_path: Path) -> None:
    """The desk believes that it is two days later than the machine's clock says. By its time the day of grace ends."""
    assert overmind(tmp_path, *ADD).returncode == 0
    later_ns = SystemClock().now_ns() + 2 * DAY_NS

    async def ran() -> None:
        engine = Engine(journal, VirtualClock(later_ns))
        writing = asyncio.create_task(engine.run())
        await engine.handle(FoundDesk(TradingMode.PAPER, "paper", ""))
        writing.cancel()

    journal = SqliteJournal.open(tmp_path / "data" / "overmind.db")
    run_virtual(ran())
    journal.close()
    assert overmind(tmp_path, "hooks", "rotate", "chart").returncode == 0
    (source,) = read_sources(tmp_path / "data").values()
    ends_ns = source.secrets[1].valid_until_ns
    assert later_ns + DAY_NS <= ends_ns < later_ns + DAY_NS + 600 * NS


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("hooks", "rotate", "chart"), 3, "no source 'chart'"),
        (("hooks", "remove", "chart"), 3, "no source 'chart'"),
        ((*ADD, "--reason", " "), 2, "a blank reason"),
        ((*ADD, "--default", "ttl_ms"), 2, "'ttl_ms' is no pair"),
        ((*ADD, "--default", "mint=x"), 2, "no default of a source: 'mint'"),
        ((*ADD, "--default", "ttl_ms=soon"), 3, "ttl_ms: 'soon' is not a number"),
        ((*ADD, "--symbols", ""), 2, "no symbols"),
        ((*ADD, "--symbols", "SOLUSDC=SOL,SOLUSDC=BTC"), 2, "'SOLUSDC=BTC' is no pair, or is there twice"),
        ((*ADD, "--symbols", "SOLUSDC=DOGE"), 3, "unknown symbol 'DOGE'"),
        ((*ADD, "--kind", "discord"), 2, "'tradingview', 'freqtrade'"),
        ((*ADD, "--strategy", "Luck"), 3, "strategy_type: unknown 'Luck'"),
    ],
)
def test_what_cannot_be_done_says_what_would_be_right(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = overmind(tmp_path, *words)
    assert (done.returncode, told in done.stderr) == (code, True), done
    assert not (tmp_path / "data" / SOURCES_FILE).exists() or read_sources(tmp_path / "data") == {}


@pytest.mark.soak
def test_sources_beside_a_service_and_no_secret_on_any_disk(tmp_path: Path) -> None:
    """A real process with its log, and requests that go wrong in every way that a sender or its proxy may think of."""
    with serving(tmp_path) as service:
        made = command(tmp_path, *ADD, "--notional", "50")
        fired_at = iso_seconds(SystemClock().now_ns())
        alert = {"ticker": "SOLUSDC", "action": "buy", "position": "long", "fired_at": fired_at, "key": IN_BODY}
        said = service.post(made["path"], alert, authorization="")
        assert (said.status, said.json["status"]) == (202, "placed")
        turned = command(tmp_path, "hooks", "rotate", "chart", "--at-once")
        path = turned["path"]
        for wrong in (made["path"], f"{path}/", f"{path}x", f"/v2{path}", f"{path}/rotate"):
            assert service.post(wrong, alert, authorization="").status in (401, 404), wrong
        assert service.get(path, authorization="").status == 401
        assert service.post(f"{path}?ticker=x", b"\xff", authorization="").status == 400
        assert service.post(path, b"x" * 16_385, authorization="").status == 413
        assert command(tmp_path, "hooks", "list")[0]["secrets"] == 1
        command(tmp_path, "hooks", "remove", "chart")
        assert service.post(path, alert, authorization="").status == 404
        told = service.child.complaints + "".join(service.child.lines)
    secrets = [secret_of(made), secret_of(turned), IN_BODY]
    everything = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert not any(secret.encode() in everything or secret in told for secret in secrets)
    assert [action for action, _, _ in acted(tmp_path)] == ["AddSource", "RotateSource", "RemoveSource"]
    journal = SqliteJournal.open_read_only(service.journal)
    placed = [entry.event.signal.source for entry in journal.read() if isinstance(entry.event, OrderPlaced)]
    journal.close()
    assert placed == ["chart"]
