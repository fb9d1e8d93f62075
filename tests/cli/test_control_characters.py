"""Control characters that come in by every way, and come out by none (specification §11)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from tests.support.command import copy_of, overmind

from overmind.cli import present
from overmind.desk.log.file import LOG_FILE
from overmind.desk.log.setup import configure_logging, stop_logging

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u2066\u200b\x08\x7f"
BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}
LOOKS = (
    ["portfolio"],
    ["wallets"],
    ["positions"],
    ["orders"],
    ["risk"],
    ["stats"],
    ["moves"],
    ["limits"],
    ["mints"],
    ["explain", "one"],
    ["export", "out"],
    ["verify", "data/overmind.db"],
    ["route", "--strategy", "Arbitrage", "--amount", "500"],
    ["resume", "hft_wallet", "--reason", "x", "--hold", EVIL],
)
CHANGES = (
    ["pause", "hft_wallet", "--reason", f"look {EVIL}"],
    ["pause", "Momentum", "--reason", EVIL],
    ["limits", "set", "hft_wallet", "max_position_size=5", "--reason", EVIL, "--by", EVIL],
    ["mints", "block", "BTC", "--reason", EVIL, "--by", EVIL],
    ["close", "primary_wallet:SOL", "--reason", EVIL],
    ["rebalance", "--reason", EVIL],
    ["withdraw", "primary_wallet", "5", "USDC", "--to", EVIL, "--reason", EVIL],
    ["cancel", EVIL, "--reason", EVIL],
    ["reactivate", EVIL, "--reason", EVIL],
    ["close", f"{EVIL}:{EVIL}", "--reason", EVIL],
    [EVIL],
    ["stats", f"--{EVIL}"],
    ["stop", "--reason", f"leave {EVIL}"],
)
LINES = (
    {**BUY, "signal_id": EVIL},
    {**BUY, "symbol": EVIL},
    {**BUY, "strategy_type": EVIL},
    {**BUY, "timestamp": EVIL},
    {**BUY, EVIL: 1, f"stop_loss_percent{EVIL}": 1},
    {**BUY, "exclude_wallets": [EVIL]},
    {**BUY, "meta": {"note": EVIL}},
)


def control_characters(text: str) -> list[str]:
    return [letter for letter in text if not letter.isprintable() and letter != "\n"]


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk whose journal holds such reasons."""
    folder = tmp_path_factory.mktemp("desk")
    assert overmind(folder, "submit", "-", given=json.dumps(BUY)).returncode == 0
    for words in CHANGES:
        done = overmind(folder, *words)
        assert "Traceback" not in done.stderr
        assert control_characters(done.stdout + done.stderr) == [], words
    return folder


@pytest.mark.parametrize("words", LOOKS, ids=[words[0] for words in LOOKS])
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["shown", "json"])
def test_no_command_shows_one(words: Sequence[str], more: Sequence[str], once: Path, tmp_path: Path) -> None:
    desk = copy_of(once, tmp_path)
    done = overmind(desk, *words, *more)
    assert done.stdout + done.stderr
    assert control_characters(done.stdout + done.stderr) == []
    for path in (desk / "out").glob("*.csv"):
        assert control_characters(path.read_text()) == []


def test_no_cell_of_a_table_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Only a cell that is given as lines has lines."""
    present.table(EVIL, ("wallet", "why"), [(EVIL, f"{EVIL}\nforged"), ("w", ("first", f"second{EVIL}\nforged"))])
    shown = capsys.readouterr().out
    assert control_characters(shown) == []
    assert len(shown.splitlines()) == 5
    assert not any(line.strip().startswith("forged") for line in shown.splitlines())


def test_a_signal_does_not_bring_one_in(once: Path, tmp_path: Path) -> None:
    given = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES)
    done = overmind(copy_of(once, tmp_path), "submit", "-", given=given)
    assert len(done.stdout.splitlines()) == len(LINES)
    assert control_characters(done.stdout + done.stderr) == []


def test_names_of_files_and_variables_do_not_either(tmp_path: Path) -> None:
    done = overmind(
        tmp_path,
        "check",
        OVERMIND_MANAGED_WALLETS=f"w:{EVIL.replace(':', '')}.json:hft:high:.3",
        OVERMIND_TOKENS_FILE=f"{EVIL}.json",
        **{f"OVERMIND_DAY_LOSS{EVIL}": EVIL},
    )
    assert done.returncode == 2
    assert control_characters(done.stderr) == []


def test_the_log_does_not_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer of a node, say: in a field, in a list, in an exception, and from a library."""
    configure_logging(tmp_path, "INFO")
    try:
        told = structlog.get_logger("test-of-escapes")
        told.warning(f"node {EVIL}\nforged line", error=f"{EVIL}\nforged line", all=[EVIL, {EVIL: EVIL}])
        try:
            raise OSError(f"{EVIL} said the node")
        except OSError:
            told.warning("failed", exc_info=True)
            logging.getLogger("overmind.library").exception("failed too")
        logging.getLogger("overmind.library").warning("said %s", EVIL)
    finally:
        stop_logging()
    shown = capsys.readouterr().err
    assert control_characters(shown) == []
    assert not any(line.startswith("forged") for line in shown.splitlines())
    assert "Traceback" in shown
    written = (tmp_path / LOG_FILE).read_text()
    assert len(written.splitlines()) == 4
    assert control_characters(written) == []
    for line in written.splitlines():
        assert "owned" in json.dumps(json.loads(line))
