"""What the documents show, runs: python blocks in one session for each document, shell blocks pasted into one shell."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from types import CodeType
from typing import Any, cast

import pytest
from tests.support.ports import free_ports

from overmind.sandbox.selftest.scratch_desk import ScratchDesk

ROOT = Path(__file__).parents[2]
DOCUMENTS = {ROOT / "README.md": 1, ROOT / "docs" / "python-api.md": 5}  # and how many blocks they have at least
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION_S = 60
# The second goes on where the first ends.
PASTED = [ROOT / "README.md", ROOT / "docs" / "localnet.md"]
SHELL_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASTED_S = 480  # A slow machine is no fault; a hang is.
NEEDED = ("Makefile", "README.md", "pyproject.toml", "requirements.lock", ".env.example", "src", "wallets")
WORDS_MAX = 900  # of the README


def blocks(document: Path) -> list[CodeType]:
    """Compiled so that top-level await works and errors name the document's own lines."""
    text = document.read_text()
    codes = []
    for found in BLOCK.finditer(text):
        blank = "\n" * text.count("\n", 0, found.start(1))
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        codes.append(cast(CodeType, compile(blank + found[1], str(document), "exec", flags=flags)))
    return codes


async def session(codes: list[CodeType]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    async with asyncio.timeout(SESSION_S):
        for code in codes:
            result = eval(code, names)
            if isinstance(result, Coroutine):
                await result


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_every_python_block_runs(document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f'{name}="{value}"' for name, value in ScratchDesk(tmp_path).seed_env().items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    (tmp_path / ".env").chmod(0o600)
    codes = blocks(document)
    with contextlib.chdir(tmp_path):
        asyncio.run(session(codes))
    assert len(codes) >= DOCUMENTS[document]
    assert "Selected wallet: hft_wallet (expected cost" in capsys.readouterr().out


def scratch_checkout(folder: Path) -> Path:
    """What an operator needs of the repository, with the environment that is set up already."""
    checkout = folder / "overmind"
    checkout.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, checkout)
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(checkout / name, (0, 0))  # Older than the environment: nothing is set up again.
    return checkout


@pytest.mark.soak
def test_every_shell_block_works_as_pasted(tmp_path: Path) -> None:
    rpc, swap, http = free_ports(3)
    script = "".join(found[1] for path in PASTED for found in SHELL_BLOCK.finditer(path.read_text(encoding="utf-8")))
    for usual, free in (("8899", rpc), ("8880", swap), ("8080", http)):
        assert usual in script
        script = script.replace(usual, str(free))
    ours = ("SNIPER_", "OVERMIND_", "MAKE", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"SNIPER_SERVER_PORT": str(http), "TMPDIR": str(tmp_path)}  # where the demo leaves its report
    written = tmp_path / "written"
    with (
        written.open("wb") as out,
        subprocess.Popen(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=scratch_checkout(tmp_path),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            code = shell.wait(PASTED_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # and the services that it started
    text = written.read_text(encoding="utf-8")
    assert code == 0, text[-4_000:]
    for told in ("the books equal the chain", "ok: 4 wallets", "hft_wallet: Active", "19/19 tests passed"):
        assert told in text
    assert text.count('"status":"placed"') == 6
    assert text.count('"status":"duplicate"') == 2


@pytest.mark.parametrize("document", PASTED, ids=[path.name for path in PASTED])
def test_shell_blocks_have_no_comments(document: Path) -> None:
    """An interactive zsh takes a comment for words of the command."""
    lines = "".join(found[1] for found in SHELL_BLOCK.finditer(document.read_text(encoding="utf-8"))).splitlines()
    assert lines
    assert [line for line in lines if re.search(r"(^|\s)#", line)] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < WORDS_MAX


def test_the_picture_is_of_the_demo_and_loads_nothing() -> None:
    picture = (ROOT / "docs" / "pictures" / "demo.svg").read_text(encoding="utf-8")
    assert "the&#160;books&#160;equal&#160;the" in picture
    assert re.findall(r"https?://[^\s\"'<)]+", picture) == ["http://www.w3.org/2000/svg"]
