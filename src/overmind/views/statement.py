"""The accounts as CSV files: a header row, exact decimals, times in UTC. Writes all files or none."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from overmind.clock.instants import iso
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.units import SCALE
from overmind.text.printable import printable
from overmind.views.account_rows import Cost, Gain, Key, Sums, Transfer
from overmind.views.accounts import AccountingReport

MICRO_DECIMALS: Final = 6
PARTIAL: Final = ".partial"  # a file that is not complete yet


def exact(units: int, decimals: int) -> str:
    """Base units as whole tokens with every digit, never in exponent form."""
    whole, part = divmod(abs(units), SCALE[decimals])
    fraction = f".{part:0{decimals}}" if decimals else ""
    return f"{'-' if units < 0 else ''}{whole}{fraction}"


def usd(micros: int) -> str:
    return exact(micros, MICRO_DECIMALS)


Row = TypeVar("Row")
Cells = Mapping[str, Callable[[Row], object]]
GAINS: Final[Cells[Gain]] = {
    "disposed_at": lambda row: iso(row.at_ns),
    "acquired_at": lambda row: iso(row.lot.opened_ns) if row.lot.opened_ns else "",
    "wallet": lambda row: row.wallet_id,
    "strategy": lambda row: row.strategy,
    "asset": lambda row: row.token.symbol,
    "mint": lambda row: row.token.mint,
    "kind": lambda row: row.how.value,
    "quantity": lambda row: exact(row.lot.units, row.token.decimals),
    "base_units": lambda row: row.lot.units,
    "cost_usd": lambda row: usd(row.lot.cost_micros),
    "proceeds_usd": lambda row: usd(row.proceeds_micros),
    "gain_usd": lambda row: usd(row.gain_micros),
    "acquired_by": lambda row: row.lot.origin,
    "disposed_by": lambda row: row.origin.id,
    "signal_id": lambda row: row.origin.signal_id,
    "status": lambda row: row.status,
}
COSTS: Final[Cells[Cost]] = {
    "paid_at": lambda row: iso(row.at_ns),
    "wallet": lambda row: row.wallet_id,
    "strategy": lambda row: row.origin.strategy,
    "asset": lambda row: row.origin.token.symbol,
    "mint": lambda row: row.origin.token.mint,
    "fee_lamports": lambda row: row.fee_lamports,
    "rent_lamports": lambda row: max(0, row.rent_lamports),
    "rent_returned_lamports": lambda row: max(0, -row.rent_lamports),
    "tip_lamports": lambda row: row.tip_lamports,
    "cost_usd": lambda row: usd(row.micros),
    "paid_by": lambda row: row.origin.id,
    "signal_id": lambda row: row.origin.signal_id,
    "status": lambda row: row.status,
}
TRANSFERS: Final[Cells[Transfer]] = {
    "at": lambda row: iso(row.at_ns),
    "kind": lambda row: row.kind,
    "wallet": lambda row: row.wallet_id,
    "counterparty": lambda row: row.counterparty,
    "asset": lambda row: row.token.symbol,
    "mint": lambda row: row.token.mint,
    "quantity": lambda row: exact(row.units, row.token.decimals),
    "base_units": lambda row: row.units,
    "value_usd": lambda row: usd(row.micros),
    "reference": lambda row: row.reference,
    "reason": lambda row: row.reason,
}


TOTAL: Final = Key(WalletId("(total)"), "", Mint(""), "")
SUMMARY: Final[Cells[tuple[Key, Sums]]] = {
    "wallet": lambda row: row[0].wallet_id,
    "strategy": lambda row: row[0].strategy,
    "asset": lambda row: row[0].asset,
    "mint": lambda row: row[0].mint,
    "gains": lambda row: row[1].gains,
    "proceeds_usd": lambda row: usd(row[1].proceeds_micros),
    "cost_usd": lambda row: usd(row[1].cost_micros),
    "gain_usd": lambda row: usd(row[1].gain_micros),
    "fee_lamports": lambda row: row[1].fee_lamports,
    "rent_lamports": lambda row: row[1].rent_lamports,
    "tip_lamports": lambda row: row[1].tip_lamports,
    "costs_usd": lambda row: usd(row[1].costs_micros),
    "realised_usd": lambda row: usd(row[1].realised_micros),
    "transfers_usd": lambda row: usd(row[1].transfers_micros),
}


class Table(Generic[Row]):
    """One file, under a temporary name until it is complete."""

    def __init__(self, path: Path, columns: Cells[Row]) -> None:
        self.path = path
        self.rows = 0
        self._cells = tuple(columns.values())
        self._partial = path.with_name(path.name + PARTIAL)
        self._file = self._partial.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, row: Row) -> None:
        cells = (cell(row) for cell in self._cells)
        self._writer.writerow([printable(cell) if isinstance(cell, str) else cell for cell in cells])
        self.rows += 1

    def close(self) -> None:
        self._file.close()

    def keep(self) -> None:
        self._partial.replace(self.path)

    def drop(self) -> None:
        self._partial.unlink(missing_ok=True)


class Statement:
    """Writes the rows of `AccountingReport` as they arrive, so that memory stays small."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self.gains = _opened(Table(folder / "gains.csv", GAINS), undo)
        self.costs = _opened(Table(folder / "costs.csv", COSTS), undo)
        self.transfers = _opened(Table(folder / "transfers.csv", TRANSFERS), undo)
        self.summary = _opened(Table(folder / "summary.csv", SUMMARY), undo)
        self.gain = self.gains.add
        self.cost = self.costs.add
        self.transfer = self.transfers.add

    @property
    def rows(self) -> dict[str, int]:
        """By file."""
        return {table.path.name: table.rows for table in (self.gains, self.costs, self.transfers, self.summary)}

    def keep(self, accounts: AccountingReport) -> None:
        """Writes the sums and gives the files their final names."""
        for key in sorted(accounts.sums):
            self.summary.add((key, accounts.sums[key]))
        self.summary.add((TOTAL, accounts.total))
        tables = (self.gains, self.costs, self.transfers, self.summary)
        for table in tables:
            table.close()
        for table in tables:
            table.keep()


@contextmanager
def statement_in(folder: Path) -> Iterator[Statement]:
    """Deletes the files at the end unless `keep` was called. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        yield Statement(folder, undo)


def _opened(table: Table[Row], undo: ExitStack) -> Table[Row]:
    undo.callback(table.drop)
    undo.callback(table.close)
    return table
