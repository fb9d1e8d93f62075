"""Wallets have a tenth of the capital: the best one is often full."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("capital starved", seed, wallets, signals, Knobs(capital=0.1, gap_s=20.0))
