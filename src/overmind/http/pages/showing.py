"""Renders each view once for all who look at the same moment, as a whole page or as its `<main>` alone.

The `<main>` of a view is the same for everybody of one role, so it is kept for as long as nothing changes. Its forms
hold a placeholder, which is replaced by the reader's own token when the answer is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from overmind.clock.clocks import thread_ns, uptime_ns
from overmind.core.model.enums import TradingMode
from overmind.core.model.numbers import digits
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.lane import Lane, Rank
from overmind.http.access.headers import page_headers
from overmind.http.access.identity import Identity, identity_of
from overmind.http.archive import Archive
from overmind.http.bounds import SEQ_MAX
from overmind.http.endpoints import Role
from overmind.http.pages.assets import Assets
from overmind.http.pages.navigation import View
from overmind.http.pages.notices import Notice, Notices
from overmind.http.pages.share import Share
from overmind.http.pages.templates import THEMES, Templates
from overmind.http.responses import HttpRefusal
from overmind.http.slices import Slices
from overmind.views.screens.holds import hold_chips

DURABLE_S: Final = 2.0  # A journal that stands still for so long hangs: the page says so instead of waiting.
WAITS_MAX: Final = 5  # of that length, for a journal that goes on: a disk under load is slow
KEPT_MAX: Final = 128  # rendered views
SHARED_S: Final = 0.25  # A live page may get what was rendered so long ago.
QUIET_S: Final = 1.0  # What is not in the journal, such as a full disk, is looked at as often.
TAG_BYTES: Final = 12
FRAGMENT: Final = "x-fragment"
SEEN: Final = "x-seq"
FRESH: Final = "x-fresh-ms"  # for how long asking again would bring the same
NOTICE: Final = "notice"
THEME: Final = "theme"

Facts = Mapping[str, object]
Key = tuple[str, Role]  # of a view: its address, and who reads it
Look = Callable[[], Awaitable[Facts]]


class Rendered(NamedTuple):
    main: str
    seq: int  # of the state that it shows
    at_s: float  # when it was begun, by the loop's clock
    tag: str


class Mode(Value, frozen=True):
    """Where orders go. It must be impossible to mistake."""

    name: str  # PAPER, LOCALNET, DEVNET or MAINNET
    is_real_money: bool


class Pages:
    def __init__(self, app: App, recent: Archive, assets: Assets) -> None:
        """`recent` reads the journal for views of the past."""
        self.app = app
        self.recent = recent
        self.assets = assets
        self.notices = Notices()
        self.lane = Lane()
        self.slices = Slices(app.engine, self.lane)
        self.mode = mode_of(app.config.mode, app.config.cluster.value)
        self._share = Share(_seconds)
        self._csrf = secrets.token_urlsafe(24)  # stands for the reader's token in what is kept
        self._kept: OrderedDict[Key, asyncio.Task[Rendered]] = OrderedDict()
        self._templates = Templates()

    def close(self) -> None:
        self._templates.close()

    async def show(self, request: Request, view: View, look: Look, title: str = "") -> Response:
        """A view. `look` is asked only if no earlier look is new enough."""
        identity = identity_of(request)
        fragment = FRAGMENT in request.headers
        rendered = await self._in_time(self._rendering(request, view, look, identity.role, fragment))
        tag = f'"{rendered.tag}"'
        headers = {"etag": tag, SEEN: str(rendered.seq)}
        if fragment:
            headers[FRESH] = str(self._fresh_ms((_address(request), identity.role), rendered))
        if fragment and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        body = rendered.main if fragment else await self._framed(request, view, title or view.name, rendered.main)
        return self.html(body.replace(self._csrf, identity.csrf), headers)

    def html(self, body: str, headers: Mapping[str, str], status: int = 200) -> Response:
        return Response(body, status, {**page_headers(), **headers}, media_type="text/html")

    async def plain(self, template: str, status: int = 200, /, **facts: object) -> Response:
        """A page without a view, such as the login."""
        body = (await self._templates.get(template)).render(theme="auto", asset=self.assets.url, **facts)
        return self.html(body, {}, status)

    async def _in_time(self, rendering: asyncio.Task[Rendered]) -> Rendered:
        """What is rendered; others may wait for it too. Raises HttpRefusal."""
        engine = self.app.engine
        for _ in range(WAITS_MAX):
            durable_seq = engine.durable_seq
            await asyncio.wait((rendering,), timeout=DURABLE_S)
            if rendering.done():
                return rendering.result()
            if engine.durable_seq == durable_seq:
                break
        why = f"the journal did not become durable within {DURABLE_S:g} s"
        raise HttpRefusal(503, why, "a stop works all the same; look at the disk of the data folder")

    def _rendering(
        self, request: Request, view: View, look: Look, role: Role, fragment: bool
    ) -> asyncio.Task[Rendered]:
        key = _address(request), role
        kept = self._kept.get(key)
        if kept is None or not self._is_new(key, kept, request, fragment):
            kept = self._kept[key] = asyncio.ensure_future(self._render(key, view, look, role))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return kept

    def _is_new(self, key: Key, kept: asyncio.Task[Rendered], request: Request, fragment: bool) -> bool:
        """A live page asks again after the next tick, so it may get one that is being made, or is a little older."""
        if not kept.done():
            return fragment
        if kept.cancelled() or kept.exception() is not None:
            return False
        rendered = kept.result()
        age_s = asyncio.get_running_loop().time() - rendered.at_s
        if fragment and age_s < self._share.age_max_s(key):
            return True
        if rendered.seq == self.app.engine.state.seq:
            return age_s < QUIET_S
        seen = digits(request.headers.get(SEEN, ""), SEQ_MAX)
        return fragment and age_s < SHARED_S and seen is not None and rendered.seq >= seen

    def _fresh_ms(self, key: Key, rendered: Rendered) -> int:
        left_s = self._share.age_max_s(key) - (asyncio.get_running_loop().time() - rendered.at_s)
        return max(0, ceil(left_s * 1_000))

    async def _render(self, key: Key, view: View, look: Look, role: Role) -> Rendered:
        at_s, seq, began_ns = asyncio.get_running_loop().time(), self.app.engine.state.seq, thread_ns()
        facts = await look()
        chips = await self.app.engine.read(hold_chips)
        template = await self._templates.get(view.template)
        parts = list[str]()
        async with self.lane.held(Rank.READING) as turn:
            for part in template.generate(role=role, csrf=self._csrf, chips=chips, seq=seq, **facts):
                parts.append(part)
                await turn.pause()
        self._share.made(key, thread_ns() - began_ns)  # What else the loop did meanwhile counts too: it is busy then.
        main = "".join(parts)
        tag = hashlib.blake2b(main.encode(), digest_size=TAG_BYTES).hexdigest()
        return Rendered(main, seq, at_s, tag)

    async def _framed(self, request: Request, view: View, title: str, main: str) -> str:
        identity, theme = identity_of(request), request.cookies.get(THEME, "")
        frame = await self._templates.get("page.html")
        return frame.render(
            asset=self.assets.url,
            main=Markup(main),  # rendered with autoescape
            title=title,
            view=view,
            mode=self.mode,
            identity=identity,
            role=identity.role,
            csrf=identity.csrf,
            theme=theme if theme in THEMES else "auto",
            back=_address(request),
            at_ns=self.app.clock.now_ns(),
            notice=self._notice(request, identity),
        )

    def _notice(self, request: Request, identity: Identity) -> Notice | None:
        key = request.query_params.get(NOTICE)
        return None if key is None else self.notices.of(identity.by, key)


def _seconds() -> float:
    return uptime_ns() / NS


def mode_of(mode: TradingMode, cluster: str) -> Mode:
    name = "PAPER" if mode is TradingMode.PAPER else cluster.upper()
    return Mode(name, mode is TradingMode.LIVE and name == "MAINNET")


def _address(request: Request) -> str:
    """Path and query, without the key of a notice."""
    query = request.url.remove_query_params(NOTICE).query
    return f"{request.url.path}?{query}" if query else request.url.path
