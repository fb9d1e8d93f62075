"""The learner's screen: intervals on one scale for each unit, and scores as lines."""

from __future__ import annotations

from tests.support.core_desk import CoreDesk

from overmind.core.learning.standing import Block
from overmind.views.screens.learner import learner_screen


def test_a_new_desk_has_nothing_to_show() -> None:
    screen = learner_screen(CoreDesk("w1; desk learner shadow").state)
    assert screen.beliefs == screen.points == ()
    assert (screen.learned_line, screen.left_out) == ("", 0)


def test_what_differs_from_the_configuration_comes_first_and_lies_beside_the_middle() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner shadow miss 50 fades 1")
    for number in range(40):
        desk.play(f"wait 60000; mark sol 100; buy sol $10 id t{number}; expire t{number}.0.0; fill t{number}.0.1")
    screen = learner_screen(desk.state)
    differ = [bar.row.differs for bar in screen.beliefs]
    assert differ == sorted(differ, reverse=True)
    (wallet,) = (bar for bar in screen.beliefs if (bar.row.name, bar.row.what) == ("w1", "landing"))
    assert wallet.row.differs
    assert wallet.start + wallet.length < 50
    for bar in screen.beliefs:
        assert 0 <= bar.start <= bar.mean <= bar.start + bar.length <= 100.0001
    assert sum(one.outcomes for one in screen.points) == 80


def test_scores_are_drawn_from_the_highest_one_down() -> None:
    desk = CoreDesk("w1; desk learner shadow")
    desk.state.standing.blocks = [Block(50, 5_000_000, 10_000_000), Block(50, 2_500_000, 10_000_000), Block()]
    screen = learner_screen(desk.state)
    assert (screen.learned_line, screen.configured_line) == ("0.0,50.0 100.0,75.0", "0.0,0.0 100.0,0.0")
