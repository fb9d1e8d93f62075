"""Whether two servers may belong to one operator, as far as their addresses tell."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from overmind.config.secrecy import Secret

# Under these second labels anybody can register a name, so the third label tells the operator.
SHARED_LABELS: Final = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})
COUNTRY_CHARS: Final = 2


def same_operator(one: Secret, other: Secret) -> bool:
    """One host, or names under one registered domain. Two servers on the loopback are a test, and count as two."""
    host, other_host = host_of(one), host_of(other)
    if is_loopback_host(host) and is_loopback_host(other_host):
        return False
    return _registered(host) == _registered(other_host)


def host_of(url: Secret) -> str:
    return (urlsplit(url.reveal()).hostname or "").lower().rstrip(".")


def is_loopback_host(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _registered(host: str) -> str:
    """The part of a host name that somebody registered; an IP address is one host."""
    try:
        return ipaddress.ip_address(host).compressed
    except ValueError:
        labels = host.split(".")
    shared = len(labels) > 2 and len(labels[-1]) == COUNTRY_CHARS and labels[-2] in SHARED_LABELS
    return ".".join(labels[-3:] if shared else labels[-2:])
