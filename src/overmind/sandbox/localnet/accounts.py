"""The accounts now and as they were at each block that is not final yet; token accounts by owner and by mint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from solders.account import Account

from overmind.sandbox.localnet import tokens
from overmind.sandbox.localnet.blocks import Block, Blocks
from overmind.sandbox.localnet.svm import Svm

GENESIS_ACCOUNTS: Final = 10_000


class AccountStore:
    def __init__(self, svm: Svm, blocks: Blocks) -> None:
        self._svm, self._blocks = svm, blocks
        # Never shrinks: an account that is closed now may exist at the block that is read.
        self._of_owner: dict[str, dict[str, None]] = {}
        self._of_mint: dict[str, dict[str, None]] = {}

    def get(self, address: str) -> Account | None:
        return self._svm.get(address)

    def at(self, address: str, height: int) -> Account | None:
        """The account at the end of the block of that height. Blocks below the root read as the root."""
        head = self._blocks.head.height
        for later in range(max(height, self._blocks.root_height) + 1, head + 1):
            before = self._blocks.at(later).before
            if address in before:
                return before[address]
        return self._svm.get(address)

    def token_accounts_of(self, owner: str, height: int) -> Iterator[tuple[str, Account]]:
        for address in list(self._of_owner.get(owner, ())):
            account = self.at(address, height)
            if account is not None and tokens.is_token_account(account) and _owner(account) == owner:
                yield address, account

    def token_accounts_for(self, mint: str, height: int) -> Iterator[tuple[str, Account]]:
        for address in list(self._of_mint.get(mint, ())):
            account = self.at(address, height)
            if account is not None and tokens.is_token_account(account):
                yield address, account

    def program_accounts(self, program: str, height: int) -> Iterator[tuple[str, Account]]:
        known = dict(self._svm.owned_by(program))
        for block in self._blocks.newest(self._blocks.head.height - height):
            known |= {address: account for address, account in block.before.items() if account is not None}
        for address in known:
            account = self.at(address, height)
            if account is not None and str(account.owner) == program:
                yield address, account

    def decimals(self, mint: str) -> int:
        account = self._svm.get(mint)
        return account.data[44] if account is not None and tokens.is_mint(account) else 0

    def changed(self, address: str, before: Account | None, after: Account | None) -> None:
        """Records a change by a transaction in the head block, so that a rollback can undo it."""
        self._blocks.head.before.setdefault(address, before)
        self._index(address, before, after)

    def pin(self, address: str, account: Account | None) -> None:
        """Sets the account as if since genesis: at every commitment, kept through every rollback."""
        for block in self._blocks.newest(self._blocks.head.height - self._blocks.root_height):
            block.before.pop(address, None)
        before = self._svm.get(address)
        self._svm.put(address, account)
        self._index(address, before, account)

    def put(self, address: str, account: Account | None) -> None:
        """Sets the account in the head block; a rollback undoes it."""
        before = self._svm.get(address)
        self._svm.put(address, account)
        self.changed(address, before, account)

    def undo(self, newest_first: list[Block]) -> None:
        for block in newest_first:
            for address, before in block.before.items():
                self._svm.put(address, before)
                if before is not None:
                    self._index(address, None, before)

    def _index(self, address: str, before: Account | None, after: Account | None) -> None:
        if after is None or not tokens.is_token_account(after):
            return
        if before is not None and before.data[:64] == after.data[:64] and before.owner == after.owner:
            return
        state = tokens.read_token_account(after)
        self._of_owner.setdefault(state.owner, {})[address] = None
        self._of_mint.setdefault(state.mint, {})[address] = None


def _owner(account: Account) -> str:
    return tokens.read_token_account(account).owner
