"""The tape of a backtest: tokens that no list has, by their files' names, and SOL at a stated price."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final

from base58 import b58encode
from msgspec import structs

from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.units import PICO
from overmind.desk.market import tokens_by_symbol
from overmind.prices.candles import load_tape
from overmind.prices.tape import Series, Tape

DECIMALS: Final = 6  # of a token that no list has
SYMBOL_MAX: Final = 16


def invented(symbol: str) -> Token | None:
    """A token for a symbol that no list has, with a mint that only its name decides; None: that is no symbol."""
    if not (symbol.isascii() and symbol.isalnum() and len(symbol) <= SYMBOL_MAX):
        return None
    mint = b58encode(blake2b(symbol.encode(), digest_size=32, person=b"overmind tape").digest()).decode()
    return Token(symbol, Mint(mint), DECIMALS)


def open_history(config: MultiWalletConfig, path: Path, sol_usd: float | None) -> tuple[MultiWalletConfig, Tape]:
    """The tape, and the configuration with the tokens that it trades. Raises TapeError."""
    new: dict[Mint, Token] = {}

    def unlisted(symbol: str) -> Token | None:
        token = invented(symbol)
        if token is not None:
            new[token.mint] = token
        return token

    tape = load_tape(path, tokens_by_symbol(config.desk), unlisted)
    notes = [f"{one.symbol} is in no list of tokens: it trades with {DECIMALS} decimals" for one in new.values()]
    tape = Tape(tape.series, (*tape.notes, *notes))
    desk = structs.replace(config.desk, tokens={**config.desk.tokens, **new})
    return structs.replace(config, desk=desk), tape if sol_usd is None else with_sol(tape, sol_usd)


def with_sol(tape: Tape, usd: float) -> Tape:
    """The tape with SOL at one price, which nobody trades: it values fees and rent."""
    if SOL in tape.series:
        return tape
    closes = tuple(range(tape.start_ns + tape.step_ns, tape.end_ns + 1, tape.step_ns))
    price, nothing = (round(usd * PICO),) * len(closes), (0,) * len(closes)
    sol = Series(SOL, tape.start_ns, tape.step_ns, closes, price, price, price, price, nothing, nothing)
    return Tape({**tape.series, SOL: sol}, tape.notes)
