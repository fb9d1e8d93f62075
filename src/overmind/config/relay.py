"""Reads the protected relay. What it cannot honour is refused, because nobody may believe that it protects."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from overmind.config.operators import host_of, is_loopback_host
from overmind.config.problems import Findings
from overmind.config.secrecy import Secret
from overmind.config.settings import Settings
from overmind.config.variables.chain import Cluster
from overmind.config.variables.relay import (
    RELAY_AUTH,
    RELAY_LATENCY,
    RELAY_RATE,
    RELAY_RETRIES,
    RELAY_TIP,
    RELAY_TIP_FLOOR_URL,
    RELAY_URLS,
)
from overmind.config.variables.variable import Variable
from overmind.core.model.value import Value

JITO: Final = "block-engine.jito.wtf"
JITO_TIP_FLOOR: Final = "https://bundles.jito.wtf/api/v1/bundles/tip_floor"
API: Final = "/api/v1"
LATENCY_MS, RETRIES, REQUESTS_PER_S = 400, 10, 1
_OTHERS: Final[tuple[Variable[object], ...]] = (
    RELAY_AUTH,
    RELAY_TIP_FLOOR_URL,
    RELAY_TIP,
    RELAY_LATENCY,
    RELAY_RETRIES,
    RELAY_RATE,
)


class RelayConfig(Value, frozen=True):
    """Addresses and key are secrets, because they may contain credentials."""

    urls: tuple[Secret, ...]
    auth: Secret | None
    tip_floor_url: Secret | None  # None: every tip is fixed
    tip_lamports: int | None  # None: what landed lately
    max_latency_ms: int
    retries: int
    requests_per_s: int


def read_relay(cluster: Cluster, settings: Settings, findings: Findings) -> RelayConfig | None:
    """None: there is no relay."""
    urls, tip_lamports = settings.get(RELAY_URLS), settings.get(RELAY_TIP)
    if not urls:
        for variable in _OTHERS:
            if settings.get(variable) is not None:
                findings.refuse(
                    variable.name, "is set, and there is no relay", f"set {RELAY_URLS.name}, or leave it out"
                )
        return None
    for problem, fix in relay_problems(cluster, urls):
        findings.refuse(RELAY_URLS.name, problem, fix)
    floor_url, retries = settings.get(RELAY_TIP_FLOOR_URL), settings.get(RELAY_RETRIES)
    if tip_lamports is None and floor_url is None and (floor_url := tip_floor_of(urls[0])) is None:
        problem = f"nobody tells what {urls[0]} is tipped"
        findings.refuse(RELAY_TIP_FLOOR_URL.name, problem, f"set it, or set {RELAY_TIP.name}")
    return RelayConfig(
        urls=urls,
        auth=settings.get(RELAY_AUTH),
        tip_floor_url=floor_url,
        tip_lamports=tip_lamports,
        max_latency_ms=settings.get(RELAY_LATENCY) or LATENCY_MS,
        retries=RETRIES if retries is None else retries,
        requests_per_s=settings.get(RELAY_RATE) or REQUESTS_PER_S,
    )


def relay_problems(cluster: Cluster, urls: tuple[Secret, ...]) -> list[tuple[str, str]]:
    """Why a relay at these addresses protects nothing, each with what would be right."""
    found = []
    for url in urls:
        host = host_of(url)
        if urlsplit(url.reveal()).scheme == "http" and not is_loopback_host(host):
            found.append((f"{url} is plain text: others see the transaction on its way", "use https"))
        if host.endswith(f"mainnet.{JITO}") and cluster in (Cluster.DEVNET, Cluster.LOCALNET):
            problem = f"{url} lands transactions on mainnet, and the cluster is {cluster}"
            found.append((problem, f"name a relay of {cluster}, or leave it out"))
    return found


def tip_floor_of(url: Secret) -> Secret | None:
    """Where the tips of a known relay are told; None: that is not known."""
    host, parts = host_of(url), urlsplit(url.reveal())
    if host.endswith(JITO):
        return Secret(JITO_TIP_FLOOR, JITO_TIP_FLOOR)
    if not is_loopback_host(host):
        return None
    path = parts.path.rstrip("/")
    path = path if path.endswith(API) else path + API
    whole = urlunsplit((parts.scheme, parts.netloc, f"{path}/bundles/tip_floor", "", ""))
    return Secret(whole, str(url))
