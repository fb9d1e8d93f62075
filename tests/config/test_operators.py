"""Two servers of one operator are no two witnesses."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config.operators import same_operator
from overmind.config.secrecy import Secret


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://api.jup.ag", "https://api.jup.ag/other", True),
        ("https://api.jup.ag", "https://lite-api.jup.ag", True),
        ("https://api.jup.ag", "https://user:secret@API.JUP.AG.:8443", True),
        ("https://api.jup.ag", "https://api.jup.net", False),
        ("https://a.prices.co.uk", "https://b.prices.co.uk", True),
        ("https://a.prices.co.uk", "https://a.quotes.co.uk", False),
        ("https://jup.ag", "https://jup.ag", True),
        ("http://10.0.0.1", "http://10.0.0.1:81", True),
        ("http://10.0.0.1", "http://10.0.0.2", False),
        ("http://[2001:db8::1]", "http://[2001:db8:0::1]", True),
        # A test bends two servers on one machine.
        ("http://127.0.0.1:1", "http://127.0.0.1:1", False),
        ("http://localhost:1", "http://[::1]:2", False),
        ("http://127.0.0.1:1", "https://api.jup.ag", False),
    ],
)
def test_one_host_or_one_domain_is_one_operator(one: str, other: str, expected: bool) -> None:
    assert same_operator(Secret(one), Secret(other)) is expected
    assert same_operator(Secret(other), Secret(one)) is expected


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"OVERMIND_CLUSTER": "devnet"}, True),
        ({"OVERMIND_CLUSTER": "devnet", "OVERMIND_PRICE_WITNESS_URL": "https://prices.example.net"}, False),
        ({"OVERMIND_CLUSTER": "localnet"}, False),
    ],
)
def test_one_source_alone_is_a_warning_where_money_is_real(
    desk: DeskOnDisk, settings: dict[str, str], warned: bool
) -> None:
    warnings = desk.load(SNIPER_TRADING_MODE="live", **settings).warnings
    assert ("OVERMIND_PRICE_WITNESS_URL" in {one.where for one in warnings}) is warned
