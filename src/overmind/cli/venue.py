"""`overmind venue`: the maker's swap server on any cluster but mainnet."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
import typer
import uvloop

from overmind.cli import present
from overmind.cli.exit_codes import REFUSED, UNREACHABLE
from overmind.cli.opening import AsJson, absolute
from overmind.cli.whole import whole_option
from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, Problem
from overmind.config.files import FileText, InvalidValue, read_file, read_json
from overmind.config.problems import Findings
from overmind.config.token_list import tokens_of
from overmind.config.variables.chain import Cluster
from overmind.core.model.ids import SOL
from overmind.core.model.money import Token
from overmind.core.model.value import Value
from overmind.keys.secret_key import BadKey, SecretKey, is_address, read_key
from overmind.ports import ChainSilent
from overmind.prices.candles import load_tape, shipped_tape_path
from overmind.prices.feeds import LoopedTape
from overmind.prices.tape import Tape
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import ClusterClient
from overmind.sandbox.maker.payer import NotReady, Payer
from overmind.sandbox.maker.quoting import Terms
from overmind.sandbox.maker.server import CURRENCY, Maker
from overmind.sandbox.maker.setup import Stock
from overmind.solana.clusters import KNOWN_CLUSTERS, LOCALNET
from overmind.solana.rpc import Rpc
from overmind.solana.tokens import TOKEN_PROGRAMS

REQUESTS_PER_S: Final = 20.0  # what public nodes accept
DECIMALS_MAX: Final = 18
SOL_MAX: Final = 1_000_000_000  # more than there is
_SOL: Final = Token("SOL", SOL, 9)

RpcUrl = Annotated[str, typer.Option("--rpc-url", help="RPC address of a node of the cluster to trade on.")]
Port = Annotated[int, whole_option("--port", 0, 65_535, "Port to listen on. 0 takes a free one.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--keypair", callback=absolute, help="File of the maker's key. Default on a localnet: a new key."),
]
TokensFile = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        callback=absolute,
        help="Tokens to trade, written as OVERMIND_TOKENS_FILE. Default: the list of the cluster.",
    ),
]
MintsFile = Annotated[
    Path | None,
    typer.Option(
        "--create-mints",
        callback=absolute,
        help="Devnet: create test tokens, write their list to this file, and trade them.",
    ),
]
TapePath = Annotated[
    Path | None,
    typer.Option(
        "--tape", callback=absolute, help="Prices: a CSV file of candles or a folder of them, repeated for ever."
    ),
]
SpreadBps = Annotated[int, whole_option("--spread-bps", 0, 1_000, "Half of the spread, in basis points.")]
WrapSol = Annotated[int, whole_option("--sol", 0, SOL_MAX, "Devnet: amount of SOL that the maker trades with.")]
CheckFunds = Annotated[
    bool, typer.Option("--check-funds", help="Refuse traders who cannot pay. Costs a request for each order.")
]


def venue(
    rpc_url: RpcUrl,
    port: Port = 8880,
    keypair: KeyFile = None,
    tokens: TokensFile = None,
    create_mints: MintsFile = None,
    tape: TapePath = None,
    spread_bps: SpreadBps = 2,
    sol: WrapSol = 0,
    check_funds: CheckFunds = False,
    as_json: AsJson = False,
) -> None:
    """Run a swap server for a localnet or for devnet.

    It is compatible with Jupiter's API and trades from its own inventory, until Ctrl-C or SIGTERM.
    """
    given = _Given(rpc_url, port, keypair, tokens, create_mints, tape, spread_bps, sol, check_funds, as_json)
    try:
        uvloop.run(_serve(given))
    except NotReady as fault:
        present.complain(str(fault))
        raise typer.Exit(REFUSED) from None
    except ChainSilent as silent:
        present.complain(str(silent), "check --rpc-url, and that the node is up")
        raise typer.Exit(UNREACHABLE) from None


class _Given(Value, frozen=True):
    """The options."""

    rpc_url: str
    port: int
    keypair: Path | None
    tokens: Path | None
    create_mints: Path | None
    tape: Path | None
    spread_bps: int
    sol: int
    check_funds: bool
    as_json: bool


async def _serve(given: _Given) -> None:
    clock, stop = SystemClock(), asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with _rpc(given.rpc_url, clock) as rpc:
        cluster = Cluster(KNOWN_CLUSTERS.get(await ClusterClient(rpc).genesis(), LOCALNET))
        key = _key(given.keypair, cluster)
        if given.create_mints is not None:
            await _create_mints(given.create_mints, cluster, rpc, key, clock)
        listed = _tokens(given.create_mints or given.tokens, cluster)
        async with Maker(
            rpc,
            key,
            listed,
            LoopedTape(_tape(given.tape, listed), clock),
            clock,
            port=given.port,
            terms=Terms(half_spread_bps=given.spread_bps),
            check_funds=given.check_funds,
            stock=Stock() if cluster is Cluster.LOCALNET else Stock(sol=given.sol),
        ) as maker:
            _announce(maker, cluster, listed, given.as_json)
            await stop.wait()


def _rpc(url: str, clock: SystemClock) -> Rpc:
    """Limits the rate of requests, except to a local node."""
    try:
        local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        return Rpc([url], clock, requests_per_s=math.inf if local else REQUESTS_PER_S)
    except ValueError:
        raise _wrong("--rpc-url", "not an address", "give http(s)://host[:port]") from None


def _key(path: Path | None, cluster: Cluster) -> SecretKey:
    if path is None:
        if cluster is Cluster.LOCALNET:
            return SecretKey.generate()
        raise _wrong("--keypair", f"missing; on {cluster} the maker needs SOL of its own", "name the file of its key")
    file = read_file(path)
    if not isinstance(file, FileText):
        raise _wrong("--keypair", file.problem, file.fix)
    key = read_key(file.text)
    if isinstance(key, BadKey):
        raise _wrong("--keypair", key.problem, key.fix)
    return key


def _tokens(path: Path | None, cluster: Cluster) -> list[Token]:
    """The tokens of the file, without the shipped ones, or the shipped ones if there is no file."""
    if path is None:
        return _shipped(cluster)
    file = read_file(path)
    if not isinstance(file, FileText):
        raise _wrong(str(path), file.problem, file.fix)
    parsed = read_json(file.text)
    if isinstance(parsed, InvalidValue):
        raise _wrong(str(path), parsed.problem, parsed.fix)
    content, doubles = parsed
    if doubles:
        raise _wrong(str(path), f"names {', '.join(doubles)} more than once in one object", "keep one of them")
    try:
        listed = msgspec.convert(content, dict[str, list[Token]]).get(cluster, [])
    except msgspec.MsgspecError as fault:
        raise _wrong(str(path), f"not a list of tokens: {fault}", "write it as OVERMIND_TOKENS_FILE") from None
    for token in listed:
        if not is_address(token.mint) or token.program not in TOKEN_PROGRAMS or not 0 <= token.decimals <= DECIMALS_MAX:
            raise _wrong(str(path), f"{token.symbol}: mint, program or decimals are wrong", "correct the entry")
    if CURRENCY not in {token.symbol for token in listed}:
        raise _wrong(str(path), f"no {CURRENCY} for {cluster}", f"list what the others are priced in, as {CURRENCY}")
    return listed if any(token.mint == SOL for token in listed) else [_SOL, *listed]


def _shipped(cluster: Cluster) -> list[Token]:
    findings = Findings()
    quote, others = tokens_of(cluster, None, findings)
    assert findings.error() is None, findings.problems
    return [quote, *others.values()]


def _tape(path: Path | None, listed: Sequence[Token]) -> Tape:
    """A tape may hold prices of tokens that are not traded here."""
    symbols = {token.symbol: token for token in (*_shipped(Cluster.MAINNET), *listed)}
    return load_tape(path or shipped_tape_path(), symbols)


async def _create_mints(path: Path, cluster: Cluster, rpc: Rpc, key: SecretKey, clock: SystemClock) -> None:
    """Creates tokens with the names of the localnet's and writes their list before trading starts."""
    if cluster is not Cluster.DEVNET:
        raise _wrong("--create-mints", f"this is {cluster}", "it is for devnet; a localnet has its mints already")
    _claim(path)
    chain = ClusterClient(rpc)
    minter = Payer(chain, BlockhashCache(chain, clock), key, clock)
    made = [_SOL]
    for token in _shipped(Cluster.LOCALNET):
        if token.mint != SOL:
            present.note(f"creating {token.symbol} …")
            made.append(await minter.create_mint(token.symbol, token.decimals, token.program))
    _write(path, {cluster: made})


def _claim(path: Path) -> None:
    """Creates the file first, so that no token is paid for whose address cannot be kept."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        raise _wrong("--create-mints", f"{path} exists", "give it with --tokens, or name a new file") from None


def _write(path: Path, lists: dict[Cluster, list[Token]]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(lists)))


def _announce(maker: Maker, cluster: Cluster, listed: Sequence[Token], as_json: bool) -> None:
    """Called as soon as it serves, since whoever started it waits for this line."""
    if as_json:
        present.emit_json(
            {"url": maker.url, "maker": maker.public_key, "cluster": cluster, "inventory": maker.inventory}
        )
        return
    present.say(f"{maker.url} trades on {cluster} as {maker.public_key}", "green")
    rows = ((token.symbol, token.mint, f"{maker.inventory[token.mint] / 10**token.decimals:,.2f}") for token in listed)
    present.table("Inventory", ("token", "mint", "holds"), rows, right=("holds",))


def _wrong(where: str, problem: str, fix: str) -> ConfigError:
    return ConfigError((Problem(where, problem, fix),))
