"""Serves the description: as OpenAPI for programs, as a page for people. Made once, when somebody first asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

from fastapi import APIRouter
from starlette.responses import Response
from starlette.routing import BaseRoute

from overmind.http.access.headers import page_headers
from overmind.http.pages.assets import Assets, own_assets
from overmind.http.reference.openapi import described, openapi
from overmind.http.reference.page import page
from overmind.http.reference.parameters import routed
from overmind.http.reference.told import told
from overmind.http.responses import JsonResponse
from overmind.journal.aside import Aside
from overmind.text.printable import json_bytes


class Written(NamedTuple):
    openapi: bytes
    page: bytes


class Reference:
    def __init__(self, routes: Callable[[], Iterable[BaseRoute]]) -> None:
        """`routes`: all that the service has, once it serves."""
        self._routes = routes
        self._aside = Aside("reference")

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/openapi.json")
        async def description() -> Response:
            return Response((await self._made()).openapi, media_type=JsonResponse.media_type)

        @router.get("/reference")
        async def reference() -> Response:
            return Response((await self._made()).page, 200, page_headers(), media_type="text/html")

        return router

    def close(self) -> None:
        self._aside.shutdown()

    async def _made(self) -> Written:
        """It takes a third of a second, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, lambda: self._written)

    @cached_property
    def _written(self) -> Written:
        found = described(routed(self._routes()))
        return Written(json_bytes(openapi(found)), page(told(found), Assets(own_assets()).url).encode())
