"""The private files of users and tokens in the data directory: 0600, and written whole or not at all.

`users.json` and `tokens.json` belong to whoever changes them, under a lock. The service alone writes
`token_uses.json`, which tells when each token was used last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from overmind.config import ConfigError, Problem
from overmind.config.files import FileText, read_file
from overmind.config.private_records import Stamp, changing, read_records, stamp_of, write_records
from overmind.core.model.value import Value
from overmind.http.access.changes import RECORDS_MAX, Change
from overmind.http.access.names import ROLES, fault_of_name
from overmind.http.access.tokens import Token
from overmind.http.access.users import User
from overmind.keys.private_file import write_private

USERS_FILE: Final = "users.json"
TOKENS_FILE: Final = "tokens.json"
USES_FILE: Final = "token_uses.json"
LOCK_FILE: Final = "access.lock"

Record = TypeVar("Record", User, Token)
_USERS: Final = msgspec.json.Decoder(tuple[User, ...])
_TOKENS: Final = msgspec.json.Decoder(tuple[Token, ...])


Stamps = tuple[Stamp | None, Stamp | None]  # of the users and of the tokens
NO_FILES: Final[Stamps] = (None, None)


class Files(Value, frozen=True):
    """What the files said when they had these stamps."""

    stamps: Stamps
    users: dict[str, User]
    tokens: dict[str, Token]
    problem: str = ""  # why they say nothing


def read_users(data_dir: Path) -> dict[str, User]:
    """By name. Raises ConfigError."""
    return {user.name: user for user in _read(data_dir / USERS_FILE, _USERS)}


def read_tokens(data_dir: Path) -> dict[str, Token]:
    """By name. Raises ConfigError."""
    return {token.name: token for token in _read(data_dir / TOKENS_FILE, _TOKENS)}


def change_users(data_dir: Path, change: Change[User]) -> None:
    """Raises CommandRefused, ConfigError, OSError."""
    with changing(data_dir / LOCK_FILE):
        write_users(data_dir, change.of(read_users(data_dir)))


def change_tokens(data_dir: Path, change: Change[Token]) -> None:
    """Raises CommandRefused, ConfigError, OSError."""
    with changing(data_dir / LOCK_FILE):
        write_tokens(data_dir, change.of(read_tokens(data_dir)))


def read_uses(data_dir: Path) -> dict[str, str]:
    """When each token was used last. What cannot be read is not known."""
    file = read_file(data_dir / USES_FILE)
    try:
        return msgspec.json.decode(file.text, type=dict[str, str]) if isinstance(file, FileText) else {}
    except msgspec.DecodeError:
        return {}


def write_users(data_dir: Path, users: Mapping[str, User]) -> None:
    _write(data_dir / USERS_FILE, tuple(users.values()))


def write_tokens(data_dir: Path, tokens: Mapping[str, Token]) -> None:
    _write(data_dir / TOKENS_FILE, tuple(tokens.values()))


def write_uses(data_dir: Path, uses: Mapping[str, str]) -> None:
    write_private(data_dir / USES_FILE, msgspec.json.encode(uses) + b"\n")


def read_files(data_dir: Path) -> Files:
    """What cannot be read lets nobody in: a role or a revocation may be what is lost."""
    stamps = _stamps_of(data_dir)
    try:
        return Files(stamps, read_users(data_dir), read_tokens(data_dir))
    except ConfigError as bad:
        return Files(stamps, {}, {}, str(bad.problems[0]))


def read_if_changed(data_dir: Path, known: Stamps) -> Files | None:
    return None if _stamps_of(data_dir) == known else read_files(data_dir)


def _stamps_of(data_dir: Path) -> Stamps:
    """Before the content is read, so that a change in between is seen the next time."""
    return stamp_of(data_dir / USERS_FILE), stamp_of(data_dir / TOKENS_FILE)


def _read(path: Path, decoder: msgspec.json.Decoder[tuple[Record, ...]]) -> tuple[Record, ...]:
    records = read_records(path, decoder)
    _check(path, records)
    return records


def _check(path: Path, records: Sequence[User | Token]) -> None:
    names = [one.name for one in records]
    if len(names) > RECORDS_MAX:
        raise ConfigError((Problem(str(path), f"more than {RECORDS_MAX} names", "remove some"),))
    if len(set(names)) < len(names) or any(fault_of_name(name) for name in names):
        raise ConfigError((Problem(str(path), "a name is bad, or there twice", "restore it from a copy"),))
    if any(one.role not in ROLES for one in records):
        raise ConfigError((Problem(str(path), "an unknown role", f"one of {', '.join(ROLES)}"),))


def _write(path: Path, records: tuple[Record, ...]) -> None:
    _check(path, records)
    write_records(path, records)
