"""Routes differ and never change."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("stationary", seed, wallets, signals, Knobs(drift=0.0, outages=False))
