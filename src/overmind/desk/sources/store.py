"""The sources in `hooks.json` of the data directory. It belongs to whoever changes it, under a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from overmind.config.private_records import changing, read_records, write_records
from overmind.config.problems import ConfigError, Problem
from overmind.desk.sources.changes import SOURCES_MAX, SourceChange
from overmind.desk.sources.source import Source, fault_of_source

SOURCES_FILE: Final = "hooks.json"
LOCK_FILE: Final = "hooks.lock"
_DECODER: Final = msgspec.json.Decoder(tuple[Source, ...])


def read_sources(data_dir: Path) -> dict[str, Source]:
    """By name. Raises ConfigError."""
    path = data_dir / SOURCES_FILE
    sources = read_records(path, _DECODER)
    _check(path, sources)
    return {source.name: source for source in sources}


def change_sources(data_dir: Path, change: SourceChange) -> None:
    """Durable on return. Raises CommandRefused, ConfigError, OSError."""
    with changing(data_dir / LOCK_FILE):
        write_sources(data_dir, change.of(read_sources(data_dir)))


def write_sources(data_dir: Path, sources: Mapping[str, Source]) -> None:
    path, records = data_dir / SOURCES_FILE, tuple(sources.values())
    _check(path, records)
    write_records(path, records)


def _check(path: Path, sources: Sequence[Source]) -> None:
    names = [one.name for one in sources]
    if len(names) > SOURCES_MAX or len(set(names)) < len(names):
        raise ConfigError((Problem(str(path), "too many sources, or one there twice", "restore it from a copy"),))
    for source in sources:
        if (fault := fault_of_source(source)) is not None:
            where = f"{path}: source {source.name[:64]!r}"
            raise ConfigError((Problem(where, fault.problem, fault.fix),))
