"""`overmind venue` as its own process: it prints its address, trades, and ends on request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.command import overmind
from tests.support.maker_on_chain import LANDS_S, SOL_TOKEN, USDC

from overmind.keys.secret_key import SecretKey
from overmind.sandbox.localnet import Localnet

SOURCES = Path(__file__).parents[3] / "src"
PROGRAM = "import sys; from overmind.cli import main; sys.exit(main())"


@asynccontextmanager
async def _command(arguments: Sequence[str], tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        "venue",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        cwd=tmp_path,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def test_it_prints_its_address_trades_and_ends(tmp_path: Path) -> None:
    async def main() -> None:
        async with Localnet(slot_ms=50) as net:
            arguments = ["--rpc-url", net.url, "--port", "0", "--json"]
            async with _command(arguments, tmp_path) as process, aiohttp.ClientSession() as http:
                assert process.stdout is not None
                async with asyncio.timeout(LANDS_S):
                    announced: dict[str, Any] = json.loads(await process.stdout.readline())
                assert announced["cluster"] == "localnet"
                assert all(units > 0 for units in announced["inventory"].values())
                query = {
                    "inputMint": USDC.mint,
                    "outputMint": SOL_TOKEN.mint,
                    "amount": "1000000",
                    "taker": SecretKey.generate().public_key,
                }
                async with http.get(f"{announced['url']}/swap/v2/order", params=query) as response:
                    offer = await response.json()
                    assert response.status == 200, offer
                    assert offer["maker"] == announced["maker"]
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(LANDS_S):
                    assert await process.wait() == 0

    asyncio.run(main())


TOKENS = json.dumps({"localnet": [{"symbol": "ABC", "mint": USDC.mint, "decimals": 6, "program": "token"}]})


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--rpc-url", "nonsense"], 2, "--rpc-url"),
        (["--rpc-url", "http://127.0.0.1:1"], 4, "check --rpc-url"),
        (["--rpc-url", "NET", "--keypair", "absent.json"], 2, "--keypair"),
        (["--rpc-url", "NET", "--keypair", "tokens.json"], 2, "--keypair"),
        (["--rpc-url", "NET", "--tokens", "absent.json"], 2, "absent.json"),
        (["--rpc-url", "NET", "--tokens", "tokens.json"], 2, "no USDC for localnet"),
        (["--rpc-url", "NET", "--create-mints", "new.json"], 2, "it is for devnet"),
        (["--rpc-url", "NET", "--tape", "tokens.json"], 2, "tokens.json"),
    ],
)
def test_errors_are_printed(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text(TOKENS)

    with _localnet() as url:
        given = [url if one == "NET" else one for one in arguments]
        done = overmind(tmp_path, "venue", *given, "--port", "0")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def _localnet() -> Iterator[str]:
    """In a thread, as a command takes the main one for its signals."""
    url, over = Future[str](), threading.Event()

    async def serve() -> None:
        async with Localnet(slot_ms=50) as net:
            url.set_result(net.url)
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield url.result(LANDS_S)
    finally:
        over.set()
        thread.join()
