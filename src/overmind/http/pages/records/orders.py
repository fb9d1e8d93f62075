"""Open orders, and the last ones that ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.config.cluster import is_loopback
from overmind.config.secrecy import Secret
from overmind.core.books.state import State
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import Entry
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.http.archive import Pages as Journal
from overmind.http.pages.navigation import ORDERS
from overmind.http.pages.records.asking import LAST_DEFAULT, Asked, From, Last, tokens_of
from overmind.http.pages.records.sparing import Sparing
from overmind.http.pages.showing import Pages
from overmind.journal.catalogue.past import Search
from overmind.views.screens.orders import Explorer, OrderLine, order_line

OPEN_MAX: Final = 100  # shown; the others are counted


def orders_router(pages: Pages) -> APIRouter:
    config = pages.app.config
    router, engine, explorer = (
        APIRouter(),
        pages.app.engine,
        explorer_of(config.mode, config.cluster.value, config.chain.rpc_urls),
    )

    sparing = Sparing[tuple[list[OrderLine], list[OrderLine]]](pages.recent)

    @router.get("/desk/orders")
    async def orders(
        request: Request,
        wallet: str = "",
        token: str = "",
        from_: From = "",
        to: str = "",
        last: Last = LAST_DEFAULT,
    ) -> Response:
        asked = Asked(wallet, token, from_, to, last)

        async def look() -> Mapping[str, object]:
            search, desk, opened, names = await engine.read(
                lambda state: (
                    asked.search(state),
                    state.settings,
                    _open(state),
                    (list(state.wallets), tokens_of(state)),
                )
            )
            wanted = [
                order for order in opened if search.wallet in ("", order.wallet_id) and search.mint in ("", order.mint)
            ]
            shown = wanted[-OPEN_MAX:]
            sent = {**pages.app.times.first_sent}  # for another thread
            tell = partial(order_line, desk, explorer=explorer, sent=sent)
            still_open, ended = await sparing.look(request, lambda journal: _lines(journal, search, shown, tell))
            wallets, tokens = names
            return {
                "open": still_open,
                "unlisted": len(wanted) - len(shown),
                "ended": ended,
                "asked": asked,
                "wallets": wallets,
                "tokens": tokens,
            }

        return await pages.show(request, ORDERS, look)

    return router


def explorer_of(mode: TradingMode, cluster: str, nodes: Sequence[Secret]) -> Explorer:
    """A node that is not on this machine is not named, nor are credentials in an address: a link tells them."""
    if mode is TradingMode.PAPER:
        return Explorer("")
    near = [urlsplit(url.reveal()) for url in nodes[:1] if is_loopback(url)]
    return Explorer(cluster, f"{near[0].scheme}://{near[0].netloc.rpartition('@')[2]}" if near else "")


def _open(state: State) -> list[Order]:
    return [known.order for known in state.open_orders.values()]


def _lines(
    journal: Journal, search: Search, opened: Sequence[Order], tell: Callable[[Sequence[Entry]], OrderLine]
) -> tuple[list[OrderLine], list[OrderLine]]:
    """Newest first, open ones and ended ones. Read in the archive's thread."""
    past = journal.past()
    ids: list[OrderId] = [order.id for order in reversed(opened)]
    ended = past.orders(search).ids[::-1]
    of_ids = [[tell(past.of(one)) for one in some] for some in (ids, ended)]
    return [line for line in of_ids[0] if line.order_id not in ended], of_ids[1]
