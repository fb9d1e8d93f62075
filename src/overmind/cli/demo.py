"""`overmind demo`: the desk's shop window, from nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from overmind.backtest.history import Played
from overmind.cli import demo_tables, present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import JOURNAL, AsJson, JournalDir, Seed, fresh, journal_to_write
from overmind.cli.performance.folding import report_on
from overmind.cli.performance.report import ReportOption, write_page
from overmind.cli.whole import whole_option
from overmind.journal.database import RESERVE
from overmind.journal.sqlite import SqliteJournal
from overmind.sandbox.showcase.account import account_of
from overmind.sandbox.showcase.memes import INVENTED
from overmind.sandbox.showcase.show import Show
from overmind.views.verify import Verified, verify

SIGNALS_DEFAULT: Final = 300
PAGE: Final = "report.html"


def demo(
    seed: Seed = 1,
    signals: Annotated[int, whole_option("--signals", 1, 1_000_000, "Number of signals.")] = SIGNALS_DEFAULT,
    paper: Annotated[bool, typer.Option("--paper", help="Trade on paper, without a chain.")] = False,
    as_json: AsJson = False,
    journal_dir: JournalDir = None,
    report: ReportOption = None,
) -> None:
    """Trade a week of real prices with four demo wallets.

    It needs no configuration. Keys and signals come from the seed. Trades are signed transactions on an embedded
    Solana chain with a market maker; with --paper they are simulated fills. At the end the journal is replayed, the
    books are compared with the chain, and the report is written beside the journal. With --json nothing is kept that
    is not asked for.
    """
    with ExitStack() as stack:
        folder = _folder(journal_dir, as_json, stack)
        show = Show(seed, signals, fresh(folder))
        if not as_json:
            demo_tables.opening(len(show.config.wallets), paper, signals, seed)
        with journal_to_write(folder) as journal, present.progress() as shown:
            task = shown.add_task("trading", total=signals)
            play = show.on_paper if paper else show.on_chain
            played = play(journal, lambda count: shown.update(task, completed=count))
            head = journal.head().hex()
        path = folder / JOURNAL
        verified = verify(path)
        sound = verified.ok and verified.state_hash == played.state_hash and played.books_equal_chain
        with closing(SqliteJournal.open_read_only(path)) as written:
            account = account_of(written.read())
        page = report if report is not None or as_json else folder / PAGE
        found = None if page is None else report_on(path, assumptions=[f"{INVENTED}."])
        if found is not None:
            write_page(found, page)
        if as_json:
            told = {**_as_json(played, paper), "journal": str(path), "journal_hash": head, "verified": verified}
            present.emit_json({**told, "account": account, "stories": show.stories, "report": page})
        else:
            demo_tables.wallets(played)
            demo_tables.strategies(account, found)
            demo_tables.account(account)
            demo_tables.stories(show.stories)
            demo_tables.result(played)
        if journal_dir is None:
            (folder / RESERVE).unlink(missing_ok=True)  # It keeps room for a desk that goes on. This one does not.
        if not sound:
            _refuse(verified, paper)
        if not as_json:
            demo_tables.proof(verified, head, paper, seed)
            demo_tables.following(command_typed(), page, folder, show.stories)


def _folder(asked: Path | None, as_json: bool, stack: ExitStack) -> Path:
    """Where the journal goes. For a person it stays there, so that other commands can look at it."""
    if asked is not None:
        return asked
    if as_json:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overmind-demo-")))
    return Path(tempfile.mkdtemp(prefix="overmind-demo-"))


def _as_json(played: Played, paper: bool) -> dict[str, object]:
    mode, cluster = ("Paper", "paper") if paper else ("Live", "localnet")
    stats = {**msgspec.structs.asdict(played.stats), "success_rate": played.stats.success_rate}
    return {"mode": mode, "cluster": cluster, **msgspec.structs.asdict(played), "stats": stats}


def _refuse(verified: Verified, paper: bool) -> None:
    """Raises typer.Exit."""
    other = "the venue" if paper else "the chain"
    for problem in verified.problems or [f"the books differ from what is on {other}"]:
        present.complain(problem)
    raise typer.Exit(BAD_INPUT)


def command_typed() -> str:
    """How this command is called from here, so that what is shown can be pasted."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    return os.path.relpath(called) if called.is_relative_to(Path.cwd()) else str(called)
