"""What refused buys would have come to, held to the same exits, at the desk's marks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.support.core_desk import CoreDesk, rows
from tests.views.performance.test_record import record_of, report

from overmind.clock.instants import INSTANT_MAX_NS
from overmind.core.model.route import RouteName
from overmind.views.account_rows import Period
from overmind.views.performance.executions import Execution, rows_by_route

# A wallet of 10,000 refuses each of these: the amount is too large. `> N`: it would have come to so many dollars.
TABLE = """
steps | followed and gain
w1; buy eth $100000 id a; mark eth 2200 | 1 > 10000
w1; buy eth $100000 id a; mark eth 1800 | 1 > -10000
w1 stop 10; buy eth $100000 id a; mark eth 1700; mark eth 3000 | 1 > -15000
w1 stop 10; buy eth $100000 id a stop 5; mark eth 1880; mark eth 3000 | 1 > -6000
w1 stop 10; buy eth $100000 id a stop 20; mark eth 1780; mark eth 3000 | 1 > -11000
w1; buy eth $100000 id a profit 10; mark eth 2100; mark eth 2300; mark eth 1000 | 1 > 15000
w1 profit 5; buy eth $100000 id a profit 10; mark eth 2100; mark eth 1000 | 1 > 5000
w1; buy eth $100000 id a trail 10; mark eth 3000; mark eth 2600; mark eth 4000 | 1 > 30000
w1; buy eth $100000 id a held 60000; mark eth 2100; wait 60000; mark eth 2200; mark eth 4000 | 1 > 10000
# The strategy's next sale of the token ends it, also one that is refused; another strategy's does not.
w1; buy eth $100000 id a; mark eth 2200; sell eth all id b; mark eth 4000 | 1 > 10000
w1; buy eth $100000 id a; mark eth 2200; sell eth all by arbitrage id b; mark eth 4000 | 1 > 100000
w1; buy eth $100000 id a; buy eth $100000 id b; mark eth 2200 | 2 > 20000
w1; buy eth 50 id a; mark eth 2200 | 1 > 10000
# Nothing is known of a token without a fresh mark, of a sale, and of a size that nobody stated.
w1; buy new $100000 id a | 0 >
w1; sell eth 1 id a; mark eth 2200 | 0 >
w1; buy eth $100000 id a; wait 86400000 | 1 > 0
"""


@pytest.mark.parametrize(("steps", "expected"), rows(TABLE))
def test_refused_buys(steps: str, expected: str) -> None:
    refusals = report(steps).refusals
    told = [(row.followed, row.would_usd) for row in refusals if row.followed]
    followed, _, gain = expected.partition(" > ")
    assert sum(count for count, _ in told) == int(followed.removesuffix(" >"))
    assert sum(Decimal(str(usd)) for _, usd in told) == Decimal(gain.strip("> ") or 0)


def test_the_desk_s_mean_costs_are_paid_on_both_sides() -> None:
    """A buy of $1,000 for a fee of a lamport thousandth of its amount, then one that was refused and rose by 10 %."""
    steps = "w1; buy eth $1000 id a; fill fee 10000000; buy eth $100000 id b; mark eth 2200"
    found = report(steps)
    (row,) = [one for one in found.refusals if one.followed]
    costs = found.execution[0].costs_usd + found.execution[0].shortfall_usd
    rate = costs / found.execution[0].volume_usd
    assert costs > 0
    assert row.would_usd == pytest.approx(10_000 - rate * 210_000, abs=1e-5)


def test_a_buy_counts_for_the_rule_that_refused_it_first() -> None:
    found = report("w1; buy eth $100000 id a; mark eth 2200").refusals
    assert [(row.signals, row.followed) for row in found if row.signals] == [(1, 1)]
    assert all(row.followed == 0 for row in found if not row.signals)


def test_refusals_before_the_time_are_not_followed() -> None:
    desk = CoreDesk("w1; buy eth $100000 id a; wait 86400000; mark eth 2200; buy eth $100000 id b; mark eth 2420")
    late = record_of(desk.entries, Period(desk.entries[-2].at_ns, INSTANT_MAX_NS))
    records = (record_of(desk.entries), late)
    assert [sum(one.followed for one in record.refused.told.values()) for record in records] == [2, 1]


def test_so_many_are_followed_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overmind.views.performance.refused.FOLLOWED_MAX", 2)
    record = record_of(CoreDesk("w1;" + "".join(f"buy eth $100000 id a{n};" for n in range(5))).entries)
    assert sum(one.followed for one in record.refused.told.values()) == 2
    assert sum(record.refused.untold.values()) == 3


def test_execution_is_told_by_wallet_and_route() -> None:
    def one(wallet: str, route: RouteName, cause: str = "") -> Execution:
        return Execution(wallet, cause, not cause, 100, 1, 5, 0, 1, route)

    made = [one("b", RouteName.RELAY), one("a", RouteName.PUBLIC), one("b", RouteName.PUBLIC, "EXPIRED")]
    found = [(row.wallet_id, row.route, row.orders, row.filled) for row in rows_by_route(made)]
    assert found == [("a", "public", 1, 1), ("b", "public", 1, 0), ("b", "relay", 1, 1)]
