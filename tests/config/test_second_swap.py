"""A second swap server, and the two nodes that simulate what it offers."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

SECOND = "OVERMIND_SECOND_SWAP_URL"
GIVEN = {
    SECOND: "https://swap.example.net",
    "SNIPER_SOLANA_RPC_URL": "https://node.example.com",
    "OVERMIND_RPC_FALLBACK_URLS": "https://b.example.com,https://node.example.org",
}


def test_the_two_nodes_belong_to_two_operators(desk: DeskOnDisk) -> None:
    config = desk.load(**GIVEN)
    assert [str(one) for one in config.chain.proceeds_rpc_urls] == [
        "https://node.example.com",
        "https://node.example.org",
    ]
    assert config.desk.proceeds_bound_bps == 200
    assert (desk.load().chain.proceeds_rpc_urls, desk.load().desk.proceeds_bound_bps) == ((), 0)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({SECOND: "https://lite.jup.ag"}, "belongs to the operator of OVERMIND_SWAP_URL"),
        ({"OVERMIND_RPC_FALLBACK_URLS": ""}, "two nodes of two operators"),
        ({"OVERMIND_RPC_FALLBACK_URLS": "https://b.example.com"}, "two nodes of two operators"),
        ({"SNIPER_SOLANA_RPC_URL": "", "OVERMIND_RPC_FALLBACK_URLS": ""}, "two nodes of two operators"),
    ],
)
def test_what_proves_nothing_is_refused(desk: DeskOnDisk, settings: dict[str, str], problem: str) -> None:
    (found,) = desk.problems(**{**GIVEN, **settings})
    assert found.where == SECOND
    assert problem in found.problem
    assert found.fix
