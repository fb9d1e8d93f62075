"""An embedded Solana for this machine: a chain with its rules and faults, behind a real node's interface."""

from overmind.localnet.chain import Chain
from overmind.localnet.faults import Faults
from overmind.localnet.network import Localnet

__all__ = ["Chain", "Faults", "Localnet"]
