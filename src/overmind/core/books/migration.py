"""Turns a snapshot of an earlier version into the state of this one, so that an upgrade does not replay the journal.

A migrated snapshot equals what a replay of the same entries comes to, bit for bit: golden snapshots of every version
hold it to that. Where a state cannot be derived from an older one, its version has no migration, and the start replays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from overmind.core.books.state import STATE_VERSION, State, decode_state
from overmind.core.books.triggers import set_stops
from overmind.core.model.ids import OrderId
from overmind.core.model.value import Value

Fields = dict[str, msgspec.Raw]  # an encoded object by its fields, each still encoded
Signatures = Callable[[], Mapping[str, tuple[int, OrderId]]]  # of the newest tickets, read from the journal


class Migration(Value, frozen=True):
    """The step from one version to the next. A field that joins with its default needs neither part."""

    layout: Callable[[Fields], None] = lambda _: None  # changes the encoded state so that it can be decoded
    books: Callable[[State, Signatures], None] = lambda _, __: None  # computes what the new fields come to


class _Version(msgspec.Struct):
    version: int = 0


def _name_written_off(state: Fields) -> None:
    wallets = msgspec.json.decode(state["wallets"], type=dict[str, Fields])
    for wallet_id, book in wallets.items():
        accounts = msgspec.json.decode(book["accounts"], type=dict[str, str])
        book["accounts"] = _raw({**accounts, "written_off": f"{wallet_id}/written_off"})
    state["wallets"] = _raw(wallets)


def _count_losses_at_stops(state: State, signatures: Signatures) -> None:
    """Version 6 keeps stop prices, what positions can lose down to them, and the signatures of the newest tickets."""
    state.signatures = dict(signatures())
    for book in state.wallets.values():
        for mint, position in book.positions.items():
            set_stops(book, position)
            book.at_risk_micros += position.at_risk_micros(position.value_micros(state.price_pico(mint)))


# By the version that a step leaves. Up to version 4, states lack the origin of each lot, which only a replay knows.
MIGRATIONS: Final = {
    5: Migration(_name_written_off, _count_losses_at_stops),
    6: Migration(),
    7: Migration(),
    8: Migration(),
}


def migrate(raw: bytes, signatures: Signatures) -> State | None:
    """The state that was encoded by this version or an earlier one; None: only a replay can tell."""
    try:
        version = msgspec.json.decode(raw, type=_Version).version
        if version >= STATE_VERSION:
            return decode_state(raw)  # Refuses a state of a newer version.
        steps = [MIGRATIONS[step] for step in range(version, STATE_VERSION)]
        fields = msgspec.json.decode(raw, type=Fields)
        for step in steps:
            step.layout(fields)
        fields["version"] = _raw(STATE_VERSION)
        state = decode_state(_raw(fields))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        return None
    for step in steps:
        step.books(state, signatures)
    return state


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
