"""The maker over HTTP: Jupiter's Swap API v2 and Price API v3, and its own /cosign, /faucet and /healthz.

POST /swap/v2/cosign {transaction, requestId}: adds the maker's signature to a transaction that the trader assembled
from /build, if it is that swap and costs the maker nothing else (`cosigning.py` has the rule). POST /faucet {owner,
mint, amount}: gives test tokens or SOL, on a cluster where the maker can mint them.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec
import structlog
from aiohttp import web

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.keys.secret_key import SecretKey
from overmind.ports import ChainSilent, Clock, Prices
from overmind.sandbox.maker import responses, wire
from overmind.sandbox.maker.cluster import ClusterClient
from overmind.sandbox.maker.cosigning import Tampered
from overmind.sandbox.maker.execution import NotExecuted, SwapExecution
from overmind.sandbox.maker.faults import RETRY_AFTER_S, Fault, MakerFaults, spoil_answer
from overmind.sandbox.maker.market import MakerMarket
from overmind.sandbox.maker.payer import NotReady
from overmind.sandbox.maker.quoting import UNITS_MAX, Terms
from overmind.sandbox.maker.requests import Unreadable, read_request, read_wallet
from overmind.sandbox.maker.setup import MakerSetup, Stock
from overmind.solana.rpc import Rpc

CURRENCY: Final = "USDC"  # the symbol of the token that prices are quoted in
BODY_BYTES_MAX: Final = 16_384
PRICE_IDS_MAX: Final = 50
COUNT_EVERY_S: Final = 1.0  # how often the inventory is read from the chain
API_KEY: Final = "x-api-key"
TERMS: Final = Terms()
NO_FAULTS: Final = MakerFaults()
AMPLE_STOCK: Final = Stock()
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}

T = TypeVar("T")
Handler = Callable[[web.Request, Fault | None], Awaitable[bytes]]

log = structlog.get_logger("maker")


class ExecuteRequest(Value, frozen=True, rename="camel"):
    signed_transaction: str
    request_id: str


class CosignRequest(Value, frozen=True, rename="camel"):
    transaction: str
    request_id: str


class FaucetRequest(Value, frozen=True):
    owner: str
    mint: str
    amount: int


class Maker:
    """Use as `async with Maker(...) as maker`; then it serves at `maker.url`. `faults` may be changed at any time."""

    def __init__(
        self,
        rpc: Rpc,
        keypair: SecretKey,
        tokens: Sequence[Token],
        prices: Prices,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        terms: Terms = TERMS,
        faults: MakerFaults = NO_FAULTS,
        check_funds: bool = False,
        api_key: str | None = None,
        rate_max_per_s: int | None = None,
        stock: Stock | None = AMPLE_STOCK,
        first_order: int | None = None,
    ) -> None:
        """`first_order`: the number of its first order; it decides the last lamports of each fee. None: by the clock,
        so that a maker that starts again on its chain repeats none.
        """
        by_mint = {token.mint: token for token in tokens}
        self._currency = next(token.mint for token in tokens if token.symbol == CURRENCY)
        cluster = ClusterClient(rpc)
        self.faults = faults
        self.market = MakerMarket(
            cluster,
            keypair,
            by_mint,
            self._currency,
            prices,
            clock,
            terms,
            checks_funds=check_funds,
            first_order=first_order,
        )
        self.setup = MakerSetup(cluster, self.market, keypair, clock)
        self.url = ""
        self._execution = SwapExecution(self.market, cluster, clock)
        self._prices = prices
        self._clock = clock
        self._host, self._port = host, port
        self._api_key = api_key
        self._rate = _Rate(rate_max_per_s, clock)
        self._stock = stock
        self._answered = 0
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    @property
    def public_key(self) -> str:
        return str(self.market.maker)

    @property
    def inventory(self) -> Mapping[Mint, int]:
        """The units that can still be offered, by mint."""
        return {mint: self.market.inventory.available(mint) for mint in self.market.listed}

    async def __aenter__(self) -> Self:
        """Raises NotReady, ChainSilent, OSError."""
        await self.setup.open(self._stock)
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        port = self._runner.addresses[0][1]
        self.url = f"http://{self._host}:{port}"
        self._tasks = [
            asyncio.create_task(self.market.blockhashes.run()),
            asyncio.create_task(self._refresh_inventory()),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._execution.close()
        assert self._runner is not None
        await self._runner.cleanup()
        bugs = [one for one in ended if isinstance(one, Exception)]
        if bugs and error is None:
            raise bugs[0]

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/swap/v2/order", self._served(self._order)),
            web.get("/swap/v2/build", self._served(self._build)),
            web.post("/swap/v2/execute", self._served(self._execute)),
            web.post("/swap/v2/cosign", self._served(self._cosign)),
            web.get("/price/v3", self._served(self._price)),
            web.post("/faucet", self._served(self._faucet)),
            web.get("/healthz", self._healthz),
        ]

    def _served(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Common to all routes: the API key, the rate limit, errors as JSON bodies, and injected faults."""

        async def serve(request: web.Request) -> web.StreamResponse:
            self._answered += 1
            fault = self.faults.draw(self._answered)
            refused = self._refused_early(request) or await self._apply_server_fault(fault)
            if refused is not None:
                return refused
            status, body = 200, b""
            try:
                body = await handler(request, fault)
            except (Unreadable, Tampered) as no:
                request_id = self.market.request_id(self.market.next_number())
                refusal = wire.MakerRefusal(str(no), request_id=request_id)
                status, body = 400, wire.ENCODER.encode(refusal)
            except NotExecuted as no:
                status, body = 400, wire.ENCODER.encode(wire.MakerRefusal(no.error, no.code))
            except ChainSilent as silent:
                log.warning("not answered", path=request.path, reason=str(silent))
                status, body = 503, wire.ENCODER.encode(wire.MakerRefusal("the cluster does not answer; ask again"))
            spoilt = spoil_answer(body, fault, self.public_key) if status == 200 else body
            return web.Response(status=status, body=spoilt, headers=_JSON)

        return serve

    def _refused_early(self, request: web.Request) -> web.Response | None:
        given = request.headers.get(API_KEY)
        if self._api_key is not None and given is not None and given != self._api_key:
            return _unauthorized()
        return None if self._rate.admits() else _rate_limited()

    async def _apply_server_fault(self, fault: Fault | None) -> web.Response | None:
        match fault:
            case Fault.NEVER_ANSWERS:
                await self._closing.wait()
                return web.Response(status=503)
            case Fault.SLOW:
                await self._clock.sleep(self.faults.slow_s)
            case Fault.SERVER_ERROR:
                return web.Response(status=500, text="Internal server error")
            case Fault.RATE_LIMITED:
                return _rate_limited()
            case Fault.UNAUTHORIZED:
                return _unauthorized()
            case _:
                pass  # The draft or the answer is spoilt instead.
        return None

    async def _order(self, request: web.Request, fault: Fault | None) -> bytes:
        swap_request = read_request(request.query, self.market.listed, self.market.maker)
        return wire.ENCODER.encode(await self.market.order(swap_request, fault))

    async def _build(self, request: web.Request, _: Fault | None) -> bytes:
        swap_request = read_request(request.query, self.market.listed, self.market.maker)
        return wire.ENCODER.encode(await self.market.build(swap_request))

    async def _execute(self, request: web.Request, _: Fault | None) -> bytes:
        asked = await _body(request, ExecuteRequest)
        return wire.ENCODER.encode(await self._execution.execute(asked.signed_transaction, asked.request_id))

    async def _cosign(self, request: web.Request, _: Fault | None) -> bytes:
        asked = await _body(request, CosignRequest)
        try:
            raw = b64decode(asked.transaction, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable("transaction: not base64") from None
        signed = self.market.cosign(raw, asked.request_id)
        return wire.ENCODER.encode(wire.CosignAnswer(b64encode(signed).decode(), asked.request_id))

    async def _price(self, request: web.Request, fault: Fault | None) -> bytes:
        ids = [one.strip() for one in request.query.get("ids", "").split(",") if one.strip()]
        if not 0 < len(ids) <= PRICE_IDS_MAX:
            raise Unreadable(f"ids: give 1 to {PRICE_IDS_MAX} mints, separated by commas")
        factor = 100 if fault is Fault.PRICE_X100 else 1
        height = (await self.market.blockhashes.block()).height
        found = responses.prices(ids, self.market.listed, self._currency, self._prices.ticks(), height, factor)
        return wire.ENCODER.encode(found)

    async def _faucet(self, request: web.Request, _: Fault | None) -> bytes:
        asked = await _body(request, FaucetRequest)
        owner, listed = read_wallet(asked.owner), self.market.listed.get(Mint(asked.mint))
        if owner is None or listed is None or not 0 < asked.amount <= UNITS_MAX:
            raise Unreadable("give owner (a wallet's address), mint (of a listed token), amount (base units)")
        try:
            if listed.native:
                signature = await self.setup.airdrop(owner, asked.amount)
            else:
                signature = await self.setup.mint(listed.token, owner, asked.amount)
        except NotReady as fault:
            raise Unreadable(f"the maker cannot mint {listed.token.symbol} on this cluster: {fault}") from None
        return wire.ENCODER.encode({"signature": signature})

    async def _healthz(self, _: web.Request) -> web.Response:
        """Whether the maker could sign an order now."""
        try:
            height = (await self.market.blockhashes.block()).height
        except ChainSilent as silent:
            return web.json_response({"ok": False, "reason": str(silent)}, status=503)
        found = {"ok": True, "maker": self.public_key, "height": height, "inventory": self.inventory}
        return web.Response(body=wire.ENCODER.encode(found), headers=_JSON)

    async def _refresh_inventory(self) -> None:
        """Runs until cancelled. While the chain is silent, all reservations stay."""
        while True:
            await self._clock.sleep(COUNT_EVERY_S)
            try:
                await self.setup.refresh_inventory()
            except ChainSilent as silent:
                log.warning("inventory not read", reason=str(silent))


class _Rate:
    """A limit of requests per second of the clock."""

    def __init__(self, most: int | None, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._second = 0
        self._count = 0

    def admits(self) -> bool:
        if self._most is None:
            return True
        second = self._clock.now_ns() // NS
        self._count = 1 if second != self._second else self._count + 1
        self._second = second
        return self._count <= self._most


async def _body(request: web.Request, shape: type[T]) -> T:
    """Decodes the request's body. Raises Unreadable."""
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise Unreadable(f"the body is not as documented: {fault}") from None
    except web.HTTPRequestEntityTooLarge:
        raise Unreadable(f"the body is longer than {BODY_BYTES_MAX} bytes") from None


def _rate_limited() -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S), "x-ratelimit-remaining": "0"}
    return web.Response(status=429, text="[API Gateway] Too many requests", headers=headers)


def _unauthorized() -> web.Response:
    return web.json_response({"code": 401, "message": "Unauthorized"}, status=401)
