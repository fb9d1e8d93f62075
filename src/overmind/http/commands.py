"""The operator's POSTs: journaled with a reason, durable before they are answered."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.config.limit_changes import read_changes
from overmind.core.capital.proceeds import why_nowhere
from overmind.core.capital.rebalance import plan
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import (
    AddHold,
    CancelClose,
    CancelMove,
    ChangeLimits,
    ChangeMints,
    ClosePosition,
    CommandRefused,
    EmergencyStop,
    LiftHold,
    ReactivateWallet,
    Rebalance,
)
from overmind.core.model.controls import MintVerb
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.watch import REASON_CHARS_MAX
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.ports import ChainSilent
from overmind.signals.validation import ID
from overmind.views import limits
from overmind.views.closing import close_row
from overmind.views.moves import BadWish, asked, placed, shown_plan, withdrawal
from overmind.views.targets import PORTFOLIO, holding, mint_held, scope_of, to_lift

WHO_CHARS_MAX: Final = 64


class Why(Value, frozen=True, forbid_unknown_fields=True):
    reason: str


class Resume(Value, frozen=True, forbid_unknown_fields=True):
    """`hold`: the cause to lift; without it, what a pause added."""

    reason: str
    hold: str | None = None


class Stop(Value, frozen=True, forbid_unknown_fields=True):
    reason: str
    liquidate: bool = False
    sweep: bool = False


class Closing(Value, frozen=True, forbid_unknown_fields=True):
    reason: str
    cancel: bool = False


class Balance(Value, frozen=True, forbid_unknown_fields=True):
    reason: str
    dry_run: bool = False


class Out(Value, frozen=True, forbid_unknown_fields=True):
    """A withdrawal: `amount` in whole tokens; without an id, the wish is its own."""

    reason: str
    wallet_id: str
    amount: Decimal
    token: str
    to: str
    request_id: str | None = None


class Limiting(Value, frozen=True, forbid_unknown_fields=True):
    """`changes` by name, as a wallet's JSON has them; null, or `reset` for all of them: as the files say again."""

    reason: str
    by: str = "http"
    changes: dict[str, object] = msgspec.field(default_factory=dict)
    reset: bool = False


class Minting(Value, frozen=True, forbid_unknown_fields=True):
    reason: str
    verb: MintVerb
    token: str = ""
    by: str = "http"


Verb = Literal["pause", "resume"]
SHAPES: Final = {
    Why: '{"reason": "…"}',
    Resume: '{"reason": "…", "hold": "drawdown"}',
    Stop: '{"reason": "…", "liquidate": false, "sweep": false}',
    Closing: '{"reason": "…", "cancel": false}',
    Balance: '{"reason": "…", "dry_run": false}',
    Out: '{"reason": "…", "wallet_id": "…", "amount": "250.5", "token": "USDC", "to": "address"}',
    Limiting: '{"reason": "…", "changes": {"max_position_size": 5000}}',
    Minting: '{"reason": "…", "verb": "block", "token": "SOL"}',
}

Body = TypeVar("Body", Why, Resume, Stop, Closing, Balance, Out, Limiting, Minting)


def commands_router(app: App) -> APIRouter:
    router, engine = APIRouter(prefix="/v1"), app.engine

    @router.post("/emergency-stop")
    async def emergency_stop(request: Request) -> Response:
        wish = await _read(request, Stop)
        await engine.handle(EmergencyStop(wish.reason, wish.liquidate, wish.sweep))
        statuses = await engine.read(lambda state: {book.wallet.id: book.status for book in state.wallets.values()})
        not_swept = await engine.read(why_nowhere) if wish.sweep else ""
        return JsonResponse({"stopped": True, "reason": wish.reason, "wallets": statuses, "not_swept": not_swept})

    @router.post("/wallets/{wallet_id}/reactivate")
    async def reactivate(wallet_id: str, request: Request) -> Response:
        wish, wallet = await _read(request, Why), _known(app, wallet_id)
        if app.stop_file.exists():
            raise HttpRefusal(409, "the STOP file in the data directory still asks for a stop", "remove the file first")
        await engine.handle(ReactivateWallet(wallet, wish.reason))
        book = await engine.read(lambda state: state.wallets[wallet])
        return JsonResponse({"wallet_id": wallet, "status": book.status, "holds": sorted(book.holds)})

    @router.post("/wallets/{wallet_id}/accept")
    async def accept(wallet_id: str, request: Request) -> Response:
        wish, wallet = await _read(request, Why), _known(app, wallet_id)
        if app.balances is None:
            raise CommandRefused("paper has no chain: its books are all that there is")
        try:
            return JsonResponse({"wallet_id": wallet, "adjusted": await app.balances.accept(wallet, wish.reason)})
        except ChainSilent as silent:
            raise HttpRefusal(503, f"the chain cannot be read: {silent}") from None

    @router.post("/positions/{wallet_id}/{token}/close")
    async def close(wallet_id: str, token: str, request: Request) -> Response:
        wish, wallet = await _read(request, Closing), _known(app, wallet_id)
        mint = mint_held(engine.state, wallet, token)
        events = await engine.handle((CancelClose if wish.cancel else ClosePosition)(wallet, mint, wish.reason))
        at_ns = app.clock.now_ns()
        return JsonResponse(await engine.read(lambda state: close_row(state, wallet, mint, events, at_ns)))

    @router.post("/wallets/{wallet_id}/limits")
    async def change_limits(wallet_id: str, request: Request) -> Response:
        wish, wallet = await _read(request, Limiting), _known(app, wallet_id)
        if wish.reset == bool(wish.changes):
            raise HttpRefusal(
                400, "either changes or a reset", 'send {"changes": {…}}, or {"reset": true} for all of them'
            )
        wanted = read_changes(wish.changes)
        if isinstance(wanted, tuple):
            raise HttpRefusal(400, "; ".join(map(str, wanted)), "name and bound them as in a wallet's JSON")
        if wish.reset:
            wanted = dict.fromkeys(engine.state.changes.get(wallet, {}))
        await engine.handle(ChangeLimits(wallet, wanted, _who(wish.by), wish.reason))
        return JsonResponse(await engine.read(lambda state: limits.wallet_limits(state, wallet)))

    @router.post("/mints")
    async def change_mints(request: Request) -> Response:
        wish = await _read(request, Minting)
        mint = limits.mint_named(engine.state, wish.token) if wish.token else None
        await engine.handle(ChangeMints(wish.verb, mint, _who(wish.by), wish.reason))
        return JsonResponse(await engine.read(limits.mints))

    async def hold(request: Request, target: str, verb: Verb) -> Response:
        scope = scope_of(engine.state, target)
        if verb == "pause":
            await engine.handle(AddHold(scope, OPERATOR, (await _read(request, Why)).reason))
        else:
            wish = await _read(request, Resume)
            found = await engine.read(lambda state: holding(state, target, scope))
            await engine.handle(LiftHold(scope, to_lift(found, scope, wish.hold), wish.reason))
        return JsonResponse(await engine.read(lambda state: holding(state, target, scope)))

    @router.post("/wallets/{wallet_id}/{verb}")
    async def hold_wallet(wallet_id: str, verb: Verb, request: Request) -> Response:
        return await hold(request, _known(app, wallet_id), verb)

    @router.post("/strategies/{strategy}/{verb}")
    async def hold_strategy(strategy: str, verb: Verb, request: Request) -> Response:
        return await hold(request, strategy, verb)

    @router.post("/portfolio/{verb}")
    async def hold_portfolio(verb: Verb, request: Request) -> Response:
        return await hold(request, PORTFOLIO, verb)

    @router.post("/rebalance")
    async def rebalance_now(request: Request) -> Response:
        """The plan, and what was placed of it: nothing on a dry run."""
        wish = await _read(request, Balance)
        planned = await engine.read(lambda state: plan(state, app.clock.now_ns()))
        events = () if wish.dry_run else await engine.handle(Rebalance(wish.reason, by_operator=True))
        return JsonResponse({"plan": shown_plan(planned), "moves": placed(events), "dry_run": wish.dry_run})

    @router.post("/withdrawals")
    async def withdraw(request: Request) -> Response:
        wish = await _read(request, Out)
        if wish.request_id is not None and not ID.fullmatch(wish.request_id):
            raise HttpRefusal(400, "request_id is not 1 to 64 letters, digits, _ and -", "choose another id")
        try:
            command = withdrawal(
                app.desk, wish.wallet_id, wish.amount, wish.token, wish.to, wish.reason, wish.request_id
            )
        except BadWish as bad:
            raise HttpRefusal(400, bad.problem, bad.fix) from None
        known = not placed(await engine.handle(command))
        return JsonResponse(await engine.read(lambda state: asked(state, command, known, app.clock.now_ns())))

    @router.post("/moves/{move_id}/cancel")
    async def cancel(move_id: str, request: Request) -> Response:
        wish = await _read(request, Why)
        await engine.handle(CancelMove(OrderId(move_id), wish.reason))
        return JsonResponse({"move_id": move_id, "cancelled": True})

    return router


async def _read(request: Request, shape: type[Body]) -> Body:
    try:
        wish = msgspec.json.Decoder(shape, float_hook=Decimal).decode(await request.body())
    except (msgspec.DecodeError, UnicodeError, RecursionError, InvalidOperation) as fault:
        raise HttpRefusal(400, f"not what is asked for here: {fault}", f"send {SHAPES[shape]}") from None
    if not wish.reason.strip():
        raise HttpRefusal(400, "a blank reason", "say why; it is journaled")
    if len(wish.reason) > REASON_CHARS_MAX:
        raise HttpRefusal(400, f"a reason of more than {REASON_CHARS_MAX} characters", "say it shorter")
    return wish


def _who(by: str) -> str:
    if not by.strip() or len(by) > WHO_CHARS_MAX:
        raise HttpRefusal(400, "nobody is named", f"say who wants it in `by`, in 1 to {WHO_CHARS_MAX} letters")
    return by


def _known(app: App, wallet_id: str) -> WalletId:
    wallets = app.engine.state.wallets
    if WalletId(wallet_id) not in wallets:
        raise HttpRefusal(404, f"no wallet {wallet_id[:64]!r}", f"known: {', '.join(wallets)}")
    return WalletId(wallet_id)
