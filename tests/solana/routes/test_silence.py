"""A relay that accepts nothing although orders wait is told, from a minute of failures on, until it accepts one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.solana.routes.test_relay import RATE_LIMIT, START_NS, WANTED, Stage, region, signed, staged
from tests.support.core_desk import rows
from tests.support.scripted_nodes import Fault
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.units import NS
from overmind.ports import ChainSilent, VenueUnavailable
from overmind.solana.routes.silence import RelaySilence


class SteppedBack(SteppingClock):
    def by_s(self, seconds: int) -> None:
        self._now_ns += seconds * NS


STORIES = """
steps: a number waits seconds            | told
fail                                     | no
fail 60                                  | no
fail 59 fail                             | no
fail 60 fail                             | 60 s
fail 30 fail 30 fail 30 fail             | 90 s
fail 30 accept 30 fail                   | no
fail 60 fail accept                      | no
# Nobody waits any more, and an hour without orders is no silence.
fail 60 fail 300                         | 60 s
fail 60 fail 301                         | no
fail 3600 fail                           | no
fail 3600 fail 60 fail                   | 60 s
# The clock steps back.
fail 60 fail -120                        | no
fail 60 fail -120 fail                   | no
"""


@pytest.mark.parametrize(("steps", "told"), rows(STORIES))
def test_when_silence_is_told(steps: str, told: str) -> None:
    clock = SteppedBack(START_NS)
    silence = RelaySilence(clock)
    for step in steps.split():
        if step == "fail":
            silence.failed("it sleeps")
        elif step == "accept":
            silence.ended()
        else:
            clock.by_s(int(step))
    alarm = silence.alarm()
    assert ("no" if alarm is None else alarm.split(" for ")[1].split(" while ")[0]) == told
    assert alarm is None or "it sleeps" in alarm


async def tried(stage: Stage, numbers: Sequence[int], allowed: bool = True) -> None:
    for number in numbers:
        with pytest.raises(ChainSilent):
            await stage.send(signed(number), allowed=allowed)
        stage.pass_s(10)


@pytest.mark.parametrize("refusal", [Fault(**RATE_LIMIT), Fault(code=-32600, message="no")])
def test_a_relay_that_accepts_nothing_for_a_minute_is_an_alarm(refusal: object) -> None:
    async def story() -> None:
        node = region(refusal)
        async with staged(node) as stage:
            await tried(stage, range(40, 46))
            assert stage.relay.silence.alarm() is None
            await tried(stage, range(46, 48))
            alarm = stage.relay.silence.alarm()
            assert alarm is not None
            assert "the relay accepted no transaction for 70 s" in alarm
            node.answers["sendTransaction"] = "a signature"
            stage.pass_s(30)
            await stage.send(signed(50))
            assert stage.relay.silence.alarm() is None

    asyncio.run(story())


def test_a_transaction_that_was_withdrawn_says_nothing_of_the_relay() -> None:
    async def story() -> None:
        async with staged(region()) as stage:
            await tried(stage, range(40, 50), allowed=False)
            assert stage.relay.silence.alarm() is None

    asyncio.run(story())


def test_a_relay_that_does_not_tell_its_tip_accounts_is_silent_too() -> None:
    async def story() -> None:
        async with staged(region()) as stage:
            for _ in range(8):
                with pytest.raises(VenueUnavailable):
                    stage.relay.tip(WANTED)
                stage.pass_s(10)
            assert "tip accounts" in (stage.relay.silence.alarm() or "")
            await stage.relay.configure(stage.relay.settings)
            assert stage.relay.silence.alarm() is None, "the configured relay may be another one"

    asyncio.run(story())
