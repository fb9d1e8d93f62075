"""Large orders land less often, which no belief says."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("size landing", seed, wallets, signals, Knobs(size_logit=1.0))
