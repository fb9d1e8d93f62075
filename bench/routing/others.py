"""What the product is compared with: the seed's static score, chance, and three textbook bandits."""

from __future__ import annotations

import numpy as np

from bench.routing.runner import Result, View
from bench.routing.world import Floats, World

HOUR_S = 3_600.0


class Static:
    """The seed's score: headroom and concurrency, on the wallet's usual route. No outcome changes it."""

    name = "static"

    def __init__(self, world: World, seed: int) -> None:
        del seed
        self._share = np.array([1.0 / len(wallet.strategies) for wallet in world.wallets])

    def choose(self, view: View) -> int:
        score = 1.0 + self._share[view.wallets] + (1.0 - view.headroom) + (1.0 - view.load)
        return int(np.where(view.usual, score, -np.inf).argmax())

    def learn(self, result: Result) -> None:
        pass


class Chance:
    name = "chance"

    def __init__(self, world: World, seed: int) -> None:
        del world
        self._rng = np.random.Generator(np.random.PCG64(seed + 7))

    def choose(self, view: View) -> int:
        return int(self._rng.integers(len(view.wallets)))

    def learn(self, result: Result) -> None:
        pass


class Arms:
    """One arm for each wallet, route and strategy: a mean reward that is forgotten with a half-life of a day."""

    KEEP_S, PRIOR_BPS, NOISE_BPS = 24 * HOUR_S, 20.0, 40.0

    def __init__(self, world: World, seed: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(seed + 11))
        shape = (world.strategies, len(world.wallets), len(world.routes))
        self._weight, self._sum, self._at_s = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def state(self, view: View) -> tuple[Floats, Floats]:
        """Mean and weight of each pair."""
        place = (view.signal.strategy, view.wallets, view.routes)
        kept = 0.5 ** ((view.signal.at_s - self._at_s[place]) / self.KEEP_S)
        weight = self._weight[place] * kept
        prior = (self.NOISE_BPS / self.PRIOR_BPS) ** 2
        return self._sum[place] * kept / (weight + prior), weight + prior

    def learn(self, result: Result) -> None:
        view = result.view
        place = (view.signal.strategy, int(view.wallets[result.place]), int(view.routes[result.place]))
        kept = 0.5 ** (max(0.0, result.at_s - self._at_s[place]) / self.KEEP_S)
        self._weight[place] = self._weight[place] * kept + 1.0
        self._sum[place] = self._sum[place] * kept + result.reward_bps
        self._at_s[place] = max(result.at_s, self._at_s[place])


class EpsilonGreedy(Arms):
    name = "epsilon-greedy"

    def choose(self, view: View) -> int:
        if self.rng.random() < 0.1:
            return int(self.rng.integers(len(view.wallets)))
        return int(self.state(view)[0].argmax())


class DiscountedThompson(Arms):
    name = "discounted Thompson"

    def choose(self, view: View) -> int:
        mean, weight = self.state(view)
        return int((mean + self.NOISE_BPS / np.sqrt(weight) * self.rng.standard_normal(len(mean))).argmax())


class DLinUcb:
    """Discounted linear regression with a bonus for what is unsure (Russac, Vernade and Cappé, 2019)."""

    name = "D-LinUCB"
    KEEP, RIDGE, WIDTH, EVERY = 0.999, 1.0, 4.0, 16

    def __init__(self, world: World, seed: int) -> None:
        del seed
        self._strategies, self._routes = world.strategies, len(world.routes)
        size = self._strategies * self._routes + self._strategies + len(world.wallets) + 4
        self._gram: Floats = np.eye(size) * self.RIDGE
        self._moment: Floats = np.zeros(size)
        self._inverse: Floats = np.eye(size) / self.RIDGE
        self._weights: Floats = np.zeros(size)
        self._seen = 0

    def _features(self, view: View) -> Floats:
        count = len(view.wallets)
        features = np.zeros((count, len(self._moment)))
        rows, strategy = np.arange(count), view.signal.strategy
        features[rows, strategy * self._routes + view.routes] = 1.0
        at = self._strategies * self._routes
        features[rows, at + strategy] = 1.0
        features[rows, at + self._strategies + view.wallets] = 1.0
        features[:, -4], features[:, -3] = view.fee_bps / 10.0, view.rent_bps / 10.0
        features[:, -2], features[:, -1] = view.crowd, view.headroom
        return features

    def choose(self, view: View) -> int:
        features = self._features(view)
        width = np.sqrt(((features @ self._inverse) * features).sum(axis=1))
        return int((features @ self._weights + self.WIDTH * width).argmax())

    def learn(self, result: Result) -> None:
        one = self._features(result.view)[result.place]
        size = len(one)
        self._gram *= self.KEEP
        self._gram[np.diag_indices(size)] += (1.0 - self.KEEP) * self.RIDGE
        self._gram += np.outer(one, one)
        self._moment = self._moment * self.KEEP + one * result.reward_bps
        self._seen += 1
        if self._seen % self.EVERY == 0:
            self._inverse[:] = np.linalg.inv(self._gram)
            self._weights[:] = self._inverse @ self._moment
