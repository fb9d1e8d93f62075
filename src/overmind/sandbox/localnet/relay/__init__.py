"""A protected relay beside the localnet's chain, in the shape of Jito's block engine.

Its rule: it shows a transaction to nobody before it lands, lands a bundle whole or not at all, and promises nothing.
"""

from overmind.sandbox.localnet.relay.terms import TIP_ACCOUNTS, RelayTerms

__all__ = ["TIP_ACCOUNTS", "RelayTerms"]
