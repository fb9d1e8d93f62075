"""What still holds a wallet, a strategy or the portfolio after somebody lifted a hold, and what comes back at once."""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk, rows, scope

from overmind.cli import desk_tables, risk_tables
from overmind.core.model.enums import WalletStatus
from overmind.views.reports import portfolio_summary, wallet_metrics
from overmind.views.risk import risk
from overmind.views.targets import holds_on, what_still_holds

# $50 may be lost, so 1900 is the limit of half an eth.
TABLE = """
given                                                            | of        | left | returns   | above
w1; hold w1 operator; lift w1 operator                           | w1        |      |           |
w1; hold w1 operator; hold w1 review; lift w1 operator           | w1        | review |         |
w1; hold w1 operator; hold portfolio drawdown; lift w1 operator  | w1        |      |           | drawdown
w1; stop; hold portfolio drawdown; reactivate w1                 | w1        |      |           | drawdown
w1; hold momentum a; hold portfolio b; lift momentum a           | MomentumTrading |  |         | b
w1 loss 50; buy eth $1000; fill; mark eth 1900; lift w1 day_loss | w1        |      | day_loss  |
w1 loss 50; buy eth $1000; fill; mark eth 1900; stop; lift w1 day_loss; reactivate w1 | w1 | | day_loss |
w1 loss 50; buy eth $1000; fill; mark eth 1900; lift w1 day_loss; mark eth 1999 | w1 | |       |
w1 trades 1; buy eth $9; fill; lift w1 day_trades                | w1        |      | day_trades |
w1; desk trades 1; buy eth $9; fill; lift portfolio day_trades   | portfolio |      | day_trades |
w1; desk loss 1; buy eth $2000; fill; mark eth 1900; lift portfolio day_loss | portfolio | | day_loss |
w1; desk streak 1; deposit w1 1 eth; sell eth 1; fill at 1999; lift w1 loss_streak | w1 | |    |
w1; desk drawdown 1; deposit w1 1 eth; mark eth 2500; mark eth 2300; lift portfolio drawdown | portfolio | | |
w1; desk threshold 1; buy eth $2000; fill; mark eth 1900; reactivate w1 | w1  |      |           |
"""


@pytest.mark.parametrize(("given", "of", "left", "returns", "above"), rows(TABLE))
def test_every_hold_that_is_left_or_comes_back_is_named(
    given: str, of: str, left: str, returns: str, above: str
) -> None:
    desk = CoreDesk(given)
    name = scope("momentum" if of == "MomentumTrading" else of)
    found = holds_on(desk.state, of, name)
    assert [" ".join(one.cause for one in holds) for holds in (found.held, found.returns, found.above)] == [
        left,
        returns,
        above,
    ]
    lines = what_still_holds(found)
    assert len(lines) == len([*found.held, *found.returns, *found.above])
    assert all(one.reason in line for one, line in zip((*found.held, *found.returns), lines, strict=False))


def test_what_is_said_to_come_back_does() -> None:
    desk = CoreDesk("w1 loss 50 trades 1; buy eth $1000; fill; mark eth 1900; lift w1 day_loss; lift w1 day_trades")
    said = {one.cause for one in holds_on(desk.state, "w1", scope("w1")).returns}
    desk.play("mark eth 1899")
    assert set(desk.book("w1").holds) == said == {"day_loss", "day_trades"}


@pytest.mark.parametrize("steps", ["w1; hold w1 operator", "w1; hold portfolio operator", "w1; stop", "w1"])
def test_no_holds_never_stands_beside_a_suspended_wallet(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = CoreDesk(steps)
    desk_tables.portfolio(portfolio_summary(desk.state))
    risk_tables.risk(risk(desk.state, None))
    told = [line for line in capsys.readouterr().out.splitlines() if "olds" in line]
    free = not desk.state.holds and all(book.status is WalletStatus.ACTIVE for book in desk.state.wallets.values())
    assert len(told) == 2
    assert all(("none" in line) == free for line in told)


def test_an_emergency_wallet_shows_no_limit_of_entries(capsys: pytest.CaptureFixture[str]) -> None:
    desk = CoreDesk("w1 type Emergency; w2; deposit w1 1 eth")
    metrics = wallet_metrics(desk.state, desk.book("w1"))
    assert (metrics.utilization, metrics.risk_utilization) == ({}, 0.0)
    risk_tables.risk(risk(desk.state, None))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "w1" in line]
    assert "%" not in line.replace("0%", "", 1)
