"""Moves of capital: rebalance, withdraw, cancel a move."""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.core.capital.rebalance import plan
from overmind.core.model.commands import CancelMove, Rebalance
from overmind.core.model.ids import OrderId
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import ReasonBody, read_body
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.signals.validation import ID
from overmind.views.moves import BadWithdrawal, PlanReport, placed_moves, plan_report, withdrawal, withdrawal_row


class RebalanceBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "dry_run": false}'
    reason: str
    dry_run: bool = False


class WithdrawalBody(Value, frozen=True, forbid_unknown_fields=True):
    """`amount` in whole tokens. Without an id, each request is a withdrawal of its own."""

    example: ClassVar[str] = '{"reason": "…", "wallet_id": "…", "amount": "250.5", "token": "USDC", "to": "address"}'
    reason: str
    wallet_id: str
    amount: object  # a number or a string; `withdrawal` reads it
    token: str
    to: str
    request_id: str | None = None


class Rebalanced(Value, frozen=True):
    """The plan, and what was placed of it."""

    plan: PlanReport
    moves: list[OrderId]  # the transfers that were placed: none on a dry run
    dry_run: bool


class MoveCancelled(Value, frozen=True):
    move_id: OrderId
    cancelled: bool = True


def capital_router(app: App) -> APIRouter:
    router, engine = APIRouter(), app.engine

    @router.post("/rebalance")
    async def rebalance_now(request: Request) -> Response:
        """The plan, and what was placed of it: nothing on a dry run."""
        body = await read_body(request, RebalanceBody)
        planned = await engine.read(lambda state: plan(state, app.clock.now_ns()))
        events = () if body.dry_run else await act(engine, request, Rebalance(body.reason, by_operator=True))
        return JsonResponse(Rebalanced(plan_report(planned), placed_moves(events), body.dry_run))

    @router.post("/withdrawals")
    async def withdraw(request: Request) -> Response:
        body = await read_body(request, WithdrawalBody)
        if body.request_id is not None and not ID.fullmatch(body.request_id):
            raise HttpRefusal(400, "request_id is not 1 to 64 letters, digits, _ and -", "choose another id")
        try:
            command = withdrawal(
                app.desk, body.wallet_id, body.amount, body.token, body.to, body.reason, body.request_id
            )
        except BadWithdrawal as bad:
            raise HttpRefusal(400, bad.problem, bad.fix) from None
        known = not placed_moves(await act(engine, request, command))
        return JsonResponse(await engine.read(lambda state: withdrawal_row(state, command, known, app.clock.now_ns())))

    @router.post("/moves/{move_id}/cancel")
    async def cancel(move_id: str, request: Request) -> Response:
        body = await read_body(request, ReasonBody)
        await act(engine, request, CancelMove(OrderId(move_id), body.reason))
        return JsonResponse(MoveCancelled(OrderId(move_id)))

    return router
