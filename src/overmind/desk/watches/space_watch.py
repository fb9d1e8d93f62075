"""Says in advance when the disk of the data folder fills up, and for how many days its room lasts at the measured rate.

The rate is what the disk lost within the last hour or the last day, whichever is more, whoever wrote it. A look at the
disk is made in a thread, since it may hang. See specification §13.9.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from overmind.core.model.units import DAY_NS, NS
from overmind.core.model.value import Value
from overmind.journal.aside import Aside
from overmind.journal.free_space import free_bytes
from overmind.ports import Clock

LOOK_EVERY_S: Final = 60
PATIENCE_S: Final = 5.0  # The journal's own watch tells when the disk does not answer.
MEASURED_MIN_NS: Final = 600 * NS  # A shorter time says nothing about a day.
RATE_OVER_NS: Final = (3_600 * NS, DAY_NS)
FREE_MIN_BYTES: Final = 64 * 1024 * 1024  # Four times the reserve that the journal keeps for exits.
URGENT_DAYS: Final = 0.25
MB: Final = 1_000_000
FIX: Final = "make room on the disk, or move old segments and logs to another one"

log = structlog.get_logger("space")


class Room(Value, frozen=True):
    """What is free on a disk, and how fast that becomes less; 0: it does not."""

    free_bytes: int
    bytes_a_day: int

    @property
    def days(self) -> float | None:
        """None: it becomes no less."""
        return self.free_bytes / self.bytes_a_day if self.bytes_a_day else None

    @property
    def is_urgent(self) -> bool:
        return self.lasts_less_than(URGENT_DAYS)

    def lasts_less_than(self, days: float) -> bool:
        return self.free_bytes < FREE_MIN_BYTES or (self.days is not None and self.days < days)

    def __str__(self) -> str:
        free = f"{self.free_bytes / MB:,.0f} MB are free"
        if self.days is None:
            return free
        return f"{free}, {self.bytes_a_day / MB:,.0f} MB are written a day: {self.days:.1f} days are left"


class SpaceWatch:
    def __init__(
        self, folder: Path, clock: Clock, days_min: int, free_bytes: Callable[[Path], int] = free_bytes
    ) -> None:
        """Alarms when the room lasts less than `days_min` days; 0: only when nearly none is left."""
        self._folder = folder
        self._clock = clock
        self._days_min = days_min
        self._free_bytes = free_bytes
        self._aside = Aside("free space")
        self._seen: deque[tuple[int, int]] = deque(maxlen=DAY_NS // (LOOK_EVERY_S * NS) + 1)  # time, free bytes
        self._room: Room | None = None
        self._told: Room | None = None  # with the last alarm; None: there is none

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_EVERY_S)
        finally:
            self._aside.shutdown()

    async def look(self) -> None:
        try:
            free = await self._aside.run(lambda: self._free_bytes(self._folder), PATIENCE_S)
        except OSError:  # TimeoutError is one.
            return
        now_ns = self._clock.now_ns()
        self._seen.append((now_ns, free))
        self._room = Room(free, max(self._rate(now_ns, over_ns) for over_ns in RATE_OVER_NS))
        self._tell(self._room)

    @property
    def room(self) -> Room | None:
        """As of the last look; None: there was none."""
        return self._room

    def alarm(self) -> str | None:
        """What an operator has to know; None: there is room."""
        room = self._room
        return None if room is None or not room.lasts_less_than(self._days_min) else self._say(room)

    def fault(self) -> str | None:
        """Why the desk is about to stop taking entries; None: it is not."""
        return None if self._room is None or not self._room.is_urgent else self._say(self._room)

    def _say(self, room: Room) -> str:
        return f"the disk of {self._folder} fills up: {room}; {FIX}"

    def _rate(self, now_ns: int, over_ns: int) -> int:
        """Bytes a day."""
        since_ns, before = next((seen for seen in self._seen if seen[0] >= now_ns - over_ns), self._seen[-1])
        took_ns, lost = now_ns - since_ns, before - self._seen[-1][1]
        return max(0, lost * DAY_NS // took_ns) if took_ns >= MEASURED_MIN_NS else 0

    def _tell(self, room: Room) -> None:
        """An alarm is told when it begins, and again when half of the time or of the room is gone."""
        if not room.lasts_less_than(self._days_min):
            if self._told is not None:
                log.warning("the disk has room again", free_mb=room.free_bytes // MB)
            self._told = None
        elif self._told is None or _is_half(room, self._told):
            self._told = room
            days = None if room.days is None else round(room.days, 2)
            rate_mb = room.bytes_a_day // MB
            log.error("the disk fills up", free_mb=room.free_bytes // MB, mb_a_day=rate_mb, days_left=days, fix=FIX)


def _is_half(room: Room, told: Room) -> bool:
    days = None if room.days is None or told.days is None else room.days * 2 <= told.days
    return bool(days) or room.free_bytes * 2 <= told.free_bytes
