"""The `overmind` command. Exit 0 done, 2 bad input or configuration, 3 refused, 4 cannot reach the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import typer

from overmind.cli import (
    books,
    capital,
    changes,
    control,
    export,
    history,
    localnet,
    operate,
    present,
    run,
    trade,
    venue,
)
from overmind.cli.opening import BAD_INPUT, DONE, REFUSED, UNREACHABLE
from overmind.cli.remote import ServiceRefused, ServiceSilent
from overmind.config import ConfigError
from overmind.core.model.commands import CommandRefused
from overmind.desk.engine import EngineBusy, EngineStopped
from overmind.desk.submit import NobodyListens
from overmind.journal.errors import JournalLocked, JournalUnusable
from overmind.ports import ChainSilent, JournalFailed
from overmind.prices.tape import TapeError
from overmind.signals.decode import BadSignal

cli = typer.Typer(
    name="overmind",
    help="Runs several Solana wallets as one trading desk: chooses, checks, reserves, records, executes, settles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (history, run, trade, operate, control, changes, capital, books, export, localnet, venue):
    commands.add_to(cli)


def main() -> None:
    """The edge: every error that we foresee becomes a sentence and an exit code, never a traceback."""
    code = DONE
    try:
        cli()
    except* ConfigError as group:
        code = BAD_INPUT
        for error in leaves(group):
            if isinstance(error, ConfigError):
                present.complain_of_config(error)
    except* JournalLocked as group:
        code = UNREACHABLE
        _complain(group)
    except* (TapeError, JournalUnusable, BadSignal) as group:
        code = BAD_INPUT
        _complain(group)
    except* (CommandRefused, EngineBusy) as group:
        code = REFUSED
        _complain(group)
    except* ServiceRefused as group:
        code = max(error.code for error in leaves(group) if isinstance(error, ServiceRefused))
        _complain(group)
    except* (EngineStopped, JournalFailed, NobodyListens, ChainSilent, ServiceSilent) as group:
        code = UNREACHABLE
        _complain(group)
    except* UnicodeError:
        code = BAD_INPUT
        present.complain("what was given is no valid text", "use UTF-8")
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # The reader left; that is its right.
    except* OSError as group:
        code = UNREACHABLE
        _complain(group)
    sys.exit(code)


def _complain(group: BaseExceptionGroup[BaseException]) -> None:
    for message, fix in dict.fromkeys((str(error), getattr(error, "fix", "")) for error in leaves(group)):
        present.complain(message, fix)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error
