"""What several commands share: options, the configuration, the journal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.whole import whole_option
from overmind.clock.instants import INSTANT_MAX_NS, day_or_instant_ns
from overmind.config import MultiWalletConfig, Problem
from overmind.config.environment import DEFAULT_DOTENV, Environment, Origin
from overmind.config.load import default_anchor_dir
from overmind.config.problems import Findings
from overmind.config.settings import Settings
from overmind.config.variables.risk import RISK_AGGREGATION_ENABLED, STRESS
from overmind.config.variables.service import ANCHOR_DIR, DATA_DIR
from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.money import Token
from overmind.desk.log.setup import configure_logging
from overmind.journal.anchor import Anchor
from overmind.journal.catalogue.past import Past, Search, past_on_disk
from overmind.journal.errors import JournalUnusable
from overmind.journal.kept.near import NearStates
from overmind.journal.recovery import state_at
from overmind.journal.sqlite import SqliteJournal
from overmind.signals.decode import token_index
from overmind.text.characters import quote_in
from overmind.views.past import BadSearch, narrowed

JOURNAL: Final = "overmind.db"
SEED_MAX: Final = 2**63 - 1
LAST_MAX: Final = 50_000  # closed orders, moves or refusals that one command shows


def fresh(data_dir: Path) -> Path:
    """A folder for a run's journal, which must have none yet. Raises typer.Exit."""
    if (data_dir / JOURNAL).exists():
        present.complain(f"{data_dir / JOURNAL} exists", "a run needs a fresh journal: name an empty folder")
        raise typer.Exit(BAD_INPUT)
    return data_dir


def absolute(path: Path | None) -> Path | None:
    """Makes paths that are given on the command line absolute, so that errors name them in full."""
    return None if path is None else path.absolute()


def data_folder(path: Path | None) -> Path | None:
    """The same for a folder of a journal, whose name holds no quote."""
    if path is not None and (quote := quote_in(str(path))) is not None:
        raise typer.BadParameter(f"the path holds {quote}: give the folder a name without quotes")
    return absolute(path)


WalletName = Annotated[str, typer.Argument(help="Id of the wallet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", callback=data_folder, help="Folder of the journal. Default: OVERMIND_DATA_DIR, else ./data."
    ),
]
JournalDir = Annotated[
    Path | None,
    typer.Option(
        "--journal-dir", callback=absolute, help="Keep the journal in this empty folder. Default: a temporary folder."
    ),
]
Seed = Annotated[
    int, whole_option("--seed", 0, SEED_MAX, "Seed of the paper venue: it decides fills, failures and delays.")
]


def configured() -> MultiWalletConfig:
    """The configuration, its folders made absolute. Raises ConfigError."""
    config = MultiWalletConfig.from_env()
    return msgspec.structs.replace(
        config,
        data_dir=config.data_dir.absolute(),
        logs_dir=config.logs_dir.absolute(),
        lock_dir=absolute(config.lock_dir),
        anchor_dir=absolute(config.anchor_dir),
    )


def load_config() -> MultiWalletConfig:
    """Read the configuration, show its warnings and start logging. Raises ConfigError."""
    config = configured()
    present.warn_of(config.warnings)
    try:
        configure_logging(config.logs_dir, config.log_level.value.upper(), config.log_days_max)
    except OSError as error:
        present.complain(
            f"no log can be written to {config.logs_dir}: {error.strerror}",
            "make the folder writable; the command goes on without a log",
        )
    return config


def data_dir_of(given: Path | None) -> Path:
    """The folder of the journal: as given, else as configured, whatever else is wrong with the configuration.

    Raises ConfigError if its variable is wrong: the default in its place would be another desk.
    """
    if given is not None:
        return given
    findings, wrong = Findings(), Findings()
    environment = Environment(os.environ, DEFAULT_DOTENV, findings)
    directory = Settings(environment, wrong).get(DATA_DIR).absolute()
    if error := wrong.error():
        raise error
    if findings.problems and environment.origin(DATA_DIR.name) is Origin.DEFAULT:
        unread = "it may name another data directory"
        present.warn_of(findings.problems)
        present.warn_of([Problem(str(DEFAULT_DOTENV), unread, f"{directory} is used; --data-dir names another")])
    return directory


def anchor_of_caller() -> Anchor | None:
    """The anchors of this user, as configured, whatever else is wrong with the configuration."""
    findings = Findings()
    folder = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings).get(ANCHOR_DIR)
    folder = folder or default_anchor_dir()
    return None if folder is None else Anchor(folder)


def stress_of_caller() -> tuple[int, ...] | None:
    """The price falls that `risk` computes, as configured. None: aggregation is off. Raises ConfigError."""
    findings = Findings()
    settings = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings)
    aggregated, stress_ppm = settings.get(RISK_AGGREGATION_ENABLED), settings.get(STRESS)
    if error := findings.error():
        raise error
    return stress_ppm if aggregated else None


def journal_at(data_dir: Path) -> Path:
    """Raises JournalUnusable where there is none."""
    path = data_dir / JOURNAL
    if not path.exists():
        raise JournalUnusable(f"no journal at {path}: nothing was traded there yet (see `overmind submit --help`)")
    return path


@contextmanager
def journal_read_only(data_dir: Path) -> Iterator[SqliteJournal]:
    """Open the journal beside whoever writes it. Raises JournalUnusable."""
    journal = SqliteJournal.open_read_only(journal_at(data_dir))
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def journal_to_write(data_dir: Path) -> Iterator[SqliteJournal]:
    """Open the journal as its only writer. Raises JournalUnusable, JournalLocked."""
    data_dir.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(data_dir / JOURNAL)
    try:
        yield journal
    finally:
        journal.close()


def state_on_disk(data_dir: Path) -> State:
    with journal_read_only(data_dir) as journal:
        return _newest_state(data_dir, journal)


def _newest_state(data_dir: Path, journal: SqliteJournal) -> State:
    """For looking alone: what is kept close together lacks what a start needs, and saves a look most of the replay."""
    with closing(NearStates.beside(journal_at(data_dir), journal)) as near:
        state = state_at(near, journal.last_seq())
    state.revalued = True
    return state


def tokens_for_signals(desk: Desk) -> dict[str, Token]:
    return token_index(desk.tokens.values())


@contextmanager
def state_and_past(data_dir: Path) -> Iterator[tuple[State, Past]]:
    """The state on disk, and a search through all that led to it, or to later ones."""
    with journal_read_only(data_dir) as journal:
        state = _newest_state(data_dir, journal)
        with _past_of(data_dir, journal) as past:
            yield state, past


@contextmanager
def past_read_only(data_dir: Path) -> Iterator[tuple[SqliteJournal, Past]]:
    """The journal, and a search through it. Raises JournalUnusable."""
    with journal_read_only(data_dir) as journal, _past_of(data_dir, journal) as past:
        yield journal, past


@contextmanager
def _past_of(data_dir: Path, journal: SqliteJournal) -> Iterator[Past]:
    with present.progress() as shown:
        task = shown.add_task("filing entries", total=journal.last_seq())
        past = past_on_disk(journal_at(data_dir), journal, lambda seq: shown.update(task, completed=seq))
    try:
        yield past
    finally:
        past.close()


FromOption = Annotated[str | None, typer.Option("--from", help="First day or instant, in UTC. Default: all.")]
ToOption = Annotated[str | None, typer.Option("--to", help="End, exclusive: a day or an instant. Default: now.")]
WalletOption = Annotated[str | None, typer.Option("--wallet", help="Of this wallet only.")]
TokenOption = Annotated[str | None, typer.Option("--token", help="Of this token only: its symbol or its mint.")]
DATES: Final = "write a day such as 2025-04-06, or an instant such as 2025-04-06T12:00:00+00:00; a day is in UTC"


def instant_option(option: str, said: str | None, default_ns: int) -> int:
    """A day or an instant. Raises typer.Exit."""
    if said is None:
        return default_ns
    try:
        return day_or_instant_ns(said)
    except ValueError as error:
        present.complain(f"{option}: {error}", DATES)
        raise typer.Exit(BAD_INPUT) from None


def search_for(
    state: State, last: int, wallet: str | None, token: str | None, from_: str | None, to: str | None
) -> Search:
    """What the options ask for. Raises typer.Exit when one of them names nothing."""
    search = Search(last, from_ns=instant_option("--from", from_, 0), to_ns=instant_option("--to", to, INSTANT_MAX_NS))
    try:
        return narrowed(state, search, wallet, token)
    except BadSearch as bad:
        present.complain(bad.problem, bad.fix)
        raise typer.Exit(BAD_INPUT) from None
