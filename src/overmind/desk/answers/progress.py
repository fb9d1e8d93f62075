"""How far each source has been answered, in `answers.json` of the data directory.

It is written after the target has acknowledged an answer, never before. What was acknowledged in the last second before
a kill is sent again, under the same id.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from overmind.config.private_records import read_records, write_records
from overmind.config.problems import ConfigError
from overmind.core.model.value import Value

PROGRESS_FILE: Final = "answers.json"


class Progress(Value, frozen=True, forbid_unknown_fields=True):
    source: str
    began_after: int  # where an operator told it to begin: told otherwise, it begins there anew
    seq: int  # every entry up to this one is acknowledged, or concerns the source not


_DECODER: Final = msgspec.json.Decoder(tuple[Progress, ...])


def read_progress(data_dir: Path) -> dict[str, Progress]:
    """By source. What cannot be read is not known: then everything since the beginning is sent again."""
    try:
        return {one.source: one for one in read_records(data_dir / PROGRESS_FILE, _DECODER)}
    except ConfigError:
        return {}


def write_progress(data_dir: Path, progress: Iterable[Progress]) -> None:
    """Durable on return. Raises OSError."""
    write_records(data_dir / PROGRESS_FILE, tuple(progress))
