"""What finished orders teach about routes and wallets: a pure fold in whole numbers, and forecasts from it.

Nothing here divides or rounds in floating point, and no function of a library is asked for a logarithm or an
exponential. So a snapshot, a restored backup and a replay agree to the last bit on any processor.
"""
