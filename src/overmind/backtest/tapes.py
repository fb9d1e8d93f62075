"""The tape of a backtest: tokens that no list has, by their files' names, and SOL at a stated price."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from overmind.backtest.invented import DECIMALS, invented
from overmind.backtest.token_file import NOTHING, Listed
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.units import PICO
from overmind.desk.market import tokens_by_symbol
from overmind.prices.candles import load_tape
from overmind.prices.tape import Series, Tape


def open_history(
    config: MultiWalletConfig,
    path: Path,
    sol_usd: float | None,
    listed: Listed = NOTHING,
    timeframe: str | None = None,
) -> tuple[MultiWalletConfig, Tape]:
    """The tape, and the configuration with the tokens that it trades. Raises TapeError."""
    new: dict[Mint, Token] = {}

    def unlisted(symbol: str) -> Token | None:
        token = listed.tokens.get(symbol) or invented(symbol)
        if token is not None:
            new[token.mint] = token
        return token

    known = {name: token for name, token in tokens_by_symbol(config.desk).items() if name.upper() not in listed.tokens}
    tape = load_tape(path, known, unlisted, timeframe)
    notes = [
        f"{one.symbol} is in no list of tokens: it trades with {DECIMALS} decimals"
        for one in new.values()
        if one.symbol.upper() not in listed.tokens
    ]
    tape = Tape(tape.series, (*tape.notes, *notes))
    replaced = {name.upper() for name in listed.tokens}
    tokens = {mint: one for mint, one in config.desk.tokens.items() if one.symbol.upper() not in replaced}
    desk = structs.replace(config.desk, tokens={**tokens, **new})
    return structs.replace(config, desk=desk), tape if sol_usd is None else with_sol(tape, sol_usd)


def with_sol(tape: Tape, usd: float) -> Tape:
    """The tape with SOL at one price, which nobody trades: it values fees and rent."""
    if SOL in tape.series:
        return tape
    closes = tuple(range(tape.start_ns + tape.step_ns, tape.end_ns + 1, tape.step_ns))
    price, nothing = (round(usd * PICO),) * len(closes), (0,) * len(closes)
    sol = Series(SOL, tape.start_ns, tape.step_ns, closes, price, price, price, price, nothing, nothing)
    return Tape({**tape.series, SOL: sol}, tape.notes)
