"""One route lands next to nothing for a quarter of the time."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("route outage", seed, wallets, signals, Knobs(outage_of=1, outages=False))
