"""The maker's client of a cluster: one method call is one request, in the maker's own types."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from solders.hash import Hash
from solders.pubkey import Pubkey

from overmind.core.model.value import Value
from overmind.ports import ChainSilent, Priority
from overmind.solana.rpc import Rpc, RpcError

ACCOUNTS_MAX: Final = 100  # per getMultipleAccounts
CONFIRMED: Final = {"commitment": "confirmed"}
_AMOUNT: Final = slice(64, 72)  # in a token account: mint, owner, amount

T = TypeVar("T")


class RecentBlock(Value, frozen=True):
    """A blockhash that transactions can be built on."""

    hash: Hash
    last_valid_height: int

    @property
    def height(self) -> int:
        """The chain's height when it was fetched, as a lower bound: a blockhash lives for 150 blocks."""
        return self.last_valid_height - BLOCKHASH_LIFE_BLOCKS


BLOCKHASH_LIFE_BLOCKS: Final = 150


class HeldTokens(Value, frozen=True):
    """An account's current state."""

    owner: str  # the program
    lamports: int
    content: bytes

    @property
    def units(self) -> int:
        """The amount in a token account."""
        return int.from_bytes(self.content[_AMOUNT], "little")


class LandedSwap(Value, frozen=True, rename="camel"):
    """A transaction's status."""

    slot: int
    err: object = None
    confirmation_status: str | None = None

    @property
    def confirmed(self) -> bool:
        return self.confirmation_status in ("confirmed", "finalized")


class _Blockhash(Value, frozen=True, rename="camel"):
    blockhash: str
    last_valid_block_height: int


class _Account(Value, frozen=True):
    lamports: int
    owner: str
    data: tuple[str, str]

    def held(self) -> HeldTokens:
        try:
            return HeldTokens(self.owner, self.lamports, b64decode(self.data[0]))
        except ValueError:
            raise ChainSilent("getMultipleAccounts: not base64") from None


class _Answer(msgspec.Struct, frozen=True):
    value: Any


class ClusterClient:
    """Every method raises ChainSilent, also for an RPC error and for a malformed answer."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def genesis(self) -> str:
        return _shaped(await self._call("getGenesisHash", [], Priority.MARK), str)

    async def block(self) -> RecentBlock:
        found = await self._value("getLatestBlockhash", [CONFIRMED], Priority.MARK, _Blockhash)
        try:
            return RecentBlock(Hash.from_string(found.blockhash), found.last_valid_block_height)
        except ValueError:
            raise ChainSilent("getLatestBlockhash: not a blockhash") from None

    async def height(self) -> int:
        return _shaped(await self._call("getBlockHeight", [CONFIRMED], Priority.STATUS), int)

    async def rent(self, size: int) -> int:
        return _shaped(await self._call("getMinimumBalanceForRentExemption", [size], Priority.MARK), int)

    async def accounts(self, keys: Sequence[Pubkey], priority: Priority = Priority.MARK) -> list[HeldTokens | None]:
        held: list[HeldTokens | None] = []
        for start in range(0, len(keys), ACCOUNTS_MAX):
            some = [str(key) for key in keys[start : start + ACCOUNTS_MAX]]
            params = [some, {**CONFIRMED, "encoding": "base64"}]
            found = await self._value("getMultipleAccounts", params, priority, list[_Account | None])
            held += [None if one is None else one.held() for one in found]
        if len(held) != len(keys):
            raise ChainSilent(f"getMultipleAccounts: {len(held)} accounts for {len(keys)} addresses")
        return held

    async def send(self, transaction: bytes, priority: Priority = Priority.ENTRY) -> None:
        """Sends it once. The node's answer proves nothing; the status of the signature does."""
        options = {"encoding": "base64", "skipPreflight": True, "preflightCommitment": "confirmed", "maxRetries": 0}
        await self._call("sendTransaction", [b64encode(transaction).decode(), options], priority)

    async def status(self, signature: str, *, in_history: bool = False) -> LandedSwap | None:
        params = [[signature], {"searchTransactionHistory": in_history}]
        found = await self._value("getSignatureStatuses", params, Priority.STATUS, list[LandedSwap | None])
        return found[0] if found else None

    async def airdrop(self, owner: Pubkey, lamports: int) -> str:
        return _shaped(await self._call("requestAirdrop", [str(owner), lamports], Priority.MARK), str)

    async def extension(self, method: str, params: object) -> object:
        """Calls a method that only the embedded chain offers."""
        return await self._call(method, [params], Priority.MARK)

    async def _call(self, method: str, params: Sequence[object], priority: Priority) -> object:
        try:
            return await self._rpc.call(method, params, priority)
        except RpcError as fault:
            raise ChainSilent(f"{method}: {fault}") from None

    async def _value(self, method: str, params: Sequence[object], priority: Priority, shape: type[T]) -> T:
        answer = _shaped(await self._call(method, params, priority), _Answer)
        return _shaped(answer.value, shape)


def _shaped(answer: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as fault:
        raise ChainSilent(f"a node's answer makes no sense: {fault}") from None
