"""Plays the runs of a sweep. The tape and the signals are read once, however many runs a process plays."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import structlog

from overmind import __version__
from overmind.backtest.history import play
from overmind.backtest.signals import read_signals
from overmind.backtest.tapes import open_history
from overmind.backtest.token_file import read_tokens, with_classes
from overmind.clock.instants import INSTANT_MAX_NS, iso_seconds
from overmind.config import MultiWalletConfig
from overmind.config.problems import ConfigError, Problem
from overmind.core.model.ids import SOL
from overmind.desk.market import tokens_by_symbol
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import load_tape
from overmind.prices.tape import Tape
from overmind.sweep.names import variables_of, with_settings
from overmind.sweep.told import Figures, Result, Task, Work
from overmind.venues.depth.classes import Costs, Level
from overmind.venues.depth.reading import LEVELS, PLAIN, BadCosts, costs_from, shipped_costs
from overmind.views.account_rows import Period
from overmind.views.performance.record import Record
from overmind.views.performance.report import report_of
from overmind.views.performance.told import Point, Report

RESULT_VERSION: Final = 1  # raise it when the same run gives another result
GROWTH_POINTS: Final = 120
CANDLES_MIN: Final = 2  # of a part
CONFIGS_KEPT: Final = 64

log = structlog.get_logger(__name__)


class Player:
    """All runs of one process. Making it reads the files; it raises what is wrong with them."""

    def __init__(self, work: Work, env: Mapping[str, str]) -> None:
        self.work = work
        self._env = env
        self._configs: dict[tuple[tuple[str, str], ...], MultiWalletConfig] = {}
        read = self._read({})
        listed = read_tokens(None if work.tokens is None else Path(work.tokens))
        self.costs = with_classes(_costs(work.costs), listed.classes)
        self.config, self.tape = open_history(read, Path(work.tape), work.sol_usd, listed, work.timeframe)
        if SOL not in self.tape.series:
            problem = Problem(work.tape, "no candles of SOL, which pays every fee", "state its price as sol_price")
            raise ConfigError((problem,))
        tokens = tokens_by_symbol(self.config.desk)
        self.detail = None if work.detail is None else load_tape(Path(work.detail), tokens)
        if self.detail is not None and self.detail.step_ns >= self.tape.step_ns:
            problem = Problem(work.detail or "", "its candles are not shorter than the tape's", "name finer ones")
            raise ConfigError((problem,))
        self.signals = read_signals(Path(work.signals), self.config, self.tape, work.stamps)
        self.parts = parts_of(self.tape, work)

    def play(self, task: Task) -> Result:
        """Whatever goes wrong is the run's own result: it ends no sweep."""
        from_ns, to_ns = self.parts[task.part]
        times = iso_seconds(from_ns), iso_seconds(to_ns)
        try:
            report = self._report(task, from_ns, to_ns)
        except ConfigError as error:
            return Result(task, *times, None, error="; ".join(map(str, error.problems)))
        except Exception as fault:
            log.exception("a run of a sweep failed", settings=task.settings)
            return Result(task, *times, None, error=f"{type(fault).__name__}: {fault}")
        return Result(task, *times, _figures(report), _growth(report.points))

    def _report(self, task: Task, from_ns: int, to_ns: int) -> Report:
        config = with_settings(self._with_tokens(self._configured(variables_of(task.settings))), task.settings)
        tape = self.tape.between(from_ns, to_ns)
        assert tape is not None, task
        detail = None if self.detail is None else self.detail.between(from_ns, to_ns)
        signals = [one for one in self.signals if from_ns <= (one.at_ns or 0) < to_ns]
        journal = MemoryJournal()
        played = play(config, journal, tape, signals, task.seed, lambda _: None, detail=detail, costs=self.costs)
        assert played.books_equal_chain, "the books differ from what is on the venue's side"
        record = Record(Period(0, INSTANT_MAX_NS))
        record.fold_all(journal.read())
        return report_of(record)

    def _configured(self, variables: Mapping[str, str]) -> MultiWalletConfig:
        """Reading it opens key files, so few are read twice."""
        key = tuple(sorted(variables.items()))
        if key not in self._configs:
            if len(self._configs) == CONFIGS_KEPT:
                self._configs.clear()
            self._configs[key] = self._read(variables)
        return self._configs[key]

    def _read(self, variables: Mapping[str, str]) -> MultiWalletConfig:
        fixed = self.work.fixed
        read = MultiWalletConfig.from_env({**self._env, **variables_of(fixed), **variables})
        return with_settings(read, fixed)

    def _with_tokens(self, config: MultiWalletConfig) -> MultiWalletConfig:
        """And with those that only the tape names."""
        desk = msgspec.structs.replace(config.desk, tokens={**config.desk.tokens, **self.config.desk.tokens})
        return msgspec.structs.replace(config, desk=desk)


def _costs(told: str) -> Costs | None:
    """Raises ConfigError."""
    if told == PLAIN:
        return None
    try:
        return shipped_costs(Level(told)) if told in LEVELS else costs_from(Path(told))
    except BadCosts as error:
        raise ConfigError((Problem("costs", str(error), f"name {', '.join(LEVELS)}, {PLAIN}, or a file"),)) from None


def parts_of(tape: Tape, work: Work) -> list[tuple[int, int]]:
    """From and to, in order. They meet at the ends of candles. Raises ConfigError."""
    step, count = tape.longest_ns, (tape.end_ns - tape.start_ns) // tape.longest_ns
    edges = [tape.start_ns + step * (count * part // work.parts) for part in range(work.parts)] + [tape.end_ns]
    parts = list(pairwise(edges))
    for from_ns, to_ns in parts:
        part = tape.between(from_ns, to_ns)
        if part is None or SOL not in part.series or to_ns - from_ns < CANDLES_MIN * step:
            problem = f"no candles of SOL from {iso_seconds(from_ns)} to {iso_seconds(to_ns)}"
            raise ConfigError((Problem("parts", problem, "cut the tape into fewer parts"),))
    return parts


def fingerprint(player: Player) -> str:
    """Of all that the results of all its runs depend on, whatever the files are called and wherever they lie."""
    work, config = player.work, player.config
    digests = [_digest(Path(one)) for one in (work.tape, work.signals, work.detail, work.tokens) if one is not None]
    wallets = [one.wallet for one in config.wallets.values()]
    told = (
        (RESULT_VERSION, __version__, digests, work.stamps, work.timeframe, work.sol_usd, work.parts),
        player.costs,
        (config.desk, wallets, config.paper_capital_micros, config.max_concurrent_wallets),
    )
    return blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + blake2b(file.read_bytes()).digest())
    return digest.hexdigest()


def _figures(report: Report) -> Figures:
    overall, returns, trades = report.overall, report.overall.returns, report.trades_total
    execution = report.execution[0]
    return Figures(
        total_return=returns.total,
        yearly_return=returns.yearly,
        sharpe=returns.sharpe,
        sortino=returns.sortino,
        calmar=returns.calmar,
        volatility=returns.volatility,
        drawdown=overall.drawdown.depth,
        gain_usd=float(overall.gain_usd),
        equity_usd=float(overall.equity_end_usd),
        trades=trades.trades,
        win_rate=trades.win_rate,
        profit_factor=trades.profit_factor,
        expectancy_usd=trades.expectancy_usd,
        exposure=overall.exposure,
        costs_usd=execution.costs_usd + execution.shortfall_usd,
        filled=execution.filled,
        refused=sum(row.signals for row in report.refusals),
    )


def _growth(points: tuple[Point, ...]) -> tuple[tuple[int, float], ...]:
    step = max(1, -(-len(points) // GROWTH_POINTS))
    return tuple((point.at_s, round(point.index, 6)) for point in points[::-step][::-1])
