"""Tells systemd how the service does, in datagrams to the socket that it names. Without one nothing is told.

    EXTEND_TIMEOUT_USEC   by a thread, while a start works: a long journal takes its time to replay
    READY=1               once the desk takes signals
    WATCHDOG=1            by the event loop, while it turns and the journal's writer gets on
    STOPPING=1            once somebody has asked the service to end
    STATUS                one line for `systemctl status`

A desk that systemd ends loses nothing that anybody was told: the journal has it, and the next start goes on. It ends
only a desk that can do nothing any more. A disk that is slow for less than the watchdog's time is waited for, and so is
the lock of another program, because a new process would wait for them as well.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from overmind.clock.clocks import processor_ns, uptime_ns
from overmind.core.model.numbers import digits
from overmind.core.model.units import NS
from overmind.desk.app import App
from overmind.ports import JournalFailed
from overmind.text.printable import printable

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
WATCHDOG_PID: Final = "WATCHDOG_PID"
USEC_MAX: Final = 2**53
BEATS: Final = 4  # in the watchdog's time, so that one may be lost
LOOK_S: Final = 10.0  # how often a start is looked at
EXTENSION_S: Final = 3 * LOOK_S  # what a start that works gets each time
WORKS_NS: Final = NS // 2  # processor time between two looks: a start that hangs uses less
LOOKS_MAX: Final = 360  # An hour: a start that works for longer does not end.


class Supervisor:
    """Its calls never wait: a datagram that systemd does not take at once is lost."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        self._started = threading.Event()
        self._status = ""

    @classmethod
    def of_process(cls, variables: Mapping[str, str] | None = None) -> Supervisor:
        """As the variables of this process say."""
        given = os.environ if variables is None else variables
        found = given.get(SOCKET, "")
        address = "\0" + found[1:] if found[:1] == "@" else found if found[:1] == "/" else None
        pid, usec = given.get(WATCHDOG_PID), digits(given.get(WATCHDOG, ""), USEC_MAX)
        is_ours = address is not None and pid in (None, str(os.getpid()))
        return cls(address, usec / 1e6 if usec and is_ours else None)

    def starting(self) -> None:
        """From now on, until `ready`, a start that works gets more time."""
        if self._address is not None:
            self.tell(STATUS="opening the journal")
            threading.Thread(target=self._extend, name="supervisor", daemon=True).start()

    def ready(self, status: str) -> None:
        self._started.set()
        self.tell(READY="1", STATUS=status)

    def stopping(self, status: str) -> None:
        self._started.set()
        self.tell(STOPPING="1", STATUS=status)

    def beat(self, status: str) -> None:
        """The service is alive. The status is told when it has changed."""
        changed, self._status = status != self._status, status
        self.tell(WATCHDOG="1", **({"STATUS": status} if changed else {}))

    def tell(self, **fields: str) -> None:
        if self._address is None:
            return
        text = "\n".join(f"{name}={printable(value)}" for name, value in fields.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), self._address)

    def _extend(self) -> None:
        before_ns = processor_ns()
        for _ in range(LOOKS_MAX):
            if self._started.wait(LOOK_S):
                return
            now_ns = processor_ns()
            if now_ns - before_ns >= WORKS_NS:
                self.tell(EXTEND_TIMEOUT_USEC=str(round(EXTENSION_S * 1e6)))
            before_ns = now_ns


class WriterProgress:
    """Whether the journal's writer gets on. It does not if entries wait, and none became durable for long."""

    def __init__(self, patience_ns: int, now_ns: int) -> None:
        self._patience_ns = patience_ns
        self._durable_seq = 0
        self._since_ns = now_ns  # when it was last known to get on

    def gets_on(self, durable_seq: int, waiting: int, locked: bool, now_ns: int) -> bool:
        """`locked`: by another program, which is waited for without limit."""
        if waiting == 0 or locked or durable_seq != self._durable_seq:
            self._durable_seq, self._since_ns = durable_seq, now_ns
        return now_ns - self._since_ns < self._patience_ns


@contextmanager
def supervised(app: App, supervisor: Supervisor, now_ns: Callable[[], int] = uptime_ns) -> Iterator[None]:
    """Beats from the running loop for as long as the block lasts."""
    if supervisor.watchdog_s is None:
        yield
        return
    loop, ended = asyncio.get_running_loop(), False
    progress = WriterProgress(round(supervisor.watchdog_s * NS), now_ns())
    every_s = supervisor.watchdog_s / BEATS

    def beat() -> None:
        if ended:
            return
        engine = app.engine
        if progress.gets_on(engine.durable_seq, engine.backlog, _locked(app), now_ns()):
            supervisor.beat(status_of(app))
        loop.call_later(every_s, beat)

    beat()
    try:
        yield
    finally:
        ended = True


def status_of(app: App) -> str:
    """One line about the desk."""
    state = app.engine.state
    held = f"; entries are held: {', '.join(sorted(state.holds))}" if state.holds else ""
    return f"{len(state.wallets)} wallets, {len(state.open_orders)} open orders, entry {app.engine.durable_seq}{held}"


def _locked(app: App) -> bool:
    try:
        return app.storage().locked is not None
    except JournalFailed:  # The desk ends by itself.
        return False
