"""One route is the best for three hours and the worst for the next three."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("adversarial route", seed, wallets, signals, Knobs(adversary=2, outages=False))
