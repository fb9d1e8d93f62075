"""Backtests from Python: tables that show themselves, also where an event loop runs already; and the page of cells."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from tests.backtest.tapes import tape_of

from overmind.backtest.bots import BotFailed, PastDesk
from overmind.config import ConfigError
from overmind.notebook import History, Run, Table, backtest, compare, example_desk, history
from overmind.venues.depth.reading import BadCosts

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "notebook.md"
CELL = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STRATEGY = "MomentumTrading"


def zigzag() -> History:
    prices = [100 + abs(n % 20 - 10) for n in range(60)]
    return History(tape_of([(one, one) for one in prices]), {})


def trader(usd: str) -> Callable[[PastDesk, int], None]:
    """Buys for so much, and sells all at the next bar."""

    def on_bar(desk: PastDesk, at_s: int) -> None:
        signal = {"signal_id": f"s{at_s}", "strategy_type": STRATEGY, "symbol": "SOL"}
        owned = desk.holdings(STRATEGY)
        if owned is not None:
            desk.submit(
                signal | ({"action": "Sell", "quantity": "all"} if owned else {"action": "Buy", "notional_usd": usd})
            )
        desk.say(f"equity {desk.equity():.2f}")

    return on_bar


@pytest.fixture(scope="module")
def run() -> Run:
    return backtest(zigzag(), trader("500"), costs="plain")


def test_its_tables_have_what_the_report_has(run: Run) -> None:
    report = run.report
    assert run.trades.column("PnL") == [row.pnl_usd for row in report.trades]
    assert len(run.trades.rows) > 20
    assert run.days.column("equity") == [row.equity_usd for row in report.days]
    assert run.by("token").records()[0]["token"] == "SOL"
    assert [run.by(what).columns[0] for what in ("strategy", "wallet", "hour")] == ["strategy", "wallet", "hour"]
    assert run.figures.column("figure")[0] == "Total return"
    assert len(run.sent) == len(run.said) == 59
    assert run.said[0].startswith("2025-04-06T00:05:00 equity 100000.00")
    with pytest.raises(ValueError, match="name one of strategy, wallet, token, hour"):
        run.by("moon")


def test_it_runs_where_an_event_loop_runs_already(run: Run) -> None:
    """As in a notebook."""

    async def cell() -> Run:
        return backtest(zigzag(), trader("500"), costs="plain")

    assert asyncio.run(cell()).report == run.report


def test_runs_stand_side_by_side_with_the_settings_that_differ(run: Run) -> None:
    tight = backtest(zigzag(), trader("500"), desk=example_desk(OVERMIND_ASSET_MAX_PERCENT="0.2"), costs="plain")
    told = {row[0]: row[1:] for row in compare({"as it is": run, "tight": tight}).rows}
    assert told["Total return"][0] != told["Total return"][1]
    assert any("asset" in str(name) for name in told)
    assert tight.refusals.rows[0][0] == "ASSET_CONCENTRATION"
    assert run.refusals.rows == ()


def test_a_table_shows_itself_and_hides_nothing_of_what_it_holds() -> None:
    table = Table(("name", "usd"), (("<b>SOL\u202e</b>", 1234.5), ("none", None), ("exact", Decimal(3))))
    assert repr(table).splitlines()[1].endswith("1,234.50")
    shown = table._repr_html_()
    assert "<b>" not in shown
    assert "\u202e" not in shown + repr(table)
    assert "<td>1,234.50</td>" in shown
    long = Table(("n",), tuple((n,) for n in range(50)))
    assert "… and 30 more rows" in repr(long)
    assert "… and 30 more rows" in long._repr_html_()


def test_mistakes_are_told() -> None:
    with pytest.raises(ConfigError, match="OVERMIND_ASSET_MAX_PERCENT"):
        example_desk(OVERMIND_ASSET_MAX_PERCENT="many")
    with pytest.raises(BadCosts):
        backtest(zigzag(), trader("500"), costs="cheap")
    with pytest.raises(BotFailed, match="ZeroDivisionError"):
        backtest(zigzag(), lambda desk, at_s: print(at_s / 0))


def test_the_shipped_week_is_the_history_without_a_path() -> None:
    assert history().tape.series.keys() == history(ROOT / "src/overmind/data/tape").tape.series.keys()


def test_a_page_has_the_whole_run(run: Run, tmp_path: Path) -> None:
    assert "Total return" in run.page(tmp_path / "run.html").read_text(encoding="utf-8")


@pytest.mark.soak
def test_the_cells_of_the_page_run_as_they_are_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each shows its last line, as a notebook does."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    shown: list[object] = []
    for cell in CELL.findall(PAGE.read_text(encoding="utf-8")):
        *lines, last = ast.parse(cell).body
        exec(compile(ast.Module(lines, []), "cell", "exec"), space)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), space))
        else:
            exec(compile(ast.Module([last], []), "cell", "exec"), space)
    tables = [one for one in shown if isinstance(one, Table)]
    assert len(tables) == len(shown) - 1
    assert all(table.rows for table in tables if table.columns[0] != "rule")
    assert tables[-3].rows[0][0] == "ASSET_CONCENTRATION"
    assert (tmp_path / "run.html").exists()
