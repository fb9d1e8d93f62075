"""As drift, but the beliefs about the best and the worst route are exchanged."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("wrong beliefs", seed, wallets, signals, Knobs(swapped=True))
