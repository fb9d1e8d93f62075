"""`overmind backup` makes a verified copy of the journal while the desk trades. `overmind restore` is the way back.

`data_files.py` says of each file of the data folder whether it is in a backup. Of what lies elsewhere only the wallets'
key files are, with --with-keys. Never in it are `.env`, and the anchor: it finds out that a restored journal is older
than what was traded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind import __version__
from overmind.cli import present
from overmind.cli.data_files import KEYS_FOLDER, copied_names
from overmind.cli.opening import JOURNAL, AsJson, DataDir, absolute, data_dir_of, data_folder, journal_at
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.problems import Findings
from overmind.config.settings import Settings
from overmind.config.variables.wallets import MANAGED_WALLETS
from overmind.config.wallet_lines import read_lines
from overmind.journal.backup.making import make_backup
from overmind.journal.backup.manifest import Manifest, read_manifest
from overmind.journal.backup.restoring import restore_backup
from overmind.journal.database import connect_reader, last_seq

FROM_VARIABLE: Final = "env:"


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DEST", callback=absolute, help="New folder for the backup.")],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys",
            help="Also copy the key files of the wallets, the API's token and the keys that sign answers.",
        ),
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Copy the journal while the desk trades, and verify it.

    In it: the journal with all sealed segments, users, tokens of programs, sources of signals and how far they were
    answered. Secrets only with --with-keys; those in variables, and .env, are never copied. The folder gets its name
    when all of it is on disk and was read back.
    """
    home = data_dir_of(data_dir)
    beside = {name: home / name for name in copied_names(with_keys)} | (_key_files() if with_keys else {})
    journal = journal_at(home)
    made_at = iso_seconds(SystemClock().now_ns())
    with present.progress() as shown:
        task = shown.add_task("copying entries", total=_entries(journal))
        done = make_backup(
            journal, folder, beside, made_at, __version__, with_keys, lambda seq: shown.update(task, completed=seq)
        )
    _tell(done, folder, as_json, "backup")


def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", callback=absolute, help="Folder of the backup.")],
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", callback=data_folder, help="New data folder. It must not exist.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a new data folder from a backup, and verify it.

    Nothing is replaced. A live desk that starts there sends nothing, sales included, until the chain's history of every
    wallet since the backup has been read.
    """
    with present.progress() as shown:
        task = shown.add_task("copying bytes", total=read_manifest(source).bytes)
        done = restore_backup(source, folder, JOURNAL, lambda count: shown.update(task, completed=count))
    _tell(done, folder, as_json, "data_dir")
    if not as_json:
        present.say(f"OVERMIND_DATA_DIR={folder} makes a desk use it; a live one first reads every wallet's history")


def _tell(done: Manifest, folder: Path, as_json: bool, name: str) -> None:
    if as_json:
        told = {"entries": done.seq, "head": done.head, "made_at": done.made_at, "version": done.version}
        present.emit_json({name: str(folder), **told, "files": len(done.files), "bytes": done.bytes, "keys": done.keys})
        return
    files = f"{len(done.files)} file{'' if len(done.files) == 1 else 's'}"
    present.say(f"{folder}: {done.seq} entries, {files}, {done.bytes:,} bytes, verified", "green")
    present.say(f"head {done.head}; made {done.made_at}; {'with' if done.keys else 'without'} private keys")


def _entries(journal: Path) -> int:
    db = connect_reader(journal)
    try:
        return last_seq(db)
    finally:
        db.close()


def _key_files() -> dict[str, Path]:
    """The key files that the configuration names, by their names in the backup. Raises ConfigError."""
    findings = Findings()
    listed = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings).get(MANAGED_WALLETS)
    lines = read_lines(listed, findings)
    if error := findings.error():
        raise error
    return {
        f"{KEYS_FOLDER}/{line.id}.json": Path(line.source).absolute()
        for line in lines
        if line.id is not None and not line.source.startswith(FROM_VARIABLE)
    }
