"""Tapes of tokens that no list has, and without candles of SOL."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from tests.backtest.tapes import ROOMY, START_NS, STEP_NS, buy

from overmind.backtest.history import play
from overmind.backtest.tapes import invented, open_history
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import TapeError
from overmind.sandbox.demo import demo_env


def test_any_token_trades_by_the_name_of_its_file(tmp_path: Path) -> None:
    """Fees are paid at the stated price of SOL."""
    rows = [f"{START_NS // NS + 300 * number},0.5,0.5,0.5,0.5,1e9" for number in range(8)]
    (tmp_path / "ZZZUSDT_5m.csv").write_text("\n".join(rows))
    config = MultiWalletConfig.from_env({**demo_env(1, tmp_path), **ROOMY}, dotenv=None)
    config, tape = open_history(config, tmp_path / "ZZZUSDT_5m.csv", 150.0)
    zzz = invented("ZZZ")
    assert zzz is not None
    assert set(tape.series) == {zzz.mint, SOL}
    assert tape.notes == ("ZZZ is in no list of tokens: it trades with 6 decimals",)
    signal = structs.replace(buy("a", START_NS + 2 * STEP_NS + NS), mint=zzz.mint)
    played = play(config, MemoryJournal(), tape, [signal, buy("b", START_NS + 3 * STEP_NS)], 1, lambda _: None)
    assert (played.filled, played.rejected, played.books_equal_chain) == (1, 1, True)  # Nobody trades SOL.


def test_a_name_that_is_no_symbol_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my prices of last year.csv").write_text("")
    config = MultiWalletConfig.from_env(demo_env(1, tmp_path), dotenv=None)
    with pytest.raises(TapeError, match="unknown symbol"):
        open_history(config, tmp_path / "my prices of last year.csv", None)
