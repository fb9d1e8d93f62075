"""Bugs of the clock: something is decided at a time that nothing has confirmed, or a doubt outlives its reason."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

TABLE: Final = "tests/clock/test_desk_clock.py::test_what_the_desk_believes"
WATCH: Final = "tests/desk/watches/test_clock_watch.py"

CLOCK_BUGS: Final = (
    Mutation(
        "clock: jump back believed",
        "clock/desk_clock.py",
        "not -JUMP_NS <= wall_ns - steady_ns - self._offset_ns <= JUMP_NS",
        "not wall_ns - steady_ns - self._offset_ns <= JUMP_NS",
        TABLE,
    ),
    Mutation(
        "clock: doubted time journaled",
        "clock/desk_clock.py",
        "        if self.jump is not None:\n            believed_ns = steady_ns + self._offset_ns\n",
        "        if self.jump is not None:\n            believed_ns = wall_ns\n",
        "tests/sim/test_clock_jumps.py::test_every_kind_of_jump_happens_and_none_is_believed",
    ),
    Mutation(
        "clock: signal decided before the hold",
        "desk/engine.py",
        "                self._decide_at(now_ns, AddHold(Scope(), CLOCK, trust.jump.why))  # Before anything else.\n",
        "                pass\n",
        f"{WATCH}::test_the_signal_that_meets_the_jump_is_refused_and_none_after_it",
    ),
    Mutation(
        "clock: age judged by the journal's time",
        "desk/engine.py",
        "if trust.jump is not None or trust.ahead_ns:",
        "if trust.jump is not None:",
        f"{WATCH}::test_a_clock_rightly_set_back_by_an_hour_makes_no_signal_old",
    ),
    Mutation(
        "clock: exit stamped by the doubted clock refused",
        "clock/desk_clock.py",
        "return min(by_believed, by_wall, key=lambda one: abs(one - self._now_ns))",
        "return by_believed",
        f"{WATCH}::test_exits_go_on_whichever_clock_their_sender_follows",
    ),
    Mutation(
        "clock: late correction believed",
        "clock/desk_clock.py",
        "if in_time and -jump",
        "if -jump",
        TABLE,
    ),
    Mutation(
        "clock: small steps forgotten at once",
        "clock/desk_clock.py",
        "max(-most_ns, min(most_ns, off_ns - slept_ns))",
        "off_ns - slept_ns",
        "tests/clock/test_desk_clock.py::test_many_small_steps_are_a_jump",
    ),
    Mutation(
        "clock: hold lifted like any other",
        "core/control/holds.py",
        "    if cause == CLOCK and scope == Scope():\n",
        "    if cause == CLOCK and scope != Scope():\n",
        f"{WATCH}::test_an_operator_accepts_a_jump_that_nothing_confirms",
    ),
    Mutation(
        "clock: restart believes what was doubted",
        "desk/engine_start.py",
        "clock.begin_after(state.at_ns, CLOCK in state.holds, booted_ns)",
        "clock.begin_after(state.at_ns, False, booted_ns)",
        f"{WATCH}::test_a_restart_does_not_believe_a_clock_that_was_doubted",
    ),
    Mutation(
        "clock: jump while the desk is down believed",
        "clock/desk_clock.py",
        "        if booted_ns is not None:\n",
        "        if booted_ns is not None and in_doubt:\n",
        f"{WATCH}::test_a_clock_that_is_set_while_the_desk_is_down_is_found_by_the_start",
    ),
    Mutation(
        "clock: time of another start of the machine believed",
        "desk/watches/clock_reference.py",
        "found.booted_ns if found.boot_id == _boot_id() else None",
        "found.booted_ns",
        f"{WATCH}::test_what_an_earlier_start_of_the_machine_kept_says_nothing",
    ),
    Mutation(
        "clock: suspension confirmed live without block time",
        "desk/watches/clock_watch.py",
        "boot_time_counts=self._chain is None",
        "boot_time_counts=True",
        f"{WATCH}::test_block_time_confirms_a_suspension_and_nothing_else_does",
    ),
    Mutation(
        "clock: block time confirms the farther clock",
        "clock/desk_clock.py",
        "wall_off_ns > min(off_max_ns, believed_off_ns)",
        "wall_off_ns > off_max_ns",
        f"{WATCH}::test_block_time_confirms_no_jump",
    ),
    Mutation(
        "clock: live start asks the chain too late",
        "desk/app.py",
        "        await self.clock_watch.ask()  # Before anything is journaled.\n",
        "",
        f"{WATCH}::test_a_live_start_believes_block_time_before_anything_is_journaled",
    ),
    Mutation(
        "clock: jump makes a false height possible",
        "solana/chain.py",
        "clock.boot_ns if isinstance(clock, MachineClock) else clock.now_ns",
        "clock.now_ns",
        "tests/solana/test_chain.py::test_a_clock_that_is_set_forward_makes_no_height_possible",
    ),
    Mutation(
        "clock: one node sets block time forward",
        "solana/chain.py",
        "return times[min(1, len(times) - 1)]",
        "return times[0]",
        "tests/solana/test_chain.py::test_one_node_alone_cannot_set_block_time_forward",
    ),
)
