"""What needs a person now: what is wrong and does not end by itself."""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.state import State
from overmind.core.exits.exit_rules import unpayable_exits, unwatched
from overmind.core.model.units import LAMPORTS
from overmind.core.model.value import Value
from overmind.views.alarms import state_alarms
from overmind.views.amounts import symbol_of
from overmind.views.prices import doubts
from overmind.views.screens.holds import hold_chips


class Attention(Value, frozen=True):
    what: str
    fix: str = ""


def attention(state: State, at_ns: int, alarms: tuple[str, ...] = ()) -> tuple[Attention, ...]:
    """`alarms`: of the machine, which the journal does not know."""
    return (*_held(state), *map(Attention, alarms), *_alarms(state), *_exits(state, at_ns))


def _held(state: State) -> Iterator[Attention]:
    for chip in hold_chips(state):
        if chip.is_danger and chip.until_ns is None:
            yield Attention(f"{chip.name.replace('_', ' ')}, {chip.where}: {chip.reason}", "see the holds below")


def _alarms(state: State) -> Iterator[Attention]:
    for alarms in state_alarms(state).values():
        yield from map(Attention, alarms)
    for row in doubts(state):
        yield Attention(f"the price of {row.symbol} is not believed: {row.why}", row.fix)


def _exits(state: State, at_ns: int) -> Iterator[Attention]:
    for one in unpayable_exits(state):
        short = f"it has {one.lamports / LAMPORTS:g} SOL free, {one.needed / LAMPORTS:g} are needed"
        yield Attention(f"{one.wallet_id} cannot pay for selling what it holds: {short}", f"send SOL to {one.address}")
    for wallet_id, mint in unwatched(state, at_ns):
        symbol = symbol_of(state.settings, mint)
        yield Attention(f"the stops of {symbol} in {wallet_id} cannot be watched: it has no fresh price")
