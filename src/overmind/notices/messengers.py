"""All that tells people about one desk, as the configuration asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from overmind.desk.app import App
from overmind.notices.delivery import TargetRow
from overmind.notices.notices import Notices
from overmind.notices.outlook import Outlook
from overmind.notices.targets import Target


class Messengers:
    def __init__(self, app: App, journal: Path, targets: Sequence[Target]) -> None:
        """Of an open desk. `targets`: of its notices."""
        settings = app.config.notices
        self._notices = Notices(settings, app, journal, targets) if targets else None
        app.alarms_beside.append(self.alarms)

    def alarms(self) -> list[str]:
        return [] if self._notices is None else self._notices.alarms()

    def targets(self) -> list[TargetRow]:
        """What became of the notices for each, for metrics."""
        return [] if self._notices is None else self._notices.rows()

    @asynccontextmanager
    async def telling(self, outlook: Outlook) -> AsyncIterator[None]:
        """For as long as the block lasts."""
        async with AsyncExitStack() as parts:
            if self._notices is not None:
                await parts.enter_async_context(self._notices.telling(outlook))
            yield
