"""Drives each placed order to its outcome: quote → check → sign → record → send → outcome → final.

Recovery is the same path: at start every open order is taken up again, with its ticket if it has one, and so is every
outcome that a fork may still undo. What is sent was recorded before; what was sent is followed until the chain has
decided. A stop ends sending, never following.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import structlog

from overmind.core.book import OpenOrder, Provisional
from overmind.core.gate import fresh_price_pico, quote_rejection
from overmind.core.messages import OrderPlaced, RecordFinal, RecordOutcome, RecordTicket
from overmind.core.model import (
    NS,
    Cause,
    Order,
    OrderId,
    Outcome,
    Rejected,
    Side,
    Ticket,
    WalletId,
)
from overmind.engine import Engine
from overmind.ports import Clock, Venue, VenueUnavailable

POLL_S: Final = 0.2  # between two looks at an outcome
RESEND_S: Final = 1.0  # between two sends of the same bytes
FINAL_POLL_S: Final = 2.0  # between two looks whether a fork may still undo it
RETRY_S: Final = 0.5  # after a venue did not answer

log = structlog.get_logger("executor")


class WalletSlots:
    """At most `wallets_max` wallets execute at the same moment; one wallet may hold several orders. First come,
    first served."""

    def __init__(self, wallets_max: int) -> None:
        self._wallets_max = wallets_max
        self._active: Counter[WalletId] = Counter()
        self._waiting: deque[tuple[WalletId, asyncio.Future[None]]] = deque()

    async def acquire(self, wallet_id: WalletId) -> None:
        if not self._waiting and self._fits(wallet_id):
            self._active[wallet_id] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((wallet_id, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # Our turn came with the cancellation: give it back.
                self.release(wallet_id)
            raise

    def release(self, wallet_id: WalletId) -> None:
        self._active[wallet_id] -= 1
        if not self._active[wallet_id]:
            del self._active[wallet_id]
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            waiting_id, turn = self._waiting.popleft()
            if not turn.done():
                self._active[waiting_id] += 1
                turn.set_result(None)

    def _fits(self, wallet_id: WalletId) -> bool:
        return wallet_id in self._active or len(self._active) < self._wallets_max


class _Silence:
    """Says once why nothing is heard of an order, and again when the reason changes: polling would say it for ever."""

    def __init__(self, what: str, order: Order) -> None:
        self._what = what
        self._order = order
        self.why = ""

    def say(self, silent: VenueUnavailable) -> None:
        if str(silent) != self.why:
            self.why = str(silent)
            log.warning(self._what, order_id=self._order.id, wallet=self._order.wallet_id, why=self.why)


class Executor:
    def __init__(
        self, engine: Engine, venue: Venue, clock: Clock, wallets_max: int, stop_file_exists: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._clock = clock
        self._slots = WalletSlots(wallets_max)
        self._stop_file_exists = stop_file_exists
        self._feed = engine.subscribe()
        self._running: set[OrderId] = set()
        self._settling: set[OrderId] = set()  # booked, and not final yet
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Until cancelled. Any order of the state that is not being executed is taken up, whatever put it there."""
        async with asyncio.TaskGroup() as tasks:
            self._take_up_all(tasks)
            while True:
                entries = await self._feed.next()
                if entries is None:
                    self._take_up_all(tasks)
                    continue
                for entry in entries:
                    if isinstance(entry.event, OrderPlaced):
                        self._take_up_placed(tasks, entry.event.order.id)

    async def idle(self) -> None:
        """Returns once nothing that was taken up is under way. What is booked and not yet final is not waited for."""
        await self._idle.wait()

    def _take_up_all(self, tasks: asyncio.TaskGroup) -> None:
        state = self._engine.state
        for known in list(state.open_orders.values()):
            self._take_up(tasks, known)
        for order_id in list(state.provisional):
            self._settle(tasks, order_id)

    def _take_up_placed(self, tasks: asyncio.TaskGroup, order_id: OrderId) -> None:
        """An order that `_take_up_all` found before it was durable may be closed by the time we hear of it."""
        known = self._engine.state.open_orders.get(order_id)
        if known is not None:
            self._take_up(tasks, known)

    def _take_up(self, tasks: asyncio.TaskGroup, known: OpenOrder) -> None:
        if known.order.id not in self._running:
            self._running.add(known.order.id)
            self._idle.clear()
            tasks.create_task(self._execute(tasks, known.order, known.ticket))

    async def _execute(self, tasks: asyncio.TaskGroup, order: Order, ticket: Ticket | None) -> None:
        try:
            outcome = await (self._begin(order) if ticket is None else self._follow(order, ticket))
            self._engine.record(RecordOutcome(order.id, outcome, self._venue.provisional))
        finally:
            self._running.discard(order.id)
            if not self._running:
                self._idle.set()
        self._settle(tasks, order.id)

    def _settle(self, tasks: asyncio.TaskGroup, order_id: OrderId) -> None:
        known = self._engine.state.provisional.get(order_id)
        if known is not None and order_id not in self._settling:
            self._settling.add(order_id)
            tasks.create_task(self._until_final(known))

    async def _until_final(self, known: Provisional) -> None:
        """Follow what is booked until no fork can undo it."""
        silence = _Silence("not known to be final", known.order)
        try:
            while (final := await self._look_final(known, silence)) is None:
                await self._clock.sleep(FINAL_POLL_S)
            self._engine.record(RecordFinal(known.order.id, final))
        finally:
            self._settling.discard(known.order.id)

    async def _look_final(self, known: Provisional, silence: _Silence) -> Outcome | None:
        try:
            return await self._venue.final(known.order, known.ticket, known.outcome)
        except VenueUnavailable as silent:
            silence.say(silent)
            return None

    async def _begin(self, order: Order) -> Outcome:
        """From quote to first send in one of the wallet slots; exits need none."""
        if order.side is Side.SELL:
            prepared = await self._prepare_and_send(order)
        else:
            await self._slots.acquire(order.wallet_id)
            try:
                prepared = await self._prepare_and_send(order)
            finally:
                self._slots.release(order.wallet_id)
        return prepared if isinstance(prepared, Rejected) else await self._follow(order, prepared)

    async def _prepare_and_send(self, order: Order) -> Ticket | Rejected:
        prepared = await self._prepare(order)
        if isinstance(prepared, Rejected):
            return prepared
        # Write ahead: once this returns, a crash can no longer lose track of the money.
        await self._engine.handle(RecordTicket(order.id, prepared))
        await self._engine.lifts_durable()
        if (forbidden := self._forbidden(order)) is not None:
            return forbidden  # Nobody has these bytes yet, so this is an outcome.
        await self._send(order, prepared)
        return prepared

    async def _prepare(self, order: Order) -> Ticket | Rejected:
        """Quote, check, sign. While the venue is silent nothing is known; asking again is safe until time is up."""
        silence = _Silence("venue did not answer", order)
        while True:
            if (forbidden := self._forbidden(order)) is not None:
                late = forbidden.cause is Cause.SIGNAL_EXPIRED and silence.why
                return Rejected(Cause.ROUTE_DOWN, f"no answer in time: {silence.why}") if late else forbidden
            try:
                quote = await self._venue.quote(order)
                if isinstance(quote, Rejected):
                    return quote
                state = self._engine.state
                mark_pico = fresh_price_pico(state, order.mint, self._clock.now_ns())
                rejected = quote_rejection(state.settings, order, quote, mark_pico)
                return rejected if rejected is not None else await self._venue.sign(order, quote)
            except VenueUnavailable as silent:
                silence.say(silent)
            if self._clock.now_ns() >= order.expires_at_ns:
                return Rejected(Cause.ROUTE_DOWN, f"no answer in time: {silence.why}")
            await self._clock.sleep(RETRY_S)

    async def _follow(self, order: Order, ticket: Ticket) -> Outcome:
        """A timeout is not an outcome. Send the same bytes again, if they may be sent, until the chain has decided."""
        sent_ns, silence = self._clock.now_ns(), _Silence("outcome unknown", order)
        while True:
            try:
                if (outcome := await self._venue.outcome(order, ticket)) is not None:
                    return outcome
            except VenueUnavailable as silent:
                silence.say(silent)
            await self._venue.wait(ticket, POLL_S)
            if abs(self._clock.now_ns() - sent_ns) < RESEND_S * NS:
                continue
            await self._engine.lifts_durable()
            if self._forbidden(order) is None:
                sent_ns = self._clock.now_ns()
                await self._send(order, ticket)

    async def _send(self, order: Order, ticket: Ticket) -> None:
        try:
            await self._venue.send(order, ticket, lambda: self._forbidden(order) is None)
        except VenueUnavailable as silent:  # It may still land: only the outcome tells.
            log.warning("send not answered", signature=ticket.signature, why=str(silent))

    def _forbidden(self, order: Order) -> Rejected | None:
        """Why an entry may not be sent, or sent again. Exits always may."""
        if order.side is Side.SELL:
            return None
        state = self._engine.state
        if state.holds:
            return Rejected(Cause.STOPPED, f"portfolio stopped: {', '.join(sorted(state.holds))}")
        if "emergency" in state.wallets[order.wallet_id].holds:
            return Rejected(Cause.STOPPED, "emergency stop")
        if self._stop_file_exists():
            return Rejected(Cause.STOPPED, "STOP file")
        if self._clock.now_ns() >= order.expires_at_ns:
            return Rejected(Cause.SIGNAL_EXPIRED, "the signal's time to live is over")
        return None
