"""`python -m bench.splitting [--json]`: what dividing a buy costs against one wallet, and what it fills beyond one.

Desks of 4, 20 and 50 wallets with different room, some of which have the token's account already. Each buy is decided
twice in the same state: for one wallet alone, and with `split`. Nothing is applied, so the two are paired.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Final

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.desks import START_NS, PureDesk, buy
from overmind.core.decide import decide
from overmind.core.model.commands import ConfigureDesk, ConfigureWallet, RecordOutcome, RecordTicket, SubmitSignal
from overmind.core.model.enums import Split
from overmind.core.model.events import OrderPlaced
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Filled
from overmind.core.model.units import MICROS

WALLETS: Final = (4, 20, 50)
BUYS: Final = 400
ROOMS_USD: Final = (100, 300, 1_000, 3_000, 10_000)  # the position limits of the wallets
OPENED: Final = 0.4  # of the wallets have the token's account


class Row(msgspec.Struct, frozen=True):
    wallets: int
    one_could: int  # buys that one wallet could take
    divided: int  # of those: how many were divided
    one_bps: float  # mean expected cost of the cheapest wallet alone, of those that were divided
    split_bps: float  # and of the parts
    worst_bps: float  # the most that a split cost above the cheapest wallet alone; never above zero
    one_could_not: int  # buys that no wallet could take alone
    filled: int  # of those: bought in full by `all`
    share: float  # of their amount, bought by `partial`


def measured(wallets: int) -> Row:
    desk, random = _desk(wallets), Random(wallets)
    pairs: list[tuple[float, float]] = []
    beyond = filled = one_could = 0
    asked = bought = 0
    for number in range(BUYS):
        usd = random.choice((50, 200, 1_000, 5_000, 20_000)) * random.uniform(0.5, 1.5)
        command, at_ns = _buy(desk, 1_000 + number, round(usd * MICROS)), desk.state.at_ns + 1
        one = _placed(desk, command, Split.NONE, at_ns)
        every = _placed(desk, command, Split.ALL, at_ns)
        if one:
            one_could += 1
            pairs.append((_cost(one), _cost(every))) if len(every) > 1 else pairs
            assert _cost(every) <= _cost(one) + 1e-9, (one, every)
            continue
        beyond += 1
        filled += bool(every)
        asked += command.signal.notional_micros or 0
        bought += sum(part.order.notional_micros for part in _placed(desk, command, Split.PARTIAL, at_ns))
    count = max(1, len(pairs))
    return Row(
        wallets=wallets,
        one_could=one_could,
        divided=len(pairs),
        one_bps=sum(one for one, _ in pairs) / count,
        split_bps=sum(parts for _, parts in pairs) / count,
        worst_bps=max((parts - one for one, parts in pairs), default=0.0),
        one_could_not=beyond,
        filled=filled,
        share=bought / asked if asked else 0.0,
    )


def _desk(wallets: int) -> PureDesk:
    desk, random = PureDesk(wallets, mints=2), Random(f"rooms of {wallets}")
    desk.run(ConfigureDesk(replace(desk.desk, split_parts_max=4)), START_NS)
    mint, number = desk.mints[1], 0
    for book in list(desk.state.wallets.values()):
        if random.random() < OPENED:  # A small buy makes its account of the token.
            number += 1
            others = tuple(one for one in desk.state.wallets if one != book.wallet.id)
            signal = replace(buy(number, mint, START_NS).signal, exclude=others, notional_micros=10 * MICROS)
            (placed,) = desk.run(SubmitSignal(signal, START_NS), START_NS)
            assert isinstance(placed, OrderPlaced), placed
            order = placed.order
            desk.run(RecordTicket(order.id, Ticket(order.id, b"")), START_NS)
            fill = Filled(order.spend.units, order.received_min, 13_000, order.rent_max_lamports)
            desk.run(RecordOutcome(order.id, fill), START_NS)
        limits = replace(book.wallet.limits, position_max_micros=random.choice(ROOMS_USD) * MICROS)
        desk.run(ConfigureWallet(replace(book.wallet, limits=limits)), START_NS)
    return desk


def _buy(desk: PureDesk, number: int, micros: int) -> SubmitSignal:
    command = buy(number, desk.mints[1], desk.state.at_ns)
    return replace(command, signal=replace(command.signal, notional_micros=micros))


def _placed(desk: PureDesk, command: SubmitSignal, split: Split, at_ns: int) -> list[OrderPlaced]:
    asked = replace(command, signal=replace(command.signal, split=split))
    return [event for event in decide(desk.state, desk.index, asked, at_ns) if isinstance(event, OrderPlaced)]


def _cost(parts: list[OrderPlaced]) -> float:
    """Expected, in basis points of the whole."""
    total = sum(part.selection.terms.total * part.order.notional_micros for part in parts)
    return total / sum(part.order.notional_micros for part in parts)


def main() -> None:
    rows = [measured(wallets) for wallets in WALLETS]
    if "--json" in sys.argv:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table(
        "wallets", "one could", "divided", "one, bps", "parts, bps", "worst", "one could not", "all", "partial"
    )
    for row in rows:
        table.add_row(
            str(row.wallets),
            str(row.one_could),
            str(row.divided),
            f"{row.one_bps:.2f}",
            f"{row.split_bps:.2f}",
            f"{row.worst_bps:+.2f}",
            str(row.one_could_not),
            f"{row.filled / max(1, row.one_could_not):.0%}",
            f"{row.share:.0%}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
