"""All wallets with their meters, and one wallet with its history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.ids import WalletId
from overmind.http.archive import Pages as Journal
from overmind.http.commands.bodies import known_wallet
from overmind.http.pages.navigation import WALLET, WALLETS
from overmind.http.pages.showing import Pages
from overmind.http.responses import HttpRefusal
from overmind.journal.catalogue.past import Search
from overmind.views.orders import OrderRow, each_open_order
from overmind.views.past import Opened, orders_in
from overmind.views.screens.wallet import wallet_screen
from overmind.views.screens.wallets import METERS, wallet_rows

HISTORY: Final = 25  # orders of a wallet


def wallets_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    async def every() -> Mapping[str, object]:
        rows = await pages.slices.collected(wallet_rows)
        return {"rows": rows, "meters": METERS}

    @router.get("/desk/wallets")
    async def wallets(request: Request) -> Response:
        return await pages.show(request, WALLETS, every)

    async def one(wallet_id: WalletId) -> Mapping[str, object]:
        at_ns = app.clock.now_ns()
        screen = await app.engine.read(lambda state: wallet_screen(state, wallet_id, at_ns))
        orders, why = await _history(pages, wallet_id)
        return {"one": screen, "meters": METERS, "orders": orders, "why_no_orders": why}

    @router.get("/desk/wallets/{wallet_id}")
    async def wallet(wallet_id: str, request: Request) -> Response:
        known = known_wallet(app, wallet_id)
        return await pages.show(request, WALLET, partial(one, known), title=known)

    return router


async def _history(pages: Pages, wallet_id: WalletId) -> tuple[list[OrderRow], str]:
    """Its newest orders, the newest first, or why they cannot be read now."""
    engine, desk, search = pages.app.engine, pages.app.desk, Search(HISTORY, wallet=wallet_id)
    sent = pages.app.times.first_sent

    def look(journal: Journal) -> list[OrderRow]:
        return orders_in(journal.past(), Opened(desk, engine.durable_seq, orders=opened), search)

    opened = await pages.slices.collected(partial(each_open_order, sent=sent))
    try:
        return (await pages.recent.look(look))[::-1], ""
    except HttpRefusal as refused:
        return [], refused.error
