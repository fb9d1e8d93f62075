"""The fold of outcomes: exact, bounded, and the same after a snapshot in its middle as without one."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from overmind.core.learning.belief import (
    GROWTH_MAX,
    ROUTE_LANDING,
    ROUTE_SLOTS,
    STRATEGY_BIAS,
    WALLET_BIAS,
    prior,
    variance_at,
)
from overmind.core.learning.belief import WALLET_LANDING as OF_WALLET
from overmind.core.learning.learned import Learned, Observation, observe
from overmind.core.learning.sigmoid import MICRO, landing_ppm, logit_of
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import WalletId
from overmind.core.model.units import DAY_NS, NS

NOW = 1_750_000_000 * NS
LOGIT = logit_of(900_000)
HUGE = st.integers(-(10**15), 10**15)
SEEN = st.builds(
    Observation,
    route=st.sampled_from(["public", "relay"]),
    wallet_id=st.sampled_from([WalletId("w1"), WalletId("w2")]),
    strategy=st.sampled_from([StrategyType.ARBITRAGE, StrategyType.AI_DECISION]),
    logit=st.integers(-10 * MICRO, 10 * MICRO),
    landed=st.booleans(),
    slots_off=st.none() | HUGE,
    bias_off=st.none() | HUGE,
)
# The clock may stand still, step back, or jump by years.
HISTORY = st.lists(st.tuples(SEEN, st.integers(-DAY_NS, 3_000 * DAY_NS) | st.integers(0, NS)), max_size=30)


def folded(history: list[tuple[Observation, int]], learned: Learned | None = None, at_ns: int = NOW) -> Learned:
    learned = learned if learned is not None else Learned()
    for seen, later_ns in history:
        at_ns += later_ns
        observe(learned, seen, at_ns)
    return learned


@given(HISTORY, st.integers(0, 30))
def test_a_snapshot_in_the_middle_changes_nothing(history: list[tuple[Observation, int]], cut: int) -> None:
    before, after = history[:cut], history[cut:]
    middle = msgspec.json.decode(msgspec.json.encode(folded(before)), type=Learned)
    at_ns = NOW + sum(later_ns for _, later_ns in before)
    assert folded(after, middle, at_ns) == folded(history)


@given(HISTORY)
def test_every_belief_stays_within_its_bounds(history: list[tuple[Observation, int]]) -> None:
    learned = folded(history)
    beliefs = [(route.landing, ROUTE_LANDING) for route in learned.routes.values()]
    beliefs += [(route.slots, ROUTE_SLOTS) for route in learned.routes.values()]
    beliefs += [(wallet.landing, OF_WALLET) for wallet in learned.wallets.values()]
    beliefs += [(bias, WALLET_BIAS) for wallet in learned.wallets.values() for bias in wallet.bias.values()]
    beliefs += [(bias, STRATEGY_BIAS) for bias in learned.strategies.values()]
    for belief, kind in beliefs:
        assert kind.mean_min <= belief.mean <= kind.mean_max
        assert 0 < belief.variance <= GROWTH_MAX * kind.variance


@given(HISTORY)
def test_the_state_grows_with_names_and_not_with_outcomes(history: list[tuple[Observation, int]]) -> None:
    learned = folded(history)
    assert learned.routes.keys() <= {"public", "relay"}
    assert learned.wallets.keys() <= {"w1", "w2"}
    assert sum(route.outcomes for route in learned.routes.values()) == len(history)


def test_a_clock_that_stepped_back_makes_nothing_surer() -> None:
    known = prior(ROUTE_LANDING, NOW)
    assert variance_at(known, ROUTE_LANDING, NOW - DAY_NS) == known.variance
    assert variance_at(known, ROUTE_LANDING, NOW + NS) > known.variance


def outcomes(landed: list[bool], apart_ns: int = 60 * NS) -> Learned:
    seen = (
        Observation("public", WalletId(f"w{n % 4}"), StrategyType.ARBITRAGE, LOGIT, on) for n, on in enumerate(landed)
    )
    return folded([(one, apart_ns) for one in seen])


def test_a_route_that_fails_is_believed_worse_within_thirty_outcomes_and_better_again_after_it_recovered() -> None:
    failed = [False] * 30
    worse = outcomes(failed).routes["public"].landing.mean
    assert landing_ppm(LOGIT + worse) < 300_000
    better = outcomes(failed + [True] * 120).routes["public"].landing.mean
    assert landing_ppm(LOGIT + better) > 700_000


def test_what_was_expected_teaches_next_to_nothing() -> None:
    """Nine of ten land, as the configuration says."""
    learned = outcomes([number % 10 != 0 for number in range(1, 201)])
    assert abs(learned.routes["public"].landing.mean) < MICRO // 4


def test_one_outlier_moves_a_latency_by_a_bounded_step() -> None:
    def late_by(off: int) -> int:
        seen = Observation("public", WalletId("w1"), StrategyType.ARBITRAGE, LOGIT, True, slots_off=off)
        return folded([(seen, NS)]).routes["public"].slots.mean

    assert late_by(10**15) == late_by(8 * MICRO) < 2 * MICRO


def test_a_wallet_is_told_apart_from_its_route() -> None:
    """One of two wallets fails on a route where the other one lands."""
    history = []
    for number in range(100):
        wallet_id = WalletId(f"w{number % 2}")
        history.append((Observation("public", wallet_id, StrategyType.ARBITRAGE, LOGIT, wallet_id == "w0"), NS))
    learned = folded(history)
    good, bad = (learned.wallets[WalletId(name)].landing.mean for name in ("w0", "w1"))
    assert bad < -MICRO // 4 < good


def test_old_news_is_forgotten_to_a_bound() -> None:
    """After a long silence one outcome moves the belief more than it would have done at once."""
    soon = outcomes([True] * 200 + [False]).routes["public"].landing.mean
    learned = outcomes([True] * 200)
    observe(learned, Observation("public", WalletId("w0"), StrategyType.ARBITRAGE, LOGIT, False), NOW + 400 * DAY_NS)
    assert learned.routes["public"].landing.mean < soon
