"""Drives each placed order to its outcome: quote → check → sign → record → send → outcome → final.

A move of capital goes the same way, from `transfer` instead of a quote, once its time has come.

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

from overmind.core.books.book import OpenMove, OpenOrder, Provisional, ProvisionalMove
from overmind.core.capital.withdrawals import held_by, waits, why_not_paid
from overmind.core.entries.quote_check import quote_rejection
from overmind.core.entries.rules import fresh_price_pico
from overmind.core.model.commands import RecordFinal, RecordOutcome, RecordTicket
from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.events import MovePlaced, OrderPlaced
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.order import Move, Order, Ticket, Work
from overmind.core.model.outcome import Cause, Outcome, Rejected
from overmind.core.model.units import NS
from overmind.desk.engine import Engine
from overmind.ports import Clock, Venue, VenueUnavailable

POLL_S: Final = 0.2  # between two looks at an outcome
RESEND_S: Final = 1.0  # between two sends of the same bytes
FINAL_POLL_S: Final = 2.0  # between two looks whether a fork may still undo it
RETRY_S: Final = 0.5  # after a venue did not answer
WAIT_S: Final = 1.0  # between two looks whether a move that waits for its time still may

CANCELLED: Final = Rejected(Cause.CANCELLED, "it was cancelled before it was begun")

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

    def __init__(self, what: str, order: Work) -> None:
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
                    elif isinstance(entry.event, MovePlaced):
                        self._take_up_placed(tasks, entry.event.move.id)

    async def idle(self) -> None:
        """Returns once nothing that was taken up is under way. What is booked and not yet final is not waited for."""
        await self._idle.wait()

    def _take_up_all(self, tasks: asyncio.TaskGroup) -> None:
        state = self._engine.state
        for order in list(state.open_orders.values()):
            self._take_up(tasks, order)
        for move in list(state.open_moves.values()):
            self._take_up(tasks, move)
        for order_id in [*state.provisional, *state.provisional_moves]:
            self._settle(tasks, order_id)

    def _take_up_placed(self, tasks: asyncio.TaskGroup, order_id: OrderId) -> None:
        """An order that `_take_up_all` found before it was durable may be closed by the time we hear of it."""
        known = self._open(order_id)
        if known is not None:
            self._take_up(tasks, known)

    def _open(self, order_id: OrderId) -> OpenOrder | OpenMove | None:
        state = self._engine.state
        return state.open_orders.get(order_id) or state.open_moves.get(order_id)

    def _take_up(self, tasks: asyncio.TaskGroup, known: OpenOrder | OpenMove) -> None:
        order = known.move if isinstance(known, OpenMove) else known.order
        if order.id not in self._running:
            self._running.add(order.id)
            self._idle.clear()
            tasks.create_task(self._execute(tasks, order, known.ticket))

    async def _execute(self, tasks: asyncio.TaskGroup, order: Work, ticket: Ticket | None) -> None:
        try:
            outcome = await (self._begin(order) if ticket is None else self._follow(order, ticket))
            self._engine.record(RecordOutcome(order.id, outcome, self._venue.provisional))
        finally:
            self._running.discard(order.id)
            if not self._running:
                self._idle.set()
        self._settle(tasks, order.id)

    def _settle(self, tasks: asyncio.TaskGroup, order_id: OrderId) -> None:
        state = self._engine.state
        known = state.provisional.get(order_id) or state.provisional_moves.get(order_id)
        if known is not None and order_id not in self._settling:
            self._settling.add(order_id)
            tasks.create_task(self._until_final(known))

    async def _until_final(self, known: Provisional | ProvisionalMove) -> None:
        """Follow what is booked until no fork can undo it."""
        order = known.move if isinstance(known, ProvisionalMove) else known.order
        silence = _Silence("not known to be final", order)
        try:
            while (final := await self._look_final(order, known.ticket, known.outcome, silence)) is None:
                await self._clock.sleep(FINAL_POLL_S)
            self._engine.record(RecordFinal(order.id, final))
        finally:
            self._settling.discard(order.id)

    async def _look_final(self, order: Work, ticket: Ticket, booked: Outcome, silence: _Silence) -> Outcome | None:
        try:
            return await self._venue.final(order, ticket, booked)
        except VenueUnavailable as silent:
            silence.say(silent)
            return None

    async def _begin(self, order: Work) -> Outcome:
        """From quote to first send, then until the chain has decided."""
        while True:
            if isinstance(order, Move) and (ended := await self._until_its_time(order)) is not None:
                return ended
            prepared = await self._in_a_slot(order)
            if prepared is not None:
                return prepared if isinstance(prepared, Rejected) else await self._follow(order, prepared)

    async def _until_its_time(self, move: Move) -> Rejected | None:
        """What became of it while it waited for its time or for a hold to end; None: it may begin."""
        while (forbidden := self._forbidden(move)) is None:
            if move.id not in self._engine.state.open_moves:
                return CANCELLED
            now_ns = self._clock.now_ns()
            if not waits(self._engine.state, move, now_ns):
                return None
            early_s = (move.not_before_ns - now_ns) / NS
            await self._clock.sleep(min(WAIT_S, early_s) if early_s > 0 else WAIT_S)
        return forbidden

    async def _in_a_slot(self, order: Work) -> Ticket | Rejected | None:
        """In one of the wallet slots; exits, and what serves them, need none."""
        if _is_urgent(order):
            return await self._prepare_and_send(order)
        await self._slots.acquire(order.wallet_id)
        try:
            return await self._prepare_and_send(order)
        finally:
            self._slots.release(order.wallet_id)

    async def _prepare_and_send(self, order: Work) -> Ticket | Rejected | None:
        """None: a hold came, and nobody has the bytes: it waits again, and takes no slot from others meanwhile."""
        prepared = await self._prepare(order)
        if not isinstance(prepared, Ticket):
            return prepared
        if self._is_held(order):
            return None
        if order.id not in self._engine.state.open_orders and order.id not in self._engine.state.open_moves:
            return CANCELLED  # While it was being prepared. Nobody has these bytes.
        # Write ahead: once this returns, a crash can no longer lose track of the money.
        await self._engine.handle(RecordTicket(order.id, prepared))
        await self._engine.lifts_durable()
        if (forbidden := self._forbidden(order)) is not None:
            return forbidden  # Nobody has these bytes yet, so this is an outcome.
        if not self._is_held(order):  # Else it is sent if that ends before the ticket does.
            await self._send(order, prepared)
        return prepared

    async def _prepare(self, order: Work) -> Ticket | Rejected | None:
        """Quote, check, sign. While the venue is silent nothing is known; asking again is safe until time is up."""
        silence = _Silence("venue did not answer", order)
        while True:
            if (forbidden := self._forbidden(order)) is not None:
                late = forbidden.cause is Cause.SIGNAL_EXPIRED and silence.why
                return Rejected(Cause.ROUTE_DOWN, f"no answer in time: {silence.why}") if late else forbidden
            if self._is_held(order):
                return None
            try:
                return await (self._venue.transfer(order) if isinstance(order, Move) else self._swap(order))
            except VenueUnavailable as silent:
                silence.say(silent)
            if self._clock.now_ns() >= order.expires_at_ns:
                return Rejected(Cause.ROUTE_DOWN, f"no answer in time: {silence.why}")
            await self._clock.sleep(RETRY_S)

    async def _swap(self, order: Order) -> Ticket | Rejected:
        """Raises VenueUnavailable."""
        quote = await self._venue.quote(order)
        if isinstance(quote, Rejected):
            return quote
        state = self._engine.state
        mark_pico = fresh_price_pico(state, order.mint, self._clock.now_ns())
        rejected = quote_rejection(state.settings, order, quote, mark_pico)
        return rejected if rejected is not None else await self._venue.sign(order, quote)

    async def _follow(self, order: Work, ticket: Ticket) -> Outcome:
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
            if self._may_be_sent(order):
                sent_ns = self._clock.now_ns()
                await self._send(order, ticket)

    async def _send(self, order: Work, ticket: Ticket) -> None:
        try:
            await self._venue.send(order, ticket, lambda: self._may_be_sent(order))
        except VenueUnavailable as silent:  # It may still land: only the outcome tells.
            log.warning("send not answered", signature=ticket.signature, why=str(silent))

    def _may_be_sent(self, order: Work) -> bool:
        return self._forbidden(order) is None and not self._is_held(order)

    def _is_held(self, order: Work) -> bool:
        """Whether a hold makes it wait and does not end it."""
        return isinstance(order, Move) and bool(held_by(self._engine.state, order))

    def _forbidden(self, order: Work) -> Rejected | None:
        """Why an entry or a move may not be sent, or sent again. Exits, and what serves them, always may."""
        if isinstance(order, Order) and order.side is Side.SELL:
            return None
        if isinstance(order, Move) and order.kind.protects:
            return self._late(order)
        return self._stopped(order) or self._late(order)

    def _stopped(self, order: Work) -> Rejected | None:
        state = self._engine.state
        if isinstance(order, Move) and order.kind is MoveKind.WITHDRAWAL:
            ended = why_not_paid(state, order)
        elif state.holds:
            ended = Rejected(Cause.STOPPED, f"portfolio stopped: {', '.join(sorted(state.holds))}")
        elif any("emergency" in state.wallets[one].holds for one in _wallets_of(order)):
            ended = Rejected(Cause.STOPPED, "emergency stop")
        else:
            ended = None
        return Rejected(Cause.STOPPED, "STOP file") if ended is None and self._stop_file_exists() else ended

    def _late(self, order: Work) -> Rejected | None:
        if self._clock.now_ns() < order.expires_at_ns:
            return None
        held = held_by(self._engine.state, order) if isinstance(order, Move) else ()
        why = f"held till its time was over, by {', '.join(held)}" if held else "the signal's time to live is over"
        return Rejected(Cause.SIGNAL_EXPIRED, why)


def _wallets_of(order: Work) -> tuple[WalletId, ...]:
    receiver = order.to_wallet if isinstance(order, Move) else None
    return (order.wallet_id,) if receiver is None else (order.wallet_id, receiver)


def _is_urgent(order: Work) -> bool:
    return order.kind.protects if isinstance(order, Move) else order.side is Side.SELL
