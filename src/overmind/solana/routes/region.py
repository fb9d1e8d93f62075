"""One region of a relay in Jito's shape: its requests, its rate limit and its health. Shapes: solana-facts §5.

Its address may hold a token, so exceptions name the kind of failure alone, as in `solana.endpoints`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from overmind.ports import Allowed, ChainSilent, Clock, Priority, always
from overmind.solana.addresses import Address
from overmind.solana.budget import QueueFull, RequestBudget
from overmind.solana.health import NodeHealth
from overmind.solana.retry_after import retry_after_s
from overmind.solana.routes.counts import RouteCounts
from overmind.solana.routes.public import is_known
from overmind.solana.wire import Request, RpcError, Unusable, decode, encode, read_one

API: Final = "api/v1"
TRANSACTIONS: Final = "transactions"
AUTH: Final = "x-jito-auth"
BUNDLE_ID: Final = "x-bundle-id"
BODY_MAX: Final = 2**20
TURN_S: Final = 10.0  # A request that gets no turn in this time is given up.
TIMEOUT_S: Final = 5.0
READ_STATUSES: Final = (200, 400)  # Both come with a JSON body: a result, or an error that says what is wrong.
BUSY_STATUSES: Final = (429, 503)


class RelayRefusal(ChainSilent):
    """The relay read the request and refuses it. `error` is its answer."""

    def __init__(self, error: RpcError, told: str) -> None:
        super().__init__(told)
        self.error = error


class RelayRegion:
    def __init__(
        self,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        counts: RouteCounts,
        *,
        requests_per_s: float,
        auth: str | None = None,
    ) -> None:
        address = Address(url, () if auth is None else (auth,))
        self.name = address.name
        self.health = NodeHealth(address.name, clock)
        self.budget = RequestBudget(clock, requests_per_s)
        self._address, self._clock, self._session, self._counts = address, clock, session, counts
        bare = address.url.with_query(None)
        self._base = bare if bare.path.rstrip("/").endswith(API) else bare / API
        self._query = dict(address.url.query)
        own = {} if auth is None else {AUTH: auth}
        self._headers = {"Content-Type": "application/json", **address.headers, **own}
        self._id = 0

    def __repr__(self) -> str:
        return f"RelayRegion({self.name})"

    async def send(self, transaction: str, priority: Priority, allowed: Allowed = always) -> str | None:
        """Hands over a transaction, in base64, as a bundle of its own: it lands only if it does not fail.

        Returns the bundle's id, which promises nothing. Raises ChainSilent.
        """
        params = [transaction, {"encoding": "base64"}]
        headers: dict[str, str] = {}
        try:
            taken = await self._ask(TRANSACTIONS, "sendTransaction", params, priority, allowed, headers)
        except RelayRefusal as refusal:
            if is_known(refusal.error):
                return None
            raise
        if not isinstance(taken, str):
            raise ChainSilent(f"{self.name} answers no signature")
        return headers.get(BUNDLE_ID)

    async def tip_accounts(self) -> object:
        """As told, unread. Raises ChainSilent."""
        return await self._ask("getTipAccounts", "getTipAccounts", [], Priority.STATUS)

    async def close(self) -> None:
        await self.budget.close()

    async def _ask(
        self,
        path: str,
        method: str,
        params: Sequence[object],
        priority: Priority,
        allowed: Allowed = always,
        headers: dict[str, str] | None = None,
    ) -> object:
        """The result; `headers` gets those of the answer. Raises ChainSilent."""
        if priority > Priority.STATUS and self.health.resting:
            raise ChainSilent(f"the relay at {self.name} rests after failures, and {method} is not urgent")
        self._id += 1
        request, error = Request(self._id, method, params), None
        began_s = asyncio.get_running_loop().time()
        try:
            await self._turn(priority)
            try:
                body = await self._post(path, encode(request), allowed, {} if headers is None else headers)
            finally:
                self.budget.release()
            result = read_one(body, request.id)
        except RpcError as refused:
            self.health.succeeded(asyncio.get_running_loop().time() - began_s)
            error, why = refused, f"refuses {method}: {refused}"
        except Unusable as unusable:
            if unusable.asked:
                self._book(unusable)
            why = f"{unusable.reason} ({method})"
        else:
            self.health.succeeded(asyncio.get_running_loop().time() - began_s)
            return result
        told = f"the relay at {self.name} {self._address.masked(why)}"
        raise ChainSilent(told) if error is None else RelayRefusal(error, told)

    async def _turn(self, priority: Priority) -> None:
        """Waits for a turn within the rate limit. Raises Unusable."""
        self._counts.waited += self.budget.used >= 1 or self.budget.waiting > 0
        try:
            async with asyncio.timeout(TURN_S):
                await self.budget.acquire(priority)
        except TimeoutError:
            reason = "got no turn within the rate limit"
        except QueueFull:
            reason = "has too many requests waiting"
        else:
            return
        raise Unusable(reason, asked=False)

    async def _post(self, path: str, payload: bytes, allowed: Allowed, told: dict[str, str]) -> bytes:
        """The body of the answer. Raises Unusable."""
        if not allowed():
            raise Unusable("got no request: sending is no longer allowed", asked=False)
        query = {**self._query, "bundleOnly": "true"} if path == TRANSACTIONS else self._query
        url = (self._base / path).with_query(query)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                async with self._session.post(
                    url, data=payload, headers=self._headers, allow_redirects=False
                ) as response:
                    told.update({name.lower(): value for name, value in response.headers.items()})
                    return await self._read(response)
        except TimeoutError:
            reason = f"gave no answer within {TIMEOUT_S:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"could not be asked: {type(error).__name__}"
        raise Unusable(reason)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status in BUSY_STATUSES:
            self._counts.limited += response.status == 429
            after_s = retry_after_s(response.headers.get("Retry-After"), self._clock.now_ns())
            raise Unusable(f"answered HTTP {response.status}", busy=True, retry_after_s=after_s)
        if response.status not in READ_STATUSES:
            raise Unusable(f"answered HTTP {response.status}")
        body = await response.content.read(BODY_MAX + 1)
        while len(body) <= BODY_MAX and (more := await response.content.read(BODY_MAX + 1 - len(body))):
            body += more
        if len(body) > BODY_MAX:
            raise Unusable("answered with too many bytes")
        return body

    def _book(self, unusable: Unusable) -> None:
        reason = self._address.masked(unusable.reason)
        self.health.failed(reason, busy=unusable.busy, retry_after_s=unusable.retry_after_s)
        if unusable.retry_after_s:
            self.budget.pause(unusable.retry_after_s)


async def read_document(session: aiohttp.ClientSession, address: Address) -> object:
    """A JSON document by GET. Raises ChainSilent."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async with session.get(address.url, headers=_plain(address), allow_redirects=False) as response:
                body = await response.content.read(BODY_MAX)
                status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise ChainSilent(f"{address.name} tells no tips: {type(error).__name__}") from None
    if status != 200:
        raise ChainSilent(f"{address.name} tells no tips: HTTP {status}")
    try:
        return decode(body)
    except Unusable as unusable:
        reason = unusable.reason
    raise ChainSilent(f"{address.name} {reason}")


def _plain(address: Address) -> Mapping[str, str]:
    return {"Accept": "application/json", **address.headers}
