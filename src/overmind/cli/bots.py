"""`backtest --bot "FILE WORDS"`: a bot made from its file, with the words that follow the file on its command line."""

from __future__ import annotations

import importlib.util
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer

from overmind.backtest.bots import Bot, BotFailed
from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import absolute
from overmind.core.model.units import NS
from overmind.prices.tape import Tape

MAKER: Final = "bot"  # the function of its file that makes a bot
BAR_MAX_S: Final = 366 * 86_400
NEEDED: Final = f"give it `bar_s`, 1 to {BAR_MAX_S:,} whole seconds, and on_bar(desk, at_s): examples/bot.py has both"
BotOption = Annotated[
    str | None,
    typer.Option(
        "--bot",
        metavar='"FILE WORDS"',
        help="Run this bot instead of a file of signals: its Python file, and the words of its command line.",
    ),
]
BotLog = Annotated[
    Path | None,
    typer.Option(
        "--bot-log", callback=absolute, help="Write what the bot says to this file. An older one is replaced."
    ),
]


def made_bot(line: str, tape: Tape) -> Bot:
    """Raises typer.Exit, and SystemExit if the bot does not like its words."""
    path, *words = words_of(line)
    maker = getattr(_module(Path(path)), MAKER, None)
    if not callable(maker):
        fix = f"write a function {MAKER}(words) that makes one, as examples/momentum_bot.py has it"
        raise _refused(f"{path}: it has no bot", fix)
    with telling_where(path), _of_the_bot():
        made = maker(words)
    bar_s = getattr(made, "bar_s", None)
    if not isinstance(bar_s, int) or not 1 <= bar_s <= BAR_MAX_S or not callable(getattr(made, "on_bar", None)):
        raise _refused(f"{path}: what {MAKER}(words) makes is no bot", NEEDED)
    if bar_s * NS < tape.step_ns:
        present.warn(f"bars of {bar_s} s are shorter than the tape's candles: no price changes between some of them")
    bot: Bot = made
    return bot


def words_of(line: str) -> list[str]:
    """The file of the bot, and its words. Raises typer.Exit."""
    try:
        if words := shlex.split(line):
            return words
        why = "it names no file"
    except ValueError as error:
        why = str(error)
    raise _refused(f"--bot {line!r}: {why}", 'write --bot "examples/momentum_bot.py SOL"')


@contextmanager
def telling_where(path: str) -> Iterator[None]:
    """A mistake of the bot ends the command with its place in the bot's own files. Raises typer.Exit."""
    try:
        yield
    except BotFailed as failed:
        raise _at_its_place(path, failed.fault) from failed


@contextmanager
def _of_the_bot() -> Iterator[None]:
    """Around the bot's own code. Raises BotFailed."""
    try:
        yield
    except Exception as fault:  # It is code of its user: whatever it raises is told as theirs.
        raise BotFailed(fault) from fault


def _at_its_place(path: str, fault: Exception) -> typer.Exit:
    folder = Path(path).absolute().parent
    own = [frame for frame in traceback.extract_tb(fault.__traceback__) if Path(frame.filename).parent == folder]
    where = f"{own[-1].filename}, line {own[-1].lineno}" if own else path
    return _refused(f"{where}: {type(fault).__name__}: {fault}", "correct the bot; nothing of the run was kept")


def _module(path: Path) -> ModuleType:
    """As `python FILE` would import it: modules beside it can be imported too."""
    file = path.absolute()
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise _refused(f"{file}: no such Python file", "name the file of a bot, such as examples/momentum_bot.py")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    module = importlib.util.module_from_spec(spec)
    with telling_where(str(path)), _of_the_bot():
        spec.loader.exec_module(module)
    return module


def _refused(what: str, fix: str) -> typer.Exit:
    present.complain(what, fix)
    return typer.Exit(BAD_INPUT)
