"""Commands that move capital between wallets or out of the desk, and the command that shows such moves."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Final
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import (
    LAST_MAX,
    AsJson,
    DataDir,
    FromOption,
    TokenOption,
    ToOption,
    WalletOption,
    data_dir_of,
    journal_at,
    journal_to_write,
    load_config,
    search_for,
    state_and_past,
    state_on_disk,
)
from overmind.cli.reasons import BY_OPERATOR, Reason, cli_author, refuse_blank
from overmind.cli.remote import call_service, read_as
from overmind.cli.whole import whole_option
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.capital.rebalance import plan
from overmind.core.model.commands import CancelMove, Rebalance, Withdraw, given_by
from overmind.core.model.ids import OrderId
from overmind.core.model.numbers import BadNumber, number
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.ports import Journal
from overmind.signals.validation import ID
from overmind.views.moves import (
    BadWithdrawal,
    MoveRow,
    PlanReport,
    WithdrawalRow,
    placed_moves,
    plan_report,
    withdrawal,
    withdrawal_row,
)
from overmind.views.past import moves_in, opened_moves

FATES: Final = {
    "waits": "it waits and is not paid yet",
    "placed": "it is not paid yet",
    "signed": "it is signed and under way",
    "filled": "it was paid",
    "failed": "it failed, and a fork may still undo that",
}


def rebalance(
    reason: Reason = BY_OPERATOR,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the planned transfers between wallets."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move capital between wallets, back to their allocations.

    Each transfer is reserved, journaled and signed like a trade. With --dry-run nothing moves.
    """
    refuse_blank(reason)
    directory = data_dir_of(None)
    answer = call_service(directory, "/v1/rebalance", {"reason": reason, "dry_run": dry_run})
    if answer is not None:
        shown, placed = read_as(answer["plan"], PlanReport), list(answer["moves"])
    elif dry_run:
        state = state_on_disk(directory)  # As it was when the desk last ran.
        shown, placed = plan_report(plan(state, state.at_ns)), []
    else:
        shown, placed = _rebalance_offline(reason)
    if as_json:
        present.emit_json({"plan": shown, "moves": placed, "dry_run": dry_run})
        return
    _show_plan(shown)
    present.say("a dry run: nothing was moved" if dry_run else f"{len(placed)} transfers placed; see `overmind moves`")


def _rebalance_offline(reason: str) -> tuple[PlanReport, list[OrderId]]:
    config = load_config()
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_rebalance(config, journal, reason))


async def _rebalance(config: MultiWalletConfig, journal: Journal, reason: str) -> tuple[PlanReport, list[OrderId]]:
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        shown = plan_report(plan(app.engine.state, app.clock.now_ns()))
        return shown, placed_moves(await app.engine.handle(given_by(Rebalance(reason, by_operator=True), cli_author())))


def _show_plan(shown: PlanReport) -> None:
    present.table(
        "Wallets",
        ("wallet", "equity", "target", "off by", "role", "why"),
        (
            (one.wallet_id, *map(present.usd, (one.equity_usd, one.target_usd, one.off_usd)), one.part, one.why)
            for one in shown.wallets
        ),
        right=("equity", "target", "off by"),
    )
    present.table(
        "Transfers",
        ("from", "to", "amount", "cost bps", "reason"),
        (
            (leg.wallet_id, leg.to_wallet, present.usd(leg.amount_usd), leg.cost_bps, leg.reason)
            for leg in shown.transfers
        ),
        right=("amount", "cost bps"),
    )
    for line in shown.left_out:
        present.say(f"left out: {line}")
    if shown.why_not:
        present.say(f"nothing moves now: {shown.why_not}", "yellow")
    due = "due" if shown.due else "not due: every wallet that takes part is within its band"
    present.say(f"{due}; expected cost {present.usd(shown.cost_usd)}")


def withdraw(
    wallet_id: Annotated[str, typer.Argument(help="Wallet that pays.")],
    amount: Annotated[str, typer.Argument(help="Amount in whole tokens, for example 250.5.")],
    token: Annotated[str, typer.Argument(help="The quote currency, or SOL of the fee reserve.")],
    to: Annotated[str, typer.Option("--to", help="Address that gets it: one of OVERMIND_WITHDRAW_ADDRESSES.")],
    reason: Reason,
    request_id: Annotated[str | None, typer.Option("--id", help="Id of the withdrawal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw capital from a wallet to a listed address.

    The amount is held now. The running desk sends it after OVERMIND_WITHDRAW_DELAY_SEC; until then `overmind cancel`
    cancels it. The same request twice is one withdrawal, unless you give another --id.
    """
    refuse_blank(reason)
    if request_id is not None and not ID.fullmatch(request_id):
        present.complain(f"{request_id!r} is no id", "write 1 to 64 of the characters A-Z a-z 0-9 _ -")
        raise typer.Exit(BAD_INPUT)
    units, directory = _amount(amount), data_dir_of(None)
    request = {"wallet_id": wallet_id, "amount": str(units), "token": token, "to": to, "reason": reason}
    answer = call_service(directory, "/v1/withdrawals", {**request, "request_id": request_id})
    if answer is not None:
        asked = read_as(answer, WithdrawalRow)
    else:
        config = load_config()
        try:
            command = withdrawal(config.desk, wallet_id, units, token, to, reason, request_id)
        except BadWithdrawal as bad:
            present.complain(bad.problem, bad.fix)
            raise typer.Exit(BAD_INPUT) from None
        asked = _withdraw_offline(config, command)
    if as_json:
        present.emit_json(asked)
    elif asked.known:
        present.say(f"{asked.move_id} is known already: {FATES[asked.state]}; for another withdrawal give another --id")
    else:
        present.say(f"{asked.move_id}: held; `overmind cancel {asked.move_id} --reason …` cancels it")


def _withdraw_offline(config: MultiWalletConfig, command: Withdraw) -> WithdrawalRow:
    journal_at(config.data_dir)  # Without a journal there is nothing to withdraw.
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_withdraw(config, journal, command))


async def _withdraw(config: MultiWalletConfig, journal: Journal, command: Withdraw) -> WithdrawalRow:
    """Start a desk for it, so that the address list and the caps of today's configuration decide."""
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        known = not placed_moves(await app.engine.handle(given_by(command, cli_author())))
        return await app.engine.read(lambda state: withdrawal_row(state, command, known, app.clock.now_ns()))


def _amount(text: str) -> Decimal:
    read = number(text)
    if isinstance(read, BadNumber):
        present.complain(read.problem, "write a number of whole tokens, such as 250.5")
        raise typer.Exit(BAD_INPUT)
    return read


def cancel(
    move_id: Annotated[str, typer.Argument(help="Id of the move, as `overmind moves` shows it.")],
    reason: Reason,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Cancel a withdrawal or a transfer that has not begun.

    The capital that it held is free again.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    if call_service(directory, f"/v1/moves/{quote(move_id, safe='')}/cancel", {"reason": reason}) is None:
        command_on_disk(directory, CancelMove(OrderId(move_id), reason))
    if as_json:
        present.emit_json({"move_id": move_id, "cancelled": True})
    else:
        present.say(f"{move_id}: cancelled")


def moves(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    only_open: Annotated[bool, typer.Option("--open", help="Show open moves only.")] = False,
    last: Annotated[int, whole_option("--last", 1, LAST_MAX, "Number of closed moves to show.")] = 20,
    wallet: WalletOption = None,
    token: TokenOption = None,
    from_: FromOption = None,
    to: ToOption = None,
) -> None:
    """Show transfers between wallets, and withdrawals.

    That includes rebalances, top-ups of the fee reserve, sweeps and reclaimed rent. With --wallet, --token, --from or
    --to only moves that fit are shown. Times are those of placing.
    """
    with state_and_past(data_dir_of(data_dir)) as (state, past):
        search = search_for(state, last, wallet, token, from_, to)
        rows = moves_in(past, opened_moves(state, SystemClock().now_ns()), search, only_open)
    if as_json:
        present.emit_json(rows)
    else:
        _show_moves(rows)


def _show_moves(rows: list[MoveRow]) -> None:
    columns = ("move", "from", "to", "amount", "state", "not before", "detail", "reason")
    present.table(
        "Moves",
        columns,
        (
            (
                row.move_id,
                row.wallet_id,
                row.to,
                f"{row.amount} {row.symbol}",
                f"{row.state} (provisional)" if row.provisional else row.state,
                row.not_before,
                row.detail,
                row.reason,
            )
            for row in rows
        ),
        right=("amount",),
    )
