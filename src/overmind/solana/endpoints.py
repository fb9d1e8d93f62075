"""One node behind one address: sends requests and reads answers. Its credentials never leave this module.

Exceptions of the HTTP library contain the address, and a node's messages may repeat it. So our exceptions are raised
outside of the handlers and without a cause. They name the kind of failure, or the message with the secrets masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import aiohttp

from overmind.ports import Allowed, Clock, Priority, always
from overmind.solana.addresses import Address
from overmind.solana.budget import QueueFull, RequestBudget
from overmind.solana.health import NodeHealth
from overmind.solana.retry_after import retry_after_s
from overmind.solana.wire import Request, RpcError, RpcSilent, Unusable, encode, read_many, read_one

BODY_MAX: Final = 16 * 2**20
BATCH_MAX: Final = 256
BUSY_STATUSES: Final = frozenset({429, 503})

Params = Sequence[object]
T = TypeVar("T")


class Endpoint:
    """`name` is safe to show: scheme, host and port only."""

    def __init__(
        self,
        address: Address,
        clock: Clock,
        *,
        name: str,
        requests_per_s: float,
        timeout_s: float,
        headers: Mapping[str, str],
    ) -> None:
        self.name = name
        self.health = NodeHealth(name, clock)
        self._address = address
        self._headers = {"Content-Type": "application/json", **address.headers, **headers}
        self._clock = clock
        self.budget = RequestBudget(clock, requests_per_s)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._id = 0

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    async def call(
        self, method: str, params: Params = (), priority: Priority = Priority.MARK, allowed: Allowed = always
    ) -> object:
        """The result. `allowed` is checked at its turn, just before sending. Raises RpcError, RpcSilent."""
        self._id += 1
        request = Request(self._id, method, params)
        return await self._ask(encode(request), method, priority, 1, lambda body: read_one(body, request.id), allowed)

    async def batch(self, asked: Sequence[tuple[str, Params]], priority: Priority = Priority.MARK) -> list[object]:
        """For each request its result, its RpcError, or an RpcSilent if its answer is missing. Raises RpcSilent."""
        assert 0 < len(asked) <= BATCH_MAX, len(asked)
        first_id = self._id + 1
        self._id += len(asked)
        requests = [Request(first_id + at, method, params) for at, (method, params) in enumerate(asked)]
        what = f"a batch of {asked[0][0]}"
        outcomes = await self._ask(
            encode(requests), what, priority, len(asked), lambda body: read_many(body, first_id, len(asked))
        )
        return [self._named(no, what) if isinstance(no, RpcError | Unusable) else no for no in outcomes]

    def open(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def close(self) -> None:
        self._session = None
        await self.budget.close()

    async def _ask(
        self,
        payload: bytes,
        what: str,
        priority: Priority,
        cost: int,
        read: Callable[[bytes], T],
        allowed: Allowed = always,
    ) -> T:
        if priority > Priority.STATUS and self.health.resting:
            raise RpcSilent(f"{self.name} rests after failures, and {what} is not urgent")
        began_s = asyncio.get_running_loop().time()
        no: RpcError | Unusable
        self.health.asking += 1
        try:
            answer = read(await self._admitted(payload, priority, cost, allowed))
        except (RpcError, Unusable) as refused:
            no = refused
        else:
            self.health.succeeded(asyncio.get_running_loop().time() - began_s)
            return answer
        finally:
            self.health.asking -= 1
        if isinstance(no, RpcError):
            self.health.succeeded(asyncio.get_running_loop().time() - began_s)
        elif no.asked:
            self._book(no)
        raise self._named(no, what)

    async def _admitted(self, payload: bytes, priority: Priority, cost: int, allowed: Allowed) -> bytes:
        """Waits for a turn, sends, and returns the body of the answer. Raises Unusable."""
        asked = False
        try:
            async with asyncio.timeout(self._timeout_s):
                await self.budget.acquire(priority, cost)
                asked = True
                try:
                    return await self._post_again(payload, allowed)
                finally:
                    self.budget.release()
        except TimeoutError:
            reason = f"gave no answer within {self._timeout_s:g} s" if asked else "got no turn within our rate limit"
        except QueueFull:
            reason = "has too many requests waiting"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"could not be asked: {type(error).__name__}"
        raise Unusable(reason, asked=asked)

    async def _post_again(self, payload: bytes, allowed: Allowed) -> bytes:
        """Sends again if the node closed a kept connection just as it was used. All our requests are safe to repeat."""
        try:
            return await self._post(payload, allowed)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._post(payload, allowed)

    async def _post(self, payload: bytes, allowed: Allowed) -> bytes:
        if not allowed():
            raise Unusable("got no request: sending is no longer allowed", asked=False)
        assert self._session is not None, "use `async with Rpc(...)`"
        async with self._session.post(
            self._address.url, data=payload, headers=self._headers, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise self._refused(response)
            if (response.content_length or 0) > BODY_MAX:
                raise Unusable("answered with too many bytes")
            body = await response.content.readany()
            while not response.content.at_eof():
                body += await response.content.readany()
                if len(body) > BODY_MAX:
                    raise Unusable("answered with too many bytes")
            return body

    def _refused(self, response: aiohttp.ClientResponse) -> Unusable:
        after_s = retry_after_s(response.headers.get("Retry-After"), self._clock.now_ns())
        busy = response.status in BUSY_STATUSES
        return Unusable(f"answered HTTP {response.status}", busy=busy, retry_after_s=after_s if busy else 0.0)

    def _book(self, unusable: Unusable) -> None:
        self.health.failed(
            self._address.masked(unusable.reason), busy=unusable.busy, retry_after_s=unusable.retry_after_s
        )
        if unusable.retry_after_s:
            self.budget.pause(unusable.retry_after_s)

    def _named(self, no: RpcError | Unusable, what: str) -> RpcError | RpcSilent:
        if isinstance(no, RpcError):
            return RpcError(no.code, self._address.masked(no.message), no.data)
        return RpcSilent(f"{self.name} {self._address.masked(no.reason)} ({what})")
