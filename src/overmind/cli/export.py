"""`overmind export`: the accounts of a period as CSV files, read from the journal."""

from __future__ import annotations

from bisect import bisect_left
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import (
    AsJson,
    DataDir,
    FromOption,
    ToOption,
    absolute,
    data_dir_of,
    instant_option,
    journal_read_only,
)
from overmind.clock.instants import INSTANT_MAX_NS, iso
from overmind.core.books.state import State
from overmind.core.model.ids import WalletId
from overmind.desk.engine import recover
from overmind.journal.recovery import kept_states
from overmind.journal.sqlite import SqliteJournal
from overmind.views.account_rows import Period
from overmind.views.accounts import AccountingReport, may_begin_from
from overmind.views.statement import Statement, exact, statement_in, usd

PROGRESS_EVERY: Final = 10_000  # entries


def export(
    from_: FromOption = None,
    to: ToOption = None,
    out: Annotated[
        Path, typer.Option("--out", callback=absolute, help="Folder for the files. Older files there are replaced.")
    ] = Path("export"),
    wallet: Annotated[str | None, typer.Option("--wallet", help="Export this wallet only.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Export gains, costs and transfers of a period as CSV files.

    The files hold realised gains by lot, fees, rent and transfers. Their sums must equal the books of the journal to
    the last unit; otherwise nothing is written.

    A row that a fork may still undo is marked. A row that a fork undid is reversed on that day.
    """
    period = Period(instant_option("--from", from_, 0), instant_option("--to", to, INSTANT_MAX_NS))
    if period.from_ns > period.to_ns:
        present.complain(f"--from {from_} is after --to {to}", "name the earlier one first")
        raise typer.Exit(BAD_INPUT)
    with journal_read_only(data_dir_of(data_dir)) as journal:
        known = recover(journal)
        wallet_id = _wallet(known, wallet)
        try:
            with statement_in(out) as statement:
                begin = _begin(journal, period.from_ns)
                report = AccountingReport(period, statement, wallet_id, begin)
                accounts = _fold(journal, known.seq, report)
                _check(accounts)
                statement.keep(accounts)
        except OSError as error:
            present.complain(
                f"{error.filename or out}: {error.strerror}", "name a folder that can be written with --out"
            )
            raise typer.Exit(BAD_INPUT) from None
    _show(accounts, statement, out, period, as_json)


def _wallet(state: State, said: str | None) -> WalletId | None:
    if said is None or said in state.wallets:
        return None if said is None else WalletId(said)
    present.complain(f"no wallet {said!r} in the journal", f"one of: {', '.join(state.wallets) or 'none yet'}")
    raise typer.Exit(BAD_INPUT)


def _begin(journal: SqliteJournal, from_ns: int) -> State | None:
    """The newest kept state before the period that the report may begin from; None: the journal's beginning."""
    entries = range(1, journal.last_seq() + 1)
    before = bisect_left(entries, from_ns, key=lambda seq: journal.entry(seq).at_ns)
    return next(filter(may_begin_from, kept_states(journal, before)), None)


def _fold(journal: SqliteJournal, last_seq: int, accounts: AccountingReport) -> AccountingReport:
    """Reads up to `last_seq`, since a service may append entries meanwhile, and no further than the period needs."""
    began = accounts.state.seq
    with present.progress() as shown:
        task = shown.add_task("adding up entries", total=last_seq - began)
        for entry in takewhile(lambda entry: entry.seq <= last_seq, journal.read(began)):
            accounts.fold(entry)
            if accounts.is_complete:
                break
            if entry.seq % PROGRESS_EVERY == 0:
                shown.update(task, completed=entry.seq - began)
    accounts.close()
    return accounts


def _check(accounts: AccountingReport) -> None:
    for difference in accounts.differences:
        present.complain(difference)
    if accounts.differences:
        present.complain(
            "the sums of the rows differ from the journal", "nothing was written; keep the journal, report it"
        )
        raise typer.Exit(BAD_INPUT)


def _show(accounts: AccountingReport, statement: Statement, out: Path, period: Period, as_json: bool) -> None:
    total = accounts.total
    sums = {
        "gain_usd": usd(total.gain_micros),
        "costs_usd": usd(total.costs_micros),
        "realised_usd": usd(total.realised_micros),
        "transfers_usd": usd(total.transfers_micros),
    }
    if as_json:
        totals = {**sums, "fee_lamports": total.fee_lamports, "rent_lamports": total.rent_lamports}
        totals["tip_lamports"] = total.tip_lamports
        head = {"from": iso(period.from_ns), "to": iso(period.to_ns), "out": str(out), "files": statement.rows}
        present.emit_json({**head, "totals": totals, "entries": accounts.state.seq, "sums_equal_journal": True})
        return
    present.table(f"Accounts in {out}", ("file", "rows"), statement.rows.items(), right=("rows",))
    sums |= {"fees": f"{exact(total.fee_lamports, 9)} SOL", "rent": f"{exact(total.rent_lamports, 9)} SOL"}
    sums["tips"] = f"{exact(total.tip_lamports, 9)} SOL"
    present.table("Sums", ("", "total"), sums.items(), right=("total",))
    present.say(f"sums_equal_journal: true ({accounts.state.seq} entries, to the last unit)", "green")
