"""Private keys: secrets that cannot be printed, and the keystore that seals them at rest."""
