"""Good and bad routes change places every hour."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("regime flips", seed, wallets, signals, Knobs(flips_s=3_600.0, outages=False))
