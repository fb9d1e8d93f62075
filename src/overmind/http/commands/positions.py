"""What a wallet holds: close a position, accept the chain's balances or history."""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.history import wallets_unknown
from overmind.core.model.commands import CancelClose, ClosePosition, CommandRefused, WriteOff
from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.access.identity import identity_of
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import ReasonBody, known_wallet, read_body
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.ports import ChainSilent
from overmind.views.closing import CloseRow, close_row, written_off
from overmind.views.targets import mint_held


class CloseBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "cancel": false}'
    reason: str
    cancel: bool = False


class Accepted(Value, frozen=True):
    """What the books took over from the chain."""

    wallet_id: WalletId
    adjusted: dict[Mint, int]  # base units by mint


class HistoryTaken(Value, frozen=True):
    wallet_id: WalletId
    adjusted: dict[Mint, int]  # base units by mint
    unknown: list[WalletId]  # wallets whose history is not known yet


class Booked(Value, frozen=True):
    order_id: OrderId
    booked: str  # filled or failed


def positions_router(app: App) -> APIRouter:
    router, engine = APIRouter(), app.engine

    @router.post("/positions/{wallet_id}/{token}/close")
    async def close_position(wallet_id: str, token: str, request: Request) -> Response:
        return JsonResponse(await close(app, request, wallet_id, token, await read_body(request, CloseBody)))

    @router.post("/positions/{wallet_id}/{token}/write-off")
    async def write_off(wallet_id: str, token: str, request: Request) -> Response:
        body, wallet = await read_body(request, ReasonBody), known_wallet(app, wallet_id)
        mint = mint_held(engine.state, wallet, token)
        return JsonResponse(written_off(await act(engine, request, WriteOff(wallet, mint, body.reason))))

    @router.post("/wallets/{wallet_id}/accept")
    async def accept(wallet_id: str, request: Request) -> Response:
        body, wallet = await read_body(request, ReasonBody), known_wallet(app, wallet_id)
        if app.balances is None:
            raise CommandRefused("paper has no chain to compare the books with")
        try:
            return JsonResponse(
                Accepted(wallet, await app.balances.accept(wallet, body.reason, identity_of(request).by))
            )
        except ChainSilent as silent:
            raise HttpRefusal(503, f"the chain cannot be read: {silent}") from None

    @router.post("/wallets/{wallet_id}/accept-history")
    async def accept_history(wallet_id: str, request: Request) -> Response:
        body, wallet = await read_body(request, ReasonBody), known_wallet(app, wallet_id)
        if app.balances is None:
            raise CommandRefused("paper has no chain whose history could be read")
        try:
            adjusted = await app.balances.accept_history(wallet, body.reason, identity_of(request).by)
        except ChainSilent as silent:
            raise HttpRefusal(503, f"the chain cannot be read: {silent}") from None
        unknown = await engine.read(lambda state: wallets_unknown(state) if RESTORED in state.holds else [])
        return JsonResponse(HistoryTaken(wallet, adjusted, unknown))

    @router.post("/orders/{order_id}/book-from-chain")
    async def from_chain(order_id: str, request: Request) -> Response:
        body = await read_body(request, ReasonBody)
        try:
            outcome = await app.book_from_chain(OrderId(order_id), body.reason, identity_of(request).by)
        except ChainSilent as silent:
            raise HttpRefusal(503, f"the chain cannot be read: {silent}") from None
        return JsonResponse(Booked(OrderId(order_id), type(outcome).__name__.lower()))

    return router


async def close(app: App, request: Request, wallet_id: str, token: str, body: CloseBody) -> CloseRow:
    wallet = known_wallet(app, wallet_id)
    mint = mint_held(app.engine.state, wallet, token)
    command = CancelClose(wallet, mint, body.reason) if body.cancel else ClosePosition(wallet, mint, body.reason)
    events, at_ns = await act(app.engine, request, command), app.clock.now_ns()
    return await app.engine.read(lambda state: close_row(state, wallet, mint, events, at_ns))
