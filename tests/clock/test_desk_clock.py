"""The desk's time never follows a jump of the wall clock that nothing has confirmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from overmind.clock.desk_clock import FORGOTTEN_PER, START_GAP_NS, DeskClock
from overmind.core.model.units import DAY_NS, NS
from overmind.ports import MachineClock

T: Final = 1_743_897_600 * NS
HOUR: Final = 3_600


class Machine:
    """The three clocks of a machine, set by hand, in seconds."""

    def __init__(self) -> None:
        self.wall_ns, self.steady, self.boot = T, 1_000 * NS, 5_000 * NS

    def now_ns(self) -> int:
        return self.wall_ns

    def steady_ns(self) -> int:
        return self.steady

    def boot_ns(self) -> int:
        return self.boot

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def run(self, seconds: float) -> None:
        self.suspend(seconds)
        self.steady += round(seconds * NS)

    def suspend(self, seconds: float) -> None:
        self.step(seconds)
        self.boot += round(seconds * NS)

    def step(self, seconds: float) -> None:
        self.wall_ns += round(seconds * NS)


class Desk:
    def __init__(self) -> None:
        self.machine = Machine()
        self.clock = DeskClock(self.machine)

    def play(self, script: str) -> list[str]:
        """Runs steps such as `run 10; step -3600; look`. Answers why each doubt ended."""
        ended = []
        for words in (one.split() for one in script.split(";") if one.strip()):
            match words:
                case ["run" | "suspend" | "step" as what, seconds]:
                    move: Callable[[float], None] = getattr(self.machine, what)
                    move(float(seconds))
                case ["look"]:
                    ended.append(self.clock.settle(boot_time_counts=True) or "")
                case ["look", "live"]:
                    ended.append(self.clock.settle(boot_time_counts=False) or "")
                case ["chain", seconds]:
                    ended.append(self.clock.confirm("block time", T + round(float(seconds) * NS), 30 * NS) or "")
                case ["against", seconds]:
                    second_ns = T + round(float(seconds) * NS)
                    self.clock.contradict("block time", second_ns, 300 * NS, 30 * NS, self.clock.now_ns())
                case ["accept"]:
                    self.clock.accept()
                case _:
                    raise AssertionError(words)
            self.clock.now_ns()
        return [one for one in ended if one]

    @property
    def now_s(self) -> float:
        return (self.clock.now_ns() - T) / NS


# what happens | the desk's time in seconds | whether the clock is believed
TABLE = """
run 10                                      | 10     | believed
run 10; step 4.9                            | 14.9   | believed
run 10; step -4.9                           | 10     | believed
run 10; step 5.1                            | 10     | doubted
run 10; step -5.1                           | 10     | doubted
run 10; step 86400; look                    | 10     | doubted
run 10; step 86400; look; run 60; look      | 70     | doubted
# It ends by itself when the clock is right again, within the time for that.
run 10; step 86400; look; run 60; step -86400; look     | 70   | believed
run 10; step 86400; look; run 60; step -86396; look     | 74   | believed
run 10; step 86400; look; run 60; step -86394; look     | 70   | doubted
run 10; step 86400; look; run 899; step -86400; look    | 909  | believed
run 10; step 86400; look; run 901; step -86400; look    | 911  | doubted
run 10; step 86400; look; run 901; step -86400; accept  | 911  | believed
run 10; step -3600; look; run 60; step 3600; look       | 70   | believed
# A jump that lasts is for an operator.
run 10; step 86400; look; run 60; accept    | 86470  | believed
run 10; step -3600; look; run 60; accept    | 70     | believed
run 10; step -3600; look; run 60; accept; run 60   | 100  | believed
run 10; step -3600; look; run 60; accept; run 7300 | 3770 | believed
# The boot-time clock knows that the machine was suspended. It knows nothing of a jump.
run 10; suspend 86400; look                 | 86410  | believed
run 10; suspend 86400; look live            | 10     | doubted
run 10; suspend 86400; step 3600; look      | 10     | doubted
run 10; suspend 86400; step 3600; look; step -3600; look | 86410 | believed
run 10; suspend 4; look; suspend 4; look    | 18     | believed
# Block time confirms the clock that it is near to.
run 10; step 86400; chain 9                 | 10     | doubted
run 10; step 86400; chain 86409             | 86410  | believed
run 10; step 86400; chain 86379             | 10     | doubted
run 10; step 20; chain 9                    | 10     | doubted
run 10; step -20; chain -11                 | 10     | believed
# It contradicts a clock that is far from it. The desk's time never goes back.
run 10; against 309                         | 10     | believed
run 10; against 311                         | 311    | doubted
run 10; against -291                        | 10     | doubted
run 10; against 311; run 10                 | 321    | doubted
run 10; against 4000; step 3900; look       | 4000   | doubted
run 10; against 4000; step 3980; look       | 4000   | believed
"""
ROWS = [tuple(cell.strip() for cell in row.split("|")) for row in TABLE.splitlines() if row and row[0] != "#"]


@pytest.mark.parametrize(("script", "now", "trust"), ROWS)
def test_what_the_desk_believes(script: str, now: str, trust: str) -> None:
    desk = Desk()
    desk.play(script)
    assert desk.now_s == pytest.approx(float(now), abs=1e-3)
    assert desk.clock.jump is None if trust == "believed" else desk.clock.jump is not None


def test_a_doubt_says_from_when_to_when() -> None:
    desk = Desk()
    desk.play("run 10; step 86400; look")
    jump = desk.clock.jump
    assert jump is not None
    assert jump.why == "the clock jumped from 2025-04-06T00:00:10+00:00 to 2025-04-07T00:00:10+00:00"


def test_many_small_steps_are_a_jump() -> None:
    desk = Desk()
    steps = 0
    while desk.clock.jump is None and steps < 20:
        desk.play("run 60; step 1; look")
        steps += 1
    assert steps == 6


def test_small_steps_are_forgotten_in_time() -> None:
    desk = Desk()
    for _ in range(20):
        desk.play("step 4; look" + "; run 600; look" * (4 * FORGOTTEN_PER // 600 + 1))
    assert desk.clock.jump is None


def test_a_stamp_counts_by_the_clock_that_its_sender_follows() -> None:
    desk = Desk()
    desk.play("run 10; step 86400; look; run 10")
    now_ns = desk.clock.now_ns()
    for sent_ns in (desk.machine.wall_ns - NS, now_ns - NS):  # a sender on this machine, and another one
        assert desk.clock.stamped_ns(sent_ns) == now_ns - NS
    assert desk.clock.stamped_ns(now_ns - HOUR * NS) == now_ns - HOUR * NS


def test_after_a_clock_was_rightly_set_back_stamps_count_by_the_wall_clock() -> None:
    desk = Desk()
    desk.play("run 10; step -3600; look; accept; run 100")
    now_ns = desk.clock.now_ns()
    assert now_ns - desk.machine.wall_ns == desk.clock.ahead_ns == (HOUR - 50) * NS
    assert desk.clock.stamped_ns(desk.machine.wall_ns - NS) == now_ns - NS


# The wall clock at the start, in seconds after the journal's last entry | held | believed | what is said
STARTS = [
    (0, False, True, ""),
    (86_400, False, True, ""),
    (-4, False, True, ""),
    (START_GAP_NS // NS - 1, False, True, ""),
    (START_GAP_NS // NS + 1, False, False, "more than 30 days after"),
    (-6, False, False, "before the journal's last entry"),
    (-T // NS, False, False, "the clock says 1970-01-01T00:00:00+00:00, which is before the journal's last entry"),
    (2, True, False, "it was not believed at the journal's last entry"),
]


@pytest.mark.parametrize(("wall_s", "held", "trust", "said"), STARTS)
def test_a_start_compares_the_clock_with_the_journal(wall_s: int, held: bool, trust: bool, said: str) -> None:
    machine = Machine()
    machine.step(wall_s)
    clock = DeskClock(machine)
    clock.begin_after(T, held)
    assert (clock.jump is None) == trust
    assert clock.now_ns() >= T
    if clock.jump is not None:
        assert said in clock.jump.why
        assert clock.now_ns() == T


def test_a_clock_that_was_doubted_is_not_right_because_it_seems_near() -> None:
    """The desk was down for an hour, and the clock was set back by an hour before."""
    machine = Machine()
    machine.step(2)
    clock = DeskClock(machine)
    clock.begin_after(T, in_doubt=True)
    machine.run(10)
    assert clock.settle(boot_time_counts=True) is None
    assert clock.confirm("block time", machine.wall_ns - NS, 30 * NS) == "block time confirms it"


def test_a_start_in_1970_goes_on_when_the_clock_is_set() -> None:
    machine = Machine()
    machine.step(-T / NS)
    clock = DeskClock(machine)
    clock.begin_after(T, in_doubt=False)
    machine.run(60)
    assert clock.settle(boot_time_counts=True) is None
    assert clock.now_ns() == T + 60 * NS
    machine.wall_ns = T + 2 * DAY_NS
    assert clock.settle(boot_time_counts=True) == "the clock is right again"
    assert clock.now_ns() == T + 2 * DAY_NS


def test_a_machine_has_three_clocks() -> None:
    assert isinstance(Machine(), MachineClock)
