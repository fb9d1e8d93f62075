"""The sources in `hooks.json` of the data directory, and apart from them the keys that sign their answers.

`hooks.json` holds hashes alone: whoever has a copy of it can neither send signals nor sign answers. A receiver checks a
signature with the key itself, so keys cannot be kept as hashes. They stand in `answers_keys.json`, which a backup holds
only if it is asked for keys. The files belong to whoever changes them, under one lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from overmind.config.private_records import changing, read_records, write_records
from overmind.config.problems import ConfigError, Problem
from overmind.core.model.value import Value
from overmind.desk.sources.changes import SOURCES_MAX, SourceChange
from overmind.desk.sources.source import AnswersKey, Source, fault_of_source

SOURCES_FILE: Final = "hooks.json"
KEYS_FILE: Final = "answers_keys.json"
LOCK_FILE: Final = "hooks.lock"


class KeysOfSource(Value, frozen=True, forbid_unknown_fields=True):
    source: str
    keys: tuple[AnswersKey, ...]


_DECODER: Final = msgspec.json.Decoder(tuple[Source, ...])
_KEYS_DECODER: Final = msgspec.json.Decoder(tuple[KeysOfSource, ...])


def read_sources(data_dir: Path) -> dict[str, Source]:
    """By name, without the keys of their answers. Raises ConfigError."""
    return {name: replace(one, answers_keys=()) for name, one in _read(data_dir).items()}


def read_sources_with_keys(data_dir: Path) -> dict[str, Source]:
    """By name, for whoever signs. Raises ConfigError."""
    keys = {one.source: one.keys for one in read_records(data_dir / KEYS_FILE, _KEYS_DECODER)}
    return {name: replace(one, answers_keys=keys.get(name, one.answers_keys)) for name, one in _read(data_dir).items()}


def change_sources(data_dir: Path, change: SourceChange) -> None:
    """Durable on return. Raises CommandRefused, ConfigError, OSError."""
    with changing(data_dir / LOCK_FILE):
        write_sources(data_dir, change.of(read_sources_with_keys(data_dir)))


def write_sources(data_dir: Path, sources: Mapping[str, Source]) -> None:
    """The keys first: whoever sees that `hooks.json` has changed then reads the keys that belong to it."""
    path, records = data_dir / SOURCES_FILE, tuple(sources.values())
    _check(path, records)
    keys = tuple(KeysOfSource(one.name, one.answers_keys) for one in records if one.answers_keys)
    if keys or (data_dir / KEYS_FILE).exists():
        write_records(data_dir / KEYS_FILE, keys)
    write_records(path, tuple(replace(one, answers_keys=()) for one in records))


def _read(data_dir: Path) -> dict[str, Source]:
    path = data_dir / SOURCES_FILE
    sources = read_records(path, _DECODER)
    _check(path, sources)
    return {source.name: source for source in sources}


def _check(path: Path, sources: Sequence[Source]) -> None:
    names = [one.name for one in sources]
    if len(names) > SOURCES_MAX or len(set(names)) < len(names):
        raise ConfigError((Problem(str(path), "too many sources, or one there twice", "restore it from a copy"),))
    for source in sources:
        if (fault := fault_of_source(source)) is not None:
            where = f"{path}: source {source.name[:64]!r}"
            raise ConfigError((Problem(where, fault.problem, fault.fix),))
