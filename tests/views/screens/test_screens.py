"""What the views of the page show: stops and their distance, what would trip next, and what holds whom."""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.books.apply import apply
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.events import Entry, HoldAdded
from overmind.core.model.ids import WalletId
from overmind.core.model.units import NS
from overmind.views.screens.attention import attention
from overmind.views.screens.holds import held_rows, hold_chips
from overmind.views.screens.overview import Overview, overview, wallet_briefs
from overmind.views.screens.positions import PositionScreenRow, screen_positions
from overmind.views.screens.risk import RiskScreen, risk_screen, wallet_ranks
from overmind.views.screens.wallet import wallet_screen
from overmind.views.screens.wallets import METERS, wallet_rows
from overmind.views.utilisation import wallet_uses

HOUR_NS = 3_600 * NS


def positions_of(desk: CoreDesk) -> list[PositionScreenRow]:
    return [*screen_positions(desk.state, desk.now_ns + HOUR_NS)]


# A wallet of $10,000. ETH costs $2,000 when it is bought.
POSITIONS = """
given                                                    | value pnl percent | stop away
w1 stop 5; buy eth $1000; fill                           | 1000 0 0          | 1900 5
w1 stop 5; buy eth $1000; fill; mark eth 2200            | 1100 100 10       | 1900 13.6
w1 stop 5; buy eth $1000; fill; mark eth 1950            | 975 -25 -2.5      | 1900 2.6
w1; buy eth $1000; fill                                  | 1000 0 0          | none none
"""


@pytest.mark.parametrize(("given", "worth", "stop"), rows(POSITIONS))
def test_a_position_and_how_far_its_stop_is(given: str, worth: str, stop: str) -> None:
    (row,) = positions_of(CoreDesk(given))
    assert f"{row.value_usd:g} {row.pnl_usd:g} {row.pnl_percent:g}" == worth
    away = "none" if row.stop_percent is None else f"{row.stop_percent:.1f}".removesuffix(".0")
    assert f"{'none' if row.stop_usd is None else f'{row.stop_usd:g}'} {away}" == stop
    assert row.held_ns // NS == HOUR_NS // NS


def test_every_named_limit_of_a_wallet_has_a_meter() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000; fill")
    for book in desk.state.wallets.values():
        assert {use.name for use in wallet_uses(desk.state, book)} == set(METERS)
    first, second = wallet_rows(desk.state)
    assert (first.share + second.share, first.free_usd) == (100, 8_900)
    assert first.uses["position_size"].used == 1_000


def screen(desk: CoreDesk) -> RiskScreen:
    return risk_screen(desk.state, [*wallet_ranks(desk.state)], (100_000,))


def test_the_most_used_limits_come_first() -> None:
    found = screen(CoreDesk("w1 position 2000 exposure 50; buy eth $1500; fill"))
    assert [(rank.where, rank.limit) for rank in found.next][:2] == [("w1", "position_size"), ("w1", "exposure")]
    first = found.next[0]
    assert (first.percent, first.left, found.full) == (75, 500, {})
    percents = [rank.percent for rank in found.next]
    assert percents == sorted(percents, reverse=True)


def test_a_limit_without_room_left_is_not_what_would_trip_next() -> None:
    desk = CoreDesk("w1 trades 1; w2 trades 1; w3; buy eth $1500 not w2,w3; fill; buy eth $900 not w1,w3; fill")
    found = screen(desk)
    assert found.full == {"trades_today": ("w1", "w2")}
    assert "trades_today" not in {rank.limit for rank in found.next}


def test_a_breaker_says_whether_it_is_armed_and_how_near() -> None:
    desk = CoreDesk("w1; desk loss 5; desk threshold 10; buy eth $2000; fill; mark eth 1800")
    by_name = {one.name: one for one in screen(desk).breakers}
    assert (by_name["day_loss"].is_armed, by_name["day_loss"].percent) == (True, 40)
    assert (by_name["drawdown"].is_armed, by_name["loss_streak"].is_armed) == (False, False)
    assert by_name["emergency"].percent == 20
    desk.play("mark eth 1500; mark eth 1500")
    tripped = {one.name: one for one in screen(desk).breakers}
    assert (tripped["day_loss"].holds_now, tripped["emergency"].holds_now) == (True, False)


def held(desk: CoreDesk, scope: Scope, cause: str, reason: str, until_ns: int | None = None) -> None:
    hold = Hold(cause, reason, desk.now_ns, until_ns)
    apply(desk.state, Entry(desk.state.seq + 1, desk.now_ns, HoldAdded(scope, hold)))


def test_holds_in_short_name_each_cause_once_and_what_is_wrong_first() -> None:
    desk = CoreDesk("w1; w2; w3")
    held(desk, Scope(WalletId("w1")), "operator", "rotation")
    for name in ("w1", "w2", "w3"):
        held(desk, Scope(WalletId(name)), "emergency", "the exchange halts")
    held(desk, Scope(), "drawdown", "lost too much")
    held(desk, Scope(WalletId("w2")), "day_loss", "lost $10", desk.now_ns + HOUR_NS)
    held(desk, Scope(WalletId("w3")), "day_loss", "lost $20", desk.now_ns + 2 * HOUR_NS)
    told = [(one.name, one.where, one.reason, one.until_ns, one.is_danger) for one in hold_chips(desk.state)]
    assert told == [
        ("day_loss", "2 wallets", "lost $10; and 1 more", desk.now_ns + 2 * HOUR_NS, True),
        ("drawdown", "portfolio", "lost too much", None, True),
        ("emergency", "all 3 wallets", "the exchange halts", None, True),
        ("paused", "w1", "rotation", None, False),
    ]
    needed = [one.what for one in attention(desk.state, desk.now_ns, ("the disk is full",))]
    assert needed[:3] == [
        "drawdown, portfolio: lost too much",
        "emergency, all 3 wallets: the exchange halts",
        "the disk is full",
    ]


@pytest.mark.parametrize(
    ("scope", "cause", "verb"),
    [
        (Scope(WalletId("w1")), "emergency", "reactivate"),
        (Scope(WalletId("w1")), "operator", "resume"),
        (Scope(WalletId("w1")), "day_loss", "resume"),
        (Scope(), "drawdown", "resume"),
        (Scope(), "restored", ""),
        (Scope(), "clock", ""),
        (Scope(WalletId("w1")), "removed", ""),
    ],
)
def test_a_hold_has_the_form_that_lifts_it(scope: Scope, cause: str, verb: str) -> None:
    desk = CoreDesk("w1")
    held(desk, scope, cause, "x")
    (row,) = held_rows(desk.state)
    assert row.verb == verb
    assert verb or row.lifted_by


def seen(desk: CoreDesk) -> Overview:
    return overview(desk.state, [*wallet_briefs(desk.state)], desk.now_ns)


def test_the_overview_adds_up() -> None:
    desk = CoreDesk("w1; w2; buy eth $2000; fill; mark eth 2100")
    one = seen(desk)
    assert one.cash_usd + one.positions_usd + one.sol_float_usd == pytest.approx(one.equity_usd)
    assert (one.wallets, one.active_wallets, one.positions) == (2, 2, 1)
    assert one.day_pnl_usd == pytest.approx(100, abs=0.1)
    assert [brief.wallet_id for brief in one.best] == ["w1"]
    assert one.attention == ()
    desk.play("mark eth 1900")
    assert seen(desk).drawdown_percent == pytest.approx(200 * 100 / 20_100, abs=0.01)


def test_a_wallet_shows_who_changed_a_limit() -> None:
    desk = CoreDesk("w1; change w1 stop 3")
    one = wallet_screen(desk.state, WalletId("w1"), desk.now_ns)
    (changed,) = [limit for limit in one.limits if limit.who]
    assert (changed.name, changed.in_force, one.differs) == ("stop_loss_threshold", 3, True)
    assert (one.is_paused, one.holds) == (False, ())
