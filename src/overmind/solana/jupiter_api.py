"""A client of Jupiter's Swap API v2 and Price API v3, or of a server with the same interface.

No answer is trusted, and nothing is guessed. An unreadable answer raises VenueUnavailable (ask again); a readable
answer to something else is refused (BAD_QUOTE). The firewall checks what the transaction really does.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from overmind.core.model.ids import Mint
from overmind.core.model.numbers import BadNumber, digits, json_number, number, scaled_up
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.ports import NO_BID, Bid, Clock, SwapOffer, VenueUnavailable
from overmind.solana.addresses import Address
from overmind.solana.answer_age import AnswerAge, age_of
from overmind.solana.request_quota import Purpose, QuotaUsedUp, RequestQuota
from overmind.solana.resolver import connector
from overmind.solana.retry_after import WAIT_MAX_S, retry_after_s
from overmind.solana.transactions import PACKET_BYTES_MAX

API_KEY: Final = "x-api-key"
UNITS_MAX: Final = 2**64 - 1  # of a token account
BODY_BYTES_MAX: Final = 1_048_576  # a normal answer has about 3,000
PRICE_IDS_MAX: Final = 50
TIMEOUT_S: Final = 5.0
CONNECTIONS_MAX: Final = 100  # at once
PAUSE_S: Final = 1.0  # after "too many requests" that does not say for how long
EXCLUDED: Final = "jupiterz"  # its market makers pay the fee, so the signature is unknown before sending
SHORT_OF_FUNDS: Final = (1, 2)  # tokens; SOL for the fee
IMPACT_MAX_PERCENT: Final = Decimal(100)
_NO_ROUTE: Final = re.compile("no route|could not find any route|not tradable|failed to get quotes|insufficient liquid")
_READ_BYTES: Final = 65_536

T = TypeVar("T")


class UsdPrice(Value, frozen=True, rename="camel"):
    """One token's price. A field that is missing or absurd is None."""

    usd_price: Decimal | None = None
    liquidity: Decimal | None = None
    age: AnswerAge = AnswerAge()  # of the answer that it came with


class _Priced(Value, frozen=True, rename="camel"):
    """One token's price as sent."""

    usd_price: object = None
    liquidity: object = None


class _Offer(Value, frozen=True, rename="camel"):
    """The fields that we read of a 200 response of /order."""

    input_mint: str | None = None
    output_mint: str | None = None
    in_amount: str | None = None
    out_amount: str | None = None
    other_amount_threshold: str | None = None
    swap_mode: str | None = None
    price_impact: object = None
    signature_fee_payer: str | None = None
    taker: str | None = None
    transaction: str | None = None
    last_valid_block_height: str | int | None = None
    error_code: int | None = None
    error_message: str | None = None


class _Refusal(Value, frozen=True):
    """A 400 response."""

    error: str | None = None


class JupiterApi:
    """`ports.Swaps` over HTTP. Use as `async with JupiterApi(...) as api`. The API key is never shown."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        requests_per_min: int | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`requests_per_min`: the server's quota; None: it has none."""
        self._resolver = resolver
        self._address = Address(url, () if api_key is None else (api_key,))
        self._clock = clock
        self._headers = {**self._address.headers, **({} if api_key is None else {API_KEY: api_key})}
        self._timeout_s = timeout_s
        self._paused_until_ns = 0
        self.quota = RequestQuota(clock, requests_per_min)
        self.answered = 0  # requests since the start
        self.failed = 0
        self.unasked = 0  # that the quota or a pause kept back
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=connector(CONNECTIONS_MAX, self._resolver),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    @property
    def name(self) -> str:
        """Scheme, host and port: what may be shown of its address."""
        return self._address.name

    @property
    def paused(self) -> bool:
        """It has asked us to wait."""
        return 0 < self._paused_until_ns - self._clock.now_ns() <= WAIT_MAX_S * NS  # The clock may have been set back.

    async def order(
        self, order: Order, taker: str, bid: Bid = NO_BID, purpose: Purpose | None = None
    ) -> SwapOffer | Rejected:
        """`purpose`: whose share of the quota is used; None: that of the order."""
        if purpose is None:
            purpose = Purpose.EXIT if order.is_urgent else Purpose.ENTRY
        query = {
            "inputMint": order.spend.mint,
            "outputMint": order.receive,
            "amount": str(order.spend.units),
            "taker": taker,
            "slippageBps": str(order.slippage_max_bps),
            "excludeRouters": EXCLUDED,
        }
        if bid.tip_lamports:
            query["jitoTipLamports"] = str(bid.tip_lamports)
        if bid.priority_lamports is not None:
            query["priorityFeeLamports"] = str(bid.priority_lamports)
        status, body, _ = await self._get("swap/v2/order", query, purpose)
        if status == 400:
            return self._refusal(_decoded(body, _Refusal).error or "no reason given")
        offer = _decoded(body, _Offer)
        rejected = _unbuilt(offer) or _mismatch(offer, order, taker)
        return rejected or _read(offer, order)

    def price_interval_s(self, mints: int) -> float:
        """The time between two polls of the prices of so many mints that the quota allows."""
        return self.quota.price_interval_s(-(-mints // PRICE_IDS_MAX))

    async def prices(self, mints: Sequence[Mint], purpose: Purpose = Purpose.PRICES) -> Mapping[Mint, UsdPrice]:
        """The prices of those mints that have one. Raises VenueUnavailable."""
        found: dict[Mint, UsdPrice] = {}
        for start in range(0, len(mints), PRICE_IDS_MAX):
            query = {"ids": ",".join(mints[start : start + PRICE_IDS_MAX])}
            status, body, age = await self._get("price/v3", query, purpose)
            if status != 200:
                raise VenueUnavailable(f"{self._address.name} refuses to give prices ({status})")
            for mint, sent in _decoded(body, dict[Mint, msgspec.Raw]).items():
                found[mint] = _price(bytes(sent), age)
        return {mint: found[mint] for mint in mints if mint in found}

    def _refusal(self, error: str) -> Rejected:
        words = error.lower().replace("_", " ")
        cause = Cause.NO_LIQUIDITY if _NO_ROUTE.search(words) else Cause.BAD_QUOTE
        return Rejected(cause, self._address.masked(error))

    async def _get(self, path: str, query: Mapping[str, str], purpose: Purpose) -> tuple[int, bytes, AnswerAge]:
        """Status 200 or 400, the body, and how old it is. Raises VenueUnavailable."""
        if self.paused:
            self.unasked += 1
            raise VenueUnavailable(f"{self._address.name} asked us to wait")
        try:
            self.quota.take(purpose)
        except QuotaUsedUp as used_up:
            self.unasked += 1
            raise VenueUnavailable(f"{self._address.name} is not asked now: {used_up} is used up") from None
        try:
            got = await self._asked(path, query)
        except VenueUnavailable:
            self.failed += 1
            raise
        self.answered += 1
        return got

    async def _asked(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes, AnswerAge]:
        """As `_get`, without the quota."""
        assert self._session is not None, "use it as `async with JupiterApi(...)`"
        try:
            async with self._session.get(self._address.url / path, params=query, allow_redirects=False) as response:
                self._read_quota(response)
                if response.status == 429:
                    self._pause(response)
                if response.status not in (200, 400):
                    meaning = _meaning(response.status)
                    raise VenueUnavailable(f"{self._address.name} answered {response.status}{meaning}")
                return response.status, await _bounded(response), age_of(response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            # Only the class name: an exception's text may contain the address.
            raise VenueUnavailable(f"{self._address.name} cannot be asked: {type(fault).__name__}") from None

    def _read_quota(self, response: aiohttp.ClientResponse) -> None:
        names = ("x-ratelimit-remaining", "x-ratelimit-reset")
        remaining, reset_s = (digits(response.headers.get(name, ""), UNITS_MAX) for name in names)
        if remaining is not None and reset_s is not None:
            self.quota.told(remaining, reset_s)

    def _pause(self, response: aiohttp.ClientResponse) -> None:
        now_ns = self._clock.now_ns()
        reset = response.headers.get("x-ratelimit-reset", "")  # Unix seconds.
        until_s = digits(reset, UNITS_MAX) or 0
        pause_s = retry_after_s(response.headers.get("Retry-After"), now_ns) or until_s - now_ns / NS
        self._paused_until_ns = now_ns + round(min(max(pause_s, PAUSE_S), WAIT_MAX_S) * NS)
        raise VenueUnavailable(f"{self._address.name} says: too many requests")


class JupiterLooks:
    """The same server, asked for what nobody has decided to trade: it takes no turn of an exit, and few of entries."""

    def __init__(self, api: JupiterApi) -> None:
        self._api = api

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        return await self._api.order(order, taker, bid, Purpose.LOOK)

    async def prices(self, mints: Sequence[Mint]) -> Mapping[Mint, UsdPrice]:
        """The prices of those mints that have one. Raises VenueUnavailable."""
        return await self._api.prices(mints, Purpose.LOOK)


def _meaning(status: int) -> str:
    """What an operator can do about a status that is no answer. Source: solana-facts §4.1."""
    if status == 401:
        return ": it wants an API key, or does not accept ours; check OVERMIND_SWAP_API_KEY"
    if status == 403:
        return ": our API key may not do this, or its firewall blocks this machine; check OVERMIND_SWAP_API_KEY"
    if 300 <= status < 400:
        return ": a redirect, which is not followed; set OVERMIND_SWAP_URL to the address that it moved to"
    if status == 404:
        return ": it has no such path; check OVERMIND_SWAP_URL"
    return ": its own fault; we ask again" if status >= 500 else ""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for some in response.content.iter_chunked(_READ_BYTES):
        body += some
        if len(body) > BODY_BYTES_MAX:
            response.close()
            raise VenueUnavailable(f"an answer of more than {BODY_BYTES_MAX} bytes")
    return bytes(body)


def _decoded(body: bytes, shape: type[T]) -> T:
    """Raises VenueUnavailable."""
    try:
        return msgspec.json.Decoder(shape, float_hook=json_number).decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError):
        what = "HTML instead of JSON" if body.lstrip()[:1] == b"<" else "an answer that is not as documented"
        raise VenueUnavailable(f"the swap server sent {what}") from None


def _price(sent: bytes, age: AnswerAge) -> UsdPrice:
    """An unreadable price of one token does not affect the others."""
    try:
        priced = _decoded(sent, _Priced)
    except VenueUnavailable:
        return UsdPrice()
    return UsdPrice(_decimal(priced.usd_price), _decimal(priced.liquidity), age)


def _decimal(sent: object) -> Decimal | None:
    read = number(sent)
    return read if isinstance(read, Decimal) else None


def _unbuilt(offer: _Offer) -> Rejected | None:
    """A quote without a transaction to sign."""
    if offer.transaction is None:
        return Rejected(Cause.BAD_QUOTE, "no transaction, although a taker was named")
    if offer.transaction:
        return None
    cause = Cause.WALLET_FUNDS if offer.error_code in SHORT_OF_FUNDS else Cause.NO_LIQUIDITY
    return Rejected(cause, f"the server could not build a transaction (code {offer.error_code})")


def _mismatch(offer: _Offer, order: Order, taker: str) -> Rejected | None:
    """Where the offer differs from the request. A missing field that we need counts as a difference."""
    for name, sent, requested in (
        ("inputMint", offer.input_mint, order.spend.mint),
        ("outputMint", offer.output_mint, order.receive),
        ("inAmount", offer.in_amount, str(order.spend.units)),
        ("signatureFeePayer", offer.signature_fee_payer, taker),
        ("taker", offer.taker or taker, taker),
        ("swapMode", offer.swap_mode or "ExactIn", "ExactIn"),
    ):
        if sent != requested:
            return Rejected(Cause.BAD_QUOTE, f"{name} is {_shown(sent)} where {requested} was asked for")
    return None


def _read(offer: _Offer, order: Order) -> SwapOffer | Rejected:
    out_units, least = _units(offer.out_amount), _units(offer.other_amount_threshold)
    if out_units is None or least is None or least > out_units:
        what = f"outAmount {_shown(offer.out_amount)}, otherAmountThreshold {_shown(offer.other_amount_threshold)}"
        return Rejected(Cause.BAD_QUOTE, f"{what}: not amounts that can be received")
    if offer.price_impact is None:
        return Rejected(Cause.BAD_QUOTE, "the price impact is missing")
    impact = number(offer.price_impact)
    if isinstance(impact, BadNumber):
        raise VenueUnavailable(f"the swap server sent a price impact that {impact.why}")
    return SwapOffer(
        input_mint=order.spend.mint,
        output_mint=order.receive,
        in_units=order.spend.units,
        out_units=out_units,
        out_min_units=least,
        impact_bps=_bps(impact),
        transaction=_transaction(offer.transaction or ""),
        last_valid_height=_height(offer.last_valid_block_height),
    )


def _bps(percent: Decimal) -> int:
    """Absolute price impact in basis points, rounded up."""
    return scaled_up(min(percent.copy_abs(), IMPACT_MAX_PERCENT), 2)


def _transaction(text: str) -> bytes:
    """Raises VenueUnavailable."""
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VenueUnavailable("the swap server sent a transaction that is not base64") from None
    if not 0 < len(raw) <= PACKET_BYTES_MAX:
        raise VenueUnavailable(f"the swap server sent a transaction of {len(raw)} bytes")
    return raw


def _height(sent: str | int | None) -> int:
    """The height that the server claims, or 0. The bound that counts is our own."""
    return digits(str(sent), UNITS_MAX) or 0


def _units(sent: str | None) -> int | None:
    """A positive amount that a token account can hold."""
    return None if sent is None else digits(sent, UNITS_MAX) or None


def _shown(sent: str | None) -> str:
    if sent is None:
        return "missing"
    return "".join(letter for letter in sent[:64] if letter.isprintable())
