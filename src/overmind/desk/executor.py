"""Drives each placed order to its outcome: quote → check → sign → record → send → outcome → final (specification §7.6).

A move of capital takes the same path once it is due, with `transfer` instead of a quote.

Recovery is the same path too: at start every open order is taken up again, with its ticket if it has one, and so is
every provisional outcome. Everything is recorded before it is sent, and followed afterwards until the chain has
decided. A stop ends sending, but never the following.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, assert_never

import structlog

from overmind.core.books.book import Provisional, ProvisionalMove
from overmind.core.books.trust import fresh_price_pico
from overmind.core.control.sending import Over, Send, Verdict, Wait, may_send
from overmind.core.entries.quote_check import quote_rejection
from overmind.core.model.commands import RecordFinal, RecordLanding, RecordOutcome, RecordTicket
from overmind.core.model.events import Entry, Event, MovePlaced, OrderPlaced
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.order import Move, Order, Ticket, Work
from overmind.core.model.outcome import Cause, Outcome, Rejected
from overmind.core.model.units import NS
from overmind.desk.admission import AdmissionWatch
from overmind.desk.crowd import TURN_MAX, Crowd
from overmind.desk.engine import Engine
from overmind.desk.times import DeskTimes
from overmind.ports import Clock, FirstPrice, LandedOtherwise, Venue, VenueUnavailable

POLL_S: Final = 0.2  # between two polls of an outcome
RESEND_S: Final = 1.0  # between two sends of the same bytes
FINAL_POLL_S: Final = 2.0  # between two polls whether a fork can still undo it
RETRY_S: Final = 0.5  # after a venue did not answer
TOGETHER: Final = 16  # orders taken up in one turn of the event loop
WAIT_S: Final = 1.0  # between two checks whether waiting work may start

log = structlog.get_logger("executor")


class WalletSlots:
    """At most `wallets_max` wallets execute at the same time; one wallet may have several orders. First come, first
    served.
    """

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
            if turn.done() and not turn.cancelled():  # The slot came together with the cancellation: give it back.
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


# For an order that is closed already, so nobody books it.
BOOKED_BY_OPERATOR: Final = Rejected(Cause.CANCELLED, "an operator has booked it from the chain")


def at_once(order: Order, at_ns: int) -> int:
    """No order waits for a price."""
    return at_ns


class _Silence:
    """Logs once why an order has no answer, and again when the reason changes, since polling would log it for ever."""

    def __init__(self, what: str, work: Work) -> None:
        self._what = what
        self._work = work
        self.why = ""

    def say(self, silent: VenueUnavailable) -> None:
        if str(silent) != self.why:
            self.why = str(silent)
            log.warning(self._what, order_id=self._work.id, wallet=self._work.wallet_id, why=self.why)


class Executor:
    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        clock: Clock,
        wallets_max: int,
        stop_file_exists: Callable[[], bool],
        admission: AdmissionWatch | None = None,
        times: DeskTimes | None = None,
        first_price_ns: FirstPrice = at_once,
    ) -> None:
        """`admission` looks at the chain before an order is signed; None: there is no chain.

        `first_price_ns` says when an order that was placed at an instant meets its first price.
        """
        self._engine = engine
        self._venue = venue
        self._clock = clock
        self._slots = WalletSlots(wallets_max)
        self._stop_file_exists = stop_file_exists
        self._admission = admission
        self._times = times or DeskTimes()
        self._first_price_ns = first_price_ns
        self._feed = engine.subscribe(_is_work)
        self._running: set[OrderId] = set()
        self._awaiting_final: set[OrderId] = set()  # booked, but not final yet
        self._crowd = Crowd()
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Runs until cancelled. Takes up every open order of the state that is not being executed yet."""
        async with asyncio.TaskGroup() as tasks:
            await self._take_up_all(tasks)
            while True:
                entries = await self._feed.next()
                if entries is None:
                    await self._take_up_all(tasks)
                    continue
                placed = [work for entry in entries if (work := _placed(entry.event)) is not None]
                await self._take_up_each(tasks, placed)

    async def idle(self) -> None:
        """Waits until no order is being executed. Provisional outcomes are not waited for."""
        await self._idle.wait()

    async def _take_up_all(self, tasks: asyncio.TaskGroup) -> None:
        state = self._engine.state
        orders: list[Work] = [known.order for known in state.open_orders.values()]
        await self._take_up_each(tasks, [*orders, *(known.move for known in state.open_moves.values())])
        for number, work_id in enumerate([*state.provisional, *state.provisional_moves], 1):
            self._take_up_provisional(tasks, work_id)
            if number % TOGETHER == 0:
                await self._clock.sleep(0)

    async def _take_up_each(self, tasks: asyncio.TaskGroup, works: list[Work]) -> None:
        """Exits first, and a few in one turn of the loop: thousands may have become durable together."""
        if len(works) > 1:
            works.sort(key=lambda work: not work.is_urgent)
        for number, work in enumerate(works, 1):
            self._take_up(tasks, work.id)
            if number % TOGETHER == 0:
                await self._clock.sleep(0)

    def _take_up(self, tasks: asyncio.TaskGroup, work_id: OrderId) -> None:
        """Skips work that was closed before it became durable and was taken up."""
        known = self._engine.state.open_work(work_id)
        if known is not None and work_id not in self._running:
            self._running.add(work_id)
            self._idle.clear()
            tasks.create_task(self._execute(tasks, known.work, known.ticket))

    async def _execute(self, tasks: asyncio.TaskGroup, work: Work, ticket: Ticket | None) -> None:
        try:
            outcome = await (self._run_new(work) if ticket is None else self._follow(work, ticket))
            await self._turn(work)
            self._engine.post(RecordOutcome(work.id, outcome, self._venue.provisional))
        finally:
            self._running.discard(work.id)
            if not self._running:
                self._idle.set()
        self._take_up_provisional(tasks, work.id)

    def _take_up_provisional(self, tasks: asyncio.TaskGroup, work_id: OrderId) -> None:
        known = self._engine.state.provisional_work(work_id)
        if known is not None and work_id not in self._awaiting_final:
            self._awaiting_final.add(work_id)
            tasks.create_task(self._follow_until_final(known))

    async def _follow_until_final(self, known: Provisional | ProvisionalMove) -> None:
        """Follows a booked outcome until no fork can undo it."""
        work = known.work
        silence = _Silence("not known to be final", work)
        try:
            while (final := await self._look_final(work, known.ticket, known.outcome, silence)) is None:
                await self._clock.sleep(FINAL_POLL_S)
            await self._turn(work)
            self._engine.post(RecordFinal(work.id, final))
        finally:
            self._awaiting_final.discard(work.id)

    async def _turn(self, work: Work) -> None:
        """Waits for a turn of the loop that has room, where so much work is under way that much may wake together."""
        if len(self._running) + len(self._awaiting_final) > TURN_MAX:
            await self._crowd.pass_through(work.is_urgent)

    async def _look_final(self, work: Work, ticket: Ticket, booked: Outcome, silence: _Silence) -> Outcome | None:
        try:
            return await self._venue.final(work, ticket, booked)
        except VenueUnavailable as silent:
            silence.say(silent)
            return None

    async def _run_new(self, work: Work) -> Outcome:
        """From quote to first send, then until the chain has decided. Work that must wait occupies no slot."""
        if isinstance(work, Order):
            placed_ns = self._clock.now_ns()
            due_ns = self._first_price_ns(work, placed_ns)
            while (wait_ns := due_ns - self._clock.now_ns()) > 0:  # A sleep may end a moment too early.
                await self._clock.sleep(wait_ns / NS)
        while True:
            verdict = self._verdict(work)
            result = await self._in_a_slot(work) if isinstance(verdict, Send) else verdict
            match result:
                case Ticket():
                    return await self._follow(work, result)
                case Over(outcome=rejected):
                    return rejected
                case Wait(until_ns=until_ns):
                    left_s = WAIT_S if until_ns is None else (until_ns - self._clock.now_ns()) / NS
                    await self._clock.sleep(min(WAIT_S, left_s))
                case _:
                    assert_never(result)

    async def _in_a_slot(self, work: Work) -> Ticket | Wait | Over:
        """Prepares and sends in one of the wallet slots. Exits and the moves that serve them need no slot."""
        if work.is_urgent:
            return await self._prepare_and_send(work)
        await self._slots.acquire(work.wallet_id)
        try:
            return await self._prepare_and_send(work)
        finally:
            self._slots.release(work.wallet_id)

    async def _prepare_and_send(self, work: Work) -> Ticket | Wait | Over:
        """A Ticket is recorded, and sent unless a hold makes it wait. Any other result means that nothing was sent."""
        prepared = await self._prepare(work)
        if not isinstance(prepared, Ticket):
            return prepared
        if not isinstance(meanwhile := self._verdict_before_send(work), Send):
            return meanwhile
        other = self._engine.state.work_of(prepared.signature)
        if other not in (None, work.id):  # One landing would be booked as two fills.
            return Over(Rejected(Cause.BAD_QUOTE, f"the same transaction was recorded for order {other}"))
        # Write ahead: once this returns, a crash can no longer lose track of the money.
        await self._engine.handle(RecordTicket(work.id, prepared))
        await self._turn(work)
        await self._engine.lifts_durable()
        verdict = self._verdict_before_send(work)
        if isinstance(verdict, Over):
            return verdict  # Nobody has these bytes yet, so the order can be closed.
        if isinstance(verdict, Send):  # Otherwise it is sent if the wait ends before the ticket expires.
            await self._send(work, prepared)
        return prepared

    async def _prepare(self, work: Work) -> Ticket | Wait | Over:
        """Quotes, checks and signs. Retries while the venue does not answer, until the order expires."""
        silence = _Silence("venue did not answer", work)
        while isinstance(verdict := self._verdict(work), Send):
            try:
                prepared = await (self._transfer(work) if isinstance(work, Move) else self._swap(work))
                return prepared if isinstance(prepared, Ticket) else Over(prepared)
            except VenueUnavailable as silent:
                silence.say(silent)
            if self._clock.now_ns() >= work.expires_at_ns:
                return _unanswered(silence)
            await self._clock.sleep(RETRY_S)
        late = isinstance(verdict, Over) and verdict.outcome.cause is Cause.SIGNAL_EXPIRED
        return _unanswered(silence) if late and silence.why else verdict

    async def _transfer(self, move: Move) -> Ticket | Rejected:
        """Raises VenueUnavailable."""
        if self._admission is not None and (unsafe := self._admission.check_move(move)) is not None:
            return unsafe
        return await self._venue.transfer(move)

    async def _swap(self, order: Order) -> Ticket | Rejected:
        """Raises VenueUnavailable."""
        if self._admission is not None and (unsafe := await self._admission.check(order)) is not None:
            return unsafe
        quote = await self._venue.quote(order)
        if isinstance(quote, Rejected):
            return quote
        state = self._engine.state
        mark_pico = fresh_price_pico(state, order.mint, self._clock.now_ns())
        rejected = quote_rejection(state.settings, order, quote, mark_pico, state.witness_pico(order.mint))
        return rejected if rejected is not None else await self._venue.sign(order, quote)

    async def _follow(self, work: Work, ticket: Ticket) -> Outcome:
        """A timeout is not an outcome. Sends the same bytes again, if that is allowed, until the chain has decided."""
        sent_ns, silence = self._clock.now_ns(), _Silence("outcome unknown", work)
        while True:
            try:
                if (outcome := await self._venue.outcome(work, ticket)) is not None:
                    return outcome
            except VenueUnavailable as silent:
                if isinstance(silent, LandedOtherwise):
                    if self._engine.state.open_work(work.id) is None:
                        return BOOKED_BY_OPERATOR
                    if str(silent) != silence.why:
                        self._engine.post(RecordLanding(work.id, str(silent)))
                silence.say(silent)
            await self._venue.wait(ticket, POLL_S)
            if abs(self._clock.now_ns() - sent_ns) < RESEND_S * NS:
                continue
            await self._engine.lifts_durable()
            if self._may_send(work):
                sent_ns = self._clock.now_ns()
                await self._send(work, ticket)

    async def _send(self, work: Work, ticket: Ticket) -> None:
        try:
            await self._venue.send(work, ticket, lambda: self._may_send(work))
        except VenueUnavailable as silent:  # It may still land; only its outcome tells.
            log.warning("send not answered", signature=ticket.signature, why=str(silent))
        else:
            self._times.add_sent(work.id, self._clock.now_ns())

    def _may_send(self, work: Work) -> bool:
        """A sale that was signed is sent again whatever is seen: its tokens leave, and its ticket expires soon."""
        verdict = self._verdict(work) if work.is_urgent else self._verdict_before_send(work)
        return isinstance(verdict, Send)

    def _verdict_before_send(self, work: Work) -> Verdict:
        """Also asks what looks at mints and accounts have found since the work was prepared."""
        verdict = self._verdict(work)
        if self._admission is None or not isinstance(verdict, Send):
            return verdict
        found = self._admission
        unsafe = found.check_move(work) if isinstance(work, Move) else found.known_against(work)
        return verdict if unsafe is None else Over(unsafe)

    def _verdict(self, work: Work) -> Verdict:
        """The current verdict of `may_send`."""
        return may_send(self._engine.state, work, self._clock.now_ns(), self._stop_file_exists())


def _is_work(entry: Entry) -> bool:
    return _placed(entry.event) is not None


def _placed(event: Event) -> Work | None:
    match event:
        case OrderPlaced(order=order):
            return order
        case MovePlaced(move=move):
            return move
        case _:
            return None


def _unanswered(silence: _Silence) -> Over:
    return Over(Rejected(Cause.ROUTE_DOWN, f"no answer in time: {silence.why}"))
