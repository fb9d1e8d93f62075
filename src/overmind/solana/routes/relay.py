"""A protected relay over its regions: nobody sees the transaction before it lands.

A region that is silent is not waited for: after the longest latency that is allowed, the next one gets the same bytes.
That is safe, because the same signature lands once. An accepted transaction is not handed over again at once: one
request a second is all that a region takes from all wallets together.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from overmind.core.model.order import Order
from overmind.core.model.outcome import Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.ports import Allowed, ChainSilent, Clock, Priority, VenueUnavailable, always
from overmind.solana.addresses import Address
from overmind.solana.resolver import connector
from overmind.solana.routes.counts import RouteCounts
from overmind.solana.routes.region import RelayRegion, read_document
from overmind.solana.routes.tips import TipFloor, read_tip_accounts, read_tip_floor, tip_for
from overmind.solana.transactions import signature_text

RESEND_S: Final = 3.0  # between two hand-overs of one transaction, unless the first was not accepted
ACCOUNTS_EVERY_S: Final = 600.0
FLOOR_EVERY_S: Final = 10.0
FLOOR_AGE_MAX_S: Final = 120.0  # An older tip floor says nothing about now.
RETRY_S: Final = 5.0
REMEMBERED_MAX: Final = 65_536  # transactions, then the oldest is forgotten
# Of the requests that wait for a turn, those that were accepted once come last.
_FIRST: Final = {Priority.EXIT: Priority.EXIT, Priority.ENTRY: Priority.MARK}

log = structlog.get_logger("relay")


class RelaySettings(Value, frozen=True):
    """Addresses may hold credentials: nothing shows them whole."""

    urls: tuple[str, ...]  # one per region, the preferred one first
    tip_floor_url: str | None = None  # None: it is not asked; then a fixed tip is needed
    auth: str | None = None  # the header x-jito-auth
    tip_lamports: int | None = None  # None: what lately landed, by urgency
    max_latency_ms: int = 400  # how long one region may take before the next one is asked too
    retries: int = 10  # how often one transaction is handed over again while the chain does not show it
    requests_per_s: float = 1.0  # to one region, of all wallets together


class Handed(Value, frozen=True):
    """When a transaction was accepted last, and how often it was handed over again."""

    at_ns: int
    again: int


class RelayRoute:
    """`ports.Route`. Use as `async with RelayRoute(...) as relay`."""

    name = RouteName.RELAY

    def __init__(self, settings: RelaySettings, clock: Clock, resolver: AbstractResolver | None = None) -> None:
        self.counts = RouteCounts()
        self.regions: tuple[RelayRegion, ...] = ()
        self.tip_accounts: frozenset[str] = frozenset()
        self._settings = settings
        self._clock = clock
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._handed: dict[str, Handed] = {}  # by signature, the oldest first
        self._floor: TipFloor | None = None
        self._floor_ns = 0
        self._floor_address = None if settings.tip_floor_url is None else Address(settings.tip_floor_url)
        self._sends: set[asyncio.Task[str | None]] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=connector(limit=0, resolver=self._resolver),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        settings = self._settings
        self.regions = tuple(
            RelayRegion(
                url,
                self._clock,
                self._session,
                self.counts,
                requests_per_s=settings.requests_per_s,
                auth=settings.auth,
            )
            for url in settings.urls
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        sends = list(self._sends)
        for send in sends:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)
        for region in self.regions:
            await region.close()
        await self._session.close()

    @property
    def settings(self) -> RelaySettings:
        return self._settings

    async def run(self) -> None:
        """Keeps the tip accounts and the tip floor current, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_accounts())
            if self._floor_address is not None and self._settings.tip_lamports is None:
                tasks.create_task(self._keep_floor(self._floor_address))

    # Tips

    def tip(self, order: Order) -> int | Rejected:
        """What the order's transaction tips, in lamports. Raises VenueUnavailable while that is not known."""
        if not self.tip_accounts:
            raise VenueUnavailable("the relay has not told its tip accounts yet")
        wanted = self._settings.tip_lamports
        if wanted is None:
            age_ns = self._clock.now_ns() - self._floor_ns
            if self._floor is None or not 0 <= age_ns <= FLOOR_AGE_MAX_S * NS:
                raise VenueUnavailable("the relay's tip floor is not known")
            wanted = self._floor.exit_lamports if order.is_urgent else self._floor.entry_lamports
        return tip_for(order, wanted)

    async def look(self) -> None:
        """Asks for the tip accounts and the tip floor now. Raises ChainSilent."""
        await self._ask_accounts()
        if self._floor_address is not None and self._settings.tip_lamports is None:
            await self._ask_floor(self._floor_address)

    async def _keep_accounts(self) -> None:
        while True:
            try:
                await self._ask_accounts()
            except ChainSilent as silent:
                log.warning("tip accounts not told", why=str(silent))
                await self._clock.sleep(RETRY_S)
            else:
                await self._clock.sleep(ACCOUNTS_EVERY_S)

    async def _ask_accounts(self) -> None:
        """Raises ChainSilent."""
        silences = []
        for region in self._in_turn():
            try:
                found = read_tip_accounts(await region.tip_accounts())
            except ChainSilent as silent:
                silences.append(str(silent))
                continue
            if found is not None:
                self.tip_accounts = frozenset(found)
                return
            silences.append(f"the relay at {region.name} tells no list of tip accounts")
        raise ChainSilent("; ".join(silences))

    async def _keep_floor(self, address: Address) -> None:
        while True:
            try:
                await self._ask_floor(address)
            except ChainSilent as silent:
                log.warning("tip floor not told", why=str(silent))
            await self._clock.sleep(FLOOR_EVERY_S)

    async def _ask_floor(self, address: Address) -> None:
        """Raises ChainSilent."""
        assert self._session is not None, "use `async with RelayRoute(...)`"
        found = read_tip_floor(await read_document(self._session, address))
        if found is None:
            raise ChainSilent(f"{address.name} tells no tips that can be read")
        self._floor, self._floor_ns = found, self._clock.now_ns()

    # Sending

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        signature = signature_text(transaction[1:65])
        before = self._handed.get(signature)
        if before is not None and not self._is_due(before):
            return
        urgency = _FIRST.get(priority, priority) if before is None else Priority.ENTRY
        try:
            await self._hand_over(b64encode(transaction).decode(), urgency, allowed)
        except ChainSilent:
            self.counts.refused += 1
            raise
        self.counts.sent += 1
        self._remember(signature, 0 if before is None else before.again + 1)

    def _is_due(self, before: Handed) -> bool:
        """Whether a transaction that was accepted is handed over again."""
        return before.again < self._settings.retries and abs(self._clock.now_ns() - before.at_ns) >= RESEND_S * NS

    def _remember(self, signature: str, again: int) -> None:
        self._handed.pop(signature, None)
        self._handed[signature] = Handed(self._clock.now_ns(), again)
        while len(self._handed) > REMEMBERED_MAX:
            del self._handed[next(iter(self._handed))]

    async def _hand_over(self, transaction: str, priority: Priority, allowed: Allowed) -> None:
        """To one region after the other until one accepts it. Raises ChainSilent."""
        waiting = list(reversed(self._in_turn()))
        asking: set[asyncio.Task[str | None]] = set()
        silences: list[str] = []
        while waiting or asking:
            if waiting:
                asking.add(self._begin(waiting.pop(), transaction, priority, allowed))
            patience_s = self._settings.max_latency_ms / 1_000 if waiting else None
            done, asking = await asyncio.wait(asking, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for send in done:
                refusal = send.result()
                if refusal is None:
                    for other in asking:  # A turn of another region is not used up for what one has accepted.
                        other.cancel()
                    return
                silences.append(refusal)
        raise ChainSilent("; ".join(silences) or "no relay is configured")

    def _in_turn(self) -> Sequence[RelayRegion]:
        """Those that rest after failures come last, those that have no turn now before them. Among equals, in the
        configured order.
        """
        return sorted(self.regions, key=lambda one: (one.health.resting, one.budget.used >= 1))

    def _begin(
        self, region: RelayRegion, transaction: str, priority: Priority, allowed: Allowed
    ) -> asyncio.Task[str | None]:
        send = asyncio.create_task(_refusal(region, transaction, priority, allowed))
        self._sends.add(send)
        send.add_done_callback(self._sends.discard)
        return send


async def _refusal(region: RelayRegion, transaction: str, priority: Priority, allowed: Allowed) -> str | None:
    """Why the region did not accept it, or None."""
    try:
        bundle_id = await region.send(transaction, priority, allowed)
    except ChainSilent as silent:
        return str(silent)
    log.debug("handed over", region=region.name, bundle=bundle_id)
    return None
