"""Prices for the meme strategies. No history of such tokens is shipped, so theirs are invented, and reports say so.

BONK moves as SOL does, and WIF as ETH, twice as much. Their pools are shallow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import structs

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import BPS
from overmind.prices.tape import Series, Tape

SHALLOWER: Final = 20  # times, than the pool of the token that it follows
INVENTED: Final = "BONK and WIF have invented prices: SOL's and ETH's moves, twice as large"


class Meme(NamedTuple):
    symbol: str
    follows: str
    begins_pico: int


MEMES: Final = (Meme("BONK", "SOL", 11_500_000), Meme("WIF", "ETH", 400_000_000_000))


def with_memes(tape: Tape, tokens: Mapping[str, Token]) -> Tape:
    """The tape with candles of the meme tokens, as far as it has those that they follow. `tokens`: by symbol."""
    known = {meme: tape.series.get(tokens[meme.follows].mint) for meme in MEMES if meme.symbol in tokens}
    made = [_invented(meme, tokens[meme.symbol].mint, series) for meme, series in known.items() if series is not None]
    return Tape({**tape.series, **{one.mint: one for one in made}}, tape.notes)


def meme_mints(tokens: Mapping[str, Token]) -> tuple[Mint, ...]:
    return tuple(tokens[meme.symbol].mint for meme in MEMES if meme.symbol in tokens)


def _invented(meme: Meme, mint: Mint, followed: Series) -> Series:
    """Its price goes with the square of the other's: twice its returns, as long as they are small."""
    first = followed.open_pico[0]

    def squared(prices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(meme.begins_pico * price * price // (first * first) for price in prices)

    highs, lows, closes = squared(followed.high_pico), squared(followed.low_pico), squared(followed.close_pico)
    return structs.replace(
        followed,
        mint=mint,
        open_pico=squared(followed.open_pico),
        high_pico=highs,
        low_pico=lows,
        close_pico=closes,
        depth_micros=tuple(depth // SHALLOWER for depth in followed.depth_micros),
        range_bps=tuple(-(-(high - low) * BPS // close) for high, low, close in zip(highs, lows, closes, strict=True)),
    )
