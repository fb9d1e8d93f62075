"""Commands on recorded prices: backtests, and the self-test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from overmind.backtest.assumptions import assumptions_of
from overmind.backtest.audit import Delayed, audit
from overmind.backtest.bots import bars, play_bot
from overmind.backtest.history import Played, play
from overmind.backtest.inside import InsideSummary
from overmind.backtest.signals import read_signals
from overmind.backtest.stamps import Stamps, doubts, unfilled
from overmind.backtest.tapes import open_history
from overmind.backtest.token_file import read_tokens, with_classes
from overmind.cli import desk_tables, present
from overmind.cli.bots import BotLog, BotOption, made_bot, telling_where, words_of
from overmind.cli.costs import CostsOption, chosen_costs, costs_told
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import JOURNAL, AsJson, JournalDir, Seed, absolute, fresh, journal_to_write
from overmind.cli.performance.report import ReportOption, report_page
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL
from overmind.core.model.numbers import BadNumber, number
from overmind.core.model.signal import Signal
from overmind.desk.market import tokens_by_symbol
from overmind.journal.sqlite import SqliteJournal
from overmind.prices.candles import load_tape
from overmind.prices.tape import Tape
from overmind.venues.depth.classes import Costs, Level
from overmind.views.amounts import symbol_of
from overmind.views.verify import verify

SOL_PRICE_MAX: Final = 1_000_000  # in USD


def _dollars(text: str) -> float:
    """Read as every other number from outside."""
    found = number(text)
    if isinstance(found, BadNumber) or not 0 < found <= SOL_PRICE_MAX:
        raise typer.BadParameter(f"not a price of SOL: name dollars, up to {SOL_PRICE_MAX:,}")
    return float(found)


def backtest(
    tape: Annotated[Path, typer.Argument(callback=absolute, help="File of candles, or a folder of such files.")],
    signals: Annotated[
        Path | None,
        typer.Option("--signals", callback=absolute, help="File of signals with timestamps, as JSON Lines."),
    ] = None,
    bot: BotOption = None,
    bot_log: BotLog = None,
    stamps: Annotated[
        Stamps | None,
        typer.Option(
            "--stamps",
            help="Signals carry the opening or closing time of the candle they were made from. Default: when each was "
            "known.",
        ),
    ] = None,
    detail: Annotated[
        Path | None,
        typer.Option(
            "--detail",
            callback=absolute,
            help="Finer candles of the same time: they show what stops and targets met inside the tape's candles.",
        ),
    ] = None,
    sol_price: Annotated[
        float | None,
        typer.Option(
            "--sol-price", parser=_dollars, metavar="USD", help="Price of SOL, if the tape has no candles of it."
        ),
    ] = None,
    audited: Annotated[
        bool, typer.Option("--audit", help="Run again with every signal a second and a candle later, and compare.")
    ] = False,
    costs: CostsOption = Level.NORMAL.value,
    tokens: Annotated[
        Path | None,
        typer.Option(
            "--tokens",
            callback=absolute,
            help="TOML file of tokens that no list has: mint, decimals and class of each.",
        ),
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option(
            "--timeframe",
            help="Only files of the folder with this in their names, such as 5m. Default: the shortest candles.",
        ),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    journal_dir: JournalDir = None,
    report: ReportOption = None,
) -> None:
    """Run your wallets and limits over historical prices.

    Signals come from a file, or from a bot, which is asked at each bar. A signal is decided on candles that closed
    before it, and fills at the opening price of the next candle. It uses the same engine as live trading and leaves the
    journal of your desk alone.
    """
    _require_one(signals, bot, stamps)
    listed = read_tokens(tokens)
    market = with_classes(chosen_costs(costs), listed.classes)
    with ExitStack() as stack:
        config = MultiWalletConfig.from_env()  # Without a log: history does not belong into the desk's log.
        present.warn_of(config.warnings)
        data_dir = journal_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overmind-backtest-")))
        config = msgspec.structs.replace(config, data_dir=data_dir)
        config, history = open_history(config, tape, sol_price, listed, timeframe)
        if SOL not in history.series:
            present.complain(f"{tape}: no candles of SOL, which pays every fee", "state its price with --sol-price USD")
            raise typer.Exit(BAD_INPUT)
        finer = load_tape(detail, tokens_by_symbol(config.desk)) if detail is not None else None
        if finer is not None and finer.step_ns >= history.step_ns:
            present.complain(f"{detail}: its candles are not shorter than the tape's", "name finer ones with --detail")
            raise typer.Exit(BAD_INPUT)
        for note in history.notes:
            present.warn(note)  # Before the signals, whose errors they may explain.
        assumed = [*assumptions_of(history, seed, finer, costs=market, tokens=config.desk.tokens.values())]
        run = _Run(config, history, seed, finer, market)
        if bot is not None:
            doubted = list[str]()
            play_one = _of_bot(run, bot, bot_log)
        else:
            assert signals is not None  # `_require_one`
            read = read_signals(signals, config, history, stamps)
            doubted = [] if stamps is not None or not read else doubts(read, history)
            doubted += unfilled(read, history, partial(symbol_of, config.desk))
            play_one = _of_signals(run, read)
        for doubt in doubted:
            present.warn(doubt)
        warnings = [*history.notes, *doubted]
        ran = BacktestRun(
            config.mode.value,
            config.cluster.value,
            play_one.steps,
            warnings,
            partial(_again, run, play_one) if audited else _not_again,
            assumed,
            costs_told(market),
        )
        _run_and_report(play_one.play, ran, data_dir, as_json)
        report_page(data_dir / JOURNAL, report, [*warnings, *assumed])


def _require_one(signals: Path | None, bot: str | None, stamps: Stamps | None) -> None:
    """Raises typer.Exit."""
    if (signals is None) == (bot is None):
        present.complain(
            "a backtest has signals from a file or from a bot", 'name one of --signals FILE and --bot "FILE WORDS"'
        )
        raise typer.Exit(BAD_INPUT)
    if bot is not None and stamps is not None:
        present.complain(
            "--stamps says what the times of a file's signals are", "leave it out: a bot has the run's times"
        )
        raise typer.Exit(BAD_INPUT)


class _Run(NamedTuple):
    """The same desk and market, however often it runs."""

    config: MultiWalletConfig
    tape: Tape
    seed: int
    detail: Tape | None
    costs: Costs | None


class _Source(NamedTuple):
    """Where signals come from."""

    steps: int  # of progress
    play: Callable[[SqliteJournal, Callable[[int], None]], Played]
    sent: Callable[[], Sequence[Signal]]  # after it was played


def _of_signals(run: _Run, signals: Sequence[Signal]) -> _Source:
    def played(journal: SqliteJournal, on_signal: Callable[[int], None]) -> Played:
        return play(run.config, journal, run.tape, signals, run.seed, on_signal, detail=run.detail, costs=run.costs)

    return _Source(len(signals), played, lambda: signals)


def _of_bot(run: _Run, line: str, log: Path | None) -> _Source:
    made, sent = made_bot(line, run.tape), list[Signal]()

    def played(journal: SqliteJournal, on_bar: Callable[[int], None]) -> Played:
        with telling_where(words_of(line)[0]):
            done = play_bot(run.config, journal, run.tape, made, run.seed, on_bar, detail=run.detail, costs=run.costs)
        sent.extend(done.sent)
        if log is not None:
            log.write_text("".join(f"{said}\n" for said in done.said), encoding="utf-8")
        return done.played

    return _Source(len(bars(run.tape, made.bar_s)), played, lambda: sent)


def _again(run: _Run, source: _Source, first: Played, on_signal: Callable[[int], None]) -> list[Delayed]:
    return audit(run.config, run.tape, source.sent(), run.seed, first, on_signal, run.detail, run.costs)


def _not_again(first: Played, on_signal: Callable[[int], None]) -> list[Delayed]:
    return []


class BacktestRun(NamedTuple):
    """Describes a run in its report."""

    mode: str
    cluster: str
    signals: int
    warnings: Sequence[str] = ()
    again: Callable[[Played, Callable[[int], None]], list[Delayed]] = _not_again  # the audit's runs, if it is wanted
    assumptions: Sequence[str] = ()
    costs: str = ""  # a sentence about them; blank: nothing was simulated


def _run_and_report(
    run: Callable[[SqliteJournal, Callable[[int], None]], Played], ran: BacktestRun, data_dir: Path, as_json: bool
) -> None:
    with journal_to_write(fresh(data_dir)) as journal, present.progress() as shown:
        task = shown.add_task("trading", total=ran.signals)
        played = run(journal, lambda count: shown.update(task, completed=count))
        head = journal.head().hex()
        again = ran.again(played, lambda count: shown.update(task, completed=count))
    verified = verify(data_dir / JOURNAL)
    sound = verified.ok and verified.state_hash == played.state_hash and played.books_equal_chain
    if as_json:
        report = {"mode": ran.mode, "cluster": ran.cluster, **msgspec.structs.asdict(played)}
        report["stats"] = {**msgspec.structs.asdict(played.stats), "success_rate": played.stats.success_rate}
        proof = {"journal": str(data_dir / JOURNAL), "journal_hash": head, "verified": verified}
        told = {"warnings": ran.warnings, "assumptions": ran.assumptions, "audit": again}
        present.emit_json({**report, **proof, **told})
    else:
        _show(played, head, verified.entries, sound)
        _show_audit(again)
        if ran.costs:
            present.sentence(ran.costs)
    if not sound:
        for problem in verified.problems or [f"the books differ from what is on the {ran.cluster} side"]:
            present.complain(problem)
        raise typer.Exit(BAD_INPUT)


def _show(played: Played, head: str, entries: int, sound: bool) -> None:
    desk_tables.wallets(played.wallets)
    desk_tables.positions(played.positions)
    desk_tables.stats(played.stats)
    codes = played.refusal_codes.items()
    present.table("Refused, by first reason", ("code", "signals"), codes, right=("signals",))
    _show_inside(played.inside)
    desk_tables.portfolio(played.portfolio)
    if sound:
        present.sentence(
            f"Proof: {entries} journal entries replay to state {played.state_hash[:16]}…, chain head {head[:16]}…; "
            f"the books equal the venue, to the last unit.",
            "green",
        )


def _show_inside(inside: InsideSummary) -> None:
    """What candles decided by their high and low, and how much of that is assumption."""
    if not inside.exits:
        return
    rules = ", ".join(f"{count} by {rule}" for rule, count in inside.by_rule.items())
    present.sentence(
        f"Exits inside candles: {inside.exits} ({rules}), {inside.gaps} of them at an open beyond the trigger."
    )
    present.sentence(
        f"In {inside.assumed} of them both a stop and a target lay inside, and the stop was assumed: the targets would "
        f"have brought ${inside.assumed_usd:,.2f} more."
    )


def _show_audit(again: Sequence[Delayed]) -> None:
    if not again:
        return
    columns = ("every signal later by", "signals", "filled", "refused", "equity", "gain")
    rows = (
        (f"{one.delay_s:g} s", one.signals, one.filled, one.refused, f"{one.equity_usd:,.2f}", f"{one.gain_usd:,.2f}")
        for one in again
    )
    present.table("Audit for look-ahead", columns, rows, right=columns[1:])
    present.sentence("A gain that only the first run has came from knowing a price before it could be traded on.")


def selftest(as_json: AsJson = False) -> None:
    """Run the nineteen operator's checks on this machine."""
    from overmind.sandbox import selftest as checks

    raise typer.Exit(checks.main(["--json"] if as_json else []))
