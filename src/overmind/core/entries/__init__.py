"""Whether a wallet may take an entry, how large it may be, and which wallet should."""
