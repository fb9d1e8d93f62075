"""The exit codes of the command, which scripts may rely on."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
BAD_INPUT: Final = 2  # or bad configuration
REFUSED: Final = 3
UNREACHABLE: Final = 4  # the service, the chain or the journal cannot be used
INTERRUPTED: Final = 130

SHOWN: Final = (
    "Exit codes: 0 done, 2 bad input or configuration, 3 refused, "
    "4 the service, the chain or the journal cannot be used."
)
