"""Timers that issue commands: prices become marks, time makes exits due, a STOP file stops all entries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from overmind.core.books.trust import doubt_text, doubts_to_tell
from overmind.core.capital.proceeds import why_nowhere
from overmind.core.control.holds import DISK_FULL
from overmind.core.exits.exit_rules import Due, Unpayable, exits_at, exits_due, unpayable_exits, unwatched
from overmind.core.model.commands import EmergencyStop, MarkPrices, MoveDue, Rebalance, SellDue
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Mark, Witness
from overmind.core.model.units import LAMPORTS, NS
from overmind.desk.engine import Engine
from overmind.ports import Clock, Prices, SecondSource

# On a full disk marks are journaled so seldom that the reserve lasts a day: see RESERVE_BYTES of the journal.
FULL_MARK_EVERY_S: Final = 20
SALES_TOGETHER: Final = 16  # in one turn of the event loop
STOP_FILE: Final = "STOP"
STOP_REASON: Final = "STOP file in the data directory"
REASON_CHARS_MAX: Final = 500
SWEEP_FIX: Final = (
    "configure a wallet of the type emergency with a key of its own; `accept` one that is held only if you know why"
)

log = structlog.get_logger("watch")


class StopFile:
    """An emergency stop that works when the service hangs: a file, made by `touch`, checked before every send."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / STOP_FILE

    def exists(self) -> bool:
        """An unreadable path counts as a STOP file: a stop must not be missed."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def may_exist(self) -> bool:
        """Whether it exists, or whether that cannot be known now: then nothing is sent that a stop forbids."""
        return self.exists()

    async def look(self) -> bool:
        """Looks now, whatever an earlier look has shown. What cannot be looked at counts as a STOP file."""
        return self.exists()

    def reason(self) -> str:
        """The file's content, as the reason in the journal."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # It may be a pipe.
            with open(descriptor, encoding="utf-8", errors="replace") as file:
                said = file.read(REASON_CHARS_MAX).strip()
        except OSError:  # An empty, deleted or unreadable file is a stop all the same.
            said = ""
        return f"{STOP_REASON}: {said}" if said else STOP_REASON


class Watch:
    def __init__(
        self,
        engine: Engine,
        prices: Prices,
        clock: Clock,
        stop_file: StopFile,
        every_s: float,
        auto_rebalance: bool = False,
        second: SecondSource | None = None,
        proceeds: SecondSource | None = None,
        look_inside: Callable[[], Iterable[SellDue]] = tuple,
    ) -> None:
        """Marks prices at most every `every_s` seconds: once a second when live, once a candle on a tape.

        `second` confirms the prices of the first source, `proceeds` confirms them for sales.
        `look_inside` gives sales that prices since the newest marks have made due: they come before the next marks.
        """
        self._engine = engine
        self._prices = prices
        self._clock = clock
        self._stop_file = stop_file
        self._every_s = every_s
        self._look_inside = look_inside
        self._second, self._proceeds = second, proceeds
        self._seen: dict[Mint, Mark] = {}  # the newest of each token, whether the journal has them or not
        self._doubted: set[Mint] = set()  # already logged
        self._unwatched: set[tuple[WalletId, Mint]] = set()  # already logged
        self._stuck: set[tuple[WalletId, Mint]] = set()  # already logged
        self._unpayable: dict[WalletId, Unpayable] = {}  # already logged
        self._auto_rebalance = auto_rebalance
        self._rebalanced_ns = clock.now_ns()  # when the bands were last checked
        self._marked_ns = 0  # when a full disk last took marks
        self._marked_due: set[Due] = set()  # the exits that they made due
        self._nowhere = ""  # logged reason why proceeds cannot be swept

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self._clock.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        await self.heed_stop_file()
        for due in self._look_inside():
            self._engine.post(due)
        marks = self._newest_marks()
        if DISK_FULL in self._engine.state.holds:
            marks = self._thinned(marks)
        if marks:
            self._engine.post(MarkPrices(marks))
            self._warn_of_doubts()
        await self._protect()
        self._move()
        await self._engine.read(lambda state: state.seq)  # A slow disk gets at most one check at a time.

    def _newest_marks(self) -> tuple[Mark, ...]:
        """The newest mark of each token, also of one that its source has dropped: the journal may not have it yet."""
        ticks, witnesses, now_ns = self._prices.ticks(), self._witnesses(), self._clock.now_ns()
        found = [Mark(tick.mint, tick.price_pico, tick.at_ns, witnesses.get(tick.mint)) for tick in ticks.values()]
        quote = self._engine.state.settings.quote.mint
        if quote not in ticks and (alone := witnesses.get(quote)) is not None:  # Any source may show a depeg.
            found.append(Mark(quote, alone.price_pico, alone.at_ns))
        for mark in found:
            seen = self._seen.get(mark.mint)
            if seen is None or not mark.at_ns <= seen.at_ns <= now_ns:  # A time in the future blocks nothing.
                self._seen[mark.mint] = mark
        return tuple(self._seen.values())

    def _witnesses(self) -> dict[Mint, Witness]:
        """What a second source says. The proceeds of a sale count where that source has no fresh price."""
        found: dict[Mint, Witness] = {}
        if self._proceeds is not None:
            name = self._proceeds.name
            found |= {
                mint: Witness(name, tick.price_pico, tick.at_ns, of_sale=True)
                for mint, tick in self._proceeds.ticks().items()
            }
        if self._second is not None:
            name, oldest_ns = self._second.name, self._clock.now_ns() - self._engine.state.settings.mark_age_max_ns
            found |= {
                mint: Witness(name, tick.price_pico, tick.at_ns)
                for mint, tick in self._second.ticks().items()
                if tick.at_ns >= oldest_ns or mint not in found
            }
        return found

    def _warn_of_doubts(self) -> None:
        """Warns when a price begins to be doubted, and says when it is believed again."""
        state = self._engine.state
        doubted = doubts_to_tell(state)
        for mint in sorted(doubted.keys() - self._doubted):
            why = doubt_text(state, doubted[mint])
            log.error("price is not believed, entries of the token hold", mint=mint, why=why)
        for mint in sorted(self._doubted - state.doubted.keys()):
            log.warning("price is believed again", mint=mint)
        self._doubted = {*doubted, *(self._doubted & state.doubted.keys())}

    def _thinned(self, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
        """Marks for a full disk: of what is held, seldom, and at once when they make an exit due."""
        state, now_ns = self._engine.state, self._clock.now_ns()
        held = {SOL, *(mint for book in state.wallets.values() for mint in book.positions)}
        due = set(exits_at(state, {mark.mint: mark.price_pico for mark in marks}, now_ns))
        every_ns = min(FULL_MARK_EVERY_S * NS, state.settings.mark_age_max_ns * 2 // 3)
        if due <= self._marked_due and abs(now_ns - self._marked_ns) < every_ns:
            return ()
        self._marked_ns, self._marked_due = now_ns, due
        return tuple(mark for mark in marks if mark.mint in held)

    async def _protect(self) -> None:
        """Sells due exits that were not sold with the marks: those beyond the maximum per decision, and those due by
        time. The loop turns after a few of them: a liquidation may have thousands.

        An exit that is open or waits for its next try is not due. All of this is in the state, so a restart continues
        it.
        """
        engine = self._engine
        at_ns = max(self._clock.now_ns(), engine.state.at_ns)
        blind = set(unwatched(engine.state, at_ns))
        for wallet_id, mint in sorted(blind - self._unwatched):
            log.error("no fresh price, exits cannot be watched", wallet=wallet_id, mint=mint)
        stuck = set[tuple[WalletId, Mint]]()
        for number, due in enumerate(exits_due(engine.state, at_ns)):
            if number % SALES_TOGETHER == SALES_TOGETHER - 1:
                await self._clock.sleep(0)
            before = engine.state.seq
            engine.post(SellDue(due.wallet_id, due.mint))
            if engine.state.seq == before:
                stuck.add((due.wallet_id, due.mint))
                if (due.wallet_id, due.mint) not in self._stuck:
                    log.error("exit is due and not possible", wallet=due.wallet_id, mint=due.mint, cause=due.cause)
        self._unwatched, self._stuck = blind, stuck
        self._warn_of_unpayable()

    def _warn_of_unpayable(self) -> None:
        """Warns before an exit is due, and again when the missing amount changes."""
        unpayable = {one.wallet_id: one for one in unpayable_exits(self._engine.state)}
        for wallet_id, one in unpayable.items():
            if self._unpayable.get(wallet_id) != one:
                log.error(
                    "cannot pay for an exit",
                    wallet=wallet_id,
                    sol=one.lamports / LAMPORTS,
                    needed=one.needed / LAMPORTS,
                    fix=f"send SOL to {one.address}",
                )
        self._unpayable = unpayable

    def _move(self) -> None:
        """Starts sweeps, top-ups and, at an interval, the rebalance."""
        engine, state = self._engine, self._engine.state
        engine.post(MoveDue())
        nowhere = why_nowhere(state) if any(book.sweeping for book in state.wallets.values()) else ""
        if nowhere and nowhere != self._nowhere:
            log.error("no Emergency wallet to sweep the proceeds into", why=nowhere, fix=SWEEP_FIX)
        self._nowhere = nowhere
        now_ns = self._clock.now_ns()
        wanted = self._auto_rebalance and DISK_FULL not in state.holds
        if wanted and abs(now_ns - self._rebalanced_ns) >= state.settings.rebalance_interval_ns:
            self._rebalanced_ns = now_ns
            engine.post(Rebalance("a wallet is outside its band"))

    async def heed_stop_file(self) -> None:
        if self._stop_file.exists():
            await self._engine.handle(EmergencyStop(self._stop_file.reason()))

    def heed_stop_file_now(self) -> None:
        """Without waiting until the stop is durable: whatever is decided after it becomes durable after it."""
        if self._stop_file.exists():
            self._engine.post(EmergencyStop(self._stop_file.reason()))
