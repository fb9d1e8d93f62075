"""How many executions and signals there were, and how they ended."""

from __future__ import annotations

import msgspec

from overmind.core.books.state import State
from overmind.core.model.value import Value


class Counts(Value, frozen=True):
    total_executions: int
    successful_executions: int
    failed_executions: int
    expired_executions: int
    rejected_executions: int
    open_executions: int
    signals: int
    signals_refused: int
    signals_recorded: int
    wallet_usage: dict[str, int]
    provisional_executions: int = 0  # of these, still provisional
    rolled_back_executions: int = 0  # undone by a fork; counted above by their new outcome


class ExecutionStats(Counts, frozen=True):
    """What was executed, and what was decided."""

    @property
    def success_rate(self) -> float:
        """The share of executions that filled; 0.0 when nothing ran."""
        return self.successful_executions / self.total_executions if self.total_executions else 0.0


class StatsRow(Counts, frozen=True, kw_only=True):
    """What was executed, and what was decided."""

    success_rate: float  # the share of executions that filled; 0 when nothing ran


def execution_stats(state: State) -> ExecutionStats:
    books = list(state.wallets.values())
    return ExecutionStats(
        total_executions=sum(book.executions for book in books),
        successful_executions=sum(book.filled for book in books),
        failed_executions=sum(book.failed for book in books),
        expired_executions=sum(book.expired for book in books),
        rejected_executions=sum(book.rejected for book in books),
        open_executions=len(state.open_orders),
        signals=state.signals - sum(book.exits_placed + book.swaps_placed for book in books),  # Without the desk's own.
        signals_refused=state.refused,
        signals_recorded=state.recorded,
        wallet_usage={book.wallet.id: book.executions for book in books},
        provisional_executions=len(state.provisional),
        rolled_back_executions=sum(book.rolled_back for book in books),
    )


def shown_stats(state: State) -> StatsRow:
    """For programs, with the derived figures."""
    stats = execution_stats(state)
    return StatsRow(**msgspec.structs.asdict(stats), success_rate=stats.success_rate)
