"""Does what a listed person asks for by chat. The only commands that change anything stop or pause."""

from __future__ import annotations

import asyncio
from typing import Final

from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, CommandRefused, EmergencyStop, OperatorCommand, given_by
from overmind.desk.app import App
from overmind.desk.engine import DiskFull, EngineStopped
from overmind.desk.watches.timers import REASON_CHARS_MAX
from overmind.journal.errors import JournalUnusable
from overmind.notices.outlook import Outlook
from overmind.notices.telegram.judging import Judged
from overmind.notices.telegram.texts import (
    HELP,
    NO_LIFT,
    UNKNOWN,
    positions_text,
    risk_text,
    status_text,
    wallets_text,
    why_text,
)
from overmind.views.reports import portfolio_summary
from overmind.views.risk import portfolio_risk
from overmind.views.targets import scope_of

DURABLE_S: Final = 2.0  # Whoever stops a desk must hear soon whether its journal has the stop.
ANSWER_S: Final = 10.0
BY_CHAT: Final = "asked for by Telegram"
LIFTING: Final = ("resume", "reactivate", "start_trading", "lift", "unpause", "accept")


class Actions:
    def __init__(self, app: App, outlook: Outlook) -> None:
        self._app = app
        self._outlook = outlook

    async def stop(self, asked: Judged) -> str:
        """The emergency stop of all wallets, with the answer to whoever asked for it."""
        told = await self._acted(asked, EmergencyStop(_reason(asked.rest)))
        return (
            told or "Stopped: no wallet takes entries; exits go on. `overmind reactivate` lifts it, wallet by wallet."
        )

    async def answer(self, asked: Judged) -> str:
        """To any other command."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answer(asked)
        except TimeoutError:
            return f"The desk did not answer within {ANSWER_S:g} s."
        except (EngineStopped, JournalUnusable) as fault:
            return str(fault)

    async def _answer(self, asked: Judged) -> str:
        engine, outlook = self._app.engine, self._outlook
        match asked.command:
            case "help" | "start":
                return HELP
            case "status":
                return status_text(await engine.read(portfolio_summary), await outlook.reasons())
            case "wallets":
                return await engine.read(wallets_text)
            case "positions":
                return await engine.read(positions_text)
            case "risk":
                return risk_text(await engine.read(lambda state: portfolio_risk(state, None)), outlook.alarms())
            case "why":
                found = await outlook.explained(asked.rest)
                return found if isinstance(found, str) else why_text(found, self._app.desk)
            case "pause":
                return await self._pause(asked)
            case command if command in LIFTING:
                return NO_LIFT.format(command="reactivate" if command == "reactivate" else "resume")
            case _:
                return UNKNOWN

    async def _pause(self, asked: Judged) -> str:
        target, _, said = asked.rest.partition(" ")
        if not target:
            return "Write /pause WALLET or /pause STRATEGY, and why."
        try:
            scope = scope_of(self._app.engine.state, target)
        except CommandRefused as refused:
            return str(refused)
        told = await self._acted(asked, AddHold(scope, OPERATOR, _reason(said)))
        return told or f"Paused: {target} takes no entries. `overmind resume {target}` lifts it."

    async def _acted(self, asked: Judged, command: OperatorCommand) -> str:
        """Blank: it is done and durable."""
        try:
            async with asyncio.timeout(DURABLE_S):
                await self._app.engine.handle(given_by(command, f"telegram:{asked.user_id}"))
        except TimeoutError:
            return "It holds, and the journal does not have it yet: look at the disk."
        except (CommandRefused, DiskFull, EngineStopped) as fault:
            return str(fault)
        return ""


def _reason(said: str) -> str:
    return f"{BY_CHAT}: {said}"[:REASON_CHARS_MAX] if said else BY_CHAT
