"""Growing waits after wrong passwords, for each pair of an account and an address.

Sessions that are open, tokens, and so the stop, never meet them: only a login does.
"""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple

FREE: Final = 3  # attempts before the first wait
WAIT_MAX_S: Final = 60.0
FORGOTTEN_S: Final = 900.0  # after the last attempt
PAIRS_MAX: Final = 10_000


class _Tries(NamedTuple):
    wrong: int
    at: float  # of the last one


class Waits:
    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], _Tries] = {}  # the oldest first

    def left_s(self, account: str, peer: str, at: float) -> float:
        """How long this pair has to wait still."""
        tries = self._tries.get((account, network_of(peer)))
        if tries is None or at - tries.at >= FORGOTTEN_S:
            return 0.0
        return max(0.0, tries.at + wait_s(tries.wrong) - at)

    def count(self, account: str, peer: str, at: float) -> None:
        """Counts an attempt before its password is checked, so that attempts at one moment count too."""
        pair = (account, network_of(peer))
        before = self._tries.pop(pair, None)
        if before is not None and at - before.at >= FORGOTTEN_S:
            before = None
        if len(self._tries) >= PAIRS_MAX:
            del self._tries[next(iter(self._tries))]
        self._tries[pair] = _Tries(1 if before is None else before.wrong + 1, at)

    def forget(self, account: str, peer: str) -> None:
        """The password was right."""
        self._tries.pop((account, network_of(peer)), None)


def wait_s(tries: int) -> float:
    """After so many wrong attempts: nothing, then 1 s, and each time twice as much."""
    return 0.0 if tries < FREE else min(WAIT_MAX_S, 2.0 ** min(tries - FREE, 10))


def network_of(peer: str) -> str:
    """One host has many addresses of IPv6: they count as one."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
