"""The forms of the page: stop, reactivate, pause, resume, close a position, and the colours of the page.

Each does what the command of the same name does, and sends the browser back with a notice of what came of it. So a form
works without scripts, and loading the page again posts nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.commands import CommandRefused
from overmind.desk.engine import EngineBusy
from overmind.http.access.forms import read_form
from overmind.http.access.headers import own_place, see_other
from overmind.http.access.identity import identity_of
from overmind.http.commands.bodies import CommandBody, ReasonBody, known_wallet, with_reason
from overmind.http.commands.holds import ResumeBody, pause, resume
from overmind.http.commands.positions import CloseBody, close
from overmind.http.commands.stopping import StopBody, reactivate, stop
from overmind.http.pages.formats import quantity
from overmind.http.pages.navigation import OVERVIEW
from overmind.http.pages.notices import Notice
from overmind.http.pages.showing import NOTICE, THEME, Pages
from overmind.http.pages.templates import THEMES
from overmind.http.responses import HttpRefusal
from overmind.views.closing import CloseRow
from overmind.views.targets import PORTFOLIO, TargetHolds, what_still_holds

BACK: Final = "back"  # the field that names the page to go back to
THEME_S: Final = 365 * 24 * 3_600
SERVER_FAULT: Final = 500

Body = TypeVar("Body", bound=CommandBody)
Verb = Literal["pause", "resume"]


def actions_router(pages: Pages) -> APIRouter:
    """Each path ends as that of its command, since the server knows the urgent ones by their end."""
    router, app = APIRouter(), pages.app

    @router.post("/desk/emergency-stop")
    async def emergency_stop(request: Request) -> Response:
        async def act(body: StopBody) -> Notice:
            stopped = await stop(app, request, body)
            return Notice(f"All {len(stopped.wallets)} wallets are stopped.", stopped.not_swept)

        return await answered(pages, request, StopBody, act)

    @router.post("/desk/wallets/{wallet_id}/reactivate")
    async def reactivate_wallet(wallet_id: str, request: Request) -> Response:
        async def act(body: ReasonBody) -> Notice:
            done = await reactivate(app, request, wallet_id, body)
            return _held_still(TargetHolds(wallet_id, done.holds, done.held, done.returns, done.above))

        return await answered(pages, request, ReasonBody, act)

    async def hold(request: Request, target: str, verb: Verb, is_wallet: bool = False) -> Response:
        def found() -> str:
            return known_wallet(app, target) if is_wallet else target

        async def hold_it(body: ReasonBody) -> Notice:
            await pause(app, request, found(), body)
            return Notice(f"{target} takes no entries until somebody resumes it. Exits go on.")

        async def lift_it(body: ResumeBody) -> Notice:
            return _held_still(await resume(app, request, found(), body))

        if verb == "pause":
            return await answered(pages, request, ReasonBody, hold_it)
        return await answered(pages, request, ResumeBody, lift_it)

    @router.post("/desk/wallets/{wallet_id}/{verb}")
    async def hold_wallet(wallet_id: str, verb: Verb, request: Request) -> Response:
        return await hold(request, wallet_id, verb, is_wallet=True)

    @router.post("/desk/strategies/{strategy}/{verb}")
    async def hold_strategy(strategy: str, verb: Verb, request: Request) -> Response:
        return await hold(request, strategy, verb)

    @router.post("/desk/portfolio/{verb}")
    async def hold_portfolio(verb: Verb, request: Request) -> Response:
        return await hold(request, PORTFOLIO, verb)

    @router.post("/desk/positions/{wallet_id}/{token}/close")
    async def close_position(wallet_id: str, token: str, request: Request) -> Response:
        async def act(body: CloseBody) -> Notice:
            return _closing(await close(app, request, wallet_id, token, body))

        return await answered(pages, request, CloseBody, act)

    @router.post("/desk/theme")
    async def theme(request: Request) -> Response:
        fields = await read_form(request)
        answer, chosen = see_other(_back(fields)), fields.get(THEME, "")
        if chosen in THEMES:
            answer.set_cookie(THEME, chosen, THEME_S, samesite="strict", httponly=True)
        return answer

    return router


async def answered(
    pages: Pages, request: Request, shape: type[Body], act: Callable[[Body], Awaitable[Notice]]
) -> Response:
    """A refusal is a notice as well. A fault of the service is a page of its own: the way back may not work either."""
    fields = await read_form(request)
    back = _back(fields)
    try:
        notice = await act(with_reason(_read(fields, shape)))
    except HttpRefusal as refused:
        if refused.status >= SERVER_FAULT:
            raise
        notice = Notice(_sentence(refused.error), _sentence(refused.fix), is_error=True)
    except (CommandRefused, EngineBusy) as refused:
        notice = Notice(_sentence(str(refused)), is_error=True)
    key = pages.notices.keep(identity_of(request).by, notice)
    return see_other(f"{back}{'&' if '?' in back else '?'}{NOTICE}={key}")


def _read(fields: dict[str, str], shape: type[Body]) -> Body:
    """A blank field says nothing, except for the reason."""
    said = {name: text for name, text in fields.items() if name not in ("csrf", BACK) and (text or name == "reason")}
    try:
        return msgspec.convert(said, shape, strict=False)
    except msgspec.ValidationError as fault:
        raise HttpRefusal(400, f"not the expected form: {fault}", "send the page's own form") from None


def _back(fields: dict[str, str]) -> str:
    return own_place(fields.get(BACK, ""), OVERVIEW.path)


def _held_still(found: TargetHolds) -> Notice:
    left = what_still_holds(found)
    if not left:
        return Notice(f"{found.target} takes entries again.")
    return Notice(f"Done. {found.target} takes no entries yet:", "; ".join(left))


def _closing(row: CloseRow) -> Notice:
    if not row.closing and row.order_id is None:
        return Notice(f"{row.symbol} of {row.wallet_id} is not being closed any more.")
    if row.order_id is not None:
        return Notice(f"Order {row.order_id} sells {quantity(row.order_quantity)} {row.symbol} of {row.wallet_id}.")
    return Notice(f"{row.symbol} of {row.wallet_id} is sold as soon as it can be.", _sentence(row.why_not))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
