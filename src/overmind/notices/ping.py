"""The dead man's switch: asks an address each period while the desk can trade, and tells it of an emergency stop.

A desk that is dead, cut off or stuck asks nothing: whoever serves the address alarms then.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import structlog

from overmind.config.notices import PingSettings
from overmind.core.control.breakers import EMERGENCY
from overmind.core.model.events import HoldAdded
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.notices.outlook import Outlook
from overmind.notices.pinging import Ping, Signal, ping_for, stop_in
from overmind.solana.resolver import connector

PATIENCE_S: Final = 10.0
TEXT_CHARS_MAX: Final = 2_000
START: Final = "/start"

log = structlog.get_logger("ping")


class DeadMansSwitch:
    def __init__(self, settings: PingSettings, app: App) -> None:
        self._settings = settings
        self._app = app
        self._stopped = asyncio.Event()  # a stop came: the next ping is now
        self._looks = 0  # in a row in which the desk could not trade
        self._failing = False  # as it is logged

    async def run(self, outlook: Outlook) -> None:
        """Runs until cancelled."""
        async with (
            aiohttp.ClientSession(connector=connector(2), timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._follow())
            await self._send(session, START, "")
            while True:
                await self._ping(session, outlook)
                await self._pause()

    def alarms(self) -> list[str]:
        return ["the ping of the dead man's switch is not taken"] if self._failing else []

    async def _follow(self) -> None:
        """Hears of an emergency stop at once."""
        feed = self._app.engine.subscribe()
        try:
            while True:
                for entry in await feed.next() or ():
                    if isinstance(entry.event, HoldAdded) and entry.event.hold.cause == EMERGENCY:
                        self._stopped.set()
        finally:
            self._app.engine.unsubscribe(feed)

    async def _pause(self) -> None:
        """A period, or until a stop comes."""
        waits = [
            asyncio.ensure_future(self._app.clock.sleep(self._settings.every_ns / NS)),
            asyncio.ensure_future(self._stopped.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._stopped.clear()

    async def _ping(self, session: aiohttp.ClientSession, outlook: Outlook) -> None:
        stop, reasons = stop_in(self._app.engine.state), await outlook.reasons()
        self._looks = self._looks + 1 if reasons else 0
        ping = ping_for(stop, reasons, self._looks)
        if ping is not None:
            await self._tell(session, ping)

    async def _tell(self, session: aiohttp.ClientSession, ping: Ping) -> None:
        await self._send(session, ping.signal.value, ping.text if ping.signal is Signal.FAIL else "")

    async def _send(self, session: aiohttp.ClientSession, end: str, text: str) -> None:
        """GET, or POST with a text. Its address is a secret, which is in no line of the log."""
        base, _, query = self._settings.url.reveal().partition("?")
        url = f"{base.rstrip('/') if end else base}{end}{'?' if query else ''}{query}"
        body = text[:TEXT_CHARS_MAX].encode() or None
        try:
            async with session.request("POST" if body else "GET", url, data=body, allow_redirects=False) as response:
                why = "" if response.status < 300 else f"it answers {response.status}"
        except (aiohttp.ClientError, OSError, ValueError) as fault:  # TimeoutError is an OSError.
            why = type(fault).__name__
        if why and not self._failing:
            log.warning("the ping is not taken", why=why)
        elif self._failing and not why:
            log.warning("the ping is taken again")
        self._failing = bool(why)
