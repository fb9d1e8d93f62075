"""Which update of Telegram is next, kept on disk before a command is done: a restart does none a second time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import structlog

from overmind.core.model.units import DAY_NS
from overmind.core.model.value import Value
from overmind.keys.private_file import write_private

FILE: Final = "telegram.json"  # in the data directory
# After a week without updates Telegram may number them anew, from any number on.
FORGOTTEN_NS: Final = 6 * DAY_NS

log = structlog.get_logger("telegram")


class Offset(Value, frozen=True):
    next: int = 0  # 0: whatever is the oldest that the server has
    at_ns: int = 0  # when the newest update came

    def at(self, now_ns: int) -> Offset:
        """Itself, while its number means something."""
        return self if now_ns - self.at_ns < FORGOTTEN_NS else Offset()


def read_offset(folder: Path) -> Offset:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Offset)
    except FileNotFoundError:
        return Offset()
    except (OSError, msgspec.DecodeError) as fault:
        log.warning("which update of Telegram is next is not known", why=type(fault).__name__)
        return Offset()


def write_offset(folder: Path, offset: Offset) -> None:
    """Raises OSError."""
    write_private(folder / FILE, msgspec.json.encode(offset))
