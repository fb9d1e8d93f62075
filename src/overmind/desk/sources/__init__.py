"""Sources: who sends signals by webhook, in which words, and with which secret.

Secrets are kept as hashes. The keys that sign answers stand in a file of their own, which no usual backup holds.
"""
