"""Timers that turn the world into commands: prices become marks, a STOP file becomes an emergency stop."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from overmind.core.messages import EmergencyStop, MarkPrices
from overmind.core.model import Mark
from overmind.engine import Engine
from overmind.ports import Clock, Prices

STOP_FILE: Final = "STOP"
STOP_REASON: Final = "STOP file in the data directory"
REASON_CHARS_MAX: Final = 500


class StopFile:
    """A stop that works when the service hangs: a file, made by `touch`, looked for before every send."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / STOP_FILE

    def exists(self) -> bool:
        """What cannot be looked for is taken as there: a stop must not be missed."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def reason(self) -> str:
        """What whoever made the file wrote into it, for the journal."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                said = file.read(REASON_CHARS_MAX).strip()
        except OSError:  # Made by `touch` and taken away again, or not for our eyes: a stop all the same.
            said = ""
        return f"{STOP_REASON}: {said}" if said else STOP_REASON


class Watch:
    def __init__(self, engine: Engine, prices: Prices, clock: Clock, stop_file: StopFile, every_s: float) -> None:
        """Marks at most once in `every_s` seconds: once a second when live, once a candle on a tape."""
        self._engine = engine
        self._prices = prices
        self._clock = clock
        self._stop_file = stop_file
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        await self.heed_stop_file()
        ticks = self._prices.ticks()
        marks = tuple(Mark(tick.mint, tick.price_pico, tick.at_ns) for tick in ticks.values())
        if marks:
            await self._engine.handle(MarkPrices(marks))

    async def heed_stop_file(self) -> None:
        if self._stop_file.exists():
            await self._engine.handle(EmergencyStop(self._stop_file.reason()))
