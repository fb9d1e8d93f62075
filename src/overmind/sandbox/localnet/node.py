"""The node as the methods use it: the chain at a commitment, with the faults that affect reading."""

from __future__ import annotations

from collections.abc import Iterator

from solders.account import Account

from overmind.sandbox.localnet.blocks import FINALIZED_AGE, Block
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.errors import invalid, min_context
from overmind.sandbox.localnet.history import Landed
from overmind.sandbox.localnet.params import Config
from overmind.sandbox.localnet.relay.engine import BlockEngine
from overmind.sandbox.localnet.shapes import Json

API_VERSION = "3.0.0"


class View:
    """The chain as it was at one block, and the answers with that block as context."""

    def __init__(self, chain: LocalChain, block: Block, state_height: int) -> None:
        self._chain, self._block, self._height = chain, block, state_height

    @property
    def height(self) -> int:
        return self._block.height

    def account(self, address: str) -> Account | None:
        return self._chain.account_at(address, self._height)

    def token_accounts_of(self, owner: str) -> Iterator[tuple[str, Account]]:
        return self._chain.accounts.token_accounts_of(owner, self._height)

    def token_accounts_for(self, mint: str) -> Iterator[tuple[str, Account]]:
        return self._chain.accounts.token_accounts_for(mint, self._height)

    def program_accounts(self, program: str) -> Iterator[tuple[str, Account]]:
        return self._chain.accounts.program_accounts(program, self._height)

    def with_context(self, value: object) -> Json:
        return {"context": {"apiVersion": API_VERSION, "slot": self._block.slot}, "value": value}


class LocalNode:
    def __init__(self, chain: LocalChain, relay: BlockEngine | None = None) -> None:
        self.chain, self.relay = chain, relay

    def view(self, config: Config) -> View:
        """The view at the commitment that the client names. Raises RpcFault -32016 below its minContextSlot."""
        block = self.block(config)
        faults = self.chain.draws.faults
        stale = self.chain.draws.occurs("stale_balance", faults.stale_balance_ppm)
        return View(self.chain, block, block.height - (faults.stale_slots if stale else 0))

    def block(self, config: Config, commitment: str = "commitment") -> Block:
        block = self.chain.blocks.tip(config.commitment(commitment))
        wanted = config.number("minContextSlot")
        if wanted is not None and block.slot < wanted:
            raise min_context(block.slot)
        return block

    def statuses_height(self) -> int:
        """The newest block whose statuses this node knows."""
        return self.chain.blocks.head.height - self.chain.draws.faults.status_lag_slots

    def landed_by(self, config: Config) -> int:
        """The newest block that the history shows at the client's commitment. Raises RpcFault for `processed`."""
        if config.get("commitment") in ("processed", "recent"):
            raise invalid("Method does not support commitment below `confirmed`")
        lag = self.chain.draws.faults.status_lag_slots
        return self.block(config).height - lag

    def find_landed(self, signature: str, config: Config) -> Landed | None:
        landed = self.chain.history.find(signature)
        return landed if landed is not None and landed.height <= self.landed_by(config) else None

    def is_recent(self, landed: Landed) -> bool:
        """Whether the status cache still has it. A node reads nothing else unless it is told to search the history."""
        return self.chain.blocks.head.height - landed.height <= FINALIZED_AGE + STATUS_CACHE_BLOCKS


STATUS_CACHE_BLOCKS = 300
