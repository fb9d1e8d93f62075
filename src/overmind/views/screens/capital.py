"""Capital: where each wallet stands against its allocation, what moves, and what each has for fees."""

from __future__ import annotations

from functools import partial

from overmind.core.books.state import State
from overmind.core.capital.rebalance import Plan, Standing, plan
from overmind.core.model.ids import SOL, OrderId, WalletId
from overmind.core.model.units import LAMPORTS
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of
from overmind.views.moves import MoveRow, PlanReport, WalletTargetRow, open_moves, plan_report


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


class PlannedWallet(Value, frozen=True):
    """A wallet before and after the plan. The costs are paid from its SOL."""

    row: WalletTargetRow
    change_usd: Amount  # what the plan brings; negative: takes
    after_usd: Amount
    off_usd: Amount  # its target


class Capital(Value, frozen=True):
    plan: PlanReport
    wallets: tuple[PlannedWallet, ...]
    moves: tuple[ShownMove, ...]
    floats: tuple[FloatRow, ...]  # the lowest first
    low_sol: float
    target_sol: float
    reserve_sol: float  # entries leave so much


def capital(state: State, at_ns: int) -> Capital:
    desk, planned = state.settings, plan(state, at_ns)
    report = plan_report(planned)
    return Capital(
        plan=report,
        wallets=tuple(map(partial(_planned, planned), planned.standings, report.wallets)),
        moves=tuple(ShownMove(row, _may_cancel(state, row.move_id)) for row in open_moves(state, at_ns)),
        floats=tuple(sorted(_floats(state), key=lambda row: (row.sol, row.wallet_id))),
        low_sol=desk.float_low_lamports / LAMPORTS,
        target_sol=desk.float_target_lamports / LAMPORTS,
        reserve_sol=desk.reserve_float_lamports / LAMPORTS,
    )


def _planned(planned: Plan, standing: Standing, row: WalletTargetRow) -> PlannedWallet:
    came = sum(leg.micros for leg in planned.legs if leg.to_wallet == standing.wallet_id)
    change = came - sum(leg.micros for leg in planned.legs if leg.wallet_id == standing.wallet_id)
    off = standing.excess_micros + change
    return PlannedWallet(row, usd_of(change), usd_of(standing.target_micros + off), usd_of(off))


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
