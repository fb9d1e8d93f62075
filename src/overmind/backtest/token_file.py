"""`--tokens`: what a backtest has to know of tokens that no list has. A TOML table for each symbol.

    [BONK]
    mint = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
    decimals = 5
    class = "meme"

`mint` may be left out, and is then derived from the symbol. So may `class`: what trading costs is then that of the
costliest class.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import structs

from overmind.backtest.invented import DECIMALS, invented
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.numbers import BadNumber, json_number, whole
from overmind.core.model.value import Value
from overmind.keys.secret_key import is_address
from overmind.prices.candles import TapeError
from overmind.venues.depth.classes import Costs
from overmind.venues.depth.reading import SHIPPED

FIELDS: Final = ("mint", "decimals", "class", "program")
KNOWN: Final = ("SOL", "USDC")
PROGRAMS: Final = ("token", "token-2022")
DECIMALS_MAX: Final = 18
FILE_BYTES_MAX: Final = 1 << 20
SHAPE: Final = 'Write a table such as [BONK] with mint = "…", decimals = 5 and class = "meme"'


class Listed(Value, frozen=True):
    """What the file states."""

    tokens: dict[str, Token]  # by symbol, in upper case
    classes: dict[str, str]  # the class of some of them


NOTHING: Final = Listed({}, {})


def read_tokens(path: Path | None) -> Listed:
    """Raises TapeError."""
    if path is None:
        return NOTHING
    tokens: dict[str, Token] = {}
    classes: dict[str, str] = {}
    for name, table in _tables(path).items():
        if not isinstance(table, dict):
            raise TapeError(path, None, f"{name[:40]!r} is no table", SHAPE)
        symbol, token = name.upper(), _token(path, name, table)
        if symbol in KNOWN:
            raise TapeError(path, None, f"[{name}]: {symbol} is what every desk pays with", "Take it out")
        if symbol in tokens or token.mint in {one.mint for one in tokens.values()}:
            raise TapeError(path, None, f"[{name}]: its symbol or its mint stands there twice", "Keep one of them")
        tokens[symbol] = token
        said = table.get("class")
        if said is not None and said not in SHIPPED:
            raise TapeError(path, None, f"[{name}]: {str(said)[:40]!r} is no class", f"Use {', '.join(SHIPPED)}")
        if said is not None:
            classes[symbol] = said
    return Listed(tokens, classes)


def with_classes(costs: Costs | None, classes: Mapping[str, str]) -> Costs | None:
    """The costs with these symbols in the classes that the file gives them."""
    if costs is None or not classes:
        return costs
    changed = {
        name: structs.replace(
            one,
            symbols=(
                *(symbol for symbol in one.symbols if symbol not in classes),
                *(symbol for symbol, of in classes.items() if of == name),
            ),
        )
        for name, one in costs.classes.items()
    }
    return structs.replace(costs, classes=changed)


def _tables(path: Path) -> dict[str, object]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TapeError(path, None, f"cannot be read: {error.strerror}", "Name a file of tokens") from None
    if len(raw) > FILE_BYTES_MAX:
        raise TapeError(path, None, "larger than 1 MiB", "Name a file of tokens")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"), parse_float=json_number)
    except UnicodeDecodeError:
        raise TapeError(path, None, "not UTF-8", "Write it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise TapeError(path, None, f"not TOML: {error}", SHAPE) from None


def _token(path: Path, name: str, table: Mapping[str, object]) -> Token:
    made = invented(name.upper())
    if made is None:
        raise TapeError(path, None, f"[{name[:40]}] is no symbol", "Write 1 to 16 letters and digits")
    for field in table:
        if field not in FIELDS:
            raise TapeError(path, None, f"[{name}]: {field[:40]!r} is no field", f"Use {', '.join(FIELDS)}")
    decimals, program = whole(table.get("decimals", DECIMALS), 0, DECIMALS_MAX), table.get("program", PROGRAMS[0])
    if isinstance(decimals, BadNumber):
        raise TapeError(path, None, f"[{name}]: decimals {decimals.problem}", f"Write 0 to {DECIMALS_MAX}")
    if not isinstance(program, str) or program not in PROGRAMS:
        raise TapeError(path, None, f"[{name}]: the program is not known", f"Use {' or '.join(PROGRAMS)}")
    mint = table.get("mint", made.mint)
    if not isinstance(mint, str) or not is_address(mint):
        raise TapeError(path, None, f"[{name}]: the mint is not base58 of 32 bytes", "Copy the mint's address")
    return Token(name, Mint(mint), decimals, program)
