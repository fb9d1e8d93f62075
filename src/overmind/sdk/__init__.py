"""The Python API: `WalletManager`, `MultiWalletExecutor`, and their blocking twins."""
