"""Answers go to the public network and to the loopback, never to another private machine: at each step of the way."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from overmind.desk.answers.address import CheckedResolver, ForbiddenAddress, fault_of_url

ALLOWED = (ipaddress.ip_network("10.1.0.0/16"),)
CASES = [
    ("https://bot.example.org/answers", ""),
    ("https://93.184.216.34:8443/a?b=c", ""),
    ("https://[2606:2800:220:1::1]/", ""),
    ("http://127.0.0.1:9000/a", ""),
    ("http://localhost:9000/a", ""),
    ("http://[::1]:9000/a", ""),
    ("https://10.1.2.3/a", ""),
    ("http://bot.example.org/a", "http to another machine"),
    ("http://10.1.2.3/a", "http to another machine"),
    ("http://2130706433/a", "http to another machine"),
    ("https://10.0.0.1/a", "private network"),
    ("https://192.168.1.1/a", "private network"),
    ("https://169.254.169.254/latest/meta-data", "private network"),
    ("https://100.64.0.1/", "private network"),
    ("https://0.0.0.0/", "private network"),
    ("https://224.0.0.1/", "private network"),
    ("https://[fe80::1]/", "private network"),
    ("https://[fd00::1]/", "private network"),
    ("https://[::ffff:10.0.0.1]/", "private network"),
    ("https://[64:ff9b::a00:1]/", "private network"),
    ("https://[2002:a00:1::]/", "private network"),
    ("https://user:secret@bot.example.org/", "a name or a password"),
    ("ftp://bot.example.org/", "no address of the web"),
    ("file:///etc/passwd", "no address of the web"),
    ("https://", "no address of the web"),
    ("https://[bad/", "no address of the web"),
    ("https://bot.example.org:port/", "no address of the web"),
    ("https://bot.example.org/\n", "no address of the web"),
    ("https://bot.example.org/" + "a" * 500, "no address of the web"),
]


@pytest.mark.parametrize(("url", "problem"), CASES)
def test_where_answers_may_go(url: str, problem: str) -> None:
    fault = fault_of_url(url, ALLOWED)
    assert (fault is None) == (problem == "")
    assert fault is None or problem in fault.problem
    assert fault is None or "secret" not in fault.problem


class Names(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self._addresses
        ]

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("host", "addresses", "may"),
    [
        ("bot.example.org", ["93.184.216.34"], True),
        ("bot.example.org", ["10.1.2.3"], True),
        ("localhost", ["127.0.0.1"], True),
        ("bot.example.org", ["10.0.0.1"], False),
        ("bot.example.org", ["93.184.216.34", "192.168.1.1"], False),
        ("bot.example.org", ["127.0.0.1"], False),  # a name of others that leads to this machine
        ("bot.example.org", ["::1"], False),
        ("bot.example.org", ["fe80::1%eth0"], False),
        ("bot.example.org", ["garbage"], False),
    ],
)
def test_a_name_is_judged_by_its_addresses(host: str, addresses: list[str], may: bool) -> None:
    resolver = CheckedResolver(Names(*addresses), ALLOWED)
    if may:
        assert [one["host"] for one in asyncio.run(resolver.resolve(host, 443))] == addresses
    else:
        with pytest.raises(ForbiddenAddress, match=r"bot\.example\.org leads to"):
            asyncio.run(resolver.resolve(host, 443))
