"""A second source on the chain: which feeds, read through whose node."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

ACCOUNT = "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
FEED_ID = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
SOL = f"SOL:{ACCOUNT}:0x{FEED_ID}"
NODE = {"SNIPER_SOLANA_RPC_URL": "https://node.example.com"}


def test_feeds_are_read_and_make_a_second_source(desk: DeskOnDisk) -> None:
    config = desk.load(OVERMIND_PYTH_FEEDS=f" {SOL} , usdc:{ACCOUNT}:{FEED_ID.upper()},", **NODE)
    assert [(one.symbol, one.account, one.feed_id.hex()) for one in config.chain.pyth_feeds] == [
        ("SOL", ACCOUNT, FEED_ID),
        ("USDC", ACCOUNT, FEED_ID),
    ]
    assert config.desk.witness_bound_bps == 200
    assert desk.load().desk.witness_bound_bps == 0


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"OVERMIND_PYTH_FEEDS": f"SOL:{ACCOUNT}"}, "names no price feed"),
        ({"OVERMIND_PYTH_FEEDS": f"SOL:{ACCOUNT}:{FEED_ID}00"}, "names no price feed"),
        ({"OVERMIND_PYTH_FEEDS": f"SOL:nobody:{FEED_ID}"}, "names no price feed"),
        ({"OVERMIND_PYTH_FEEDS": f"{SOL},{SOL}"}, "a symbol twice"),
        ({"OVERMIND_PYTH_FEEDS": f"PEPE9:{ACCOUNT}:{FEED_ID}"}, "PEPE9 is not a listed token"),
        ({"OVERMIND_PYTH_FEEDS": SOL, "OVERMIND_PRICE_WITNESS_URL": "https://prices.example.net"}, "is set too"),
        ({"OVERMIND_PYTH_FEEDS": SOL, "SNIPER_SOLANA_RPC_URL": ""}, "no node to read the oracle from"),
        ({"OVERMIND_PYTH_FEEDS": SOL, "OVERMIND_SWAP_URL": "https://swap.example.com"}, "belongs to the operator"),
        (
            {
                "OVERMIND_PYTH_FEEDS": SOL,
                "OVERMIND_SWAP_URL": "https://swap.example.net",
                "OVERMIND_RPC_FALLBACK_URLS": "https://node.example.net",
            },
            "belongs to the operator",
        ),
    ],
)
def test_what_is_no_second_source_is_refused(desk: DeskOnDisk, settings: dict[str, str], problem: str) -> None:
    (found,) = desk.problems(**{**NODE, **settings})
    assert found.where == "OVERMIND_PYTH_FEEDS"
    assert problem in found.problem
    assert found.fix
