"""The `overmind` command: it parses the arguments, runs one command and returns its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.main import get_command

from overmind import __version__
from overmind.cli.commands import LazyGroup
from overmind.cli.exit_codes import DONE, INTERRUPTED, SHOWN

PROGRAM: Final = "overmind"
COMPLETION: Final = "_OVERMIND_COMPLETE"  # a shell that completes a line asks through this variable

cli = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    help="Run several Solana wallets as one trading desk: choose, check, reserve, record, execute, settle.",
    epilog=f"`{PROGRAM} COMMAND --help` explains a command. {SHOWN}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit(DONE)


@cli.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. None: the arguments of this process.

    Calls in one process are independent. Each reads the environment, the working directory and the standard
    streams when it begins.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(words)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as wrong:
        _complain_of_usage(wrong, words)
        return wrong.exit_code
    except SystemExit as end:  # Typer ends a completion request this way.
        return end.code if isinstance(end.code, int) else DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _run(words: list[str]) -> None:
    command = get_command(cli)
    if COMPLETION in os.environ:
        command.main(words, PROGRAM)
    with command.make_context(PROGRAM, words) as context:
        from overmind.cli.edge import errors_told  # Here, since it imports most rooms.

        with errors_told():
            command.invoke(context)


def _complain_of_usage(wrong: typer.TyperException, words: Sequence[str]) -> None:
    usage = getattr(wrong, "ctx", None)
    if not words:
        typer.echo(wrong.format_message(), err=True)  # The list of commands.
        return
    from overmind.cli import present  # Here, since it imports rich.

    present.complain(wrong.format_message(), f"see `{PROGRAM if usage is None else usage.command_path} --help`")
