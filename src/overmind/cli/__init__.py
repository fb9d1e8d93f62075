"""The `overmind` command. Exit 0 done, 2 bad input or configuration, 3 refused, 4 cannot reach the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import typer
from typer.main import get_command

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
from overmind.cli.edge import errors_told

PROGRAM: Final = "overmind"
COMPLETION: Final = "_OVERMIND_COMPLETE"  # a shell that completes a line asks through this variable
INTERRUPTED: Final = 130

cli = typer.Typer(
    name=PROGRAM,
    help="Runs several Solana wallets as one trading desk: chooses, checks, reserves, records, executes, settles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (history, run, trade, operate, control, changes, capital, books, export, localnet, venue):
    commands.add_to(cli)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. None: the arguments of this process.

    Calls in one process are independent. Each reads the environment, the working directory and the standard
    streams when it begins.
    """
    command = get_command(cli)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if COMPLETION in os.environ:
            command.main(words, PROGRAM)
        with errors_told(), command.make_context(PROGRAM, words) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as wrong:
        usage = getattr(wrong, "ctx", None)
        if words:
            path = PROGRAM if usage is None else usage.command_path
            present.complain(wrong.format_message(), f"see `{path} --help`")
        else:
            typer.echo(wrong.format_message(), err=True)
        return wrong.exit_code
    except SystemExit as end:  # Completion ends so.
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
