"""Injected faults: switches with rates in parts per million, and a random sequence that the seed repeats."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

import msgspec

from overmind.core.model.units import PPM
from overmind.core.model.value import Value

_RATE: Final = "_ppm"


class Faults(Value, frozen=True, forbid_unknown_fields=True):
    """The switches. All off by default. `_ppm` is a rate per request, per sent transaction or per slot."""

    seed: int = 0

    # Requests. Each call of a batch is drawn by itself. Empty `methods` means every method but overmind_*.
    methods: tuple[str, ...] = ()
    too_many_requests_ppm: int = 0  # HTTP 429 with Retry-After
    retry_after_s: int = 1
    unhealthy_ppm: int = 0  # -32005, the node is behind
    slots_behind: int | None = 200
    min_context_ppm: int = 0  # -32016, the node has not reached that slot yet
    not_available_ppm: int = 0  # -32004, the block is not available
    silence_ppm: int = 0  # the request is executed (a transaction lands) but never answered
    silence_s: float = 30.0  # how long the connection stays open without an answer, then it is cut
    html_ppm: int = 0  # a proxy's error page instead of JSON
    truncated_ppm: int = 0  # the answer breaks off in the middle
    wrong_json_ppm: int = 0  # valid JSON that is no JSON-RPC answer
    nulls_ppm: int = 0  # null in every field that a node may leave out

    # Sent transactions. Empty `payers` means those of every fee payer.
    payers: tuple[str, ...] = ()
    drop_ppm: int = 0  # accepted, never lands
    delay_ppm: int = 0  # accepted, lands `delay_slots` blocks later
    delay_slots: int = 3
    duplicate_ppm: int = 0  # the same bytes are processed twice
    duplicate_slots: int = 1

    # Reads.
    status_lag_slots: int = 0  # statuses as they were this many blocks ago
    status_flap_ppm: int = 0  # null for a status that is known
    stale_balance_ppm: int = 0  # accounts as they were `stale_slots` blocks ago
    stale_slots: int = 8

    # Slots.
    rollback_ppm: int = 0  # the fork loses: blocks that are not final vanish
    rollback_slots: int = 4
    reland_ppm: int = PPM  # share of their transactions that land again by themselves
    clock_jump_ppm: int = 0  # the chain's clock jumps
    clock_jump_s: int = 30

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name.endswith(_RATE) and not 0 <= value <= PPM:
                raise ValueError(f"faults.{name}: {value} is no rate; give 0 to {PPM} parts per million")
            if name.endswith("_slots") and value < 0:
                raise ValueError(f"faults.{name}: {value} is negative; give a number of blocks")


def changed(faults: Faults, switches: object) -> Faults:
    """The faults with some switches changed. Raises msgspec.ValidationError, a ValueError, that names the switch."""
    if not isinstance(switches, dict):
        raise ValueError('faults: give an object such as {"drop_ppm": 100000}')
    return msgspec.convert(msgspec.to_builtins(faults) | switches, Faults)


class FaultDraws:
    """Draws whether a fault occurs: from the seed, the fault's name and the number of earlier draws for it."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._asked: Counter[str] = Counter()

    def occurs(self, name: str, rate_ppm: int) -> bool:
        if rate_ppm == 0:
            return False
        self._asked[name] += 1
        cause = f"{self.faults.seed}:{name}:{self._asked[name]}".encode()
        return int.from_bytes(hashlib.blake2b(cause, digest_size=8).digest(), "big") % PPM < rate_ppm
