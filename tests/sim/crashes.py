"""A true crash near the end of a run: everything that has a stop must be sold, whatever the second source says."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from tests.sim import rules
from tests.sim.books import Books, WalletBooks, ten_to
from tests.sim.clients import ClientContext
from tests.sim.servers import SecondState
from tests.support import plain_lots

from overmind.core.model.ids import Mint
from overmind.core.model.units import MICROS, PPM

PERCENTS: Final = (30, 70)
STATES: Final[tuple[SecondState, ...]] = ("agrees", "is silent", "is stale")
CHANCE: Final = 0.15  # of a seed whose prices may be doubted
PATIENCE_S: Final = 7_200.0  # Venues refuse, disks are full and processes die meanwhile.
WORTH_A_SALE_MICROS: Final = MICROS // 20
PRICE_MIN_PICO: Final = 1_000_000  # Cheaper tokens cannot fall by an exact share.


class Crash:
    def __init__(self, random: Random, context: ClientContext) -> None:
        self._random = random
        self._context = context
        wanted = context.prices.servers.may_lie and random.random() < CHANCE
        self._percent = random.choice(PERCENTS) if wanted else 0
        self._mint: Mint | None = None  # once it has happened
        self._at_s = 0.0
        self._how = ""

    async def play(self) -> None:
        """Lets the price fall once, and waits until what must be sold is sold. A process that dies goes on later."""
        if self._percent and self._mint is None:
            self._happen()
        while self._mint is not None and (left := self._unsold(self._mint)):
            waited_s = asyncio.get_running_loop().time() - self._at_s
            assert waited_s < PATIENCE_S, f"a true crash of {self._percent} % is not sold: {left}"
            await asyncio.sleep(1.0)
        if self._mint is not None:
            self._context.seen.update((f"crash of {self._percent} % sold", f"crash sold, {self._how}"))
            self._percent, self._mint = 0, None

    def _happen(self) -> None:
        context, servers = self._context, self._context.prices.servers
        held = {mint for book in context.auditor.books.wallets.values() if _has_stop(book) for mint in book.lots}
        fit = sorted(mint for mint in held if context.prices.true_pico[mint] >= PRICE_MIN_PICO)
        if not fit:
            return
        second = self._random.choice(STATES)
        mint = self._random.choice(fit)
        servers.be_honest(second)
        context.prices.crash(mint, self._percent)
        if self._unsold(mint):
            self._mint, self._at_s = mint, asyncio.get_running_loop().time()
            self._how = f"second source {second}" if servers.has_second else "one source"

    def _unsold(self, mint: Mint) -> list[str]:
        """The wallets that hold what its stop loss must sell at the true price, and that can pay for the sale."""
        books, price = self._context.auditor.books, self._context.prices.true_pico[mint]
        return [wallet_id for wallet_id, book in books.wallets.items() if _must_sell(books, book, mint, price)]


def _has_stop(book: WalletBooks) -> bool:
    return bool(book.wallet.limits.stop_loss_ppm)


def _must_sell(books: Books, book: WalletBooks, mint: Mint, price_pico: int) -> bool:
    lots, costs = book.lots.get(mint, []), books.settings.costs
    paid, stop_ppm = plain_lots.cost(lots), book.wallet.limits.stop_loss_ppm
    worth = plain_lots.total(lots) * price_pico // ten_to(books.decimals[mint] + 6)
    needed = costs.fee_max_lamports + rules.rent_lamports(books, book, books.settings.quote.mint)
    due = stop_ppm and (paid - worth) * PPM > paid * stop_ppm
    return bool(due) and worth >= WORTH_A_SALE_MICROS and rules.free_lamports(books, book) >= needed
