"""A program that uses the desk as a library, and asks for no log, gets none."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = "import overmind.desk.log.decisions, structlog; structlog.get_logger('desk').error('a line of the desk')"


def test_nothing_is_printed_until_a_program_asks_for_its_log() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
