"""All wallets use one route and one fee: there is nothing to learn."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("homogeneous", seed, wallets, signals, Knobs(same=True, drift=0.0, outages=False))
