"""The public route: all nodes at once. Whoever listens to one of them may see the transaction before it lands."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from overmind.core.model.route import RouteName
from overmind.ports import Allowed, ChainSilent, Priority, always
from overmind.solana.endpoints import Endpoint, Params
from overmind.solana.routes.counts import RouteCounts
from overmind.solana.wire import RpcError

_SENDING: Final = {"encoding": "base64", "skipPreflight": True, "preflightCommitment": "confirmed", "maxRetries": 0}


class PublicRoute:
    """`ports.Route`. The caller closes it."""

    name = RouteName.PUBLIC

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.counts = RouteCounts()
        self._endpoints = endpoints
        self._sends: set[asyncio.Task[str | None]] = set()

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        params = [b64encode(transaction).decode(), _SENDING]
        refusals: list[str] = []
        waiting = {self._begin(endpoint, params, priority, allowed) for endpoint in self._endpoints}
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for send in done:
                refusal = send.result()
                if refusal is None:
                    self.counts.sent += 1
                    return  # The other sends continue in the background.
                refusals.append(refusal)
        self.counts.refused += 1
        raise ChainSilent(f"no node took the transaction: {'; '.join(refusals)}")

    async def close(self) -> None:
        sends = list(self._sends)
        for send in sends:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)

    def _begin(
        self, endpoint: Endpoint, params: Params, priority: Priority, allowed: Allowed
    ) -> asyncio.Task[str | None]:
        send = asyncio.create_task(_refusal(endpoint, params, priority, allowed))
        self._sends.add(send)
        send.add_done_callback(self._sends.discard)
        return send


async def _refusal(endpoint: Endpoint, params: Params, priority: Priority, allowed: Allowed) -> str | None:
    """Why the node did not accept it, or None. A node that has it already counts as accepting it."""
    try:
        signature = await endpoint.call("sendTransaction", params, priority, allowed)
    except ChainSilent as silent:
        return str(silent)
    except RpcError as error:
        return None if is_known(error) else f"{endpoint.name} refuses: {error}"
    return None if isinstance(signature, str) else f"{endpoint.name} answers no signature"


def is_known(error: RpcError) -> bool:
    """Whether a node refuses a transaction because the chain has it already."""
    of_chain = error.data.get("err") if isinstance(error.data, dict) else None
    told = error.message.lower()
    return of_chain == "AlreadyProcessed" or "already been processed" in told or "already processed" in told
