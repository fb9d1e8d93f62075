"""All wallets with their meters, and one wallet with its history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
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
from overmind.journal.errors import JournalUnusable
from overmind.views.orders import OrderRow, each_open_order
from overmind.views.past import Opened, orders_in
from overmind.views.screens.events import EventLine, told
from overmind.views.screens.wallet import wallet_screen
from overmind.views.screens.wallets import METERS, wallet_rows

HISTORY: Final = 25  # orders of a wallet
HAPPENED: Final = 12  # holds, changed limits, deposits and the like


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
        orders, happened, why = await _history(pages, wallet_id)
        return {"one": screen, "meters": METERS, "orders": orders, "happened": happened, "why_no_orders": why}

    @router.get("/desk/wallets/{wallet_id}")
    async def wallet(wallet_id: str, request: Request) -> Response:
        known = known_wallet(app, wallet_id)
        return await pages.show(request, WALLET, partial(one, known), title=known)

    return router


async def _history(pages: Pages, wallet_id: WalletId) -> tuple[list[OrderRow], tuple[EventLine, ...], str]:
    """Its newest orders and what else happened to it, the newest first, or why they cannot be read now."""
    engine, desk, search = pages.app.engine, pages.app.desk, Search(HISTORY, wallet=wallet_id)
    sent = pages.app.times.first_sent

    def look(journal: Journal) -> tuple[list[OrderRow], tuple[EventLine, ...]]:
        past = journal.past()
        orders = orders_in(past, Opened(desk, engine.durable_seq, orders=opened), search)
        return orders[::-1], told([*islice(past.of_wallet(wallet_id), HAPPENED)], journal, past, desk)

    opened = await pages.slices.collected(partial(each_open_order, sent=sent))
    try:
        return *(await pages.recent.look(look)), ""
    except HttpRefusal as refused:
        return [], (), refused.error
    except JournalUnusable as unusable:
        return [], (), str(unusable)
