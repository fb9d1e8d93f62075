"""Checks by the genesis hash which cluster the nodes belong to, whatever their addresses look like.

A node that is silent at the start delays nothing. It is used once it has given the same genesis hash as the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from overmind.ports import Priority
from overmind.solana.rpc import GENESIS_HASH, Endpoint, Rpc, RpcError, RpcSilent

LOCALNET: Final = "localnet"
KNOWN_CLUSTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d": "mainnet",
        "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG": "devnet",
    }
)
log = structlog.get_logger("rpc")


class WrongCluster(Exception):
    """A node belongs to another chain than the configured one. No order may be sent to it."""


async def verify_cluster(rpc: Rpc, expected: str) -> str:
    """The genesis hash that all answering nodes agree on; at least one must answer.

    For localnet, any hash except those of the public clusters. Raises WrongCluster, RpcSilent."""
    assert expected in {LOCALNET, *KNOWN_CLUSTERS.values()}, expected
    answers = await asyncio.gather(*(_genesis(endpoint) for endpoint in rpc.endpoints))
    silences = [str(answer) for answer in answers if isinstance(answer, RpcSilent)]
    hashes = {
        endpoint.name: answer
        for endpoint, answer in zip(rpc.endpoints, answers, strict=True)
        if isinstance(answer, str)
    }
    for name, genesis in hashes.items():
        _check(name, genesis, expected)
    if len(set(hashes.values())) > 1:
        raise WrongCluster(f"the nodes belong to different chains: {_listed(hashes)}; give nodes of one {expected}")
    if not hashes:
        raise RpcSilent(f"cannot verify that any node belongs to {expected}: {'; '.join(silences)}")
    genesis = next(iter(hashes.values()))
    for endpoint in rpc.endpoints:
        if endpoint.name not in hashes:
            log.warning("endpoint_unverified", endpoint=endpoint.name)
            endpoint.distrust(genesis)
    return genesis


def _check(name: str, genesis: str, expected: str) -> None:
    found = KNOWN_CLUSTERS.get(genesis, LOCALNET)
    if found == expected:
        return
    words = f"{found} (genesis hash {genesis})" if found != LOCALNET else f"no public cluster (genesis hash {genesis})"
    raise WrongCluster(f"{name} belongs to {words}, not to {expected}: give it the address of a node of {expected}")


def _listed(hashes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} has genesis hash {genesis}" for name, genesis in hashes.items())


async def _genesis(endpoint: Endpoint) -> str | RpcSilent:
    try:
        answer = await endpoint.call("getGenesisHash", (), Priority.STATUS)
    except RpcSilent as silent:
        return silent
    except RpcError as error:
        return RpcSilent(f"{endpoint.name} refuses to give its genesis hash: {error}")
    if isinstance(answer, str) and GENESIS_HASH.fullmatch(answer):
        return answer
    return RpcSilent(f"{endpoint.name} reports an invalid genesis hash")
