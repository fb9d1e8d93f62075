"""A protected relay over its regions: nobody sees the transaction before it lands.

A region that is silent is not waited for: after the longest latency that is allowed, another request carries the same
bytes. That is safe, because the same signature lands once. An accepted transaction is not handed over again at once,
because a region takes one request a second from all wallets together.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec
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
from overmind.solana.routes.silence import RelaySilence
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
    max_latency_ms: int = 400  # how long a region may take before another request carries the same bytes
    retries: int = 10  # requests of one transaction beyond the first, for whatever reason
    requests_per_s: float = 1.0  # to one region, of all wallets together


NOWHERE: Final = RelaySettings(())


class Handed(msgspec.Struct):
    """How many requests carried a transaction, and when one was accepted last."""

    asked: int = 0
    accepted_ns: int | None = None


class RelayRoute:
    """`ports.Route`. Use as `async with RelayRoute(...) as relay`."""

    name = RouteName.RELAY

    def __init__(self, settings: RelaySettings | None, clock: Clock, resolver: AbstractResolver | None = None) -> None:
        """`settings` None: there is no relay until `configure` names one."""
        self.counts = RouteCounts()
        self.silence = RelaySilence(clock)
        self.regions: tuple[RelayRegion, ...] = ()
        self.tip_accounts: frozenset[str] = frozenset()
        self._settings = settings or NOWHERE
        self._clock = clock
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._changed = asyncio.Event()
        self._handed: dict[str, Handed] = {}  # by signature, the oldest first
        self.floor: TipFloor | None = None
        self._floor_ns = 0
        self._sends: set[asyncio.Task[str | None]] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=connector(limit=0, resolver=self._resolver),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        await self.configure(self._settings)
        return self

    async def configure(self, settings: RelaySettings) -> None:
        """Takes other settings from now on. What is known of the tips of other addresses is forgotten."""
        assert self._session is not None, "use `async with RelayRoute(...)`"
        before, self._settings = self.regions, settings
        session, clock, counts, rate = self._session, self._clock, self.counts, settings.requests_per_s
        self.regions = tuple(
            RelayRegion(url, clock, session, counts, requests_per_s=rate, auth=settings.auth) for url in settings.urls
        )
        self.tip_accounts, self.floor = frozenset(), None
        self.silence.ended()
        self._changed.set()
        for region in before:
            await region.close()

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

    @property
    def configured(self) -> bool:
        return bool(self._settings.urls)

    async def run(self) -> None:
        """Keeps the tip accounts and the tip floor current, until cancelled."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as tasks:
                keeping = [tasks.create_task(self._keep_accounts()), tasks.create_task(self._keep_floor())]
                await self._changed.wait()
                for task in keeping:
                    task.cancel()

    # Tips

    def tip(self, order: Order) -> int | Rejected:
        """What the order's transaction tips, in lamports. Raises VenueUnavailable while that is not known."""
        try:
            return tip_for(order, self._tip_wanted(order))
        except VenueUnavailable as unknown:
            self.silence.failed(str(unknown))
            raise

    def _tip_wanted(self, order: Order) -> int:
        """Raises VenueUnavailable."""
        if not self.tip_accounts:
            raise VenueUnavailable("the relay has not told its tip accounts yet")
        wanted = self._settings.tip_lamports
        if wanted is None:
            age_ns = self._clock.now_ns() - self._floor_ns
            if self.floor is None or not 0 <= age_ns <= FLOOR_AGE_MAX_S * NS:
                raise VenueUnavailable("the relay's tip floor is not known")
            wanted = self.floor.exit_lamports if order.is_urgent else self.floor.entry_lamports
        return wanted

    async def look(self) -> None:
        """Asks for the tip accounts and the tip floor now. Raises ChainSilent."""
        await self._ask_accounts()
        await self._ask_floor()

    async def _keep_accounts(self) -> None:
        while self.configured:
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

    async def _keep_floor(self) -> None:
        while self._asks_floor:
            try:
                await self._ask_floor()
            except ChainSilent as silent:
                log.warning("tip floor not told", why=str(silent))
            await self._clock.sleep(FLOOR_EVERY_S)

    @property
    def _asks_floor(self) -> bool:
        return self._settings.tip_floor_url is not None and self._settings.tip_lamports is None

    async def _ask_floor(self) -> None:
        """Raises ChainSilent."""
        if self._settings.tip_floor_url is None or not self._asks_floor:
            return
        assert self._session is not None, "use `async with RelayRoute(...)`"
        address = Address(self._settings.tip_floor_url)
        found = read_tip_floor(await read_document(self._session, address))
        if found is None:
            raise ChainSilent(f"{address.name} tells no tips that can be read")
        self.floor, self._floor_ns = found, self._clock.now_ns()

    # Sending

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        handed = self._handed_of(signature_text(transaction[1:65]))
        before_ns = handed.accepted_ns
        if before_ns is not None and not self._is_due(handed, before_ns):
            return
        if handed.asked > self._settings.retries:
            raise ChainSilent(f"the relay was asked {handed.asked} times, as often as its retries allow")
        urgency = _FIRST.get(priority, priority) if before_ns is None else Priority.ENTRY

        withdrawn = False

        def leaves() -> bool:
            nonlocal withdrawn
            may = allowed()
            handed.asked += may
            withdrawn = withdrawn or not may
            return may

        try:
            await self._hand_over(b64encode(transaction).decode(), urgency, leaves, handed.asked)
        except ChainSilent as silent:
            self.counts.refused += 1
            if not withdrawn:
                self.silence.failed(str(silent))
            raise
        self.counts.sent += 1
        self.silence.ended()
        handed.accepted_ns = self._clock.now_ns()

    def _is_due(self, handed: Handed, accepted_ns: int) -> bool:
        """Whether a transaction that was accepted is handed over again."""
        waited_ns = abs(self._clock.now_ns() - accepted_ns)
        return handed.asked <= self._settings.retries and waited_ns >= RESEND_S * NS

    def _handed_of(self, signature: str) -> Handed:
        while len(self._handed) >= REMEMBERED_MAX:
            del self._handed[next(iter(self._handed))]
        return self._handed.setdefault(signature, Handed())

    async def _hand_over(self, transaction: str, priority: Priority, leaves: Allowed, asked: int) -> None:
        """To one region after the other until one accepts it. Raises ChainSilent.

        A region that refuses is asked no more for now; one that is slow may be asked again after all others.
        """
        regions, begun, due = self._in_turn(), 0, True
        asking: set[asyncio.Task[str | None]] = set()
        silences: list[str] = []
        while regions and (due or asking):
            if due:
                asking.add(self._begin(regions[begun % len(regions)], transaction, priority, leaves))
                begun += 1
            more = asked + begun <= self._settings.retries
            patience_s = self._settings.max_latency_ms / 1_000 if more else None
            done, asking = await asyncio.wait(asking, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for send in done:
                refusal = send.result()
                if refusal is None:
                    for other in asking:  # A turn of another region is not used up for what one has accepted.
                        other.cancel()
                    return
                silences.append(refusal)
            due = more and (begun < len(regions) or not done)
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
