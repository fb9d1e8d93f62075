"""The public name of the blocking twin: plain threads, scripts and notebooks import it from here."""

from overmind.sdk.blocking import MultiWalletExecutor, WalletManager

__all__ = ["MultiWalletExecutor", "WalletManager"]
