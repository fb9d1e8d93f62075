"""What a node must be able to do before a desk trades through it, asked once at start."""

from __future__ import annotations

from collections.abc import Iterable

from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from overmind.ports import ChainSilent
from overmind.solana import tokens
from overmind.solana.chain import RpcNode
from overmind.solana.responses import CannotSimulate
from overmind.solana.transactions import SIGNATURE_BYTES


def harmless(owner: str, blockhash: str) -> bytes:
    """An unsigned transaction that would move nothing."""
    key = Pubkey.from_string(owner)
    message = MessageV0.try_compile(key, [tokens.system_transfer(key, key, 0)], [], Hash.from_string(blockhash))
    return bytes([1]) + bytes(SIGNATURE_BYTES) + to_bytes_versioned(message)


async def blind_nodes(nodes: Iterable[RpcNode], owner: str, blockhash: str) -> list[str]:
    """The nodes that cannot simulate balances, and why. A node that does not answer now says nothing about itself."""
    found = []
    for node in nodes:
        try:
            await node.simulate(harmless(owner, blockhash))
        except CannotSimulate as cannot:
            found.append(f"{node.name}: {cannot}")
        except ChainSilent:
            continue
    return found
