"""Routes drift and fail now and then; beliefs are a little wrong."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("drift", seed, wallets, signals, Knobs())
