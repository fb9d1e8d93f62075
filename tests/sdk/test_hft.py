"""Every field of `HFTConfig` changes what goes over the wire, in Python, in `.env` and in the environment alike."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.desk_on_disk import DeskOnDisk
from tests.support.hostile_transactions import BONK, OWNER, USDC, offered, order, swap
from tests.support.scripted_nodes import Node, serving

from overmind import HFTConfig
from overmind.clock.clocks import SystemClock
from overmind.core.model.commands import CommandRefused
from overmind.core.model.desk_settings import Routing
from overmind.core.model.route import RouteName
from overmind.desk.relaying import relay_settings
from overmind.ports import Priority
from overmind.sandbox.localnet.relay import TIP_ACCOUNTS
from overmind.sdk.hft import wire_settings, with_relay
from overmind.solana.routes.relay import RelayRoute, RelaySettings


@pytest.fixture
def desk(tmp_path: Path) -> DeskOnDisk:
    return DeskOnDisk(tmp_path)


MADE = offered(swap(USDC, BONK))
RAW = MADE.signed_by_payer(bytes(OWNER.sign_message(MADE.message)))
WANTED = order(USDC, BONK, route=RouteName.RELAY, tip_max_lamports=10**6)
MORE_S = 0.02
FIELDS: list[tuple[dict[str, Any], dict[str, object]]] = [
    ({}, {"asked": (1, 0), "tip": 10_000}),
    ({"tip_lamports": 77_000}, {"asked": (1, 0), "tip": 77_000}),
    ({"max_latency_ms": 5}, {"asked": (3, 0), "tip": 10_000}),
    ({"max_latency_ms": 5, "retries": 1}, {"asked": (2, 0), "tip": 10_000}),
    ({"max_latency_ms": 5, "retries": 0}, {"asked": (1, 0), "tip": 10_000}),
    ({"jito_endpoint": "second"}, {"asked": (0, 1), "tip": 10_000}),
]
NAMES = {
    "jito_endpoint": "OVERMIND_RELAY_URLS",
    "tip_lamports": "OVERMIND_RELAY_TIP_LAMPORTS",
    "max_latency_ms": "OVERMIND_RELAY_MAX_LATENCY_MS",
    "retries": "OVERMIND_RELAY_RETRIES",
}


async def captured(settings: RelaySettings, nodes: list[Node], expected: dict[str, object]) -> dict[str, object]:
    """What two regions got before one of them answered, and what the transaction tips."""
    answered = asyncio.Event()

    async def late(_: list[Any]) -> str:
        await answered.wait()
        return "a signature"

    for node in nodes:
        node.answers = {"sendTransaction": late, "getTipAccounts": list(TIP_ACCOUNTS)}
    async with RelayRoute(settings, SystemClock()) as relay:
        await relay.look()
        sending = asyncio.create_task(relay.send(RAW, Priority.ENTRY))
        for node, times in zip(nodes, _counts(expected), strict=True):
            await node.until_asked("sendTransaction", times)
        await asyncio.sleep(MORE_S)  # Another request would come now.
        answered.set()
        await sending
        tip = relay.tip(WANTED)
    return {"asked": tuple(node.count("sendTransaction") for node in nodes), "tip": tip}


def _counts(expected: dict[str, object]) -> tuple[int, ...]:
    asked = expected["asked"]
    assert isinstance(asked, tuple)
    return asked


def named(fields: dict[str, Any], nodes: list[Node]) -> dict[str, Any]:
    whole = {"jito_endpoint": "first", "tip_lamports": 10_000, "max_latency_ms": 10_000, "retries": 2} | fields
    return whole | {"jito_endpoint": nodes[whole["jito_endpoint"] == "second"].url()}


@pytest.mark.parametrize(("fields", "seen"), FIELDS)
@pytest.mark.parametrize("way", ["python", "environment", "file"])
def test_every_field_changes_what_goes_over_the_wire(
    desk: DeskOnDisk, fields: dict[str, Any], seen: dict[str, object], way: str
) -> None:
    async def story() -> dict[str, object]:
        nodes = [Node(), Node()]
        async with serving(*nodes):
            given = named(fields, nodes)
            variables = {NAMES[name]: str(value) for name, value in given.items()}
            variables["OVERMIND_RELAY_REQUESTS_PER_SEC"] = "1000"
            if way == "python":  # Its fields win over the variables.
                others = {"OVERMIND_RELAY_URLS": nodes[1].url(), "OVERMIND_RELAY_REQUESTS_PER_SEC": "1000"}
                others |= {"OVERMIND_RELAY_TIP_LAMPORTS": "1", "OVERMIND_RELAY_RETRIES": "50"}
                settings = wire_settings(HFTConfig(**given), desk.load(**others))
            elif way == "environment":
                settings = _of(relay_settings(desk.load(**variables)))
            else:
                path = desk.write(".env", "\n".join(f"{name}={value}" for name, value in variables.items()))
                settings = _of(relay_settings(desk.load(path)))
            return await captured(settings, nodes, seen)

    assert asyncio.run(story()) == seen


def _of(settings: RelaySettings | None) -> RelaySettings:
    assert settings is not None
    return settings


@pytest.mark.parametrize(
    ("hft", "env", "words"),
    [
        (HFTConfig(), {}, "give it a jito_endpoint, or set OVERMIND_RELAY_URLS"),
        (HFTConfig("http://relay.example.com"), {}, "plain text: others see the transaction"),
        (
            HFTConfig("https://ny.mainnet.block-engine.jito.wtf/api/v1?uuid=my-secret"),
            {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "devnet"},
            "lands transactions on mainnet, and the cluster is devnet",
        ),
    ],
)
def test_what_a_desk_cannot_honour_is_refused(
    desk: DeskOnDisk, hft: HFTConfig, env: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandRefused, match=words) as refused:
        wire_settings(hft, desk.load(**env))
    assert "my-secret" not in str(refused.value)


def test_the_highest_tip_is_reserved_beside_the_fee(desk: DeskOnDisk) -> None:
    config, hft = desk.load(OVERMIND_RELAY_TIP_MAX_LAMPORTS="30000"), HFTConfig(tip_lamports=20_000)
    cap, before = config.chain.tip_max_lamports, msgspec.structs.replace(config.desk, routing=Routing())
    after = with_relay(hft, before, cap)
    relay = after.routing.routes[RouteName.RELAY]
    assert (cap, relay.tip_lamports, relay.tip_max_lamports) == (30_000, 20_000, 30_000)
    assert after.costs.fee_max_lamports == before.costs.fee_max_lamports + 30_000
    assert with_relay(hft, after, cap) == after
    with pytest.raises(CommandRefused, match="30001 is above the cap; OVERMIND_RELAY_TIP_MAX_LAMPORTS is 30000"):
        with_relay(HFTConfig(tip_lamports=30_001), before, cap)
