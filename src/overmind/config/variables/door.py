"""Settings of the door: from where the service can be reached, and how long a session lasts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final, TypeVar

from overmind.config import kinds
from overmind.config.files import InvalidValue
from overmind.config.kinds import Kind, measured
from overmind.config.secrecy import shown
from overmind.config.variables.variable import Variable

T = TypeVar("T")

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
_HOST: Final = re.compile(rf"(?:{_NAME})(?::[0-9]{{1,5}})?")


def _address(text: str) -> str | InvalidValue:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return InvalidValue(f"{shown(text.strip())!r} is no IP address", "write one such as 192.168.1.5 or ::1")


def _network(text: str) -> str | InvalidValue:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        return InvalidValue(f"{shown(text.strip())!r} is no network", "write one such as 10.1.0.0/16 or fd12::/64")


def _host(text: str) -> str | InvalidValue:
    if _HOST.fullmatch(text):
        return text.lower()
    return InvalidValue(f"{shown(text)!r} is no host name", "write desk.example.org, with :PORT unless it is 443")


def _list_of(read_one: Callable[[str], T | InvalidValue]) -> Callable[[str], tuple[T, ...] | InvalidValue]:
    def read(text: str) -> tuple[T, ...] | InvalidValue:
        found = [read_one(part.strip()) for part in text.split(",") if part.strip()]
        for one in found:
            if isinstance(one, InvalidValue):
                return one
        return tuple(one for one in found if not isinstance(one, InvalidValue))

    return read


BIND = Variable(
    "OVERMIND_BIND",
    Kind(_address, "IP address"),
    "127.0.0.1",
    "The address that the service listens on. One that is not of the loopback needs OVERMIND_TLS_CERT, or "
    "OVERMIND_TRUSTED_PROXY. 0.0.0.0 is all addresses of the machine.",
)
TLS_CERT = Variable(
    "OVERMIND_TLS_CERT",
    kinds.optional(kinds.path()),
    "",
    "The service's certificate with its chain, as PEM: it then speaks https alone. Needs OVERMIND_TLS_KEY.",
)
TLS_KEY = Variable(
    "OVERMIND_TLS_KEY",
    kinds.optional(kinds.path()),
    "",
    "The key of the certificate, as PEM, for you alone (0600).",
)
TRUSTED_PROXY = Variable(
    "OVERMIND_TRUSTED_PROXY",
    Kind(_list_of(_address), "comma list of IP addresses"),
    "",
    "The reverse proxies before the service. Of them, and of nobody else, X-Forwarded-For and X-Forwarded-Proto are "
    "believed.",
)
ALLOWED_HOSTS = Variable(
    "OVERMIND_ALLOWED_HOSTS",
    Kind(_list_of(_host), "comma list of host names"),
    "",
    "Names that requests may have in Host, besides the loopback's and OVERMIND_BIND: the public name of the desk.",
)
ANSWERS_NETWORKS = Variable(
    "OVERMIND_ANSWERS_NETWORKS",
    Kind(_list_of(_network), "comma list of networks"),
    "",
    "Private networks that answers to sources of signals may be sent to, such as 10.1.0.0/16. Without it only the "
    "public network and the loopback are reached.",
)
SESSION_IDLE = Variable(
    "OVERMIND_SESSION_IDLE_SEC",
    measured(kinds.seconds(60, 86_400)),
    "3600",
    "A session of the page in which nothing is asked, and which no open page follows, ends after this time.",
)
SESSION_MAX = Variable(
    "OVERMIND_SESSION_MAX_SEC",
    measured(kinds.seconds(60, 604_800)),
    "43200",
    "Every session of the page ends after this time.",
)
