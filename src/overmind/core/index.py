"""The selection index: capacities of all wallets as arrays, so that choosing one is a few vector operations.

It is a cache of the state and never an authority: whatever it proposes is checked again by the gate, in integers. It
must choose exactly what the plain loop over all wallets would choose (`tests/core` holds that loop).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from overmind.core.gate import Ask, capacity_micros, wallet_refusals
from overmind.core.model import NOTIONAL_MAX_MICROS, Mint, StrategyType, WalletId, WalletType
from overmind.core.ranking import CommonTerms
from overmind.core.state import State, WalletBook

Micros = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROOMY: Final = 2 * NOTIONAL_MAX_MICROS  # more room than any entry needs, and far from the end of int64


class SelectionIndex:
    """Refreshed lazily from `state.touched` (wallets that changed) and `state.revalued` (all of them did)."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._rebuild()

    def choose(self, ask: Ask, at_ns: int, excluded: tuple[WalletId, ...] = ()) -> tuple[WalletBook, int] | None:
        """The admitted wallet with the lowest expected cost, and among how many candidates; None if there is none.

        Ties fall to the wallet registered first.
        """
        self._refresh()
        candidates = self._candidates(ask, excluded)
        count = len(candidates)
        if not count:
            return None
        costs = self._costs(ask, candidates)
        for _ in range(count):
            best = int(costs.argmin())
            book = self._books[candidates[best]]
            if next(wallet_refusals(self._state, book, ask, at_ns), None) is None:
                return book, count
            costs[best] = np.inf
        return None

    def _candidates(self, ask: Ask, excluded: tuple[WalletId, ...]) -> NDArray[np.intp]:
        signal, notional = ask.signal, ask.notional_micros
        capacity = self._capacity.get(signal.strategy)
        if capacity is None:
            return np.empty(0, np.intp)
        fits = capacity >= notional
        fits &= self._risk <= signal.risk_tolerance_ppm
        if self._full_count:
            full = self._full.copy()
            if (uses := self._used.get(signal.mint)) is not None:
                full &= uses == 0
            fits &= ~full
        if (used := self._used.get(signal.mint)) is not None:
            fits &= self._position_max - used >= notional
        if (used_by := self._used_by.get((signal.mint, signal.strategy))) is not None:
            fits &= self._strategy_position_max[signal.strategy] - used_by >= notional
        for wallet_id in (*signal.exclude, *excluded):
            if (book := self._state.wallets.get(wallet_id)) is not None:
                fits[book.slot] = False
        return fits.nonzero()[0]

    def _costs(self, ask: Ask, candidates: NDArray[np.intp]) -> NDArray[np.float64]:
        """`ranking.cost_terms(...).total` of every candidate: same terms, same order, same bits."""
        common, mint = CommonTerms(self._state, ask), ask.signal.mint
        capacity = np.maximum(self._capacity[ask.signal.strategy][candidates], 1).astype(np.float64)
        if (has_account := self._accounts.get(mint)) is None:
            base: NDArray[np.float64] | float = common.fee + common.rent + common.slippage
        else:
            base = common.fee + np.where(has_account[candidates], 0.0, common.rent) + common.slippage
        costs: NDArray[np.float64] = base + common.headroom_bps * (float(ask.notional_micros) / capacity)
        if ask.signal.preferred_type is not None:
            costs += np.where(
                self._type[candidates] == _TYPE_RANK[ask.signal.preferred_type], -common.preference_bps, 0.0
            )
        return costs

    def _refresh(self) -> None:
        state = self._state
        if state.revalued or len(state.touched) > len(self._books):
            self._rebuild()
        elif state.touched:
            for wallet_id in {wallet_id for wallet_id, _ in state.touched}:
                self._refresh_wallet(state.wallets[wallet_id])
            for wallet_id, mint in set(state.touched):
                if mint is not None:
                    self._refresh_mint(state.wallets[wallet_id], mint)
            state.touched.clear()

    def _rebuild(self) -> None:
        state = self._state
        self._books = list(state.wallets.values())
        count = len(self._books)
        self._capacity: dict[StrategyType, Micros] = {s: np.full(count, -1, np.int64) for s in StrategyType}
        self._strategy_position_max: dict[StrategyType, Micros] = {s: np.zeros(count, np.int64) for s in StrategyType}
        self._risk = np.zeros(count, np.int64)
        self._type = np.zeros(count, np.int64)
        self._position_max = np.zeros(count, np.int64)
        self._full = np.zeros(count, np.bool_)
        self._full_count = 0
        self._used: dict[Mint, Micros] = {}
        self._used_by: dict[tuple[Mint, StrategyType], Micros] = {}
        self._accounts: dict[Mint, Flags] = {}
        for book in self._books:
            limits = book.wallet.limits
            self._risk[book.slot] = limits.risk_level_ppm
            self._type[book.slot] = _TYPE_RANK[book.wallet.type]
            self._position_max[book.slot] = min(limits.position_max_micros, ROOMY)
            for strategy, share in book.wallet.strategies.items():
                self._strategy_position_max[strategy][book.slot] = min(share.position_max_micros, ROOMY)
            self._refresh_wallet(book)
            for mint in {*book.positions, *book.entries, *book.token_accounts}:
                self._refresh_mint(book, mint)
        state.touched.clear()
        state.revalued = False

    def _refresh_wallet(self, book: WalletBook) -> None:
        slot, state = book.slot, self._state
        for strategy in book.wallet.strategies:
            self._capacity[strategy][slot] = capacity_micros(state, book, strategy)
        full = book.mints_in_use >= book.wallet.limits.positions_max
        if full != self._full[slot]:
            self._full[slot] = full
            self._full_count += 1 if full else -1

    def _refresh_mint(self, book: WalletBook, mint: Mint) -> None:
        slot, count = book.slot, len(self._books)
        if mint not in self._used:
            self._used[mint] = np.zeros(count, np.int64)
            self._accounts[mint] = np.zeros(count, np.bool_)
        # A dust position is worth nothing and still takes a place: what is used is at least one micro-USD.
        self._used[mint][slot] = max(book.used_micros(mint), 1) if book.uses(mint) else 0
        self._accounts[mint][slot] = mint in book.token_accounts
        for strategy in book.wallet.strategies:
            used_by = book.used_by_micros(mint, strategy)
            if (mint, strategy) in self._used_by:
                self._used_by[mint, strategy][slot] = used_by
            elif used_by:
                self._used_by[mint, strategy] = np.zeros(count, np.int64)
                self._used_by[mint, strategy][slot] = used_by


_TYPE_RANK: Final = {wallet_type: rank for rank, wallet_type in enumerate(WalletType)}
