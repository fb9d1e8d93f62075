"""All wallets use one route, as the desk does today, and differ a little in landing and in fills."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("one route", seed, wallets, signals, Knobs(one_route=True))
