"""What a service prints waits for no reader, and its end does not either."""

from __future__ import annotations

import subprocess
import sys
import time

PROGRAM = """
import os, sys
from overmind.cli.unread import unread
reader, writer = os.pipe()
if sys.argv[1] == "unread":
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writer, True)
    os.dup2(writer, 2)
if sys.argv[1] == "left":
    os.dup2(writer, 2)
    os.close(writer)
    os.close(reader)
with unread():
    for number in range(int(sys.argv[2])):
        print("x" * 99, file=sys.stderr)
    print("done", flush=True)
print("nobody reads this either" * 10_000, file=sys.stderr)
print("it ends")
"""
ENDS_S = 60.0  # a slow machine


FEW, MANY = 10, 5_000  # lines


def run(reader: str, lines: int = MANY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, reader, str(lines)], capture_output=True, text=True, timeout=ENDS_S, check=False
    )


def test_a_reader_gets_what_is_printed_in_order() -> None:
    done = run("reads", FEW)
    assert (done.returncode, done.stdout) == (0, "done\nit ends\n")
    lines = done.stderr.splitlines()
    assert lines[:-1] == ["x" * 99] * FEW
    assert lines[-1].startswith("nobody reads")


def test_without_a_reader_it_goes_on_and_ends() -> None:
    began = time.monotonic()
    done = run("unread")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\nit ends\n", "")
    assert time.monotonic() - began < ENDS_S


def test_a_reader_that_has_left_is_no_error() -> None:
    done = run("left")
    assert (done.returncode, done.stdout) == (0, "done\nit ends\n")
