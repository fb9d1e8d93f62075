"""The emergency stop, wallets back to work after it, and a clock that jumped and is right."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.clock.instants import iso_seconds
from overmind.core.capital.proceeds import why_nowhere
from overmind.core.model.commands import EmergencyStop, ReactivateWallet
from overmind.core.model.controls import Scope
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.access.identity import identity_of
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import ReasonBody, known_wallet, read_body
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.views.targets import LiftableHold, holds_on

DURABLE_S: Final = 2.0  # Whoever stops a desk must hear soon whether its journal has the stop.


class StopBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "liquidate": false, "sweep": false}'
    reason: str
    liquidate: bool = False
    sweep: bool = False


class Stopped(Value, frozen=True):
    stopped: bool
    reason: str
    wallets: dict[WalletId, WalletStatus]
    not_swept: str  # why no wallet can take the proceeds; blank: one can, or no sweep was asked for


class Reactivated(Value, frozen=True):
    """A wallet after the hold `emergency` was lifted."""

    wallet_id: WalletId
    status: WalletStatus
    holds: tuple[str, ...]  # the causes that hold it still
    held: tuple[LiftableHold, ...]
    returns: tuple[LiftableHold, ...]  # come back with the next price: their limits are still reached
    above: tuple[LiftableHold, ...]  # on the whole portfolio: they hold this wallet too


class TimeAccepted(Value, frozen=True):
    at: str  # the time that is believed, ISO 8601, UTC
    reason: str


def stopping_router(app: App) -> APIRouter:
    router = APIRouter()

    @router.post("/emergency-stop")
    async def emergency_stop(request: Request) -> Response:
        return JsonResponse(await stop(app, request, await read_body(request, StopBody)))

    @router.post("/wallets/{wallet_id}/reactivate")
    async def reactivate_wallet(wallet_id: str, request: Request) -> Response:
        return JsonResponse(await reactivate(app, request, wallet_id, await read_body(request, ReasonBody)))

    @router.post("/clock/accept")
    async def accept_time(request: Request) -> Response:
        body = await read_body(request, ReasonBody)
        await app.clock_watch.accept(body.reason, identity_of(request).by)
        return JsonResponse(TimeAccepted(iso_seconds(app.clock.now_ns()), body.reason))

    return router


async def stop(app: App, request: Request, body: StopBody) -> Stopped:
    """Raises HttpRefusal if the journal does not have the stop in time."""
    engine = app.engine
    try:
        async with asyncio.timeout(DURABLE_S):
            await act(engine, request, EmergencyStop(body.reason, body.liquidate, body.sweep))
    except TimeoutError:
        why = app.storage().locked or f"the disk took longer than {DURABLE_S:g} s"
        raise HttpRefusal(503, f"the stop holds, and the journal does not have it yet: {why}") from None
    statuses = await engine.read(lambda state: {book.wallet.id: book.status for book in state.wallets.values()})
    not_swept = await engine.read(why_nowhere) if body.sweep else ""
    return Stopped(True, body.reason, statuses, not_swept)


async def reactivate(app: App, request: Request, wallet_id: str, body: ReasonBody) -> Reactivated:
    wallet = known_wallet(app, wallet_id)
    if await app.stop_file.look():
        raise HttpRefusal(409, "the STOP file in the data directory still asks for a stop", "remove the file first")
    await act(app.engine, request, ReactivateWallet(wallet, body.reason))
    book = await app.engine.read(lambda state: state.wallets[wallet])
    found = await app.engine.read(lambda state: holds_on(state, wallet, Scope(wallet)))
    return Reactivated(wallet, book.status, found.holds, found.held, found.returns, found.above)
