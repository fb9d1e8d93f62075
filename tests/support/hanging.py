"""A real service in which chosen functions hang on demand, as they would on a disk that does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.support.command_process import environment
from tests.support.processes import Child, wait_until
from tests.support.service import Service

from overmind.http.files import SERVICE_FILE, RunningService

# Each function hangs once a file of its name lies in the folder, and says so by another file.
PROGRAM = """
import importlib, os, sys, threading
folder, functions, unread, *words = sys.argv[1:]

def hanging(name):
    module, _, path = name.partition(":")
    owner = importlib.import_module(module)
    *classes, last = path.split(".")
    for one in classes:
        owner = getattr(owner, one)
    real = getattr(owner, last)

    def hangs(*given, **more):
        if os.path.exists(f"{folder}/{last}.hangs"):
            open(f"{folder}/{last}.hung", "w").close()
            threading.Event().wait()
        return real(*given, **more)

    setattr(owner, last, hangs)

for name in functions.split():
    hanging(name)
if unread:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writer, True)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
from overmind.cli import main
sys.exit(main(words))
"""


def hang(folder: Path, function: str) -> None:
    """From now on the function hangs whenever it is called."""
    (folder / f"{function}.hangs").touch()


def until_hung(folder: Path, function: str) -> None:
    wait_until((folder / f"{function}.hung").exists, f"{function} hangs")


@contextmanager
def starting(folder: Path, functions: Sequence[str] = (), *, unread: bool = False, **more: str) -> Iterator[Child]:
    """A service that starts. `unread`: its standard output and error are pipes that are full."""
    words = ["-c", PROGRAM, str(folder), " ".join(functions), "unread" if unread else "", "run"]
    env = environment(folder, **{"SNIPER_SERVER_PORT": "0", **more})
    with Child(words, env, folder, "service") as child:
        yield child


@contextmanager
def serving_unread(folder: Path, functions: Sequence[str], **more: str) -> Iterator[Service]:
    """A service whose output nobody reads."""
    with starting(folder, functions, unread=True, **more) as child:
        published = folder / "data" / SERVICE_FILE
        wait_until(lambda: published.exists() or child.process.poll() is not None, "it serves")
        assert published.exists(), f"it ended: {child.complaints}"
        yield Service(folder, child, msgspec.json.decode(published.read_bytes(), type=RunningService).url)
