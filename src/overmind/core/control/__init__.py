"""Rules that stop or allow trading: holds, breakers, balance checks against the chain, operator's changes,
configuration.
"""
