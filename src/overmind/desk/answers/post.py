"""Sends one answer over HTTP. Only a status of 200 to 299 means that it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import aiohttp

from overmind.desk.answers.address import CheckedResolver, Network, fault_of_url
from overmind.solana.resolver import Resolver, connector

POST_S: Final = 10.0  # for the whole answer of the target
ANSWER_BYTES_MAX: Final = 65_536  # Of a longer one the connection is closed.
CONNECTIONS_MAX: Final = 64


class NotDelivered(Exception):
    """It may have arrived nevertheless: it is sent again, under the same id."""


class Post(Protocol):
    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the target has acknowledged it. Raises NotDelivered, in bounded time."""

    async def close(self) -> None: ...


class HttpPost:
    """No redirect is followed: the answer was meant for the address that an operator wrote."""

    def __init__(self, allowed: Sequence[Network] = (), within_s: float = POST_S) -> None:
        self._allowed = allowed
        self._within_s = within_s
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        fault = fault_of_url(url, self._allowed)
        if fault is not None:
            raise NotDelivered(fault.problem)
        try:
            async with (
                asyncio.timeout(self._within_s),
                self._opened().post(url, data=body, headers=dict(headers), allow_redirects=False) as answer,
            ):
                status = answer.status
                if 200 <= status < 300:
                    await answer.content.read(ANSWER_BYTES_MAX)
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._within_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault_of_way:
            raise NotDelivered(str(fault_of_way) or type(fault_of_way).__name__) from None
        if not 200 <= status < 300:
            moved = ", and a redirect is never followed" if 300 <= status < 400 else ""
            raise NotDelivered(f"the target answered {status}{moved}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = CheckedResolver(Resolver(), self._allowed)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector(CONNECTIONS_MAX, resolver), cookie_jar=jar)
        return self._session
