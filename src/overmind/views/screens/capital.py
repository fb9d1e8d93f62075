"""Capital: where each wallet stands against its allocation, what moves, and what each has for fees."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.capital.rebalance import plan
from overmind.core.model.ids import SOL, OrderId, WalletId
from overmind.core.model.units import LAMPORTS
from overmind.core.model.value import Value
from overmind.views.moves import MoveRow, PlanReport, open_moves, plan_report


class FloatRow(Value, frozen=True):
    """SOL of a wallet for fees and rent. No position is in it."""

    wallet_id: WalletId
    sol: float
    percent: float  # of what a top-up brings it to
    is_low: bool  # a top-up is due
    is_blocked: bool  # it takes no entries until it has more


class ShownMove(Value, frozen=True):
    row: MoveRow
    may_cancel: bool = False  # it is open, and not signed yet


class Capital(Value, frozen=True):
    plan: PlanReport
    moves: tuple[ShownMove, ...]
    floats: tuple[FloatRow, ...]  # the lowest first
    low_sol: float
    target_sol: float
    reserve_sol: float  # entries leave so much


def capital(state: State, at_ns: int) -> Capital:
    desk = state.settings
    return Capital(
        plan=plan_report(plan(state, at_ns)),
        moves=tuple(ShownMove(row, _may_cancel(state, row.move_id)) for row in open_moves(state, at_ns)),
        floats=tuple(sorted(_floats(state), key=lambda row: (row.sol, row.wallet_id))),
        low_sol=desk.float_low_lamports / LAMPORTS,
        target_sol=desk.float_target_lamports / LAMPORTS,
        reserve_sol=desk.reserve_float_lamports / LAMPORTS,
    )


def _may_cancel(state: State, move_id: OrderId) -> bool:
    known = state.open_moves.get(move_id)
    return known is not None and known.ticket is None


def _floats(state: State) -> list[FloatRow]:
    desk = state.settings
    aim = max(desk.float_target_lamports, desk.float_low_lamports, desk.reserve_float_lamports, 1)
    rows = []
    for book in state.wallets.values():
        free = state.ledger.balance(book.accounts.sol_float, SOL)
        rows.append(
            FloatRow(
                wallet_id=book.wallet.id,
                sol=free / LAMPORTS,
                percent=max(0.0, min(100.0, free * 100 / aim)),
                is_low=free < desk.float_low_lamports,
                is_blocked=free < desk.reserve_float_lamports + desk.costs.fee_max_lamports,
            )
        )
    return rows
