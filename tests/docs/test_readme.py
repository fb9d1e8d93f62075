"""What the documents show, runs: every python block, in order, in one session for each document."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import re
from collections.abc import Coroutine
from pathlib import Path
from types import CodeType
from typing import Any, cast

import pytest

from overmind.sandbox.selftest.scratch_desk import ScratchDesk

ROOT = Path(__file__).parents[2]
DOCUMENTS = [path for path in (ROOT / "README.md", ROOT / "docs" / "python-api.md") if path.exists()]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION_S = 60


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
    assert len(codes) >= 5
    assert "Selected wallet: hft_wallet (expected cost" in capsys.readouterr().out


def test_the_documents_are_there() -> None:
    assert [path.name for path in DOCUMENTS] == ["README.md", "python-api.md"]
