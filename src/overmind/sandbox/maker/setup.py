"""Prepares the maker on its cluster: its token accounts, and on a localnet or devnet also its money.

The genesis hash identifies the cluster. On mainnet the maker does not start: its prices come from a feed, and
arbitrageurs would trade against every stale price.
"""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.units import LAMPORTS
from overmind.core.model.value import Value
from overmind.keys.secret_key import SecretKey
from overmind.ports import Clock
from overmind.sandbox.maker.cluster import ClusterClient, HeldTokens
from overmind.sandbox.maker.market import MakerMarket
from overmind.sandbox.maker.payer import NotReady, Payer
from overmind.solana import tokens
from overmind.solana.clusters import KNOWN_CLUSTERS, LOCALNET
from overmind.solana.tokens import TOKEN_PROGRAMS, ata

ACCOUNTS_AT_ONCE: Final = 6  # that one transaction can create
FLOAT_LAMPORTS: Final = LAMPORTS  # left unwrapped, for rent and fees
LOOKS_MAX: Final = 1_000  # reads until an airdrop must have arrived
MAINNET: Final = "mainnet"
_HAS_AUTHORITY: Final = b"\1\0\0\0"  # first bytes of a mint with an authority; the authority's key follows
_DECIMALS_AT: Final = 44  # in a mint: after authority (36 bytes) and supply (8)
# Mint extensions that change neither transfers nor the account size: close authority and metadata.
_HARMLESS: Final = frozenset({3, 18, 19})
_EXTENSIONS_AT: Final = 166


class Stock(Value, frozen=True):
    """How much of everything the maker gives itself on a localnet: enough never to be the reason for a refusal."""

    units: int = 10**17  # of each token, in base units; a mint's whole supply is less than 2**64
    sol: int = 1_000_000


class MakerSetup:
    """Sets up the cluster with the maker's key."""

    def __init__(self, cluster: ClusterClient, market: MakerMarket, key: SecretKey, clock: Clock) -> None:
        self._cluster = cluster
        self._market = market
        self._payer = Payer(cluster, market.blockhashes, key, clock)
        self._clock = clock
        self.cluster = ""  # localnet or devnet
        self._mintable: set[Mint] = set()  # mints whose authority the maker is

    @property
    def local(self) -> bool:
        return self.cluster == LOCALNET

    async def open(self, stock: Stock | None) -> None:
        """Prepares everything; repeating it changes nothing. Raises NotReady, ChainSilent."""
        self.cluster = KNOWN_CLUSTERS.get(await self._cluster.genesis(), LOCALNET)
        if self.cluster == MAINNET:
            raise NotReady("this is mainnet; the maker works on localnet and devnet only")
        if stock is not None and self.local:
            await self._found_localnet(stock)
        await self._read_mints()
        self._market.rent_of = {
            "token": await self._cluster.rent(tokens.TOKEN_ACCOUNT_BYTES),
            "token-2022": await self._cluster.rent(tokens.TOKEN_2022_ACCOUNT_BYTES),
        }
        await self._create_vaults()
        await self.refresh_inventory()
        if stock is not None:
            await self._fill(stock)

    async def refresh_inventory(self) -> None:
        """Reads the maker's balances. The height is read first, so the balances are at least as new. Raises
        ChainSilent.
        """
        listed = list(self._market.listed.values())
        height = (await self._market.blockhashes.fetch()).height
        held = await self._cluster.accounts([one.vault for one in listed])
        units = {
            one.token.mint: 0 if account is None else account.units for one, account in zip(listed, held, strict=True)
        }
        self._market.inventory.refresh(units, height)

    async def mint(self, token: Token, owner: Pubkey, units: int) -> str:
        """Mints tokens to an owner: on a localnet by its own method, elsewhere only where the maker is the mint
        authority.
        """
        if self.local:
            wanted = {"mint": token.mint, "owner": str(owner), "amount": units}
            return str(await self._cluster.extension("overmind_mintTo", wanted))
        mint, program, maker = Pubkey.from_string(token.mint), TOKEN_PROGRAMS[token.program], self._market.maker
        credit = tokens.mint_to_checked(mint, ata(owner, mint, program), maker, units, token.decimals, program)
        return await self._payer.do([tokens.create_ata_idempotent(maker, owner, mint, program), credit])

    async def airdrop(self, owner: Pubkey, lamports: int) -> str:
        return await self._cluster.airdrop(owner, lamports)

    async def _found_localnet(self, stock: Stock) -> None:
        """On the embedded chain: creates the mints at their mainnet addresses and takes an airdrop of SOL."""
        for one in self._market.listed.values():
            if not one.native:
                made = {"mint": one.token.mint, "decimals": one.token.decimals, "program": str(one.program)}
                await self._cluster.extension("overmind_createMint", made)
        lamports = stock.sol * LAMPORTS + FLOAT_LAMPORTS
        await self._cluster.airdrop(self._market.maker, lamports)
        for _ in range(LOOKS_MAX):
            wallet = (await self._cluster.accounts([self._market.maker]))[0]
            if wallet is not None and wallet.lamports >= lamports:
                return
            await self._clock.sleep(self._market.blockhashes.block_s)
        raise NotReady(f"the airdrop to {self._market.maker} did not arrive")

    async def _fill(self, stock: Stock) -> None:
        """Tops up to the stock whatever the maker can mint."""
        held = self._market.inventory.held
        for one in self._market.listed.values():
            missing = (stock.sol * LAMPORTS if one.native else stock.units) - held[one.token.mint]
            if one.native and missing > 0:
                wrap = tokens.system_transfer(self._market.maker, one.vault, missing)
                await self._payer.do([wrap, tokens.sync_native(one.vault)])
            elif missing > 0 and self.can_mint(one.token.mint):
                await self.mint(one.token, self._market.maker, missing)
        await self._await_stock()

    async def _await_stock(self) -> None:
        """Waits until the minted tokens are visible at the commitment that the maker reads."""
        made = [mint for mint in self._market.listed if mint != SOL and self.can_mint(mint)]
        for _ in range(LOOKS_MAX):
            await self.refresh_inventory()
            if all(self._market.inventory.held[mint] > 0 for mint in made):
                return
            await self._clock.sleep(self._market.blockhashes.block_s)
        raise NotReady("the maker's new tokens did not arrive")

    def can_mint(self, mint: Mint) -> bool:
        """Whether the maker can mint this token."""
        return self.local or mint in self._mintable

    async def _read_mints(self) -> None:
        listed = list(self._market.listed.values())
        held = await self._cluster.accounts([one.mint for one in listed])
        for one, account in zip(listed, held, strict=True):
            fault = mint_fault(one.token, account)
            if fault is not None and not one.native:
                raise NotReady(f"{one.token.symbol} ({one.token.mint}): {fault}; correct the token list")
            if account is not None and account.content[:36] == _HAS_AUTHORITY + bytes(self._market.maker):
                self._mintable.add(one.token.mint)

    async def _create_vaults(self) -> None:
        listed = list(self._market.listed.values())
        held = await self._cluster.accounts([one.vault for one in listed])
        missing = [one for one, account in zip(listed, held, strict=True) if account is None]
        maker = self._market.maker
        for start in range(0, len(missing), ACCOUNTS_AT_ONCE):
            some = missing[start : start + ACCOUNTS_AT_ONCE]
            await self._payer.do([tokens.create_ata_idempotent(maker, maker, one.mint, one.program) for one in some])


def mint_fault(token: Token, account: HeldTokens | None) -> str | None:
    """Why a mint cannot be traded: its amounts would mean something else than the token list says."""
    if account is None:
        return "there is no such mint on this cluster"
    if account.owner != str(TOKEN_PROGRAMS[token.program]):
        return f"it belongs to the program {account.owner}, not to {token.program}"
    if len(account.content) < tokens.MINT_BYTES or account.content[_DECIMALS_AT] != token.decimals:
        return f"it does not have {token.decimals} decimals"
    unknown = _extensions(account.content) - _HARMLESS
    return f"its Token-2022 extensions {sorted(unknown)} are not traded here" if unknown else None


def _extensions(content: bytes) -> set[int]:
    """Each extension is a type and a length of two bytes each, then its value. Type zero ends the list."""
    found, at = set(), _EXTENSIONS_AT
    while at + 4 <= len(content):
        kind, size = int.from_bytes(content[at : at + 2], "little"), int.from_bytes(content[at + 2 : at + 4], "little")
        if kind == 0:
            break
        found.add(kind)
        at += 4 + size
    return found
