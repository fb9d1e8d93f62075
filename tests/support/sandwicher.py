"""An adversary that watches the public route and sandwiches the swaps that it sees, on a pool of constant product.

It is as strong as the model allows: it knows the pool, pays no fee, goes first and last in the block, and chooses the
largest front run that the victim's signed minimum output still admits. All amounts are integers of base units; every
rounding is in the adversary's favour or the pool's.
"""

from __future__ import annotations

from struct import Struct

from overmind.core.model.value import Value
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.wire import Wire
from overmind.solana import tokens
from overmind.solana.transactions import parse

_TRANSFER_CHECKED = Struct("<BQB")
_PROGRAMS = frozenset(map(str, tokens.TOKEN_PROGRAMS.values()))


class Pool(Value, frozen=True):
    """Reserves of what the victim spends and of what it receives."""

    spent: int
    received: int

    def bought(self, units: int) -> tuple[int, Pool]:
        """What `units` of the spent token buy, rounded down, and the pool afterwards."""
        out = self.received * units // (self.spent + units)
        return out, Pool(self.spent + units, self.received - out)

    def sold(self, units: int) -> int:
        """What `units` of the received token bring back, rounded down."""
        return self.spent * units // (self.received + units)

    def cost_up(self, units: int) -> int:
        """What it costs to buy so many units, rounded up."""
        return -(-self.spent * units // (self.received - units))


class Swap(Value, frozen=True):
    """What a transaction itself says: nothing of an order or of a quote."""

    spends: int
    receives_min: int


class Attack(Value, frozen=True):
    front: int  # of the spent token
    gain: int  # of the spent token; 0: no attack pays
    victim_gets: int


def read_swap(raw: bytes) -> Swap | None:
    """The swap of the fee payer. None: it is none."""
    transaction = parse(raw)
    payer, spends, receives = transaction.keys[0], 0, 0
    for one in transaction.instructions:
        if one.program in _PROGRAMS and len(one.data) == _TRANSFER_CHECKED.size:
            _, units, _ = _TRANSFER_CHECKED.unpack(one.data)
            if one.accounts[3] == payer:
                spends += units
            else:
                receives += units
    return Swap(spends, receives) if spends and receives else None


def best_attack(pool: Pool, swap: Swap) -> Attack:
    """The largest front run that lets the victim's transaction succeed is the best one: its gain rises with it."""
    low, high = 0, 64 * pool.spent
    while low < high:
        middle = (low + high + 1) // 2
        _, after = pool.bought(middle)
        low, high = (middle, high) if after.bought(swap.spends)[0] >= swap.receives_min else (low, middle - 1)
    front, after = pool.bought(low)
    got, last = after.bought(swap.spends)
    if got < swap.receives_min:
        return Attack(0, 0, 0)  # The price has moved on: the transaction reverts, and there is nothing to take.
    gain = last.sold(front) - low
    return Attack(low, max(gain, 0), got)


def gain_bound(pool: Pool, swap: Swap) -> int:
    """What the signed minimum output leaves to take: the price, on the pool, of the units between it and the fair
    output. One unit for each rounding of the three trades comes on top, at the last price.
    """
    fair, _ = pool.bought(swap.spends)
    if fair < swap.receives_min:
        return 0
    return pool.cost_up(fair + 3) - pool.cost_up(swap.receives_min) + 3


class Watcher:
    """Sees every transaction that the public route carries, before it lands."""

    def __init__(self, chain: LocalChain) -> None:
        self.seen: list[bytes] = []
        chain.onlookers.append(self._look)

    def _look(self, wire: Wire) -> None:
        self.seen.append(wire.raw)

    def swaps_of(self, payer: str) -> list[Swap]:
        """The swaps among what it saw of one wallet."""
        mine = [raw for raw in self.seen if parse(raw).keys[0] == payer]
        return [swap for raw in mine if (swap := read_swap(raw)) is not None]
