"""`python -m overmind.sandbox.localnet`: the chain as a process of its own. One line of JSON when it is ready."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from overmind.core.model.numbers import BadNumber, whole
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.network import Localnet
from overmind.sandbox.localnet.relay import RelayTerms
from overmind.text.printable import printable

BAD_INPUT: Final = 2
NUMBER_MAX: Final = 2**63 - 1


async def serve(net: Localnet, ready: Callable[[Localnet], None]) -> None:
    """Serves until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with net:
        ready(net)
        stopping = asyncio.create_task(stop.wait())
        serving = asyncio.create_task(net.serve())
        await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if serving.done():
            serving.result()  # The ticker failed: raise its error.
        serving.cancel()


def say_ready(net: Localnet) -> None:
    line = {
        "url": net.url,
        "ws_url": net.ws_url,
        "relay_url": net.relay_url,
        "genesis_hash": net.chain.genesis_hash,
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _whole(text: str) -> int:
    found = whole(text, 0, NUMBER_MAX)
    if isinstance(found, BadNumber):
        raise argparse.ArgumentTypeError(found.problem)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m overmind.sandbox.localnet", description=__doc__)
    parser.add_argument("--port", type=_whole, default=8899, help="0 finds a free pair; WebSocket also on the next one")
    parser.add_argument("--slot-ms", type=_whole, default=400)
    parser.add_argument("--seed", type=_whole, default=None, help="decides the genesis hash and the faucet")
    parser.add_argument("--state-dir", type=Path, default=None, help="keeps the chain there")
    parser.add_argument("--faults", default="{}", help='JSON, e.g. {"drop_ppm": 100000}')
    parser.add_argument("--relay", default="{}", help='JSON, e.g. {"landing_ppm": 800000}')
    given = parser.parse_args()
    try:
        faults = msgspec.json.decode(given.faults, type=Faults)
        net = Localnet(
            port=given.port,
            slot_ms=given.slot_ms,
            seed=given.seed,
            faults=faults,
            state_dir=given.state_dir,
            relay=msgspec.json.decode(given.relay, type=RelayTerms),
        )
        uvloop.run(serve(net, say_ready))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
