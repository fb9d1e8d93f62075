"""Writes the files of a new desk: all of them, or nothing.

They are made in a folder of their own, and read there as `overmind check` reads them. Only then each gets its name,
which must be free; `.env` comes last. So a desk has a `.env` only if everything that it names is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from overmind.cli.founding.plan import NewWallet, Plan
from overmind.config import MultiWalletConfig
from overmind.config.variables.wallets import KEYSTORE_PASSPHRASE
from overmind.core.model.value import Value
from overmind.keys.keystore import seal
from overmind.keys.private_file import create_private
from overmind.keys.secret_key import SecretKey

DOTENV: Final = ".env"
JOURNAL: Final = Path("data", "overmind.db")
STAGE: Final = ".overmind-init-"
OURS: Final = ("OVERMIND_", "SNIPER_")
FOLDER_MODE: Final = 0o700


class Founded(Value, frozen=True):
    """What was written."""

    config: MultiWalletConfig
    made: frozenset[str]  # the wallets whose keys are new; the others had theirs
    kept: Path | None  # where the old `.env` is now


def obstacles(folder: Path, plan: Plan) -> list[Path]:
    """What is there already and would be replaced or used."""
    paths = (folder / DOTENV, folder / JOURNAL, *(folder / wallet.file for wallet in plan.wallets))
    return [path for path in paths if os.path.lexists(path)]


def found(folder: Path, plan: Plan, passphrase: str | None) -> Founded:
    """A key that exists is kept, and an old `.env` gets another name. Raises ConfigError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _stage(folder) as stage, contextlib.ExitStack() as undo:
        made = [wallet for wallet in plan.wallets if _key_in(stage, folder, wallet, passphrase)]
        create_private(stage / DOTENV, plan.dotenv().encode())
        config = _checked(stage, passphrase)
        for wallet in made:
            _place(stage / wallet.file, folder / wallet.file, undo)
        kept = _free_name(folder / DOTENV) if os.path.lexists(folder / DOTENV) else None
        if kept is not None:
            os.link(folder / DOTENV, kept, follow_symlinks=False)
            undo.callback(kept.unlink)
            (stage / DOTENV).replace(folder / DOTENV)
        else:
            os.link(stage / DOTENV, folder / DOTENV)
        _sync(folder)
        undo.pop_all()
    return Founded(config, frozenset(wallet.id for wallet in made), kept)


@contextlib.contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A private folder beside the files, so that a name is all that they get later."""
    stage = Path(tempfile.mkdtemp(prefix=STAGE, dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _key_in(stage: Path, folder: Path, wallet: NewWallet, passphrase: str | None) -> bool:
    """Puts the wallet's key into the stage. False: it has one already, which stays where it is."""
    staged, placed = stage / wallet.file, folder / wallet.file
    staged.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    if os.path.lexists(placed):
        staged.symlink_to(placed.absolute())
        return False
    key = SecretKey.generate()
    plain = json.dumps(list(bytes(key.reveal()))).encode()
    create_private(staged, plain if passphrase is None else seal(key, passphrase))
    return True


def _checked(stage: Path, passphrase: str | None) -> MultiWalletConfig:
    """The configuration as it will be read in its folder, whatever this process has in its environment."""
    given = {} if passphrase is None else {KEYSTORE_PASSPHRASE.name: passphrase}
    with contextlib.chdir(stage):
        return MultiWalletConfig.from_env({**_foreign(os.environ), **given}, Path(DOTENV))


def _foreign(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if not name.startswith(OURS)}


def _place(staged: Path, placed: Path, undo: contextlib.ExitStack) -> None:
    """Gives a file its name. Raises FileExistsError: a file that came meanwhile is not replaced."""
    if not placed.parent.exists():
        placed.parent.mkdir(mode=FOLDER_MODE)
        undo.callback(placed.parent.rmdir)
    os.link(staged, placed)
    undo.callback(placed.unlink)
    _sync(placed.parent)


def _free_name(path: Path) -> Path:
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.before-{number}")):
        number += 1
    return kept


def _sync(folder: Path) -> None:
    """A new name lasts once its folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
