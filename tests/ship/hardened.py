"""Runs a command under the system-call filter of a unit, as systemd would load it, and without writable code.

    python hardened.py UNIT COMMAND …

systemd itself is not needed: it lists the groups of calls, and libseccomp, which it loads filters with, is beside it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ALLOW: Final = 0x7FFF0000  # SCMP_ACT_ALLOW
REFUSE: Final = 0x00050000 | errno.EPERM  # SCMP_ACT_ERRNO(EPERM)
UNKNOWN: Final = -1  # a call that this architecture lacks
PR_SET_MDWE: Final = 65  # of <linux/prctl.h>, since Linux 6.3
PR_MDWE_REFUSE_EXEC_GAIN: Final = 1
FILTER: Final = re.compile(r"^SystemCallFilter=(~?)(.+)$", re.MULTILINE)


def calls_of(group: str) -> set[str]:
    """The calls of a group such as `@system-service`, of its groups too."""
    if not group.startswith("@"):
        return {group}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = [line.strip() for line in listed.stdout.splitlines() if line.startswith("    ")]
    return {call for name in names if not name.startswith("#") for call in calls_of(name)}


def allowed(unit: Path) -> set[str]:
    """What the lines of the unit allow, one after the other. systemd allows @default beside them."""
    found = calls_of("@default")
    for minus, names in FILTER.findall(unit.read_text(encoding="utf-8")):
        calls = {call for name in names.split() for call in calls_of(name)}
        found = found - calls if minus else found | calls
    return found


def load(calls: set[str]) -> None:
    """For this process and all that it starts."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    filter_ = ctypes.c_void_p(seccomp.seccomp_init(REFUSE))
    for name in sorted(calls):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != UNKNOWN:
            seccomp.seccomp_rule_add(filter_, ctypes.c_uint32(ALLOW), ctypes.c_int(number), ctypes.c_uint(0))
    if code := seccomp.seccomp_load(filter_):
        raise OSError(-code, "the filter cannot be loaded")


def main(unit: str, *command: str) -> None:
    calls = allowed(Path(unit))
    ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)  # An older kernel refuses it.
    load(calls)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
