"""As drift, but a measured shortfall has the noise of a profit: 300 basis points."""

from bench.routing.market import Knobs, Market


def world(seed: int, wallets: int, signals: int) -> Market:
    return Market("pnl noise", seed, wallets, signals, Knobs(noise_bps=300.0))
