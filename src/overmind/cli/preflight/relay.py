"""A configured relay, asked together with the cluster: whether it answers, whom to tip, what lately landed.

Nothing is sent.
"""

from __future__ import annotations

import asyncio
from typing import Final

from overmind.cli.preflight.point import Point, Read, failed, passed
from overmind.clock.clocks import SystemClock
from overmind.desk.relaying import relay_settings
from overmind.ports import ChainSilent
from overmind.solana.routes.relay import RelayRoute, RelaySettings

FIX: Final = "correct OVERMIND_RELAY_URLS, OVERMIND_RELAY_AUTH or OVERMIND_RELAY_TIP_FLOOR_URL"


def and_relay(cluster: Point, config: Read) -> Point:
    """The point of the cluster, with what its relay answers. A relay that is configured must answer."""
    settings = None if config is None else relay_settings(config)
    if not cluster.ok or settings is None:
        return cluster
    try:
        seen = asyncio.run(_asked(settings))
    except ChainSilent as silent:
        return failed(cluster.name, str(silent), FIX)
    return passed(cluster.name, f"{cluster.seen}; {seen}")


async def _asked(settings: RelaySettings) -> str:
    """Raises ChainSilent."""
    async with RelayRoute(settings, SystemClock()) as relay:
        await relay.look()
        floor, accounts = relay.floor, len(relay.tip_accounts)
        names = ", ".join(region.name for region in relay.regions)
    tips = f"{settings.tip_lamports} lamports each"
    if floor is not None:
        tips = f"{floor.entry_lamports} lamports for an entry and {floor.exit_lamports} for an exit, as lately landed"
    return f"relay {names}: {accounts} tip accounts, tips of {tips}"
