"""Routes that only read. They show durable state, in the shape of the commands' `--json`.

What comes from the journal is written in the thread that reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query
from msgspec import structs
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.model.ids import SignalId
from overmind.desk.app import App
from overmind.http.archive import Archive, Pages
from overmind.http.bounds import SEQ_MAX, whole_within
from overmind.http.explainer import Explainer
from overmind.http.health import machine_alarms
from overmind.http.known_parameters import StrictRoute
from overmind.http.own_entries import Page, Source, page_of, source_asked
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.http.searching import InSpan, MovesAskedFor, OrdersAskedFor
from overmind.http.slices import Slices, written
from overmind.journal.catalogue.concerned import Follower
from overmind.signals.validation import ID
from overmind.text.printable import json_bytes
from overmind.views import limits, reports
from overmind.views.learner import learner
from overmind.views.orders import each_open_order
from overmind.views.past import BadSearch, Opened, moves_in, opened_moves, orders_in, refusals_in
from overmind.views.positions import position_rows
from overmind.views.preview import explain
from overmind.views.prices import price_rows
from overmind.views.risk import Risk, portfolio_risk, wallet_risks
from overmind.views.stats import shown_stats

EVENTS_MAX: Final = 1_000
EVENTS_DEFAULT: Final = 100

OnlyOpen = Annotated[bool, Query(alias="open", description="Leaves out what has closed.")]
WithCode = Annotated[
    str | None, Query(description="Only signals that were refused with this code, such as POSITION_SIZE.")
]
WithCandidates = Annotated[
    bool | None,
    Query(
        description="Whether to say why each wallet was chosen or refused. Without it: where a kept state is near. "
        "`true` has it computed in a process of its own, one at a time, which ends when the client leaves."
    ),
]
After = Annotated[
    int,
    BeforeValidator(whole_within(0, SEQ_MAX)),
    Query(ge=0, le=SEQ_MAX, description="The number of an entry: later ones are told."),
]
Limit = Annotated[
    int,
    BeforeValidator(whole_within(1, EVENTS_MAX)),
    Query(ge=1, le=EVENTS_MAX, description="How many entries at most."),
]


def queries_router(app: App, recent: Archive, explainer: Explainer) -> APIRouter:
    router = APIRouter(prefix="/v1")
    slices = Slices(app.engine)
    router.include_router(_books_router(app, slices))
    router.include_router(_past_router(app, recent, slices))
    router.include_router(journal_router(recent, explainer))
    return router


def _books_router(app: App, slices: Slices) -> APIRouter:
    """What the books say now."""
    router, engine = APIRouter(route_class=StrictRoute), app.engine

    @router.get("/portfolio")
    async def portfolio() -> Response:
        return JsonResponse(await engine.read(reports.portfolio_summary))

    @router.get("/wallets")
    async def wallets() -> Response:
        return await slices.rows(_wallets)

    @router.get("/positions")
    async def positions() -> Response:
        return await slices.rows(position_rows)

    @router.get("/prices")
    async def prices() -> Response:
        return await slices.rows(price_rows)

    @router.get("/stats")
    async def stats() -> Response:
        return JsonResponse(await engine.read(shown_stats))

    @router.get("/risk")
    async def risk() -> Response:
        stress = app.config.stress_reported

        def head(state: State) -> Risk:
            found, watch = portfolio_risk(state, stress), app.clock_watch
            alarms = (*found.alarms, *machine_alarms(app))
            return structs.replace(found, alarms=alarms, clock_ahead_seconds=watch.ahead_s)

        return await slices.rows_in(head, "wallets", wallet_risks)

    @router.get("/limits")
    async def wallet_limits() -> Response:
        return await slices.rows(limits.limit_rows)

    @router.get("/mints")
    async def mint_lists() -> Response:
        return JsonResponse(await engine.read(limits.mints))

    @router.get("/learner")
    async def learner_stands() -> Response:
        return JsonResponse(await engine.read(learner))

    return router


def _past_router(app: App, recent: Archive, slices: Slices) -> APIRouter:
    """Open orders and moves from the books, and what ended or was refused from the journal."""
    router, engine = APIRouter(route_class=StrictRoute), app.engine
    opened_orders = partial(each_open_order, sent=app.times.first_sent)

    @router.get("/orders")
    async def orders(asked: OrdersAskedFor, only_open: OnlyOpen = False) -> Response:
        """Open orders at the time of the request; an order that closed meanwhile is shown as closed."""
        if only_open and asked.for_all:  # Polled often, so without `placed_at`, which takes reading the journal.
            return await slices.rows(lambda state: (row for _, row in opened_orders(state)))
        search, desk, seq = await engine.read(lambda state: (asked.among(state), state.desk, state.seq))
        opened = Opened(desk, seq, orders=await slices.collected(opened_orders))
        return written(await recent.look(lambda pages: json_bytes(orders_in(pages.past(), opened, search, only_open))))

    @router.get("/moves")
    async def moves(asked: MovesAskedFor, only_open: OnlyOpen = False) -> Response:
        """Moves of capital: between wallets, withdrawals, and reclaimed rent."""
        now_ns = app.clock.now_ns()
        search, opened = await engine.read(lambda state: (asked.among(state), opened_moves(state, now_ns)))
        if only_open and asked.for_all:
            return JsonResponse([row for _, row in opened.moves])
        return written(await recent.look(lambda pages: json_bytes(moves_in(pages.past(), opened, search, only_open))))

    @router.get("/refusals")
    async def refusals(search: InSpan, code: WithCode = None) -> Response:
        """The last signals that were refused, oldest first."""
        desk = app.desk
        try:
            return written(await recent.look(lambda pages: json_bytes(refusals_in(pages.past(), desk, search, code))))
        except BadSearch as bad:
            raise HttpRefusal(400, bad.problem, bad.fix) from None

    return router


def journal_router(recent: Archive, explainer: Explainer) -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    @router.get("/signals/{signal_id}")
    async def signal(request: Request, signal_id: str, candidates: WithCandidates = None) -> Response:
        """Why each wallet was chosen or refused needs the state of then: see `candidates` in docs/http-api.md."""
        found = await recent.look(lambda pages: _explained(pages, signal_id, candidates is not False))
        if found is None:
            raise HttpRefusal(404, f"the journal knows no signal {signal_id[:64]!r}", "see /v1/orders for known ids")
        whole, body = found
        if candidates and not whole:
            return Response(await explainer.explain(signal_id, request.is_disconnected), media_type="application/json")
        return written(body)

    @router.get("/events")
    async def events(
        request: Request, after: After = 0, limit: Limit = EVENTS_DEFAULT, source: Source = None
    ) -> Response:
        """With a source, a page may be empty before the end: then `last_seq` is the last entry that was looked at."""
        asked = source_asked(request, source)
        return written(await recent.look(lambda pages: _events(_page(pages, asked, after, limit))))

    return router


def _wallets(state: State) -> Iterator[reports.WalletMetrics]:
    return (reports.wallet_metrics(state, book) for book in [*state.wallets.values()])


def _page(pages: Pages, source: str, after: int, count: int) -> Page:
    if source:
        return page_of(pages, source, Follower(), after, count)
    entries = pages.page(after, count)
    return Page(entries, entries[-1].seq if entries else after)


def _events(page: Page) -> bytes:
    """One by one, because other threads wait while one call of the encoder runs."""
    return b'{"events":[%b],"last_seq":%d}' % (b",".join(map(json_bytes, page.entries)), page.seq)


def _explained(pages: Pages, signal_id: str, with_candidates: bool) -> tuple[bool, bytes] | None:
    """Whether it tells of the candidates, and the answer."""
    life = pages.past().life(SignalId(signal_id)) if ID.fullmatch(signal_id) else None
    if life is None:
        return None
    found = explain(life, pages.state_nearby(life[0].seq - 1) if with_candidates else None)
    return found.candidates is not None, json_bytes(found.to_json())
