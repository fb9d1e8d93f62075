"""Sources: who sends signals by webhook, in which words, and with which secret. Only hashes of secrets are kept."""
