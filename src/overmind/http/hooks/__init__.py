"""Webhooks: bodies of other programs become signals of their source. Nothing here shows, logs or keeps a secret."""
