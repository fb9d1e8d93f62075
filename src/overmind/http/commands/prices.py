"""What an operator says about a price that the desk does not believe."""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.config.files import InvalidValue
from overmind.config.typed_price import price_typed
from overmind.core.model.commands import AcceptPrice
from overmind.core.model.ids import Mint
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import read_body
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.views.limits import mint_named
from overmind.views.prices import DoubtRow, doubts


class PriceBody(Value, frozen=True, forbid_unknown_fields=True):
    """`price`: in USD, as a string, so that every digit counts."""

    example: ClassVar[str] = '{"reason": "…", "price": "147.48"}'
    reason: str
    price: str


class PriceTaken(Value, frozen=True):
    mint: Mint
    price: str  # as it was sent
    doubted: tuple[DoubtRow, ...]  # prices that are not believed still


def prices_router(app: App) -> APIRouter:
    router, engine = APIRouter(), app.engine

    @router.post("/prices/{token}/accept")
    async def accept_price(token: str, request: Request) -> Response:
        body, mint = await read_body(request, PriceBody), mint_named(engine.state, token)
        price_pico = price_typed(body.price)
        if isinstance(price_pico, InvalidValue):
            raise HttpRefusal(400, price_pico.problem, price_pico.fix)
        await act(engine, request, AcceptPrice(mint, price_pico, body.reason))
        return JsonResponse(PriceTaken(mint, body.price, await engine.read(doubts)))

    return router
