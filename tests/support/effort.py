"""How many examples a property tries: few in the quick tier, all in the long one."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

QUICK: Final = "quick"
SOAK: Final = "soak"
NOTE: Final = "note"  # a test's property of this name is shown in the summary
QUICK_SHARE: Final = 5
QUICK_MIN: Final = 5


def examples(full: int) -> int:
    """The number of examples: `full` in the long tier, a fifth of that in the quick one."""
    return full if settings.get_current_profile_name() == SOAK else max(QUICK_MIN, full // QUICK_SHARE)
