"""The relay's settings as its client takes them."""

from __future__ import annotations

from overmind.config import MultiWalletConfig
from overmind.solana.routes.relay import RelaySettings


def relay_settings(config: MultiWalletConfig) -> RelaySettings | None:
    """None: no relay is configured."""
    relay = config.chain.relay
    if relay is None:
        return None
    return RelaySettings(
        urls=tuple(url.reveal() for url in relay.urls),
        tip_floor_url=None if relay.tip_floor_url is None else relay.tip_floor_url.reveal(),
        auth=None if relay.auth is None else relay.auth.reveal(),
        tip_lamports=relay.tip_lamports,
        max_latency_ms=relay.max_latency_ms,
        retries=relay.retries,
        requests_per_s=relay.requests_per_s,
    )
