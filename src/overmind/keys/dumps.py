"""Keeps a process that holds keys out of core dumps, and away from other processes that would read its memory."""

from __future__ import annotations

import ctypes
import functools
import resource
import sys
from typing import Final

PR_SET_DUMPABLE: Final = 4  # of <linux/prctl.h>


@functools.cache
def forbid_dumps() -> None:
    """For good, and once a process. On Linux a debugger of the same user is kept away too; root is not."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
