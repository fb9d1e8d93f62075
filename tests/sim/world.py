"""A deterministic world: one seed decides time, prices, latencies, faults and deaths.

The journal and the chain outlive every process. Whether the sends in flight of a dead process have arrived is random.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Final

import msgspec
from solders.pubkey import Pubkey
from tests.sim import checks
from tests.sim.books import ten_to
from tests.sim.losses import Losses
from tests.sim.servers import Servers, honest

from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.events import (
    Answer,
    Entry,
    HoldAdded,
    HoldLifted,
    OrderPlaced,
    SignalRecorded,
    SignalRefused,
)
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import BPS, NS, PICO
from overmind.core.model.value import Value
from overmind.ports import Allowed, JournalFailed, Snapshot, Storage, Tick, VenueUnavailable, always

SLOT_S: Final = 0.4
JOURNAL_DELAYS_S: Final = (0.0, 0.001, 0.02, 0.5)


def mint_of(symbol: str) -> Mint:
    """An address derived from the symbol, the same in every run."""
    return Mint(str(Pubkey(hashlib.blake2b(symbol.encode(), digest_size=32).digest())))


USDC: Final = Token("USDC", mint_of("USDC"), 6)
TOKENS: Final = (
    Token("SOL", SOL, 9),
    Token("JUP", mint_of("JUP"), 6),
    Token("BONK", mint_of("BONK"), 5, "token-2022"),
    Token("ONE", mint_of("ONE"), 0),  # cannot be divided
    Token("DUST", mint_of("DUST"), 9),  # so cheap that amounts exceed int64
)
PRICES_PICO: Final = (150 * PICO, PICO // 2, PICO // 50_000, 7 * PICO, 5)
START_PRICES_PICO: Final = {token.mint: price for token, price in zip(TOKENS, PRICES_PICO, strict=True)}
CHAIN_PRICES_PICO: Final = {**START_PRICES_PICO, mint_of("DUST"): 50_000}  # A token account holds 64 bits, no more.


class Faults(Value, frozen=True):
    """The fault rates of this seed's world, per call."""

    network: float
    journal: float
    quote: float
    drop: float
    fail: float
    expire: float

    @staticmethod
    def draw(random: Random) -> Faults:
        rough = random.choice((0.0, 0.03, 0.15, 0.35))
        return Faults(
            network=random.choice((0.0, rough)),
            journal=random.choice((0.0, 0.0, rough / 15)),
            quote=random.choice((0.0, rough)),
            drop=random.choice((0.0, rough, 2 * rough)),
            fail=random.choice((0.0, rough)),
            expire=random.choice((0.0, rough)),
        )


class SimClock:
    """`ports.Clock` that can jump; `offset_ns` is its deviation."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self.offset_ns = 0
        self.highest_ns = 0  # the latest time that it returned

    def now_ns(self) -> int:
        now_ns = self._start_ns + self.offset_ns + round(asyncio.get_running_loop().time() * NS)
        self.highest_ns = max(self.highest_ns, now_ns)
        return now_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ProcessKiller:
    """Kills the process at its n-th call into the world, so that every await is hit sooner or later.

    An alarm is triggered in the same way, but the process goes on: it runs the emergency stop at that call.
    """

    def __init__(self) -> None:
        self.struck = False
        self._calls_left: int | None = None
        self._strike: Callable[[], object] = bool
        self._alarm_left: int | None = None
        self._alarm: Callable[[], object] = bool

    def arm(self, calls: int | None, strike: Callable[[], object]) -> None:
        self.struck = False
        self._calls_left, self._strike = calls, strike

    def arm_alarm(self, calls: int | None, alarm: Callable[[], object]) -> None:
        self._alarm_left, self._alarm = calls, alarm

    def call(self) -> None:
        if self._alarm_left is not None:
            self._alarm_left -= 1
            if self._alarm_left == 0:
                asyncio.get_running_loop().call_soon(self._alarm)
        if self._calls_left is not None:
            self._calls_left -= 1
            if self._calls_left == 0:
                self.struck = True
                asyncio.get_running_loop().call_soon(self._strike)


class SimJournal:
    """`ports.Journal`: bytes that outlive the process. An append may fail before or after the write."""

    def __init__(
        self,
        random: Random,
        storage: Random,
        fault: float,
        auditor: checks.Auditor,
        killer: ProcessKiller,
        seen: Counter[str],
    ) -> None:
        self.entries: list[Entry] = []
        self.batches: list[int] = []  # the number of entries after each append
        self.head = bytes(32)
        self.degraded: str | None = None
        self.calm = False
        self.leaving = False  # the process is shutting down and accepts nothing more, so no hold is required
        self._random = random
        self._storage = storage
        self._lock_fault = storage.choice((0.0, 0.0, 0.0, 0.02))
        self._gone_fault = storage.choice((0.0, 0.0, 0.0, 0.003))
        self._locked: str | None = None
        self._gone = False
        self._fault = fault
        self._auditor = auditor
        self._killer = killer
        self._seen = seen
        self._decisions: dict[SignalId, int] = {}
        self._snapshots: list[Snapshot] = []
        self._snapshot_readable = True
        self._busy = False
        self._broken = False
        self._told_degraded = False

    def reopen(self) -> None:
        """Opens the journal for the next process. A snapshot with a wrong digest is skipped.

        A folder that was moved away is back: somebody found the last line of the log.
        """
        self._locked, self._gone = None, False
        self._busy = self._broken = self._told_degraded = self.leaving = False
        self._snapshot_readable = self._random.random() < 0.8

    async def append(self, entries: Sequence[Entry]) -> None:
        assert entries
        assert not self._busy, "one writer at a time"
        assert not self._broken, "nothing is written after a failure"
        self._busy = self._broken = True
        self._check_hold(entries)
        self._check_reserve(entries)
        lines = [msgspec.json.encode(entry) for entry in entries]
        if len(entries) > 1:
            self._seen["group commit"] += 1
        await self._before_write(lines)
        self._write(lines)
        self._killer.call()
        await self._delay()
        self._fail_sometimes("journal failed after the write")
        self._told_degraded = self.degraded is not None
        self._busy = self._broken = False

    def _check_hold(self, entries: Sequence[Entry]) -> None:
        """Once the engine knows that the disk is full, it must take no more entries."""
        if self._told_degraded and self.degraded and not self.leaving and "disk_full" not in self._auditor.books.stops:
            causes = [entry.event.hold.cause for entry in entries if isinstance(entry.event, HoldAdded)]
            assert "disk_full" in causes, "the disk is full, and nothing is held"

    def _check_reserve(self, entries: Sequence[Entry]) -> None:
        """While the disk is full, no entry is spent on a signal that is not placed."""
        full = "disk_full" in self._auditor.books.stops
        for event in (entry.event for entry in entries):
            if isinstance(event, HoldAdded | HoldLifted) and event.scope == Scope():
                cause = event.hold.cause if isinstance(event, HoldAdded) else event.cause
                full = isinstance(event, HoldAdded) if cause == "disk_full" else full
            assert not (full and isinstance(event, SignalRefused | SignalRecorded)), f"the disk is full: {event}"

    async def look(self) -> None:
        """`storage` tells at once."""

    def storage(self) -> Storage:
        if not self.calm and self._storage.random() < self._gone_fault:
            self._gone = True
            self._seen["folder gone"] += 1
        if self._gone:
            raise JournalFailed("the folder is gone")
        return Storage(self._locked, 1_000_000 if self.degraded else None)

    async def _wait_for_lock(self) -> None:
        """Another program locks the journal for a while: nothing is written, and nothing has failed."""
        if self.calm or self._storage.random() >= self._lock_fault:
            return
        self._locked = "another program"
        self._seen["foreign lock"] += 1
        await asyncio.sleep(self._storage.uniform(0.3, 12.0))
        self._locked = None

    async def _before_write(self, lines: list[bytes]) -> None:
        self._killer.call()
        await self._wait_for_lock()
        if self._gone:  # Whoever opened the files still writes to them, and nobody will ever read that.
            raise JournalFailed("the folder is gone")
        try:
            await self._delay()
        except asyncio.CancelledError:
            if self._random.random() < 0.5:
                self._write(lines)  # The write was finished before the death.
                self._seen["death after a write"] += 1
            raise
        self._fail_sometimes("journal failed before the write")

    async def _delay(self) -> None:
        if longest_s := self._random.choice(JOURNAL_DELAYS_S):
            await asyncio.sleep(self._random.uniform(0.0, longest_s))

    def _fail_sometimes(self, what: str) -> None:
        if not self.calm and self._random.random() < self._fault:
            self._seen[what] += 1
            raise JournalFailed(what)

    def _write(self, lines: list[bytes]) -> None:
        for line in lines:
            entry = _DECODER.decode(line)
            assert entry.seq == len(self.entries) + 1, (entry, len(self.entries))
            self._auditor.take(entry)
            self.entries.append(entry)
            self.head = hashlib.sha256(self.head + line).digest()
            self._index(entry)
        self.batches.append(len(self.entries))

    def restore(self, end: int) -> None:
        """An older copy takes its place, on a disk with room."""
        entries, self.entries, self.batches = self.entries[:end], [], [one for one in self.batches if one <= end]
        self._decisions.clear()
        self.head, self.degraded = bytes(32), None
        for entry in entries:
            self.entries.append(entry)
            self.head = hashlib.sha256(self.head + msgspec.json.encode(entry)).digest()
            self._index(entry)
        self._snapshots = [one for one in self._snapshots if one.seq <= end]

    def _index(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, Answer) and not (isinstance(event, OrderPlaced) and (event.order.attempt)):
            self._decisions.setdefault(event.signal.id, entry.seq)

    def read(self, after: int = 0) -> Iterator[Entry]:
        yield from self.entries[after:]

    def entry(self, seq: int) -> Entry:
        return self.entries[seq - 1]

    def find(self, signal_id: SignalId) -> int | None:
        known = self._decisions.get(signal_id)
        if known is not None:
            self._seen["found by the index"] += 1
        return known

    def snapshot(self) -> Snapshot | None:
        if self._snapshots and self._snapshot_readable:
            self._seen["recovered from a snapshot"] += 1
            return self._snapshots[-1]
        return None

    def snapshot_before(self, seq: int) -> Snapshot | None:
        kept = [snapshot for snapshot in self._snapshots if snapshot.seq <= seq]
        return kept[-1] if kept and self._snapshot_readable else None

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        assert snapshot.seq <= len(self.entries), "a snapshot of what is not durable"
        self._killer.call()
        await self._delay()
        self._fail_sometimes("snapshot failed")
        self._snapshots.append(snapshot)
        self._seen["snapshot"] += 1


_DECODER: Final = msgspec.json.Decoder(Entry)


class SimPrices:
    """Random walks with jumps and gaps. They move on whether or not a process reads them."""

    def __init__(self, random: Random, start_pico: Mapping[Mint, int], servers: Servers | None = None) -> None:
        self.start_pico = start_pico
        self.servers = servers if servers is not None else honest()
        self.losses = Losses(self.servers, Counter())
        self.absurd = 0  # marks that nobody may believe
        self._random = random
        self._pico = dict(start_pico)
        self._volatility = random.choice((0.0, 0.0005, 0.003))
        self._missing_s: Counter[Mint] = Counter()
        self._marked_ns: dict[Mint, int] = {}

    async def walk(self) -> None:
        while True:
            for mint in self._pico:
                self._step(mint)
            if self.servers.may_lie:
                self.servers.step(self.losses.believed_s)
                self.losses.note_true(self._pico)
            await asyncio.sleep(1.0)

    @property
    def true_pico(self) -> dict[Mint, int]:
        return self._pico

    def crash(self, mint: Mint, percent: int) -> None:
        self._pico[mint] = max(1, self._pico[mint] * (100 - percent) // 100)
        self.losses.note_true(self._pico)

    def _step(self, mint: Mint) -> None:
        random = self._random
        change = random.gauss(0.0, self._volatility)
        if random.random() < 0.004:
            change += random.choice((-0.4, -0.1, -0.03, 0.03, 0.1, 0.4))
        self._pico[mint] = max(1, round(self._pico[mint] * (1.0 + change)))
        self._missing_s[mint] = max(0, self._missing_s[mint] - 1)
        if random.random() < 0.001:
            self._missing_s[mint] = random.choice((5, 50))

    def ticks(self) -> Mapping[Mint, Tick]:
        """What a price feed would show now."""
        return {mint: Tick(mint, price, 0, 0, 0) for mint in self._pico if (price := self.price(mint)) is not None}

    def price(self, mint: Mint) -> int | None:
        """What the first server shows, and fills orders at."""
        if self._missing_s[mint] or mint not in self._pico:
            return None
        return self.servers.first(mint, self._pico[mint])

    def marks(self, now_ns: int) -> tuple[Mark, ...]:
        """The marks that the watch would send now; sometimes an old or an invalid one."""
        marks = []
        for mint in self._pico:
            price = self.price(mint)
            if price is None:
                continue
            luck = self._random.random()
            if luck < 0.01:
                absurd = (0, -price, 10**40)[int(luck * 300)]
                marks.append(Mark(mint, absurd, now_ns))
                self.absurd += 1
            if 0.5 < luck < 0.5003 and not self.servers.may_lie:  # One outlier mark; the next one is correct again.
                price = max(1, price * self._random.choice((1, 50)) // 7)
            at_ns = self._marked_ns.get(mint, now_ns) if luck > 0.99 else now_ns
            self._marked_ns[mint] = at_ns
            marks.append(Mark(mint, price, at_ns, self.servers.witness(mint, self._pico[mint], now_ns)))
        return tuple(marks)


class Signed(Value, frozen=True, tag=True):
    """The content of a ticket's bytes: all that the chain needs, and nothing from a process's memory."""

    order: Order
    received: int
    received_min: int
    last_valid_height: int
    nonce: int


class SignedMove(Value, frozen=True, tag=True):
    """The content of a transfer's ticket."""

    order: Move
    last_valid_height: int
    nonce: int


AnySigned = Signed | SignedMove
_SIGNED: Final = msgspec.json.Decoder(AnySigned)


class SimChain:
    """The true balances, and a `ports.Venue` on them through an unreliable network. It has no forks."""

    provisional = False

    def __init__(
        self,
        random: Random,
        clock: SimClock,
        faults: Faults,
        prices: SimPrices,
        auditor: checks.Auditor,
        killer: ProcessKiller,
        seen: Counter[str],
        wallets_max: int,
    ) -> None:
        self.balances: Counter[tuple[WalletId, Mint]] = Counter()
        self.accounts: set[tuple[WalletId, Mint]] = set()
        self.strangers: set[tuple[str, Mint]] = set()  # token accounts of others
        self.landed: dict[str, tuple[Work, Filled | Failed]] = {}
        self.stop_file = False
        self.silent_until_s = 0.0
        self._visible_s: dict[str, float] = {}
        self._expired: set[str] = set()
        self._on_the_wire: list[tuple[Ticket, AnySigned]] = []
        self._sent: Counter[str] = Counter()
        self._bad_quotes: set[Quote] = set()
        self._working: Counter[WalletId] = Counter()
        self._nonce = 0
        self._life_blocks = random.choice((10, 30, 150))
        self._random = random
        self._clock = clock
        self._faults = faults
        self._prices = prices
        self._auditor = auditor
        self._killer = killer
        self._seen = seen
        self._wallets_max = wallets_max
        self._costs = CostModel()

    @property
    def height(self) -> int:
        return int(self._now_s() / SLOT_S)

    def silence(self, seconds: float) -> None:
        """Makes the venue unreachable for a while."""
        self.silent_until_s = self._now_s() + seconds

    def credit(self, wallet_id: WalletId, money: Money) -> None:
        self.balances[wallet_id, money.mint] += money.units
        self.accounts.add((wallet_id, money.mint))

    async def quote(self, order: Order) -> Quote | Rejected:
        with self._at_work(order):
            await self._network("quote")
            if self._random.random() < self._faults.quote:
                return self._refuse("quote")
            price = self._prices.price(order.mint)
            if price is None:
                return Rejected(Cause.PRICE_UNAVAILABLE, "no price in this venue")
            if self._prices.servers.is_lying(order.mint):
                return self._offer(order, max(1, order.received_min))
            return self._offer(order, self._at_price(order, price))

    def _refuse(self, what: str) -> Rejected:
        causes = (Cause.NO_LIQUIDITY, Cause.PRICE_IMPACT, Cause.ROUTE_DOWN, Cause.ROUTE_DOWN, Cause.WALLET_FUNDS)
        causes = (Cause.NOT_VERIFIED, Cause.ROUTE_DOWN) if what == "transfer" else causes
        cause = self._random.choice(causes)
        self._seen[f"{what} refused"] += 1
        return Rejected(cause, "the venue says no")

    def _at_price(self, order: Order, price_pico: int) -> int:
        token = next(token for token in TOKENS if token.mint == order.mint)
        scale, kept = ten_to(token.decimals + 6), BPS - self._random.randrange(6)
        if order.side is Side.BUY:
            return order.spend.units * scale * kept // (price_pico * BPS)
        return order.spend.units * price_pico * kept // (scale * BPS)

    def _offer(self, order: Order, received: int) -> Quote | Rejected:
        needs_account = (order.wallet_id, order.receive) not in self.accounts
        if received < max(1, order.received_min):
            self._seen["quote below the minimum"] += 1
            return Rejected(Cause.SLIPPAGE, f"{received} < {order.received_min}")
        guaranteed = self._random.randint(order.received_min, received)
        honest = Quote(order.id, order.spend, order.receive, received, guaranteed, 0, needs_account)
        return self._spoil(order, honest) if self._random.random() < self._faults.quote else honest

    def _spoil(self, order: Order, honest: Quote) -> Quote:
        """Answers that no honest venue gives. None of them may ever be signed."""
        change = msgspec.structs.replace
        less = Money(max(0, order.spend.units - 1), order.spend.mint)
        too_good = 3 * honest.received + 2
        spoilt = {
            "quote of another order": change(honest, order_id=OrderId("other.0.0")),
            "quote for another spend": change(honest, spend=less),
            "quote of another token": change(honest, receive=Mint("OTHER")),
            "quote guarantees too little": change(honest, received_min=order.received_min - 1),
            "quote contradicts itself": change(honest, received_min=honest.received + 1),
            "quote with a high impact": change(honest, impact_bps=order.slippage_max_bps + 1),
        }
        if order.side is Side.BUY:
            spoilt["quote off the mark"] = change(honest, received=too_good)
        what = self._random.choice(sorted(spoilt))
        self._seen[what] += 1
        self._bad_quotes.add(spoilt[what])
        return spoilt[what]

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        assert quote not in self._bad_quotes, f"signed on a bad quote: {quote}"
        with self._at_work(order):
            await self._network("sign")
            if self._random.random() < self._faults.quote / 2:
                return self._refuse("sign")
        self._nonce += 1
        valid = self.height + self._life_blocks
        return self._ticket(Signed(order, quote.received, quote.received_min, valid, self._nonce))

    def _ticket(self, signed: AnySigned) -> Ticket:
        signature = f"{signed.order.id}/{self._nonce}"
        return Ticket(signature, msgspec.json.encode(signed), f"block{self.height}", signed.last_valid_height)

    async def transfer(self, move: Move) -> Ticket | Rejected:
        assert self._clock.highest_ns >= move.not_before_ns, f"{move.id} was begun before its time"
        with self._at_work(move):
            await self._network("transfer")
            if self._random.random() < self._faults.quote / 2:
                return self._refuse("transfer")
        self._nonce += 1
        return self._ticket(SignedMove(move, self.height + self._life_blocks, self._nonce))

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        signed = _SIGNED.decode(ticket.payload)
        checks.ticket_before_send(self._auditor.books, ticket, signed.order)
        checks.may_send(self._auditor.books, signed.order, self.stop_file, self._clock.now_ns())
        self._seen["resent"] += 1 if self._sent[ticket.signature] else 0
        self._sent[ticket.signature] += 1
        try:
            await self._network("send")
        except asyncio.CancelledError:
            self._on_the_wire.append((ticket, signed))
            raise
        if self._random.random() < self._faults.drop:
            self._seen["send dropped in silence"] += 1
        else:
            self._broadcast(ticket, signed)
        if self._random.random() < self._faults.network:
            self._seen["send accepted, answer lost"] += 1
            raise VenueUnavailable("timeout after accepting")

    def settle_after_death(self) -> None:
        """Sends in flight at the death may have arrived. Sorted, because asyncio cancels tasks in any order."""
        for ticket, signed in sorted(self._on_the_wire, key=lambda one: one[0].signature):
            if self._random.random() < 0.5:
                self._seen["arrived after death"] += 1
                self._broadcast(ticket, signed)
        self._on_the_wire.clear()

    def _broadcast(self, ticket: Ticket, signed: AnySigned) -> None:
        delay_s = self._random.uniform(0.2, 4.0)
        if self._random.random() < self._faults.expire:
            delay_s += self._life_blocks * SLOT_S  # The network delays it until it has expired.
        asyncio.get_running_loop().call_later(delay_s, self._land, ticket, signed)

    def _land(self, ticket: Ticket, signed: AnySigned) -> None:
        if ticket.signature in self.landed or self.height > signed.last_valid_height:
            return
        assert ticket.signature not in self._expired, "reported expired, and landed"
        work = signed.order
        outcome = self._transferred(signed.order) if isinstance(signed, SignedMove) else self._swapped(signed)
        self.landed[ticket.signature] = (work, outcome)
        self._visible_s[ticket.signature] = self._now_s() + self._random.choice((0.0, 0.5, 5.0))

    def _swapped(self, signed: Signed) -> Filled | Failed:
        order, random = signed.order, self._random
        fee = random.randint(10_000, order.fee_max_lamports)
        outcome: Filled | Failed = Failed(fee, Cause.SLIPPAGE, "reverted")
        if random.random() >= self._faults.fail:
            new_account = (order.wallet_id, order.receive) not in self.accounts
            token = next(token for token in (USDC, *TOKENS) if token.mint == order.receive)
            rent = self._costs.rent_of(token) if new_account else 0
            better = signed.received + signed.received // 200
            outcome = Filled(order.spend.units, random.randint(signed.received_min, better), fee, rent)
        self._move(order, outcome)
        return outcome

    def _transferred(self, move: Move) -> Filled | Failed:
        """Moves exactly the units, or nothing. A token account that is not empty is not closed."""
        wallet_id, mint, units = move.wallet_id, move.money.mint, move.money.units
        fee = self._random.randint(10_000, move.fee_max_lamports)
        full = move.kind is MoveKind.RECLAIM and (
            self.balances[wallet_id, mint] or (wallet_id, mint) not in self.accounts
        )
        self.balances[wallet_id, SOL] -= fee
        if full or self._random.random() < self._faults.fail:
            self._seen["closed what was not empty"] += bool(full)
            return Failed(fee, Cause.REVERTED, "reverted")
        if move.kind is MoveKind.RECLAIM:
            self.accounts.discard((wallet_id, mint))
            rent = self._costs.rent_of(next(token for token in (USDC, *TOKENS) if token.mint == mint))
            self.balances[wallet_id, SOL] += rent
            return Filled(0, rent, fee)
        rent = 0 if mint == SOL or self._has_account(move) else self._costs.rent_lamports
        assert rent <= move.rent_max_lamports, f"{move.id} pays rent that it did not reserve"
        self.balances[wallet_id, mint] -= units
        self.balances[wallet_id, SOL] -= rent
        if move.to_wallet is not None:
            self.balances[move.to_wallet, mint] += units
            self.accounts.add((move.to_wallet, mint))
        self.strangers.add((move.to_address, mint))
        for one in (mint, SOL):
            assert self.balances[wallet_id, one] >= 0, f"{wallet_id} has given {one} that it did not have"
        return Filled(units, units, fee, rent)

    def _has_account(self, move: Move) -> bool:
        if move.to_wallet is not None:
            return (move.to_wallet, move.money.mint) in self.accounts
        return (move.to_address, move.money.mint) in self.strangers

    def _move(self, order: Order, outcome: Filled | Failed) -> None:
        wallet_id, paid = order.wallet_id, outcome.fee_lamports
        if isinstance(outcome, Filled):
            paid += outcome.rent_lamports
            self.balances[wallet_id, order.spend.mint] -= outcome.spent_units
            self.balances[wallet_id, order.receive] += outcome.received_units
            self.accounts.add((wallet_id, order.receive))
        self.balances[wallet_id, SOL] -= paid
        for mint in (order.spend.mint, SOL):
            assert self.balances[wallet_id, mint] >= 0, f"{wallet_id} has spent {mint} that it did not have"

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        raise AssertionError("nothing here is provisional")

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        await self._network("outcome")
        signed = _SIGNED.decode(ticket.payload)
        if (known := self.landed.get(ticket.signature)) is not None:
            if self._now_s() >= self._visible_s[ticket.signature]:
                return known[1]
            self._seen["outcome lagged"] += 1
            return None
        if self.height <= signed.last_valid_height or self._random.random() < 0.2:
            return None
        self._seen["expired"] += 1 if ticket.signature not in self._expired else 0
        self._expired.add(ticket.signature)
        return Expired()

    @contextmanager
    def _at_work(self, work: Work) -> Iterator[None]:
        """Only so many wallets may prepare work that is not urgent at the same time."""
        urgent = work.kind.protects if isinstance(work, Move) else work.side is Side.SELL
        wallet_ids = [] if urgent else [work.wallet_id]
        self._working.update(wallet_ids)
        busy = [wallet_id for wallet_id, orders in self._working.items() if orders]
        assert len(busy) <= self._wallets_max, f"{busy} work at the same moment, at most {self._wallets_max} may"
        try:
            yield
        finally:
            self._working.subtract(wallet_ids)

    async def _network(self, what: str) -> None:
        self._killer.call()
        await asyncio.sleep(self._random.uniform(0.005, 0.3))
        self._killer.call()
        if self._now_s() < self.silent_until_s or self._random.random() < self._faults.network:
            self._seen[f"{what} not answered"] += 1
            raise VenueUnavailable(f"{what}: timeout")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
