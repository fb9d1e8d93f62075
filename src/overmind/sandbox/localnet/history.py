"""The landed transactions, by signature and by address; the oldest are dropped first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from overmind.core.model.value import Value
from overmind.sandbox.localnet.tokens import LocalTokenBalance

LANDED_MAX: Final = 50_000


class Landed(Value, frozen=True):
    """A transaction in a block, kept as numbers and bytes; JSON is made on request."""

    signature: str
    slot: int
    height: int
    at_s: int
    raw: bytes
    version: int | None  # None is legacy
    keys: tuple[str, ...]  # the message's own keys, then the keys loaded from tables: writable, then read-only
    loaded: tuple[int, int]  # the number of loaded keys: writable, read-only
    writable: tuple[int, ...]
    err: object  # the node's JSON form; None for success
    fee: int
    price_micro: int  # micro-lamports per compute unit
    pre: tuple[int, ...]
    post: tuple[int, ...]
    tokens_pre: tuple[LocalTokenBalance, ...]
    tokens_post: tuple[LocalTokenBalance, ...]
    record: str  # the VM's own JSON: logs, inner instructions, compute units, return data


class History:
    def __init__(self, landed_max: int = LANDED_MAX) -> None:
        self._landed_max = landed_max
        self._by_signature: dict[str, Landed] = {}  # in order of landing
        self._by_address: dict[str, deque[Landed]] = {}
        self.count = 0
        self._forgotten_slot = -1  # the newest slot from which a transaction was dropped for its age

    @property
    def first_slot(self) -> int:
        """The first slot from which all transactions are kept."""
        return self._forgotten_slot + 1

    def find(self, signature: str) -> Landed | None:
        return self._by_signature.get(signature)

    def of_address(self, address: str) -> Iterator[Landed]:
        """The address's transactions, newest first."""
        return reversed(self._by_address.get(address, ()))

    def __iter__(self) -> Iterator[Landed]:
        return iter(self._by_signature.values())

    def add(self, landed: Landed) -> None:
        self._by_signature[landed.signature] = landed
        for key in landed.keys:
            self._by_address.setdefault(key, deque()).append(landed)
        self.count += 1
        if len(self._by_signature) > self._landed_max:
            self._forget_oldest()

    def take_back(self, newest_first: Iterable[Landed]) -> None:
        """Removes transactions whose blocks lost against a fork."""
        for landed in newest_first:
            if self._by_signature.pop(landed.signature, None) is None:
                continue  # it was already dropped for its age
            self.count -= 1
            for key in landed.keys:
                removed = self._by_address[key].pop()
                assert removed is landed, (removed.signature, landed.signature)
                if not self._by_address[key]:
                    del self._by_address[key]

    def _forget_oldest(self) -> None:
        landed = self._by_signature.pop(next(iter(self._by_signature)))
        self._forgotten_slot = landed.slot
        for key in landed.keys:
            self._by_address[key].popleft()
            if not self._by_address[key]:
                del self._by_address[key]
