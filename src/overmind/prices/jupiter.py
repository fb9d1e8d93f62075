"""Live prices from the Price API: kept exact, dropped when implausible. Polled each second, or as often as the quota
allows.

When the API does not answer, the last prices stay with their old timestamps, so their users see that they age. A price
that is missing or malformed in an answer is dropped at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

import structlog

from overmind.core.model.ids import Mint
from overmind.core.model.numbers import number, scaled_down
from overmind.core.model.units import BPS, NOTIONAL_MAX_MICROS, NS, PRICE_MAX_PICO
from overmind.ports import TRUSTED, Clock, Tick, Trust, VenueUnavailable
from overmind.solana.jupiter_api import UsdPrice

POLL_S: Final = 1.0
_PICO_DIGITS: Final = 12
_MICRO_DIGITS: Final = 6

log = structlog.get_logger("prices")


class Quoted(Protocol):
    """The part of the Price API that is used here."""

    async def prices(self, mints: Sequence[Mint]) -> Mapping[Mint, UsdPrice]:
        """The prices of the mints that have one. Raises VenueUnavailable."""

    def price_interval_s(self, mints: int) -> float:
        """The time between two polls of the prices of so many mints that the server's quota allows."""


class JupiterPrices:
    """`ports.Prices` from the API, as long as `run()` runs; `ports.SecondSource` as well."""

    def __init__(
        self,
        api: Quoted,
        mints: Iterable[Mint],
        clock: Clock,
        name: str = "swap server",
        trust: Trust = TRUSTED,
        dated_max_ns: int | None = None,
    ) -> None:
        """`mints` is read again for each poll, because tokens may come and go.

        `dated_max_ns`: prices of an answer whose own date is older are absent, as a witness's must be; None: they age
        by the cache's count alone, since a server's wrong clock must not stop sales. `trust`: in `clock`.
        """
        self._trust = trust
        self._dated_max_ns = dated_max_ns
        self._dated = False  # The newest answer was too old, and the log says so.
        self.name = name
        self._api = api
        self._mints = mints
        self._clock = clock
        self._ticks: dict[Mint, Tick] = {}
        self._silent = False

    @property
    def silent(self) -> bool:
        """The newest poll had no answer."""
        return self._silent

    def ticks(self) -> Mapping[Mint, Tick]:
        return self._ticks

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self.poll()
            await self._clock.sleep(max(POLL_S, self._api.price_interval_s(sum(1 for _ in self._mints))))

    async def poll(self) -> None:
        """Polls once. Logs the start and the end of an outage once each."""
        try:
            told = await self._api.prices(tuple(self._mints))
        except VenueUnavailable as fault:
            if not self._silent:
                log.warning("no prices; the last ones stay and age", source=self.name, reason=str(fault))
            self._silent = True
            return
        if self._silent:
            log.warning("prices are back", source=self.name)
        self._silent = False
        now_ns, before = self._clock.now_ns(), self._ticks
        fresh = {mint: price for mint, price in told.items() if not self._is_old(price, now_ns)}
        self._tell_old(len(fresh) < len(told))
        ticks = (_tick(mint, one, now_ns - one.age.age_s * NS, before.get(mint)) for mint, one in fresh.items())
        self._ticks = {tick.mint: tick for tick in ticks if tick is not None}

    def _is_old(self, price: UsdPrice, now_ns: int) -> bool:
        dated_ns, max_ns = price.age.dated_ns, self._dated_max_ns
        return max_ns is not None and dated_ns is not None and now_ns - self._trust.ahead_ns - dated_ns > max_ns

    def _tell_old(self, old: bool) -> None:
        if old and not self._dated:
            log.warning("prices with an old date are not believed; is a cache between?", source=self.name)
        self._dated = old


def _tick(mint: Mint, price: UsdPrice, at_ns: int, before: Tick | None) -> Tick | None:
    price_pico = _scaled(price.usd_price, _PICO_DIGITS)
    if price_pico is None or not 0 < price_pico <= PRICE_MAX_PICO:
        return None
    # The API's liquidity counts both sides of every pool; a tick's depth counts one side.
    depth = (_scaled(price.liquidity, _MICRO_DIGITS) or 0) // 2
    moved = 0 if before is None else abs(price_pico - before.price_pico)
    range_bps = 0 if before is None else -(-moved * BPS // before.price_pico)
    return Tick(mint, price_pico, at_ns, max(0, min(depth, NOTIONAL_MAX_MICROS)), range_bps)


def _scaled(sent: Decimal | None, digits: int) -> int | None:
    """An integer with that many decimals, rounded down; None: missing or absurd."""
    read = number(sent)
    return scaled_down(read, digits) if isinstance(read, Decimal) else None
