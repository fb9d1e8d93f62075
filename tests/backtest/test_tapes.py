"""Tapes of tokens that no list has, and without candles of SOL."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from tests.backtest.tapes import ROOMY, START_NS, STEP_NS, buy

from overmind.backtest.history import play
from overmind.backtest.invented import invented
from overmind.backtest.tapes import open_history
from overmind.backtest.token_file import read_tokens, with_classes
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import TapeError
from overmind.sandbox.demo import demo_env
from overmind.venues.depth.reading import shipped_costs


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


BONK = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"


def test_a_file_states_mint_decimals_and_class(tmp_path: Path) -> None:
    rows = "\n".join(f"{START_NS // NS + 300 * number},0.5,0.5,0.5,0.5,1e9" for number in range(8))
    (tmp_path / "tape").mkdir()
    for name in ("BONKUSDT_5m.csv", "ZZZ.csv", "eth.csv"):
        (tmp_path / "tape" / name).write_text(rows)
    (tmp_path / "tokens.toml").write_text(
        f'[BONK]\nmint = "{BONK}"\ndecimals = 5\nclass = "major"\n[zzz]\ndecimals = 2\n[ETH]\ndecimals = 9\n'
    )
    listed = read_tokens(tmp_path / "tokens.toml")
    config = MultiWalletConfig.from_env({**demo_env(1, tmp_path), **ROOMY}, dotenv=None)
    config, tape = open_history(config, tmp_path / "tape", 150.0, listed)
    found = {one.symbol: (one.mint, one.decimals) for one in config.desk.tokens.values() if one.mint in tape.series}
    assert found["BONK"] == (BONK, 5)
    assert (found["zzz"][1], found["ETH"][1]) == (2, 9)  # The file counts for a token that a list has too.
    assert tape.notes == ()
    assert sum(one.symbol.upper() == "ETH" for one in config.desk.tokens.values()) == 1
    costs = with_classes(shipped_costs(), listed.classes)
    assert costs is not None
    assert (costs.class_of("BONK").name, costs.class_of("SOL").name, costs.class_of("zzz").name) == (
        "major",
        "sol",
        "meme",
    )
    assert with_classes(None, listed.classes) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[BONK", "not TOML"),
        ("BONK = 5", "'BONK' is no table"),
        ('["my token"]\n', "is no symbol"),
        ("[BONK]\ndecimal = 5", "'decimal' is no field"),
        ("[BONK]\ndecimals = 19", "decimals"),
        ("[BONK]\ndecimals = 2.5", "decimals"),
        ('[BONK]\nmint = "abc"', "the mint is not base58"),
        ('[BONK]\nclass = "huge"', "'huge' is no class"),
        ('[BONK]\nprogram = "erc20"', "the program is not known"),
        ("[BONK]\n[bonk]\n", "stands there twice"),
        ("[SOL]\ndecimals = 6", "SOL is what every desk pays with"),
    ],
)
def test_a_file_of_tokens_that_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(TapeError, match=what):
        read_tokens(path)
    with pytest.raises(TapeError, match="cannot be read"):
        read_tokens(tmp_path / "nowhere.toml")
