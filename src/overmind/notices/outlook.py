"""What is asked of the service that the desk runs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from overmind.views.preview import Explained


class Outlook(Protocol):
    async def reasons(self) -> list[str]:
        """Why the desk cannot trade now, as /readyz says; none: it can."""

    def alarms(self) -> Sequence[str]:
        """What an operator has to look at, and that keeps nobody from trading."""

    async def explained(self, signal_id: str) -> Explained | str:
        """What the journal says of a signal, or why nothing can be told. Raises JournalUnusable."""
