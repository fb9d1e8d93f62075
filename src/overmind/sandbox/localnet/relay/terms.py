"""How the relay behaves: its limit, landing rate, latency and price, and the faults of a relay."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.model.units import LAMPORTS, PPM
from overmind.core.model.value import Value

# As the block engine of mainnet answers to getTipAccounts. Source: solana-facts §5.4.
TIP_ACCOUNTS: Final = (
    "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5",
    "HFqU5x63VTqvQss8hp11i4wVV8bD44PvwucfZ2bU7gRe",
    "Cw8CFyM9FkoMi7K7Crf6HNQqf4uEMzpKw6QNghXLvLkY",
    "ADaUMid9yfUytqMBgopwjb2DTLSokTSzL1zt6iGPaS49",
    "DfXygSm4jCyNCybVYYK6DwvWqjKee8pbDmJGcLWNDXjh",
    "ADuUkR4vqLUMWXxW9gh6D6L8pMSawimctcNZ5pGwDcEt",
    "DttWaMuVvTiduZRnguLF7jNxTgiMBZ1hyAumKUiL2KRL",
    "3AVi9Tg9Uo68tJfuvoKvqKNWKkC5wPdSSdeBnizKZ6jT",
)
SLOTS_MAX: Final = 100
RATE_MAX: Final = 1_000_000


class RelayTerms(Value, frozen=True, forbid_unknown_fields=True):
    """All may change while the relay runs. `_ppm` is a rate per bundle or per request."""

    seed: int = 0
    requests_per_s: int = 1  # of all callers together, as one address and region has it; 0: no limit
    landing_ppm: int = PPM  # of the bundles that take part in the auction
    slots: int = 1  # from the request to the block of the bundle
    tip_min_lamports: int = 1_000  # a bundle that tips less loses the auction
    # What landed bundles tipped lately: the 25th, 50th, 75th, 95th and 99th percentile. The figures are an example of
    # the documentation's.
    tip_floor_lamports: tuple[int, int, int, int, int] = (6_001, 10_000, 36_196, 1_447_905, 10_007_999)
    tip_accounts: tuple[str, ...] = TIP_ACCOUNTS
    leak_ppm: int = 0  # of the bundles: whoever watches the public route sees them too
    silence_ppm: int = 0  # of the requests: carried out and never answered
    silence_s: float = 30.0  # how long such a connection stays open, then it is cut
    down: bool = False  # answers HTTP 503 to everything

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name.endswith("_ppm") and not 0 <= value <= PPM:
                raise ValueError(f"relay.{name}: {value} is no rate; give 0 to {PPM} parts per million")
        if not 1 <= self.slots <= SLOTS_MAX:
            raise ValueError(f"relay.slots: {self.slots} is no latency; give 1 to {SLOTS_MAX} blocks")
        if not 0 <= self.requests_per_s <= RATE_MAX:
            raise ValueError(f"relay.requests_per_s: {self.requests_per_s}; give 1 to {RATE_MAX}, or 0 for no limit")
        tips = (self.tip_min_lamports, *self.tip_floor_lamports)
        if min(tips) < 0 or max(tips) > LAMPORTS or list(tips[1:]) != sorted(tips[1:]):
            raise ValueError(f"relay: tips of {tips} lamports; give 0 to {LAMPORTS}, percentiles in rising order")


def changed_terms(terms: RelayTerms, named: object) -> RelayTerms:
    """The terms with some of them changed. Raises msgspec.ValidationError, a ValueError, that names the wrong one."""
    if not isinstance(named, dict):
        raise ValueError('relay: give an object such as {"landing_ppm": 800000}')
    return msgspec.convert(msgspec.to_builtins(terms) | named, RelayTerms)
