"""What was told already, kept beside the journal, so that a restart tells nothing twice and forgets nothing critical.

Entries up to `seen` are read: those that are not critical are told at most once. Every critical one up to `delivered`
was taken by a target, so each is told at least once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import structlog

from overmind.core.model.value import Value
from overmind.keys.private_file import write_private

FILE: Final = "notices.json"  # in the data directory

log = structlog.get_logger("notices")


class Memory(Value, frozen=True):
    seen: int
    delivered: int
    running: bool  # a service tells; after an orderly end, none does


def read_memory(folder: Path) -> Memory | None:
    """None: nothing was ever told, or it cannot be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Memory)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as fault:
        log.warning("what was told already is not known", file=str(folder / FILE), why=type(fault).__name__)
        return None


def write_memory(folder: Path, memory: Memory) -> None:
    """Raises OSError."""
    write_private(folder / FILE, msgspec.json.encode(memory))
