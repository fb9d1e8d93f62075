"""All that tells people about one desk, as the configuration asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from overmind.desk.app import App
from overmind.notices.beside import Beside
from overmind.notices.delivery import TargetRow
from overmind.notices.notices import Notices
from overmind.notices.outlook import Outlook
from overmind.notices.ping import DeadMansSwitch
from overmind.notices.targets import Target
from overmind.notices.telegram.acting import Actions
from overmind.notices.telegram.chat import TelegramChat


class Messengers:
    def __init__(self, app: App, journal: Path, targets: Sequence[Target]) -> None:
        """Of an open desk. `targets`: of its notices."""
        settings = app.config.notices
        self._app = app
        self._folder = journal.parent
        self._notices = Notices(settings, app, journal, targets) if targets else None
        self._switch = None if settings.ping is None else DeadMansSwitch(settings.ping, app)
        self._chat: TelegramChat | None = None
        self._beside = Beside()
        app.alarms_beside.append(self.alarms)

    def alarms(self) -> list[str]:
        parts = [part for part in (self._notices, self._chat, self._switch, self._beside) if part is not None]
        return [alarm for part in parts for alarm in part.alarms()]

    def targets(self) -> list[TargetRow]:
        """What became of the notices for each, for metrics."""
        return [] if self._notices is None else self._notices.rows()

    @asynccontextmanager
    async def telling(self, outlook: Outlook) -> AsyncIterator[None]:
        """For as long as the block lasts."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {}
        telegram = self._app.config.notices.telegram
        async with AsyncExitStack() as undo:
            if telegram is not None:
                self._chat = TelegramChat(telegram, Actions(self._app, outlook), self._app.clock, self._folder)
                undo.callback(self._chat.close)
                parts["Telegram"] = self._chat.run
            if self._switch is not None:
                parts["the dead man's switch"] = partial(self._switch.run, outlook)
            if self._notices is not None:
                await undo.enter_async_context(self._notices.telling(outlook))
            await undo.enter_async_context(self._beside.running(parts))
            yield
