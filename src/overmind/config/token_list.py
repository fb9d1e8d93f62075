"""The listed tokens: the shipped list of the cluster, and the operator's own file."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from overmind.config.files import FileText, InvalidValue, read_file, read_json
from overmind.config.problems import Findings
from overmind.config.secrecy import shown, shown_path
from overmind.config.variables.chain import Cluster
from overmind.config.variables.wallets import TOKENS_FILE
from overmind.core.control.unlisted import GAP
from overmind.core.model.ids import Mint
from overmind.core.model.mints import DeclaredMint
from overmind.core.model.money import Token
from overmind.core.model.units import BPS
from overmind.keys.secret_key import is_address
from overmind.text.characters import foreign_letter

QUOTE_SYMBOL: Final = "USDC"
_LISTS: Final = tuple(cluster.value for cluster in Cluster if cluster is not Cluster.PAPER)
_DECIMALS_MAX: Final = 18
_PROGRAMS: Final = ("token", "token-2022")
_DECLARED: Final = '"declared": {"authorities": {"mint": "…", "freeze": "…"}, "transfer_fee_max_bps": 0}'
_SHAPE: Final = '{"mainnet": [{"symbol": "JUP", "mint": "…", "decimals": 6, "program": "token"}]}'


def tokens_of(cluster: Cluster, extension: Path | None, findings: Findings) -> tuple[Token, dict[Mint, Token]]:
    """The quote currency, and every other token by its mint."""
    listed = Cluster.MAINNET if cluster is Cluster.PAPER else cluster
    tokens = _shipped()[listed]
    if extension is not None:
        extras = _read_extension(extension, listed, findings)
        tokens = _without_replaced(tokens, [token for _, token in extras], listed)
        for position, token in extras:
            where = f"{TOKENS_FILE.name}: {shown_path(extension)}: {listed}[{position}]"
            bare = replace(token, declared=None)
            if token.declared is not None and bare in tokens:  # It declares what the shipped list leaves open.
                tokens[tokens.index(bare)] = token
                continue
            fault = _conflict(token, tokens)
            if fault is None:
                tokens.append(token)
            elif token not in tokens:
                findings.refuse(where, fault, "correct the entry or take it out")
    quote = next(token for token in tokens if token.symbol == QUOTE_SYMBOL)
    return quote, {token.mint: token for token in tokens if token is not quote}


def _without_replaced(shipped: list[Token], extras: list[Token], cluster: Cluster) -> list[Token]:
    """On a test cluster the operator's tokens replace shipped ones of the same symbol; on mainnet they cannot. SOL is
    native and stays."""
    if cluster is Cluster.MAINNET:
        return shipped
    replaced = {token.symbol.casefold() for token in extras} - {"sol"}
    return [token for token in shipped if token.symbol.casefold() not in replaced]


def _shipped() -> dict[str, list[Token]]:
    content = importlib.resources.files("overmind").joinpath("data/tokens.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, list[Token]])


def _read_extension(path: Path, cluster: Cluster, findings: Findings) -> list[tuple[int, Token]]:
    where = f"{TOKENS_FILE.name}: {shown_path(path)}"
    lists = _lists(path)
    if isinstance(lists, InvalidValue):
        findings.refuse(where, lists.problem, lists.fix)
        return []
    valid = []
    for name, entries in lists.items():
        if name not in _LISTS:
            findings.refuse(where, f"{shown(name)!r} is no cluster", f"use {', '.join(_LISTS)}")
        for position, entry in enumerate(entries, start=1):
            token = _token(entry)
            if isinstance(token, InvalidValue):
                findings.refuse(f"{where}: {shown(name)}[{position}]", token.problem, token.fix)
            elif name == cluster:
                valid.append((position, token))
    return valid


def _lists(path: Path) -> dict[str, list[object]] | InvalidValue:
    file = read_file(path)
    if not isinstance(file, FileText):
        return file
    parsed = read_json(file.text)
    if isinstance(parsed, InvalidValue):
        return parsed
    content, doubles = parsed
    if doubles:
        return InvalidValue(f"names {', '.join(map(shown, doubles))} more than once in one object", "keep one of them")
    try:
        return msgspec.convert(content, dict[str, list[object]])
    except msgspec.ValidationError:
        return InvalidValue("not a list of tokens for each cluster", f"write {_SHAPE}")


def _token(entry: object) -> Token | InvalidValue:
    try:
        token = msgspec.convert(entry, Token)
    except msgspec.ValidationError:
        return InvalidValue("not a token with symbol, mint, decimals and program", f"write {_SHAPE}")
    if not token.symbol.isprintable() or not 1 <= len(token.symbol) <= 16 or " " in token.symbol:
        return InvalidValue("the symbol is not 1 to 16 printable characters", "shorten it")
    if GAP in token.symbol:
        return InvalidValue(f"the symbol holds {GAP}, like those of tokens that no list has", "leave it out")
    if (letter := foreign_letter(token.symbol)) is not None:
        return InvalidValue(f"the symbol mixes scripts: it holds {letter}", "write it in the letters of one script")
    if not is_address(token.mint):
        return InvalidValue(f"{token.symbol}: the mint is not base58 of 32 bytes", "copy the mint's address")
    if not 0 <= token.decimals <= _DECIMALS_MAX:
        return InvalidValue(f"{token.symbol}: decimals are outside 0 to {_DECIMALS_MAX}", "copy them from the mint")
    if token.declared is not None and (fault := _undeclarable(token.declared)) is not None:
        return InvalidValue(f"{token.symbol}: {fault}", f"write {_DECLARED}, and leave out what nobody may do")
    if token.program not in _PROGRAMS:
        return InvalidValue(f"{token.symbol}: the program is not known", f"use one of {', '.join(_PROGRAMS)}")
    return token


def _undeclarable(declared: DeclaredMint) -> str | None:
    named = {role: holder for role, holder in asdict(declared.authorities).items() if holder}
    wrong = [role for role, holder in named.items() if not is_address(holder)]
    if wrong:
        return f"the declared authorities {', '.join(wrong)} are not base58 of 32 bytes"
    if not 0 <= declared.transfer_fee_max_bps <= BPS:
        return f"the declared transfer fee is outside 0 to {BPS} bps"
    return None


def _conflict(token: Token, known: list[Token]) -> str | None:
    """Why a token cannot be added: each symbol needs one mint, and each mint one token."""
    for other in known:
        if token.mint == other.mint:
            return f"{token.symbol} has the mint of {other.symbol}"
        if token.symbol.casefold() == other.symbol.casefold():
            return f"the symbol {token.symbol} is taken by another mint"
    return None
