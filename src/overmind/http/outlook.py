"""What whoever tells people asks of the service: how it stands, and what became of a signal."""

from __future__ import annotations

from overmind.core.model.ids import SignalId
from overmind.desk.app import App
from overmind.http.archive import Archive, Pages
from overmind.http.health import ServiceHealth, machine_alarms
from overmind.http.responses import HttpRefusal
from overmind.signals.validation import ID
from overmind.views.preview import Explained, explain


class ServiceOutlook:
    """`notices.outlook.Outlook` of a service."""

    def __init__(self, app: App, health: ServiceHealth, recent: Archive) -> None:
        self._app = app
        self._health = health
        self._recent = recent

    async def reasons(self) -> list[str]:
        return await self._health.reasons()

    def alarms(self) -> tuple[str, ...]:
        return machine_alarms(self._app)

    async def explained(self, signal_id: str) -> Explained | str:
        try:
            found = await self._recent.look(lambda pages: _explained(pages, signal_id))
        except HttpRefusal as refused:
            return str(refused)
        return found or "the journal knows no such signal"


def _explained(pages: Pages, signal_id: str) -> Explained | None:
    life = pages.past().life(SignalId(signal_id)) if ID.fullmatch(signal_id) else None
    return None if life is None else explain(life, None)
