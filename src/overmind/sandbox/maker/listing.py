"""The tokens that the maker trades, with the addresses derived from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from solders.pubkey import Pubkey

from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.value import Value
from overmind.solana.tokens import TOKEN_PROGRAMS, ata


class Listed(Value, frozen=True):
    token: Token
    mint: Pubkey
    program: Pubkey
    vault: Pubkey  # the maker's own token account; for SOL it holds wrapped SOL

    @property
    def native(self) -> bool:
        return self.token.mint == SOL


def listing(tokens: Iterable[Token], maker: Pubkey) -> Mapping[Mint, Listed]:
    listed = {}
    for token in tokens:
        mint, program = Pubkey.from_string(token.mint), TOKEN_PROGRAMS[token.program]
        listed[token.mint] = Listed(token, mint, program, ata(maker, mint, program))
    return listed
