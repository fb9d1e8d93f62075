"""A name server that never answers holds up nothing but the host that it was asked about."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest
from aiohttp import web

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import Mint
from overmind.ports import VenueUnavailable
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.resolver import Found, Resolver, look_up
from overmind.solana.rpc import Rpc, RpcSilent

HERE = [(socket.AF_INET, "127.0.0.1")]
WITHIN_S = 0.05
IPV4 = socket.AF_INET


class NameServer:
    """Answers unless it hangs. A host that is called `gone` is unknown to it."""

    def __init__(self) -> None:
        self.hangs = False
        self.asked: list[str] = []
        self.ended = threading.Event()

    def __call__(self, host: str, family: socket.AddressFamily) -> Sequence[Found]:
        self.asked.append(host)
        if self.hangs:
            self.ended.wait(10.0)
        if host == "gone":
            raise socket.gaierror(-2, "Name or service not known")
        return HERE


@pytest.fixture(name="server")
def _server() -> NameServer:
    return NameServer()


def resolver_of(server: NameServer) -> Resolver:
    return Resolver(server, WITHIN_S)


async def hosts_of(resolver: Resolver, host: str) -> list[str]:
    return [found["host"] for found in await resolver.resolve(host, 80, IPV4)]


def test_a_host_keeps_its_last_address_while_the_name_server_hangs_or_forgets_it(server: NameServer) -> None:
    async def run() -> None:
        resolver = resolver_of(server)
        assert await hosts_of(resolver, "node") == ["127.0.0.1"]
        server.hangs = True
        for _ in range(3):
            assert await hosts_of(resolver, "node") == ["127.0.0.1"]
        assert server.asked == ["node", "node"], "one look-up at a time"
        with pytest.raises(OSError, match=r"other cannot be looked up: .*not answered"):
            await hosts_of(resolver, "other")
        server.ended.set()
        with pytest.raises(OSError, match="not known"):
            await hosts_of(resolver, "gone")

    asyncio.run(run())


def test_many_that_wait_share_one_look_up(server: NameServer) -> None:
    async def run() -> None:
        resolver, server.hangs = resolver_of(server), True
        waiting = [asyncio.ensure_future(hosts_of(resolver, "node")) for _ in range(50)]
        assert all(isinstance(one, OSError) for one in await asyncio.gather(*waiting, return_exceptions=True))
        assert server.asked == ["node"]
        server.ended.set()

    asyncio.run(run())


def test_nodes_and_swap_servers_are_silent_and_others_are_asked(server: NameServer) -> None:
    """Twenty hosts hang, more than any pool of threads has room for, and a node with a known address answers."""

    async def genesis(request: web.Request) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": (await request.json())["id"], "result": "1" * 32})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/", genesis)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _, port = runner.addresses[0]
        server.hangs = True
        hung = [f"http://hung{number}.test:{port}" for number in range(20)]
        clock, resolver = SystemClock(), resolver_of(server)
        async with Rpc([*hung, f"http://127.0.0.1:{port}"], clock, resolver=resolver) as rpc:
            assert await rpc.genesis_hash() == "1" * 32
        async with Rpc(hung[:1], clock, resolver=resolver) as rpc:
            with pytest.raises(RpcSilent):
                await rpc.call("getSlot")
        async with JupiterApi(hung[0], clock, resolver=resolver) as api:
            with pytest.raises(VenueUnavailable):
                await api.prices([Mint("1" * 32)])
        server.ended.set()
        await runner.cleanup()

    asyncio.run(run())


def test_a_process_ends_while_a_look_up_hangs() -> None:
    program = (
        "import asyncio, time, uvloop\n"
        "from overmind.solana.resolver import Resolver\n"
        "async def run():\n"
        "    try: await Resolver(lambda host, family: time.sleep(60), 0.01).resolve('node', 80)\n"
        "    except OSError as fault: print(fault)\n"
        "uvloop.run(run())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert "the name server has not answered within 0.01 s" in done.stdout


def test_the_machine_is_asked_for_names() -> None:
    assert "127.0.0.1" in {address for _, address in look_up("localhost", IPV4)}
