"""Persists the chain: every change is appended to one file before any client can see it.

One system call writes one record, so a killed process loses no record that it acknowledged; a torn last record is cut
off. A start replays the file. Heights are reserved some blocks ahead, so a restart never goes back.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from overmind.core.model.value import Value
from overmind.sandbox.localnet.blocks import Block
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.history import Landed

FILE: Final = "localnet.journal"
RESERVED_BLOCKS: Final = 16
_HEAD: Final = struct.Struct("<II")  # length and checksum


class StateUnusable(ValueError):
    """The state directory belongs to another chain or is in use by another process."""


class StoredAccount(Value, frozen=True, array_like=True):
    """A stored account."""

    lamports: int
    data: bytes
    owner: bytes
    executable: bool
    rent_epoch: int


class Genesis(Value, frozen=True, tag="genesis"):
    hash: str


class Reserved(Value, frozen=True, tag="reserved"):
    """A restart continues at this height or later."""

    height: int
    at_s: int


class StoredLanding(Value, frozen=True, tag="landed"):
    landed: Landed
    changes: list[tuple[str, StoredAccount | None]]


class Pinned(Value, frozen=True, tag="pinned"):
    height: int
    address: str
    account: StoredAccount | None


class RolledBack(Value, frozen=True, tag="rolled_back"):
    height: int
    blocks: int


StateRecord = Genesis | Reserved | StoredLanding | Pinned | RolledBack
_decode: Final = msgspec.msgpack.Decoder(StateRecord).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class StateFile:
    """A `chain.ChainJournal` in a file, locked for one process."""

    def __init__(self, directory: Path) -> None:
        """Raises StateUnusable, OSError."""
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / FILE
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._reserved = 0
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StateUnusable(
                f"{directory} is in use by another localnet: end that, or name another directory"
            ) from None

    def restore(self, chain: LocalChain) -> None:
        """Replays the file into a new chain and stores its later changes. Raises StateUnusable."""
        records, valid_end = self._records()
        first = next(records, None)
        if first is None:
            self._write(Genesis(chain.genesis_hash))
        elif first != Genesis(chain.genesis_hash):
            raise StateUnusable(f"{self._path} holds a chain of another seed: give its seed, or another directory")
        for record in records:
            self._replay(chain, record)
        if first is not None:
            os.truncate(self._path, valid_end[0])
        if self._reserved:
            chain.replay_blocks(self._reserved, chain.now_s())
        chain.keep(self)

    def close(self) -> None:
        os.close(self._file)

    # chain.ChainJournal

    def landed(self, landed: Landed, changes: list[tuple[str, Account | None]]) -> None:
        stored = [(address, _stored_account(account)) for address, account in changes]
        self._write(StoredLanding(landed, stored))

    def pinned(self, height: int, address: str, account: Account | None) -> None:
        self._write(Pinned(height, address, _stored_account(account)))

    def rolled_back(self, height: int, blocks: int) -> None:
        self._write(RolledBack(height, blocks))

    def advanced(self, block: Block) -> None:
        if block.height >= self._reserved:
            self._reserved = block.height + RESERVED_BLOCKS
            self._write(Reserved(self._reserved, block.at_s))

    def _replay(self, chain: LocalChain, record: StateRecord) -> None:
        match record:
            case StoredLanding(landed, changes):
                accounts = [(address, _account(stored)) for address, stored in changes]
                chain.replay_landed(landed, accounts)
            case Pinned(height, address, stored):
                chain.replay_blocks(height, chain.blocks.head.at_s)
                chain.set_account(address, _account(stored))
            case RolledBack(height, blocks):
                chain.replay_rollback(height, blocks)
            case Reserved(height, _):
                self._reserved = height
            case Genesis():
                raise StateUnusable(f"{self._path} holds two chains: remove it")

    def _records(self) -> tuple[Iterator[StateRecord], list[int]]:
        """All whole records, and where the last one that was read ends."""
        valid_end = [0]

        def read() -> Iterator[StateRecord]:
            with self._path.open("rb") as file:
                while len(head := file.read(_HEAD.size)) == _HEAD.size:
                    length, checksum = _HEAD.unpack(head)
                    body = file.read(length)
                    if len(body) != length or zlib.crc32(body) != checksum:
                        return
                    valid_end[0] = file.tell()
                    yield _decode(body)

        return read(), valid_end

    def _write(self, record: StateRecord) -> None:
        body = _encode(record)
        whole = _HEAD.pack(len(body), zlib.crc32(body)) + body
        written = os.write(self._file, whole)
        assert written == len(whole), f"{self._path}: {written} of {len(whole)} bytes fitted: the disk is full"


def _stored_account(account: Account | None) -> StoredAccount | None:
    if account is None:
        return None
    return StoredAccount(account.lamports, account.data, bytes(account.owner), account.executable, account.rent_epoch)


def _account(stored: StoredAccount | None) -> Account | None:
    if stored is None:
        return None
    return Account(stored.lamports, stored.data, Pubkey.from_bytes(stored.owner), stored.executable, stored.rent_epoch)
