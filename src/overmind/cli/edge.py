"""Turns every foreseen error into a sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from overmind.backtest.signals import BadSignals
from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, DONE, REFUSED, UNREACHABLE
from overmind.cli.remote import ServiceRefused, ServiceSilent
from overmind.config import ConfigError
from overmind.core.model.commands import CommandRefused
from overmind.desk.engine import DiskFull, EngineBusy, EngineStopped
from overmind.desk.log.file import leaves
from overmind.desk.log.setup import stop_logging
from overmind.desk.submit import NobodyListens
from overmind.journal.errors import JournalLocked, JournalUnusable
from overmind.ports import ChainSilent, JournalFailed
from overmind.prices.candles import TapeError
from overmind.signals.decode import BadSignal


@contextmanager
def errors_told() -> Iterator[None]:
    """Shows the errors of the command that runs inside, and ends with their exit code. Closes its log."""
    code = DONE
    try:
        yield
    except* ConfigError as group:
        code = BAD_INPUT
        for error in leaves(group):
            if isinstance(error, ConfigError):
                present.complain_of_config(error)
    except* JournalLocked as group:
        code = UNREACHABLE
        _complain(group)
    except* TapeError as group:
        code = BAD_INPUT
        for error in leaves(group):
            if isinstance(error, TapeError):
                present.complain(error.place_and_problem, error.fix)
    except* BadSignals as group:
        code = BAD_INPUT
        for error in leaves(group):
            if isinstance(error, BadSignals):
                for fault in error.faults:
                    present.complain(fault, error.fix)
    except* (JournalUnusable, BadSignal) as group:
        code = BAD_INPUT
        _complain(group)
    except* (CommandRefused, EngineBusy) as group:
        code = REFUSED
        _complain(group)
    except* ServiceRefused as group:
        code = max(error.code for error in leaves(group) if isinstance(error, ServiceRefused))
        _complain(group)
    except* (DiskFull, EngineStopped, JournalFailed, NobodyListens, ChainSilent, ServiceSilent) as group:
        code = UNREACHABLE
        _complain(group)
    except* UnicodeError:
        code = BAD_INPUT
        present.complain("the input is not valid text", "write it in UTF-8")
    except* BrokenPipeError:
        _discard_output()
    except* OSError as group:
        code = UNREACHABLE
        for error in leaves(group):
            present.complain(_fault_of_system(error))
    finally:
        stop_logging()
    if code != DONE:
        raise typer.Exit(code)


def _complain(group: BaseExceptionGroup[BaseException]) -> None:
    for message, fix in dict.fromkeys((str(error), getattr(error, "fix", "")) for error in leaves(group)):
        present.complain(message, fix)


def _fault_of_system(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{Path(os.fsdecode(error.filename)).absolute()}: {error.strerror}"
    return str(error)


def _discard_output() -> None:
    """Sends buffered output nowhere: its reader has left, and the flush at exit would fail."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
