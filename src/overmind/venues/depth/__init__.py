"""A market with depth and memory, by classes of tokens. Pure: what it draws on comes in, and it reads no clock.

Amounts are integers, and no function of a library is asked for a root or a power of a fraction: the same seed gives
the same fills on any processor.
"""
