"""What several commands open and share: exit codes, options, the configuration, the journal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.config import MultiWalletConfig
from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.problems import Findings
from overmind.config.settings import Settings
from overmind.config.variables.risk import RISK_AGGREGATION_ENABLED, STRESS
from overmind.config.variables.service import DATA_DIR
from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.money import Token
from overmind.desk.engine import recover
from overmind.desk.log import configure_logging
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.signals.decode import token_index

DONE, BAD_INPUT, REFUSED, UNREACHABLE = 0, 2, 3, 4
JOURNAL: Final = "overmind.db"

AsJson = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where the journal lies; default OVERMIND_DATA_DIR, else ./data.")
]
Seed = Annotated[int, typer.Option("--seed", help="Decides every fate of the paper venue: same seed, same journal.")]


def load_config() -> MultiWalletConfig:
    """The configuration, its warnings said, logging begun. Raises ConfigError."""
    config = MultiWalletConfig.from_env()
    present.warn_of(config.warnings)
    try:
        configure_logging(config.logs_dir, config.log_level.value.upper())
    except OSError as error:
        present.complain(f"no log can be written: {error}", "make the logs directory writable; going on without")
    return config


def data_dir_of(given: Path | None) -> Path:
    """Where the configuration has the journal, without asking whether the rest of it is sound."""
    if given is not None:
        return given
    findings = Findings()
    return Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings).get(DATA_DIR)


def stress_of_caller() -> tuple[int, ...] | None:
    """The falls that a report of risk computes; None: aggregation is off. Raises ConfigError."""
    findings = Findings()
    settings = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings)
    aggregated, stress_ppm = settings.get(RISK_AGGREGATION_ENABLED), settings.get(STRESS)
    if error := findings.error():
        raise error
    return stress_ppm if aggregated else None


def journal_at(data_dir: Path) -> Path:
    """Where one is. Raises JournalUnusable."""
    path = data_dir / JOURNAL
    if not path.exists():
        raise JournalUnusable(f"no journal at {path}: nothing was traded there yet (see `overmind submit --help`)")
    return path


@contextmanager
def journal_read_only(data_dir: Path) -> Iterator[SqliteJournal]:
    """The journal as it stands, also while a service writes it. Raises JournalUnusable."""
    journal = SqliteJournal.open_read_only(journal_at(data_dir))
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def journal_to_write(data_dir: Path) -> Iterator[SqliteJournal]:
    """As its one owner. Raises JournalUnusable, JournalLocked."""
    data_dir.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(data_dir / JOURNAL)
    try:
        yield journal
    finally:
        journal.close()


def state_on_disk(data_dir: Path) -> State:
    with journal_read_only(data_dir) as journal:
        return recover(journal)


def tokens_for_signals(desk: Desk) -> dict[str, Token]:
    return token_index(desk.tokens.values())
