"""An embedded Solana for this machine: a chain with its rules and faults, behind a real node's interface."""

from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.network import Localnet

__all__ = ["Faults", "LocalChain", "Localnet"]
