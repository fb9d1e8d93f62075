"""The desk's time: the wall clock, as long as a clock that cannot jump agrees with it.

    wall ≈ steady + offset          believed: the desk's time follows the wall clock
    more than 5 s apart             a jump: the desk's time goes on by the steady clock, from the last believed moment

So nothing is ever decided at a time that was not believed. The doubt ends when the wall clock is right again, when a
second clock confirms the new time, or when an operator accepts it.

The desk's time never runs backwards and never stands still. Marks and times to live are compared with the journal's
time, which cannot go back. If the desk's time stood still until a wall clock that was rightly set back an hour had
caught up, then for an hour every price would look fresh. So it runs on, at half speed, until the wall clock has caught
up.
"""

from __future__ import annotations

from typing import Final

from overmind.clock.instants import iso_seconds
from overmind.core.model.units import DAY_NS, NS
from overmind.ports import Clock, Jump, MachineClock

JUMP_NS: Final = 5 * NS
SUSPENSION_MIN_NS: Final = NS  # Two readings of two clocks are never of the same moment.
FORGOTTEN_PER: Final = 1_000  # Small steps are forgotten at one part in so many of the time that passes.
START_GAP_NS: Final = 30 * DAY_NS  # A desk that was down for longer asks whether the clock is right.
NEVER_NS: Final = -1  # nothing is as near as that
CORRECTION_MAX_NS: Final = 900 * NS


class DeskClock:
    """`ports.Clock` and `ports.Trust`. Only a `MachineClock` is ever doubted: virtual time cannot jump."""

    def __init__(self, wall: Clock, correction_max_ns: int = CORRECTION_MAX_NS) -> None:
        """After `correction_max_ns`, a corrected clock is not believed by itself any more."""
        self._wall = wall
        self._machine = wall if isinstance(wall, MachineClock) else None
        self._read_wall = wall.now_ns
        self._read_steady = None if self._machine is None else self._machine.steady_ns
        self._correction_max_ns = correction_max_ns
        self._wall_ns = self._now_ns = wall.now_ns()
        self._steady_ns = self._forgot_ns = self._steady_of(self._wall_ns)
        self._offset_ns = self._wall_ns - self._steady_ns  # what the steady clock lacks to the believed time
        self._suspended_ns = self._suspended()
        self.jump: Jump | None = None
        self.ahead_ns = 0

    @property
    def of_machine(self) -> bool:
        """Whether it follows a clock that may jump."""
        return self._machine is not None

    def now_ns(self) -> int:
        """Each decision reads it, so it is written out."""
        wall_ns, read_steady = self._read_wall(), self._read_steady
        steady_ns = wall_ns if read_steady is None else read_steady()
        passed_ns = steady_ns - self._steady_ns
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        believed_ns = wall_ns
        if self.jump is not None:
            believed_ns = steady_ns + self._offset_ns
        elif not -JUMP_NS <= wall_ns - steady_ns - self._offset_ns <= JUMP_NS:
            believed_ns = steady_ns + self._offset_ns
            self.jump = Jump(_jumped(believed_ns, wall_ns), steady_ns, JUMP_NS, JUMP_NS)
        now_ns = self._now_ns
        if passed_ns > 0:
            now_ns += passed_ns // 2
        if believed_ns > now_ns:
            now_ns = believed_ns
        self._now_ns = now_ns
        self.ahead_ns = now_ns - believed_ns
        return now_ns

    async def sleep(self, seconds: float) -> None:
        await self._wall.sleep(seconds)

    def stamped_ns(self, at_ns: int) -> int:
        """A sender may follow either clock while they differ: the one counts by which it was sent nearest to now."""
        by_believed = at_ns + self.ahead_ns
        if self.jump is None:
            return by_believed
        by_wall = at_ns + self._now_ns - self._wall_ns
        return min(by_believed, by_wall, key=lambda one: abs(one - self._now_ns))

    def wall_ns(self) -> int:
        """The wall clock, believed or not."""
        self.now_ns()
        return self._wall_ns

    @property
    def booted_ns(self) -> int | None:
        """What time it was when the boot-time clock began, as far as the time is believed; None: there is none."""
        return None if self._machine is None else self._offset_ns - self._suspended()

    def begin_after(self, at_ns: int, in_doubt: bool, booted_ns: int | None = None) -> None:
        """At the start, the journal's last time is known, and perhaps what time it is by the boot-time clock.

        `in_doubt`: the journal's last hold of the clock stands.
        """
        wall_ns = self.wall_ns()
        self._now_ns = max(wall_ns, at_ns)
        if self._machine is None:
            return
        if booted_ns is not None:
            self._compare(booted_ns + self._machine.boot_ns(), at_ns)
            return
        before_max_ns, after_max_ns, last = JUMP_NS, START_GAP_NS, f"the journal's last entry, of {iso_seconds(at_ns)}"
        if wall_ns < at_ns - JUMP_NS:
            why = f"which is before {last}"
        elif wall_ns > at_ns + START_GAP_NS:
            why = f"which is more than {START_GAP_NS // DAY_NS} days after {last}"
        elif in_doubt:
            before_max_ns = after_max_ns = NEVER_NS  # For how long the desk was down is not known.
            why = f"and it was not believed at {last}"
        else:
            return
        told = f"the clock says {iso_seconds(wall_ns)}, {why}"
        self._doubt(at_ns, at_ns, Jump(told, self._steady_ns, before_max_ns, after_max_ns))

    def _compare(self, expected_ns: int, last_ns: int) -> None:
        if abs(self._wall_ns - expected_ns) > JUMP_NS:
            told = f"while the desk was down, {_jumped(expected_ns, self._wall_ns)}"
            self._doubt(expected_ns, last_ns, Jump(told, self._steady_ns, JUMP_NS, JUMP_NS))

    def contradict(self, name: str, second_ns: int, off_max_ns: int, near_ns: int, last_ns: int) -> None:
        """Doubts the wall clock, because a second clock is further off than `off_max_ns`. The second one is believed.

        `near_ns`: how near to it the wall clock must come to be right again. `last_ns`: the journal's last time.
        """
        wall_ns = self.wall_ns()
        if self.jump is None and abs(wall_ns - second_ns) > off_max_ns:
            why = f"the clock says {iso_seconds(wall_ns)}, and {name} says {iso_seconds(second_ns)}"
            self._doubt(second_ns, last_ns, Jump(why, self._steady_ns, near_ns, near_ns))

    def settle(self, boot_time_counts: bool) -> str | None:
        """To be called every second or so. Says why the doubt ended, if it did just now.

        `boot_time_counts`: whether the machine's boot-time clock may confirm the time after it was suspended.
        """
        slept_ns = self._suspended() - self._suspended_ns  # First, so that a suspension after it shows as a jump.
        off_ns = self.wall_ns() - self._steady_ns - self._offset_ns
        jump = self.jump
        if jump is None:
            self._forget(off_ns, slept_ns if boot_time_counts else 0)
            self._suspended_ns += slept_ns
            return None
        in_time = self._steady_ns - jump.since_ns <= self._correction_max_ns
        if in_time and -jump.before_max_ns <= off_ns <= jump.after_max_ns:
            return self._believe("the clock is right again")
        if boot_time_counts and slept_ns >= SUSPENSION_MIN_NS and abs(off_ns - slept_ns) <= JUMP_NS:
            return self._believe("the boot-time clock confirms it: the machine was suspended")
        return None

    def confirm(self, name: str, second_ns: int, off_max_ns: int) -> str | None:
        """Ends the doubt if a second clock is nearer to the wall clock than to the time that was believed."""
        wall_off_ns = abs(self.wall_ns() - second_ns)
        believed_off_ns = abs(self._steady_ns + self._offset_ns - second_ns)
        if self.jump is None or wall_off_ns > min(off_max_ns, believed_off_ns):
            return None
        return self._believe(f"{name} confirms it")

    def accept(self) -> None:
        """An operator says that the wall clock is right."""
        self._believe("")

    def _doubt(self, believed_ns: int, last_ns: int, jump: Jump) -> None:
        """What was not journaled yet is taken back."""
        self._offset_ns = believed_ns - self._steady_ns
        self._now_ns = max(believed_ns, last_ns)
        self.jump = jump
        self.now_ns()

    def _believe(self, why: str) -> str:
        self._suspended_ns = self._suspended()
        self._offset_ns = self.wall_ns() - self._steady_ns
        self.jump = None
        self.now_ns()
        return why

    def _forget(self, off_ns: int, slept_ns: int) -> None:
        """Follows small steps slowly, so that many of them are a jump as well. A short suspension is none."""
        most_ns = (self._steady_ns - self._forgot_ns) // FORGOTTEN_PER
        self._forgot_ns = self._steady_ns
        self._offset_ns += slept_ns + max(-most_ns, min(most_ns, off_ns - slept_ns))

    def _steady_of(self, wall_ns: int) -> int:
        return wall_ns if self._machine is None else self._machine.steady_ns()

    def _suspended(self) -> int:
        """For how long the machine was suspended since its start, up to a constant."""
        return 0 if self._machine is None else self._machine.boot_ns() - self._machine.steady_ns()


def _jumped(from_ns: int, to_ns: int) -> str:
    return f"the clock jumped from {iso_seconds(from_ns)} to {iso_seconds(to_ns)}"
