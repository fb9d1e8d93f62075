"""Chooses the chain of live orders. An unclear choice counts as mainnet, which needs a second confirmation."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from overmind.config.kinds import NamedFeed
from overmind.config.operators import host_of, is_loopback_host, same_operator
from overmind.config.problems import Findings
from overmind.config.relay import RelayConfig, read_relay
from overmind.config.secrecy import Secret
from overmind.config.settings import Settings
from overmind.config.variables.chain import (
    CLUSTER,
    MAINNET_OPT_IN,
    OPT_IN_WORDS,
    PYTH_FEEDS,
    RPC_FALLBACK_URLS,
    RPC_RATE,
    RPC_URL,
    SECOND_SWAP_KEY,
    SECOND_SWAP_URL,
    SWAP_API_KEY,
    SWAP_RATE,
    SWAP_URL,
    TRADING_MODE,
    WITNESS_KEY,
    WITNESS_URL,
    Cluster,
)
from overmind.config.variables.routing import RELAY_TIP_MAX
from overmind.core.model.enums import TradingMode
from overmind.core.model.value import Value

PUBLIC_RPC: Final = {
    Cluster.LOCALNET: "http://127.0.0.1:8899",
    Cluster.DEVNET: "https://api.devnet.solana.com",
    Cluster.MAINNET: "https://api.mainnet-beta.solana.com",
}


LOCAL_SWAP_URL: Final = "http://127.0.0.1:8880"
JUPITER_URL: Final = "https://api.jup.ag"
RPC_RATE_LOCAL, RPC_RATE_PUBLIC = 5_000, 10
SWAP_RATE_KEYLESS, SWAP_RATE_FREE = 30, 60  # requests a minute. Source: solana-facts §4.1


class ChainConfig(Value, frozen=True):
    """How to reach the cluster and the swap API. Addresses are secrets, because they may contain credentials."""

    rpc_urls: tuple[Secret, ...]
    requests_per_s: int
    swap_url: Secret
    swap_api_key: Secret | None
    swap_requests_per_min: int | None  # None: no quota
    witness_url: Secret | None = None  # the second price source; None: there is none
    witness_api_key: Secret | None = None
    pyth_feeds: tuple[NamedFeed, ...] = ()
    second_swap_url: Secret | None = None  # None: no sale is simulated
    second_swap_api_key: Secret | None = None
    proceeds_rpc_urls: tuple[Secret, ...] = ()  # two nodes of two operators
    relay: RelayConfig | None = None  # the protected route; None: there is none
    tip_max_lamports: int = 0  # the cap of one tip, also where no relay is configured yet


def chain_config(cluster: Cluster, rpc_url: Secret | None, settings: Settings, findings: Findings) -> ChainConfig:
    """The rate limits default to high ones for servers on this machine, and to low ones for all others."""
    own = cluster in (Cluster.LOCALNET, Cluster.DEVNET)
    swap_default = LOCAL_SWAP_URL if own else JUPITER_URL
    fallbacks = settings.get(RPC_FALLBACK_URLS)
    local = rpc_url is not None and is_loopback(rpc_url)
    swap_url, swap_api_key = settings.get(SWAP_URL) or Secret(swap_default, swap_default), settings.get(SWAP_API_KEY)
    swap_rate = SWAP_RATE_KEYLESS if swap_api_key is None else SWAP_RATE_FREE
    witness_url = settings.get(WITNESS_URL)
    if witness_url is not None and same_operator(swap_url, witness_url):
        findings.refuse(
            WITNESS_URL.name,
            f"{witness_url} belongs to the operator of {SWAP_URL.name} ({swap_url}): a liar would confirm itself",
            "name a server of another operator, under another domain",
        )
    rpc_urls, feeds = (rpc_url, *fallbacks) if rpc_url is not None else fallbacks, settings.get(PYTH_FEEDS)
    if feeds:
        _check_oracle(rpc_urls, swap_url, witness_url, findings)
    if cluster in (Cluster.DEVNET, Cluster.MAINNET) and witness_url is None and not feeds:
        findings.warn(
            WITNESS_URL.name,
            "live prices have one source: a server that lies alone is only bounded in time",
            f"name a second one, here or in {PYTH_FEEDS.name}",
        )
    return ChainConfig(
        rpc_urls=rpc_urls,
        requests_per_s=settings.get(RPC_RATE) or (RPC_RATE_LOCAL if local else RPC_RATE_PUBLIC),
        swap_url=swap_url,
        swap_api_key=swap_api_key,
        swap_requests_per_min=settings.get(SWAP_RATE) or (None if is_loopback(swap_url) else swap_rate),
        witness_url=witness_url,
        witness_api_key=settings.get(WITNESS_KEY),
        pyth_feeds=feeds,
        second_swap_url=settings.get(SECOND_SWAP_URL),
        second_swap_api_key=settings.get(SECOND_SWAP_KEY),
        proceeds_rpc_urls=_proceeds_nodes(rpc_urls, swap_url, settings.get(SECOND_SWAP_URL), findings),
        relay=read_relay(cluster, settings, findings),
        tip_max_lamports=settings.get(RELAY_TIP_MAX),
    )


def _proceeds_nodes(
    rpc_urls: tuple[Secret, ...], swap_url: Secret, second_swap_url: Secret | None, findings: Findings
) -> tuple[Secret, ...]:
    """The two nodes that simulate a sale; none without a second swap server."""
    if second_swap_url is None:
        return ()
    where = SECOND_SWAP_URL.name
    if same_operator(swap_url, second_swap_url):
        problem = f"{second_swap_url} belongs to the operator of {SWAP_URL.name} ({swap_url})"
        findings.refuse(where, problem, "name a server of another operator, under another domain")
    others = [one for one in rpc_urls[1:] if not same_operator(one, rpc_urls[0])]
    if not others:
        problem = "two nodes of two operators have to simulate a sale"
        findings.refuse(
            where, problem, f"set {RPC_URL.name}, and a node of another operator in {RPC_FALLBACK_URLS.name}"
        )
    return (rpc_urls[0], others[0]) if others else ()


def _check_oracle(
    rpc_urls: tuple[Secret, ...], swap_url: Secret, witness_url: Secret | None, findings: Findings
) -> None:
    where = PYTH_FEEDS.name
    if witness_url is not None:
        findings.refuse(where, f"{WITNESS_URL.name} is set too", "keep one second source of prices")
    if not rpc_urls:
        findings.refuse(where, "no node to read the oracle from", f"set {RPC_URL.name}")
    for rpc_url in rpc_urls:
        if same_operator(rpc_url, swap_url):
            problem = f"{rpc_url}, which would read it, belongs to the operator of {SWAP_URL.name} ({swap_url})"
            findings.refuse(where, problem, "use a node of another operator, under another domain")


def choose_cluster(mode: TradingMode, settings: Settings, findings: Findings) -> tuple[Cluster, Secret | None]:
    """The configured cluster, and its address. The start checks its genesis hash."""
    named, url, opted_in = settings.get(CLUSTER), settings.get(RPC_URL), settings.get(MAINNET_OPT_IN)
    if mode is TradingMode.PAPER:
        return Cluster.PAPER, url
    implied = None if url is None else _implied_by(url)
    if named is None and url is None:
        findings.refuse(RPC_URL.name, "live trading needs a cluster", f"set it, or set {CLUSTER.name}")
    if named is not None and implied is not None and named is not implied:
        findings.refuse(CLUSTER.name, f"{named}, but {RPC_URL.name} names a {implied} address", "make them agree")
    local = Cluster.LOCALNET if url is not None and is_loopback_host(host_of(url)) else None
    cluster = named or implied or local or Cluster.MAINNET
    if cluster is Cluster.MAINNET and not opted_in and (named or url):
        assumed = (
            "" if named or implied else f", and an address that names no cluster counts as mainnet ({CLUSTER.name})"
        )
        findings.refuse(
            MAINNET_OPT_IN.name,
            f"live trading on mainnet needs a second confirmation{assumed}",
            f"set it to {OPT_IN_WORDS}, or set {CLUSTER.name} to devnet or localnet, or trade on paper",
        )
    elif cluster is Cluster.MAINNET and (named or url):
        findings.warn(
            TRADING_MODE.name,
            "this version will not start live on mainnet: its checks before signing are a first version",
            f"set {CLUSTER.name} to devnet or localnet, or trade on paper",
        )
    for one in (url, *settings.get(RPC_FALLBACK_URLS)):
        if one is not None:
            _warn_of_plain_text(one, findings)
    return cluster, url or Secret(PUBLIC_RPC[cluster], PUBLIC_RPC[cluster])


def _implied_by(url: Secret) -> Cluster | None:
    """The cluster that the host name implies. A loopback address may be a tunnel, so it contradicts no name."""
    host = host_of(url)
    labels = re.split(r"[.-]", host)
    for cluster in (Cluster.MAINNET, Cluster.DEVNET):
        if cluster in labels:
            return cluster
    return None


def is_loopback(url: Secret) -> bool:
    return is_loopback_host(host_of(url))


def _warn_of_plain_text(url: Secret, findings: Findings) -> None:
    if urlsplit(url.reveal()).scheme == "http" and not is_loopback_host(host_of(url)):
        findings.warn(RPC_URL.name, "http sends everything in plain text, credentials included", "use https")
