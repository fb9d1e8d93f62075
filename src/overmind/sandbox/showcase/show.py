"""Runs the demo: its traders on paper or on an embedded chain, with an ear for every answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from overmind.backtest.history import Played, play_sent
from overmind.backtest.intake import Intake
from overmind.core.model.signal import Signal
from overmind.desk.market import open_tape, tokens_by_symbol
from overmind.ports import Journal
from overmind.sandbox.demo import demo_config, demo_env
from overmind.sandbox.showcase.memes import with_memes
from overmind.sandbox.showcase.stories import Stories, Story
from overmind.sandbox.showcase.traders import Traders
from overmind.views.decisions import Decision

# An empty token account is closed once its last order is final, which takes real time: its rent would come back at
# another price in each run.
TIMELESS: Final = {"OVERMIND_RECLAIM_AFTER_SEC": "0"}


class Show:
    def __init__(self, seed: int, signals: int, folder: Path) -> None:
        """`folder`: of the desk's data."""
        self.config = config = demo_config(seed, folder)
        tokens = tokens_by_symbol(config.desk)
        self.tape = with_memes(open_tape(config), tokens)
        self._seed = seed
        self._folder = folder
        self._traders = Traders(self.tape, tokens, seed, signals)
        self._stories = Stories(self.tape)

    def on_paper(self, journal: Journal, on_signal: Callable[[int], None]) -> Played:
        """In virtual time. The same seed gives the same journal."""

        async def send(intake: Intake) -> None:
            for number, at_ns in enumerate(self._traders.times):
                await intake.until(at_ns)
                signal = self._traders.signal(number, intake.state)
                self._stories.hear(signal, await intake.submit(signal), at_ns)
                on_signal(number + 1)

        return play_sent(self.config, journal, self.tape, send, self._seed)

    def on_chain(self, journal: Journal, on_signal: Callable[[int], None]) -> Played:
        """With real transactions. The same seed gives the same trades; keys of the chain, slots and times are new."""
        import uvloop  # Here, since nothing else needs it.

        from overmind.sandbox.rehearsal import rehearse

        heard = 0

        def hear(signal: Signal, decision: Decision) -> None:
            nonlocal heard
            self._stories.hear(signal, decision, self._traders.times[heard])
            heard += 1
            on_signal(heard)

        env, unlisted = {**demo_env(self._seed, self._folder), **TIMELESS}, [self._traders.unlisted]
        return uvloop.run(rehearse(env, journal, self.tape, self._traders, hear, unlisted))

    @property
    def stories(self) -> list[Story]:
        return self._stories.told(self.config.desk)
