"""The protocol of a world: a file with a function `world(seed, wallets, signals)` that returns a `World`.

The product never imports a world, and a world never imports the product. A world says two things about each signal:
what the desk is told (`Signal`, `Belief`), and what is true (`Truth`). The runner keeps the money, the token accounts
and the open orders of each policy, so that a world needs no state of a desk.

    from bench.routing.world import Belief, Route, Signal, Step, Truth, Wallet

    class Quiet:
        name = "quiet"
        routes = (Route("public", fee_usd=0.002), Route("relay", fee_usd=0.02))
        wallets = (Wallet("w0", "Primary", 10_000.0, routes=(0, 1), strategies=(0,)),)

        def steps(self):
            ...  # yields a Step for each signal, in the order of time

    def world(seed, wallets, signals):
        return Quiet()

Arrays have one row for each wallet and one column for each route. All randomness comes from the seed: each policy
meets the same world, and an outcome is drawn from the same numbers whoever chose.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Route:
    name: str
    fee_usd: float  # of one attempt: base fee, priority fee and tip


@dataclass(frozen=True)
class Wallet:
    name: str
    type: str
    capital_usd: float
    routes: tuple[int, ...]  # the routes that it may use; the first one is its usual one
    strategies: tuple[int, ...]  # the strategies that it trades
    position_max_usd: float = 10_000.0
    orders_max: int = 10  # open orders and positions at a time


@dataclass(frozen=True)
class Signal:
    """What the desk is told."""

    number: int
    at_s: float
    strategy: int
    mint: int
    notional_usd: float
    hold_s: float  # how long a fill binds its capital


@dataclass(frozen=True)
class Belief:
    """What the configuration says of this signal: it may be wrong."""

    landing: Floats  # probability, by wallet and route
    slots: Floats  # to land
    shortfall_bps: Floats
    edge_bps: float  # lost if it does not land
    decay_bps: float  # of the edge, per slot


@dataclass(frozen=True)
class Truth:
    """The same as it is. `edge_bps` of a fill less `decay_bps` per slot less the shortfall is what it brings."""

    landing: Floats
    slots: Floats  # the mean
    shortfall_bps: Floats
    edge_bps: float
    decay_bps: float


@dataclass(frozen=True)
class Luck:
    """What an outcome is drawn from: the same numbers for every policy."""

    lands: float  # uniform in 0..1: it lands if this is below its probability
    late: float  # of mean 1: multiplies the mean latency
    shortfall_bps: float  # of mean 0: added to the shortfall
    settles_s: float  # after the decision


@dataclass(frozen=True)
class Step:
    signal: Signal
    believed: Belief
    truth: Callable[[NDArray[np.int64]], Truth]  # given the number of open orders in each wallet
    luck: Luck


class World(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def routes(self) -> Sequence[Route]: ...

    @property
    def wallets(self) -> Sequence[Wallet]: ...

    @property
    def mints(self) -> int: ...

    @property
    def strategies(self) -> int: ...

    def steps(self) -> Iterator[Step]: ...


MakeWorld = Callable[[int, int, int], World]


class NoWorld(Exception):
    """The file is no world. Says why, and what would be right."""


def load(path: Path) -> MakeWorld:
    """The function `world` of the file. Raises NoWorld."""
    if not path.is_file():
        raise NoWorld(
            f"{path}: there is no such file; give a Python file with a function world(seed, wallets, signals)"
        )
    spec = importlib.util.spec_from_file_location(f"world_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise NoWorld(f"{path}: is no Python file; give one with a function world(seed, wallets, signals)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as failed:
        raise NoWorld(f"{path}: cannot be read: {failed}") from None
    found: MakeWorld | None = getattr(module, "world", None)
    if not callable(found):
        raise NoWorld(f"{path}: has no function world(seed, wallets, signals)")
    return found
