"""A localnet in this process: the chain, its ticker and its server as one context manager."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from overmind.clock.clocks import SystemClock
from overmind.ports import Clock
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.persistence import StateFile
from overmind.sandbox.localnet.relay.engine import BlockEngine
from overmind.sandbox.localnet.relay.http import PREFIX, RelayServer
from overmind.sandbox.localnet.relay.terms import RelayTerms
from overmind.sandbox.localnet.server import RpcServer

HOST: Final = "127.0.0.1"
SLOT_MIN_MS: Final = 5
BEHIND_MAX_SLOTS: Final = 20  # a ticker that is later than this skips the missed slots
SHUTDOWN_S: Final = 1.0
USUAL_TERMS: Final = RelayTerms()
_PAIRS_TRIED: Final = 64
_MS: Final = 1_000_000
_NS: Final = 10**9


class Localnet:
    """`async with Localnet() as net:` serves `net.url`, `net.ws_url` and `net.relay_url`.

    Use `net.chain` between awaits.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        slot_ms: int = 400,
        seed: int | None = None,
        faults: Faults | None = None,
        state_dir: Path | None = None,
        clock: Clock | None = None,
        relay: RelayTerms = USUAL_TERMS,
    ) -> None:
        """Without a seed, a chain without `state_dir` is new each time, and a chain with one is always the same.

        A desk's journal belongs to one genesis hash, so it must not mistake a fresh chain for the one that it knew.
        """
        if slot_ms < SLOT_MIN_MS:
            raise ValueError(f"slot_ms: {slot_ms} is too short; give {SLOT_MIN_MS} or more")
        self._clock = clock or SystemClock()
        self._port, self._slot_ns = port, slot_ms * _MS
        if seed is None:
            seed = self._clock.now_ns() if state_dir is None else 0
        self.chain = LocalChain(self._clock, seed=seed, faults=faults)
        self._state_dir = state_dir
        self._open = contextlib.AsyncExitStack()
        self.relay = BlockEngine(self.chain, self._clock, relay)
        self.url = self.ws_url = self.relay_url = ""
        relay_server = RelayServer(self.relay, self._clock)
        self._server = RpcServer(LocalNode(self.chain, self.relay), self._clock, relay_server)
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Continues the chain that `state_dir` holds. Raises OSError, StateUnusable."""
        async with contextlib.AsyncExitStack() as opening:
            if self._state_dir is not None:
                state = StateFile(self._state_dir)
                opening.callback(state.close)
                state.restore(self.chain)
            await self._listen(opening)
            self._ticking = asyncio.create_task(self._tick())
            opening.push_async_callback(_ended, self._ticking)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _listen(self, opening: contextlib.AsyncExitStack) -> None:
        sockets = _pair(self._port)
        for one in sockets:
            opening.callback(one.close)
        port = sockets[0].getsockname()[1]
        server = web.Server(self._server.handle, access_log=None)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        opening.push_async_callback(runner.cleanup)
        opening.push_async_callback(self._server.close)
        for one in sockets:
            await web.SockSite(runner, one).start()
        self.url, self.ws_url = f"http://{HOST}:{port}", f"ws://{HOST}:{port + 1}"
        self.relay_url = self.url + PREFIX.rstrip("/")

    async def serve(self) -> None:
        """Runs until it is cancelled or the ticker fails."""
        assert self._ticking is not None, "entered"
        await self._ticking

    async def _tick(self) -> None:
        due_ns = self._clock.now_ns()
        while True:
            due_ns += self._slot_ns
            now_ns = self._clock.now_ns()
            if abs(due_ns - now_ns) > BEHIND_MAX_SLOTS * self._slot_ns:
                due_ns = now_ns + self._slot_ns
            await self._clock.sleep(max(0, due_ns - now_ns) / _NS)
            self.chain.advance_slot()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _pair(port: int) -> list[socket.socket]:
    """Binds two neighbouring ports. Raises OSError when they are taken."""
    if port:
        return _bound(port)
    for _ in range(_PAIRS_TRIED):
        with socket.socket() as free:
            free.bind((HOST, 0))
            candidate = free.getsockname()[1]
        with contextlib.suppress(OSError, OverflowError):
            return _bound(candidate)
    raise OSError("no two neighbouring ports are free")


def _bound(port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for one in (port, port + 1):
            sockets.append(socket.socket())
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets[-1].bind((HOST, one))
            sockets[-1].listen(1024)
    except (OSError, OverflowError):
        for opened in sockets:
            opened.close()
        raise
    return sockets
