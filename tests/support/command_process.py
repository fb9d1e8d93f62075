"""Runs the real command in a real process, on a desk of four wallets in its own folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solders.keypair import Keypair

COMMAND = (sys.executable, "-c", "import sys; from overmind.cli import main; sys.exit(main())")
WALLETS = (
    "primary_wallet:env:WALLET1_KEY:primary:medium:0.4,hft_wallet:env:WALLET2_KEY:hft:high:0.3,"
    "conservative_wallet:env:WALLET3_KEY:conservative:low:0.2,"
    "experimental_wallet:env:WALLET4_KEY:experimental:experimental:0.1"
)


def outside_environment() -> dict[str, str]:
    """This process's environment, without settings of a desk and without the size of the terminal of the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OVERMIND_", "SNIPER_")) and name not in ("COLUMNS", "LINES")
    }


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of the desk. Prices do not move, so that outcomes do not depend on the time of day."""
    keys = {f"WALLET{n}_KEY": str(Keypair.from_seed(bytes([n] * 32))) for n in range(1, 5)}
    return {
        **outside_environment(),
        **keys,
        "OVERMIND_MANAGED_WALLETS": WALLETS,
        "OVERMIND_DEFAULT_WALLET": "primary_wallet",
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PRICE_TAPE": str(still_tape(folder)),
        **more,
    }


def still_tape(folder: Path, fallen_percent: int = 0) -> Path:
    """An hour of candles without movement in deep markets. With `fallen_percent`, the prices are lower by that."""
    tape = folder / "still"
    tape.mkdir(exist_ok=True)
    for symbol, before in (("SOL", 150), ("ETH", 2_000), ("BTC", 90_000)):
        price = before * (100 - fallen_percent) // 100
        candles = [f"{1_750_000_200 + 300 * n},{price},{price},{price},{price},{10**9 // price}" for n in range(12)]
        text = "\n".join(["timestamp,open,high,low,close,volume", *candles, ""])
        (tape / f"{symbol}USDT_5m.csv").write_text(text)
    return tape


def overmind(folder: Path, *words: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        input=given,
        env=environment(folder, **more),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def start(folder: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    """Starts a command with pipes for its input and output."""
    return subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(folder),
        cwd=folder,
        text=True,
        bufsize=1,
    )
