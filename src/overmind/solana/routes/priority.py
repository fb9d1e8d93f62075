"""Priority fees by what others paid lately to write the same accounts, within what an order reserves.

The accounts and the compute limit of a pair of mints are those of the newest transaction that was offered for it. Until
they are known, and where nobody paid, the swap server decides. The samples are asked for in the background: no order
waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import structlog

from overmind.core.model.ids import Mint
from overmind.core.model.order import Order
from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Clock
from overmind.solana.tokens import SIGNATURE_LAMPORTS, UNIT_PRICE_SCALE
from overmind.solana.transactions import Transaction

ACCOUNTS_MAX: Final = 128  # per request, as nodes allow
PAIRS_MAX: Final = 64
EVERY_S: Final = 5.0
USED_S: Final = 120.0  # A pair that nobody has traded for so long is not asked about.
AGE_MAX_S: Final = 30.0  # An older sample says nothing about now.
SIGNATURES: Final = 2  # ours and a maker's
ENTRY_PERCENT, EXIT_PERCENT = 50, 75

log = structlog.get_logger("fees")


class FeeSamples(Protocol):
    async def priority_fees(self, accounts: Sequence[str]) -> Sequence[int]:
        """What transactions that wrote these accounts paid at least, block by block. Raises ChainSilent."""


class _Pair(msgspec.Struct):
    accounts: tuple[str, ...]
    unit_limit: int
    used_ns: int
    told_ns: int | None = None
    prices_micro: list[int] = msgspec.field(default_factory=list)  # per compute unit, the lowest first


class PriorityFees:
    def __init__(self, samples: FeeSamples, clock: Clock) -> None:
        self._samples, self._clock = samples, clock
        self._pairs: dict[tuple[Mint, Mint], _Pair] = {}

    def bid(self, order: Order, tip_lamports: int) -> int | None:
        """The priority fee of an order, in lamports at the compute limit. None: the swap server decides."""
        pair = self._pairs.get(_key(order))
        if pair is None:
            return None
        pair.used_ns = now_ns = self._clock.now_ns()
        if pair.told_ns is None or not pair.prices_micro or not 0 <= now_ns - pair.told_ns <= AGE_MAX_S * NS:
            return None
        percent = EXIT_PERCENT if order.is_urgent else ENTRY_PERCENT
        price_micro = pair.prices_micro[(len(pair.prices_micro) - 1) * percent // 100]
        wanted = -(-price_micro * pair.unit_limit // UNIT_PRICE_SCALE)
        most = order.fee_max_lamports - tip_lamports - SIGNATURES * SIGNATURE_LAMPORTS
        return min(wanted, most) if wanted and most > 0 else None

    def offered(self, order: Order, transaction: Transaction) -> None:
        """Learns from an offered transaction what a swap of this pair writes, and how much it computes."""
        limit = transaction.unit_limit
        accounts = tuple(sorted(set(transaction.writable) - set(transaction.signers)))[:ACCOUNTS_MAX]
        if limit is None or not accounts:
            return
        known = self._pairs.pop(_key(order), None)
        pair = known or _Pair(accounts, limit, self._clock.now_ns())
        pair.accounts, pair.unit_limit, pair.used_ns = accounts, limit, self._clock.now_ns()
        self._pairs[_key(order)] = pair
        while len(self._pairs) > PAIRS_MAX:
            del self._pairs[next(iter(self._pairs))]

    async def run(self) -> None:
        """Asks for samples until cancelled."""
        while True:
            for pair in list(self._pairs.values()):
                if 0 <= self._clock.now_ns() - pair.used_ns <= USED_S * NS:
                    await self._ask(pair)
            await self._clock.sleep(EVERY_S)

    async def _ask(self, pair: _Pair) -> None:
        try:
            found = await self._samples.priority_fees(pair.accounts)
        except ChainSilent as silent:
            log.debug("priority fees not told", why=str(silent))
            return
        pair.prices_micro, pair.told_ns = sorted(found), self._clock.now_ns()


def _key(order: Order) -> tuple[Mint, Mint]:
    return order.spend.mint, order.receive
