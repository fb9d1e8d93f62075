"""The console of a service: every decision once, and nobody waits for the terminal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

from tests.support.core_desk import CoreDesk
from tests.support.processes import wait_until

from overmind.core.books.state import State
from overmind.core.model.events import Entry
from overmind.core.model.units import NS
from overmind.desk.feed import Feed
from overmind.desk.log.console import ENTRIES_MAX, INFO, Console, telling
from overmind.views.lines import Line

LAG_MAX = 100_000
PATIENCE_S = 20.0


class Source:
    """An engine as far as a console sees it."""

    def __init__(self) -> None:
        self.state = State()
        self.feed = Feed(LAG_MAX)

    def subscribe(self) -> Feed:
        return self.feed

    def unsubscribe(self, feed: Feed) -> None:
        assert feed is self.feed


class Terminal:
    """Takes nothing while it is held."""

    def __init__(self) -> None:
        self.text = ""
        self.now_s = 0
        self.goes_on, self.asked = threading.Event(), threading.Event()
        self.goes_on.set()

    def write(self, text: str) -> bool:
        self.asked.set()
        assert self.goes_on.wait(PATIENCE_S)
        self.text += text
        return True

    def now_ns(self) -> int:
        return self.now_s * NS

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def console(source: Source, terminal: Terminal, most: int = 10**6) -> Console:
    def shown(line: Line) -> str:
        return f"{line.kind} {line.about}"

    return Console(source, INFO, shown, lambda count: f"left out {count}", terminal.write, most, terminal.now_ns)


def told(entries: Iterable[Entry], terminal: Terminal) -> None:
    async def play() -> None:
        source = Source()
        async with telling(console(source, terminal)):
            for entry in entries:
                source.feed.publish([entry])
                await asyncio.sleep(0)

    asyncio.run(play())


def buys(count: int) -> list[Entry]:
    """Refusals, which do not change what the next one meets."""
    desk = CoreDesk("w1; stop" + "".join(f"; buy eth $5 id s{number}" for number in range(count)))
    return desk.entries[-count:]


def test_decisions_and_outcomes_are_told_in_order_and_prices_are_not() -> None:
    terminal = Terminal()
    told(CoreDesk("w1; mark eth 2001; buy eth $300 id a; sign; fill; stop; buy eth $5 id b").entries, terminal)
    assert terminal.lines == [
        "deposited w1",
        "deposited w1",
        "placed a",
        "filled a.0.0",
        "refused b",
    ]


def test_a_terminal_that_hangs_holds_nobody_up_and_what_was_dropped_is_counted() -> None:
    terminal, entries = Terminal(), buys(ENTRIES_MAX + 500)

    async def play() -> None:
        source = Source()
        terminal.goes_on.clear()
        async with telling(console(source, terminal)):
            source.feed.publish(entries[:1])
            await asyncio.to_thread(terminal.asked.wait, PATIENCE_S)
            source.feed.publish(entries[1:-1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # The loop turns while the terminal hangs.
            terminal.goes_on.set()
            await asyncio.to_thread(wait_until, lambda: len(terminal.lines) > ENTRIES_MAX, "the queue is told")
            source.feed.publish(entries[-1:])

    asyncio.run(play())
    shown = sum(line.startswith("refused") for line in terminal.lines)
    left_out = sum(int(line.split()[2]) for line in terminal.lines if line.startswith("left out"))
    assert left_out > 0
    assert shown + left_out == len(entries)


def test_more_than_a_person_can_follow_is_counted_and_not_told() -> None:
    terminal, entries = Terminal(), buys(31)
    found = console(Source(), terminal, most=10)
    assert found._tell(entries[:12])  # As the thread calls it, which may find them in any number of turns.
    assert found._tell(entries[12:30])
    assert terminal.lines == [f"refused s{number}" for number in range(10)]
    terminal.now_s = 1
    assert found._tell(entries[30:])
    assert terminal.lines[10:] == ["left out 20", "refused s30"]
    found.close()


def test_entries_that_the_feed_lost_are_told_as_a_gap() -> None:
    terminal, entries = Terminal(), buys(4)

    async def play() -> None:
        source = Source()
        source.feed = Feed(2)
        async with telling(console(source, terminal)):
            source.feed.publish(entries[:3])
            for _ in range(4):
                await asyncio.sleep(0)
            source.feed.publish(entries[3:])

    asyncio.run(play())
    assert terminal.lines == ["left out None", "refused s3"]


def test_a_console_that_is_off_asks_for_no_feed() -> None:
    async def play() -> None:
        async with telling(None):
            pass

    asyncio.run(play())
