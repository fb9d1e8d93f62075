"""The keys of the wallets as an operator may see them: never a secret, and what is wrong with each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.files import FileText, InvalidValue, read_file, read_json
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.settings import Settings
from overmind.config.variables.wallets import KEYSTORE_PASSPHRASE, MANAGED_WALLETS
from overmind.config.wallet_files import read_source, variable_of
from overmind.config.wallet_lines import WalletLine, read_lines
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value
from overmind.keys.keystore import FORMAT
from overmind.keys.secret_key import is_address

OPEN: Final = "can be read by others"
FILES_MAX: Final = 1_000  # beside the keys that are used


class KeyRow(Value, frozen=True):
    wallet_id: WalletId | None  # None: no wallet uses it
    public_key: str | None  # None: it cannot be read
    source: str  # a file, or env:NAME
    form: str  # keypair, keystore, wallet or variable
    mode: str  # of the file, such as 0600; blank: it is a variable
    problem: str  # with its fix; blank: none


def key_rows() -> list[KeyRow]:
    """Raises ConfigError when the list of wallets cannot be read."""
    findings = Findings()
    environment = Environment(os.environ, DEFAULT_DOTENV, findings)
    settings = Settings(environment, findings)
    listed, sealed = settings.get(MANAGED_WALLETS), settings.get(KEYSTORE_PASSPHRASE)
    lines = read_lines(listed, findings)
    if error := findings.error():
        raise error
    passphrase = None if sealed is None else sealed.reveal()
    used = [_row(line.source, line, environment, passphrase) for line in lines]
    return [*used, *(_row(str(path), None, environment, passphrase) for path in _unused(lines))]


def _row(source: str, line: WalletLine | None, environment: Environment, passphrase: str | None) -> KeyRow:
    findings, wallet_id = Findings(), None if line is None else line.id
    read = read_source(source, source if line is None else line.where, environment, passphrase, findings)
    problems = [f"{one.problem}; {one.fix}" for one in findings.problems]
    if variable_of(source) is not None:
        form, mode, public_key = "variable", "", None
    else:
        form, public_key = _form(Path(source))
        mode = _mode(Path(source))
        if read.open_to_others:
            problems.append(f"{OPEN}; chmod 600 {shown(source)}")
    public_key = read.key.public_key if read.key is not None else public_key
    return KeyRow(wallet_id, public_key, read.shown, form, mode, "; ".join(problems))


def _form(path: Path) -> tuple[str, str | None]:
    """The form of a key file, and the public key of a keystore, which is told without its passphrase."""
    content = _parsed(path)
    if not isinstance(content, dict):
        return "keypair", None
    if content.get("format") != FORMAT:
        return "wallet", None
    stated = content.get("public_key")
    return "keystore", stated if isinstance(stated, str) and is_address(stated) else None


def _parsed(path: Path) -> object:
    file = read_file(path)
    if not isinstance(file, FileText):
        return None
    parsed = read_json(file.text)
    return None if isinstance(parsed, InvalidValue) else parsed[0]


def _mode(path: Path) -> str:
    try:
        return f"{stat.S_IMODE(path.stat().st_mode):04o}"
    except OSError:
        return ""


def _unused(lines: list[WalletLine]) -> Iterator[Path]:
    """Keys that lie beside those in use. What is no key is passed over."""
    used = {os.path.realpath(line.source) for line in lines}
    folders = {Path(line.source).parent for line in lines if line.source and variable_of(line.source) is None}
    for folder in sorted(folders):
        for path in sorted(folder.glob("*.json"))[:FILES_MAX]:
            if os.path.realpath(path) not in used and _is_key(_parsed(path)):
                yield path


def _is_key(content: object) -> bool:
    if isinstance(content, dict):
        return content.get("format") == FORMAT or "private_key" in content
    return isinstance(content, list) and len(content) == 64
