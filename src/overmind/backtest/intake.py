"""Where a run sends its signals: each waits for its time, is decided by the desk, and is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from overmind.core.books.state import State
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.ports import Clock
from overmind.views.decisions import Decision, DecisionStatus


class Intake:
    """The desk of a run, as whoever sends it signals knows it."""

    def __init__(self, app: App, clock: Clock) -> None:
        self.app = app
        self.refusal_codes: Counter[str] = Counter()  # refused signals by their first refusal
        self._clock = clock

    @property
    def state(self) -> State:
        return self.app.engine.state

    async def until(self, at_ns: int) -> None:
        """Waits for this time; one that has passed is not waited for."""
        await self._clock.sleep(max(0, at_ns - self._clock.now_ns()) / NS)

    async def submit(self, signal: Signal) -> Decision:
        decision = await self.app.submit(signal)
        self.count(decision)
        return decision

    def count(self, decision: Decision) -> None:
        if decision.status is DecisionStatus.REFUSED:
            self.refusal_codes[decision.refusals[0].code.value] += 1


Send = Callable[[Intake], Awaitable[None]]


def sending(signals: Sequence[Signal], on_signal: Callable[[int], None]) -> Send:
    """Sends signals that are known beforehand, each at its own time. They must be in order of time."""

    async def send(intake: Intake) -> None:
        for count, signal in enumerate(signals, 1):
            assert signal.at_ns is not None, signal
            await intake.until(signal.at_ns)
            await intake.submit(signal)
            on_signal(count)

    return send
