"""Remembers what time it is by the machine's boot-time clock, so that a start knows of a jump while the desk was down.

The boot-time clock counts from the machine's start and goes on while it is suspended. What was kept before the machine
started anew says nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import structlog

from overmind.core.model.value import Value
from overmind.keys.private_file import write_private

CLOCK_FILE: Final = "clock.json"  # in the data directory
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")  # another one after each start of the machine

log = structlog.get_logger("clock")


class Reference(Value, frozen=True):
    boot_id: str
    booted_ns: int  # what time it was when the boot-time clock began


def read_reference(folder: Path) -> int | None:
    """When the boot-time clock began, by the desk before this one; None: not known."""
    try:
        found = msgspec.json.decode((folder / CLOCK_FILE).read_bytes(), type=Reference)
        return found.booted_ns if found.boot_id == _boot_id() else None
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as fault:
        log.warning("what time it was is not known", file=str(folder / CLOCK_FILE), why=str(fault))
        return None


def write_reference(folder: Path, booted_ns: int) -> None:
    """Raises OSError."""
    write_private(folder / CLOCK_FILE, msgspec.json.encode(Reference(_boot_id(), booted_ns)))


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()
