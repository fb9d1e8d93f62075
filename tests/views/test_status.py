"""The desk on one screen: figures that agree with the other reports, and every hold that a person has to lift."""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.state import State
from overmind.views.reports import portfolio_summary
from overmind.views.status import Served, Status, status

READY = Served("http://127.0.0.1:1", 7, True, ())


def shown(script: str, service: Served | None = READY) -> Status:
    return status(CoreDesk(script).state, (), service)


def test_figures_are_those_of_the_other_reports() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000 id a; fill; buy btc $500 id b; mark eth 1900")
    found, summary = status(desk.state, (), READY), portfolio_summary(desk.state)
    assert (found.equity_usd, found.daily_pnl) == (summary.total_value_usd, summary.daily_pnl)
    assert sum(one.equity_usd for one in found.wallets) == found.equity_usd
    assert [(str(one.free), str(one.held)) for one in found.wallets] == [("8900", "0"), ("9400", "500")]
    assert [order.order_id for order in found.orders] == ["b.0.0"]
    assert found.daily_pnl_percent == pytest.approx(-50 / 20_000 * 100, abs=1e-3)
    assert found.drawdown_percent == pytest.approx(50 / 20_000 * 100, abs=1e-2)


def test_the_tightest_limit_is_the_one_that_is_used_most() -> None:
    found = shown("w1 position 1000; buy eth $900 id a; fill")
    tightest = found.wallets[0].tightest
    assert tightest is not None
    assert (tightest.limit, round(tightest.percent)) == ("position size", 90)


@pytest.mark.parametrize(
    ("script", "need"),
    [
        ("w1; stop", "hold emergency on w1: because; `overmind reactivate w1 --reason …` lifts it"),
        ("w1; hold w1 quarantine", "hold quarantine on w1: because; "),
        ("w1; hold w1 operator", None),  # A person wanted it.
        ("w1", None),
    ],
)
def test_what_needs_a_person(script: str, need: str | None) -> None:
    found = shown(script)
    assert bool(found.holds) == ("stop" in script or "hold" in script)
    assert [one[: len(need or "")] for one in found.needs] == ([] if need is None else [need])


@pytest.mark.parametrize(
    ("script", "service", "need"),
    [
        ("w1", None, ""),
        ("w1; buy eth $100 id a", None, "1 open orders or moves wait"),
        ("w1; buy eth $100 id a; fill", None, "nothing watches the stops"),
        ("w1", Served("u", 7, None, ()), "process 7) does not answer"),
        ("w1", Served("u", 7, False, ("SOL was never priced",)), "SOL was never priced"),
    ],
)
def test_a_service_that_is_missing_or_silent_is_told_when_it_matters(
    script: str, service: Served | None, need: str
) -> None:
    needs = shown(script, service).needs
    assert len(needs) == bool(need)
    assert need in "".join(needs)


def test_a_desk_that_is_not_configured_has_a_status() -> None:
    found = status(State(), (), None)
    assert (found.mode, found.wallets, found.needs) == ("", (), ())
