"""`overmind keys`: makes the key of a wallet, or takes one in, as a private file that the configuration can name."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, REFUSED
from overmind.cli.key_rows import key_rows
from overmind.cli.opening import AsJson, absolute
from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.problems import Findings
from overmind.config.settings import Settings
from overmind.config.variables.wallets import KEYSTORE_PASSPHRASE
from overmind.config.wallet_files import read_source
from overmind.keys.keystore import PASSPHRASE_MIN, seal
from overmind.keys.private_file import create_private
from overmind.keys.secret_key import SecretKey

SOURCE: Final = "SOURCE"

keys_cli = typer.Typer(
    help="Make, import or list the keys of wallets.\n\n"
    "The file is for its owner alone (0600), and a file that exists is never replaced.",
    add_completion=False,
    rich_markup_mode=None,
)

NewFile = Annotated[Path, typer.Argument(metavar="FILE", callback=absolute, help="File to make. It must not exist.")]
Sealed = Annotated[
    bool,
    typer.Option(
        "--keystore", help="Encrypt it with OVERMIND_KEYSTORE_PASSPHRASE, else with a passphrase that is asked for."
    ),
]


@keys_cli.command("new")
def new_key(file: NewFile, keystore: Sealed = False, as_json: AsJson = False) -> None:
    """Make a key and show its public key.

    The file is a keypair file of the Solana command line, or with --keystore an encrypted keystore.
    """
    _keep(SecretKey.generate(), file, keystore, as_json)


@keys_cli.command("import")
def import_key(
    source: Annotated[
        str,
        typer.Argument(metavar=SOURCE, help="A key file of any form that wallets may have, or env:NAME of a variable."),
    ],
    file: NewFile,
    keystore: Sealed = False,
    as_json: AsJson = False,
) -> None:
    """Read a key and keep it in a file of its own.

    The source stays as it is: delete it yourself once the new file is in use.
    """
    findings = Findings()
    environment = Environment(os.environ, DEFAULT_DOTENV, Findings())
    passphrase = Settings(environment, findings).get(KEYSTORE_PASSPHRASE)
    read = read_source(source, SOURCE, environment, None if passphrase is None else passphrase.reveal(), findings)
    if error := findings.error():
        raise error
    assert read.key is not None, "a source without a key has a problem"
    _keep(read.key, file, keystore, as_json)


@keys_cli.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys of the wallets: public key, file, permissions, and who uses it.

    Files of keys that lie beside them and that no wallet uses are listed too. No secret is shown.
    """
    rows = key_rows()
    if as_json:
        present.emit_json(rows)
        return
    columns = ("wallet", "public key", "source", "form", "permissions", "problem")
    table = ((row.wallet_id or "-", row.public_key or "-", row.source, row.form, row.mode, row.problem) for row in rows)
    present.table("Keys", columns, table)


def _keep(key: SecretKey, file: Path, keystore: bool, as_json: bool) -> None:
    if os.path.lexists(file):  # Before a passphrase is asked for; the creation checks again.
        _refuse_to_replace(file)
    content = seal(key, asked_passphrase()) if keystore else json.dumps(list(bytes(key.reveal()))).encode()
    try:
        create_private(file, content)
    except FileExistsError:
        _refuse_to_replace(file)
    if as_json:
        present.emit_json({"file": str(file), "public_key": key.public_key, "keystore": keystore})
        return
    present.say(f"{file}: the key of {key.public_key}", "green")
    present.say(f"in OVERMIND_MANAGED_WALLETS it is wallet_id:{file}:type:risk:allocation; keep a copy offline")


def _refuse_to_replace(file: Path) -> NoReturn:
    present.complain(f"{file} exists, and a key is never replaced", "name a new file")
    raise typer.Exit(REFUSED)


def asked_passphrase() -> str:
    """As configured, else asked for. Raises typer.Exit."""
    findings = Findings()
    configured = Settings(Environment(os.environ, DEFAULT_DOTENV, findings), findings).get(KEYSTORE_PASSPHRASE)
    if error := findings.error():
        raise error
    if configured is not None:
        passphrase = configured.reveal()
    elif sys.stdin.isatty():
        passphrase = getpass.getpass("Passphrase of the keystore: ")
        if getpass.getpass("The same again: ") != passphrase:
            _wrong_passphrase("the two passphrases differ")
    else:
        _wrong_passphrase(f"{KEYSTORE_PASSPHRASE.name} is not set, and there is no terminal to ask on")
    if len(passphrase) < PASSPHRASE_MIN:
        _wrong_passphrase(f"the passphrase has fewer than {PASSPHRASE_MIN} characters")
    return passphrase


def _wrong_passphrase(what: str) -> NoReturn:
    present.complain(what, f"give one of {PASSPHRASE_MIN} characters or more in {KEYSTORE_PASSPHRASE.name}")
    raise typer.Exit(BAD_INPUT)
