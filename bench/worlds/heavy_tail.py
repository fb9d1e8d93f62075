"""Latencies have a tail so heavy that their variance is infinite."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("heavy tail", seed, wallets, signals, Knobs(heavy_tail=True))
