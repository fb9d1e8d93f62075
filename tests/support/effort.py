"""How long a property is looked at: a little in the quick tier, at full length in the long one."""

from __future__ import annotations

from typing import Final

from hypothesis import settings

QUICK: Final = "quick"
SOAK: Final = "soak"
NOTE: Final = "note"  # a property of a test by this name is told in the summary
QUICK_SHARE: Final = 5
QUICK_MIN: Final = 5


def examples(full: int) -> int:
    """How many a property tries that asks for so many."""
    return full if settings.get_current_profile_name() == SOAK else max(QUICK_MIN, full // QUICK_SHARE)
