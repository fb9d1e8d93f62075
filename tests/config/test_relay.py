"""The protected relay: what is read, what is refused, and that its credentials are never shown."""

from __future__ import annotations

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config import ConfigError
from overmind.config.relay import JITO_TIP_FLOOR, RelayConfig

FRANKFURT = "https://frankfurt.mainnet.block-engine.jito.wtf/api/v1?uuid=my-secret-uuid"
LOCAL = "http://127.0.0.1:8899/api/v1"


def test_without_one_nothing_changes(desk: DeskOnDisk) -> None:
    assert desk.load().chain.relay is None


def test_every_setting_is_read(desk: DeskOnDisk) -> None:
    relay = desk.load(
        OVERMIND_RELAY_URLS=f"{FRANKFURT}, {LOCAL}",
        OVERMIND_RELAY_AUTH="another-secret",
        OVERMIND_RELAY_TIP_FLOOR_URL="https://tips.example.com/floor",
        OVERMIND_RELAY_TIP_LAMPORTS="20000",
        OVERMIND_RELAY_MAX_LATENCY_MS="250",
        OVERMIND_RELAY_RETRIES="0",
        OVERMIND_RELAY_REQUESTS_PER_SEC="5",
    ).chain.relay
    assert relay is not None
    assert tuple(url.reveal() for url in relay.urls) == (FRANKFURT, LOCAL)
    assert relay.auth is not None
    assert relay.auth.reveal() == "another-secret"
    assert relay.tip_floor_url is not None
    assert relay.tip_floor_url.reveal() == "https://tips.example.com/floor"
    assert (relay.tip_lamports, relay.max_latency_ms, relay.retries, relay.requests_per_s) == (20_000, 250, 0, 5)
    assert "secret" not in repr(relay)


@pytest.mark.parametrize(
    ("url", "floor"),
    [
        (FRANKFURT, JITO_TIP_FLOOR),
        (LOCAL, f"{LOCAL}/bundles/tip_floor"),
        ("http://localhost:8899", "http://localhost:8899/api/v1/bundles/tip_floor"),
        ("http://[::1]:8899/api/v1/", "http://[::1]:8899/api/v1/bundles/tip_floor"),
    ],
)
def test_where_the_tips_of_a_known_relay_are_told(desk: DeskOnDisk, url: str, floor: str) -> None:
    relay = desk.load(OVERMIND_RELAY_URLS=url).chain.relay
    assert isinstance(relay, RelayConfig)
    assert relay.tip_floor_url is not None
    assert relay.tip_floor_url.reveal() == floor
    assert (relay.tip_lamports, relay.max_latency_ms, relay.retries, relay.requests_per_s) == (None, 400, 10, 1)


REFUSED = [
    ({"OVERMIND_RELAY_URLS": "ftp://relay"}, "not an http or https URL"),
    ({"OVERMIND_RELAY_URLS": "http://relay.example.com"}, "is plain text"),
    ({"OVERMIND_RELAY_URLS": "https://relay.example.com"}, "nobody tells what https://relay.example.com is tipped"),
    ({"OVERMIND_RELAY_URLS": LOCAL, "OVERMIND_RELAY_TIP_LAMPORTS": "-1"}, "OVERMIND_RELAY_TIP_LAMPORTS"),
    ({"OVERMIND_RELAY_URLS": LOCAL, "OVERMIND_RELAY_RETRIES": "101"}, "OVERMIND_RELAY_RETRIES"),
    ({"OVERMIND_RELAY_URLS": LOCAL, "OVERMIND_RELAY_MAX_LATENCY_MS": "0"}, "OVERMIND_RELAY_MAX_LATENCY_MS"),
    *(
        ({f"OVERMIND_RELAY_{name}": value}, "is set, and there is no relay")
        for name, value in (
            ("AUTH", "some-secret"),
            ("TIP_FLOOR_URL", "https://tips.example.com"),
            ("TIP_LAMPORTS", "0"),
            ("MAX_LATENCY_MS", "400"),
            ("RETRIES", "0"),
            ("REQUESTS_PER_SEC", "1"),
        )
    ),
]


@pytest.mark.parametrize(("named", "words"), REFUSED)
def test_what_it_cannot_honour_is_refused(desk: DeskOnDisk, named: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        desk.load(**named)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("cluster", ["localnet", "devnet"])
def test_a_relay_of_mainnet_serves_no_other_cluster(desk: DeskOnDisk, cluster: str) -> None:
    with pytest.raises(ConfigError, match=f"lands transactions on mainnet, and the cluster is {cluster}"):
        desk.load(SNIPER_TRADING_MODE="live", OVERMIND_CLUSTER=cluster, OVERMIND_RELAY_URLS=FRANKFURT)
