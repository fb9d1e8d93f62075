"""Private keys: they cannot be printed, and a keystore encrypts them on disk."""
