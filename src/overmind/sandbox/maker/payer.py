"""Sends the maker's own transactions: pays for them, signs them, and waits until they land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.keys.secret_key import SecretKey
from overmind.ports import Clock
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import ClusterClient
from overmind.sandbox.maker.drafts import ComputeBudget, signed_alone
from overmind.sandbox.maker.execution import land
from overmind.solana import tokens
from overmind.solana.tokens import TOKEN_PROGRAMS

BUDGET: Final = ComputeBudget(unit_limit=400_000, unit_price_micro=1_000)


class NotReady(Exception):
    """Why the maker cannot work on this cluster, and what would help."""


class Payer:
    def __init__(self, cluster: ClusterClient, blockhashes: BlockhashCache, key: SecretKey, clock: Clock) -> None:
        self.owner: Pubkey = key.reveal().pubkey()
        self._cluster = cluster
        self._blockhashes = blockhashes
        self._key = key.reveal()
        self._clock = clock

    async def do(self, instructions: Sequence[Instruction], *others: Keypair) -> str:
        """Executes the instructions and returns the landed signature. Raises NotReady, ChainSilent."""
        block = await self._blockhashes.fetch()
        raw, signature = signed_alone([*BUDGET.instructions(), *instructions], block.hash, [self._key, *others])
        landed = await land(self._cluster, self._blockhashes, self._clock, raw, signature, block.last_valid_height)
        if landed is None or landed.err is not None:
            why = "it did not land" if landed is None else str(landed.err)
            raise NotReady(f"a transaction of the maker failed: {why}. Has {self.owner} SOL for rent and fees?")
        return signature

    async def create_mint(self, symbol: str, decimals: int, program: str) -> Token:
        """Creates a mint with the maker as its authority. Raises NotReady, ChainSilent."""
        mint = SecretKey.generate()
        key = mint.reveal().pubkey()
        rent = await self._cluster.rent(tokens.MINT_BYTES)
        can_mint = [
            tokens.create_account(self.owner, key, rent, tokens.MINT_BYTES, TOKEN_PROGRAMS[program]),
            tokens.initialize_mint2(key, self.owner, decimals, TOKEN_PROGRAMS[program]),
        ]
        await self.do(can_mint, mint.reveal())
        return Token(symbol, Mint(mint.public_key), decimals, program)
