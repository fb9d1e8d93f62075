"""Backtests from Python and in notebooks: a history, a bot, a report whose tables show themselves.

    from overmind.notebook import backtest, history

    run = backtest(history(), my_bot)
    run.figures

Everything runs in this process and at once. Nothing is written to disk unless a page is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import structs

from overmind.backtest.assumptions import assumptions_of
from overmind.backtest.bots import Bot, PastDesk, play_bot
from overmind.backtest.tapes import open_history
from overmind.clock.instants import INSTANT_MAX_NS
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import shipped_tape_path
from overmind.prices.tape import Tape
from overmind.report.chart_code import chart_code, installed_file
from overmind.report.figures import figures_of
from overmind.report.files import write_text
from overmind.report.page import page_of
from overmind.sandbox.demo import demo_env
from overmind.text.printable import printable
from overmind.venues.depth.reading import costs_named
from overmind.views.account_rows import Period
from overmind.views.performance.record import Record
from overmind.views.performance.report import report_of
from overmind.views.performance.settings import differences
from overmind.views.performance.told import GroupRow, Report, TradeRow

BAR_S: Final = 300
COSTS: Final = "normal"
NOWHERE: Final = Path("no folder")  # of a desk that writes nothing
ROWS_SHOWN: Final = 20
SECOND: Final = len("2025-04-06T12:00:00")
Cell = object
Act = Callable[[PastDesk, int], None]


class Table(NamedTuple):
    """Rows with named columns. A notebook shows it as a table, and so does a terminal."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def records(self) -> list[dict[str, Cell]]:
        """One dictionary a row, such as `pandas.DataFrame` takes."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Cell]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def __repr__(self) -> str:
        shown = [self.columns, *(tuple(map(_told, row)) for row in self.rows[:ROWS_SHOWN])]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        padded = (map(str.ljust, row, widths) for row in shown)
        return "\n".join([*("  ".join(row).rstrip() for row in padded), *self._more()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(printable(name))}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_told(cell))}</td>" for cell in row) + "</tr>"
            for row in self.rows[:ROWS_SHOWN]
        )
        more = "".join(f"<p>{escape(line)}</p>" for line in self._more())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _more(self) -> Iterator[str]:
        if len(self.rows) > ROWS_SHOWN:
            yield f"… and {len(self.rows) - ROWS_SHOWN} more rows"


def _told(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case float():
            return f"{cell:,.2f}"
        case _:
            return printable(str(cell))


class History(NamedTuple):
    tape: Tape
    tokens: Mapping[Mint, Token]  # that it has candles of, among others


def _trade(row: TradeRow) -> tuple[Cell, ...]:
    prices = row.entry_price, row.exit_price
    return row.exited_at[:SECOND], row.symbol, row.wallet_id, *prices, row.pnl_usd, row.reason_out


class Run(NamedTuple):
    """What came of a backtest."""

    report: Report
    sent: list[Signal]
    said: list[str]

    @property
    def figures(self) -> Table:
        """The key figures. docs/reports.md says how each is computed."""
        return Table(
            ("figure", "value", "note"), tuple((one.label, one.value, one.note) for one in figures_of(self.report))
        )

    @property
    def trades(self) -> Table:
        """Each round trip, the newest last."""
        columns = ("exit", "token", "wallet", "bought at", "sold at", "PnL", "reason")
        return Table(columns, tuple(map(_trade, self.report.trades)))

    @property
    def days(self) -> Table:
        rows = [(row.day, row.equity_usd, row.gain_usd, 100 * row.day_return, row.trades) for row in self.report.days]
        return Table(("day", "equity", "gain", "return %", "trades"), tuple(rows))

    def by(self, what: str) -> Table:
        """Round trips by `strategy`, `wallet`, `token` or `hour`."""
        groups: dict[str, tuple[GroupRow, ...]] = {
            "strategy": self.report.by_strategy,
            "wallet": self.report.by_wallet,
            "token": self.report.by_token,
            "hour": self.report.by_hour,
        }
        if what not in groups:
            raise ValueError(f"{what!r}: name one of {', '.join(groups)}")
        rows = [(row.name, row.trades, row.wins, row.pnl_usd, row.fees_usd) for row in groups[what]]
        return Table((what, "trades", "wins", "PnL", "fees"), tuple(rows))

    @property
    def refusals(self) -> Table:
        """Which rules refused signals first, and how many signals broke them at all."""
        rows = [(row.code, row.signals, row.signals_with) for row in self.report.refusals]
        return Table(("rule", "refused first", "broken by"), tuple(rows))

    @property
    def assumptions(self) -> Table:
        return Table(("what this result assumes",), tuple((one,) for one in self.report.assumptions))

    def page(self, path: str | Path) -> Path:
        """Writes the whole report as one HTML page."""
        code = chart_code(installed_file())
        write_text(Path(path), page_of(self.report, code))
        return Path(path)


def example_desk(**settings: object) -> MultiWalletConfig:
    """The four wallets of the demo, on paper. `settings` are variables, such as OVERMIND_PAPER_CAPITAL_USD=50_000.

    Raises ConfigError, which says what is wrong with each of them.
    """
    env = {**demo_env(1, NOWHERE), **{name: str(value) for name, value in settings.items()}}
    return MultiWalletConfig.from_env(env, dotenv=None)


def history(path: str | Path | None = None, *, sol_price: float | None = None) -> History:
    """Candles of a file or a folder; None: the week that is shipped. A tape without SOL needs its price in USD.

    Raises TapeError.
    """
    config, tape = open_history(example_desk(), shipped_tape_path() if path is None else Path(path), sol_price)
    return History(tape, config.desk.tokens)


def backtest(
    past: History,
    bot: Bot | Act,
    *,
    desk: MultiWalletConfig | None = None,
    bar_s: int = BAR_S,
    costs: str = COSTS,
    seed: int = 0,
) -> Run:
    """Runs a bot over a history. It has `bar_s` and `on_bar` as in examples/bot.py, or is the function `on_bar` alone.

    `desk`: None is the example desk. `costs`: calm, normal, stress, plain, or a file. Raises BotFailed, BadCosts.
    """
    made = bot if isinstance(bot, Bot) else _Function(bar_s, bot)
    config = example_desk() if desk is None else desk
    config = structs.replace(config, desk=structs.replace(config.desk, tokens={**config.desk.tokens, **past.tokens}))
    with ThreadPoolExecutor(1) as thread:  # A notebook has an event loop of its own in this one.
        return thread.submit(_played, past.tape, config, made, costs, seed).result()


def compare(runs: Mapping[str, Run]) -> Table:
    """Runs side by side, by name: their figures, then the settings that differ."""
    figures = [[(one.label, one.value) for one in figures_of(run.report)] for run in runs.values()]
    told = [(row[0][0], *(value for _, value in row)) for row in zip(*figures, strict=True)]
    differing = differences([run.report.settings for run in runs.values()])
    return Table(("", *runs), (*told, *((name, *values) for name, values in differing.items())))


class _Function(NamedTuple):
    """A bot that is a function."""

    bar_s: int
    on_bar: Act


def _played(tape: Tape, config: MultiWalletConfig, bot: Bot, costs: str, seed: int) -> Run:
    journal, market = MemoryJournal(), costs_named(costs)
    done = play_bot(config, journal, tape, bot, seed, lambda _: None, costs=market)
    record = Record(Period(0, INSTANT_MAX_NS))
    record.fold_all(journal.read())
    assumed = assumptions_of(tape, seed, costs=market, tokens=config.desk.tokens.values())
    return Run(report_of(record, [*tape.notes, *assumed]), done.sent, done.said)
