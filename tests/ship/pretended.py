"""The programs of a server that a test cannot run. Each checks what it is asked, and does what a file shows of it.

    pretended.py PROGRAM WORD …

$SERVER is the folder that stands for the root of the server, and $CHECKOUT the repository. A program that is not in
`PROGRAMS` is no part of the walk: whoever adds one to a document says here what has to be true.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

SERVER: Final = Path(os.environ.get("SERVER", "/nowhere"))
CHECKOUT: Final = Path(os.environ.get("CHECKOUT", "/nowhere"))
UNITS: Final = SERVER / "etc" / "systemd" / "system"
PASSPHRASE: Final = "correct horse battery staple"
VERBS: Final = ("daemon-reload", "enable", "status", "stop", "start")
USER: Final = SERVER / "user"


def setting(name: str, unit: str = "overmind.service") -> str:
    """Of a unit that is installed, with the server's paths."""
    found = re.search(rf"^{name}=(.+)$", (UNITS / unit).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{unit} has no {name}"
    return found[1]


def useradd(*words: str) -> None:
    home = words[words.index("--home-dir") + 1]
    shipped = (CHECKOUT / "deploy" / "overmind.service").read_text(encoding="utf-8")
    assert f"\nUser={words[-1]}\n" in shipped, "the unit runs as somebody else"
    assert f"\nWorkingDirectory={home.removeprefix(str(SERVER))}\n" in shipped, "the unit is at home elsewhere"
    USER.write_text(words[-1])


def install(*words: str) -> None:
    """Owners need root and a user."""
    kept = [word for n, word in enumerate(words) if word not in ("-o", "-g") and words[n - 1] not in ("-o", "-g")]
    subprocess.run(["/usr/bin/install", *kept], check=True)


def python3(*words: str) -> None:
    """A new environment has the tested program in it. tests/ship/test_wheel.py makes a real one."""
    assert words[:2] == ("-m", "venv"), words
    folder = Path(words[2])
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert folder.name == f"overmind-{version}", "the document is of another version"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "overmind").symlink_to(Path(sys.executable).with_name("overmind"))
    (folder / "bin" / "pip").symlink_to(SERVER / "bin" / "pip")


def pip(*words: str) -> None:
    assert words[0] == "install", words
    if "-r" in words:
        assert "--require-hashes" in words, "a lock is installed with its hashes"
    else:
        assert {"--no-deps", "--no-index"} <= set(words), "the wheel alone"
    files = [word for word in words[1:] if not word.startswith("-")]
    assert files
    assert all(Path(one).is_file() for one in files), f"{files}: not there"


def make(*words: str) -> None:
    targets = re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(words) <= set(targets), f"no target {words}"
    if "wheel" in words:
        Path("dist").mkdir(exist_ok=True)
        Path("dist", "overmind-0-py3-none-any.whl").touch()


def systemctl(verb: str, *words: str) -> None:
    assert verb in VERBS, verb
    for unit in (word for word in words if not word.startswith("--")):
        installed, shipped = UNITS / unit, CHECKOUT / "deploy" / unit
        assert installed.read_bytes() == shipped.read_bytes(), f"{unit} is not installed"
        assert verb != "enable" or "[Install]" in shipped.read_text(encoding="utf-8"), f"{unit} cannot be enabled"
    if verb == "start":
        assert Path(f"{SERVER}{setting('WorkingDirectory')}", "data", "overmind.db").exists(), "nothing to start with"


def systemd_ask_password(*words: str) -> None:
    print(PASSPHRASE)


def systemd_creds(verb: str, *words: str) -> None:
    """It keeps the text as it is, where only the service's own credential would be."""
    options, (source, target) = words[:-2], words[-2:]
    assert (verb, source) == ("encrypt", "-"), "the secret comes through a pipe"
    name = setting("LoadCredentialEncrypted")
    assert options == (f"--name={name}",), "the unit loads a credential of another name"
    assert Path(target) == SERVER / "etc" / "credstore.encrypted" / name, "systemd looks elsewhere"
    Path(target).write_text(sys.stdin.read())


def runuser(*words: str) -> None:
    """Nobody sits at this terminal, so `init` asks nothing."""
    assert words[:3] == ("-u", USER.read_text(), "--"), words
    answers = ["--yes"] if "init" in words else []
    subprocess.run([*words[3:], *answers], env={**os.environ, "OVERMIND_KEYSTORE_PASSPHRASE": PASSPHRASE}, check=True)


def chown(*words: str) -> None:
    user = USER.read_text()
    assert words[-2] == f"{user}:{user}"
    assert Path(words[-1]).is_dir()


def docker(*words: str) -> None:
    assert words[:2] == ("compose", "--file"), words
    assert words[3:] == ("up", "--build", "--detach"), words
    assert Path(words[2]).resolve() == CHECKOUT / "deploy" / "compose.yaml"
    assert list(Path("dist").glob("overmind-*.whl")), "the image has no wheel to copy"


PROGRAMS: Final[dict[str, Callable[..., None]]] = {
    "useradd": useradd,
    "install": install,
    "python3": python3,
    "pip": pip,
    "make": make,
    "systemctl": systemctl,
    "systemd-ask-password": systemd_ask_password,
    "systemd-creds": systemd_creds,
    "runuser": runuser,
    "chown": chown,
    "docker": docker,
}


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
