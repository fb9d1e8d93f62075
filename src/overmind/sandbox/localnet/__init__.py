"""An embedded Solana chain for this machine, with the chain's rules, injected faults, and a real node's interface."""

from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.network import Localnet

__all__ = ["Faults", "LocalChain", "Localnet"]
