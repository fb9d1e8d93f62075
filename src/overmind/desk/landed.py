"""Reads from the chain what an operator books of an order that landed otherwise than ordered."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.control.landed import landed_otherwise
from overmind.core.model.commands import BookFromChain, CommandRefused, given_by
from overmind.core.model.ids import SOL, Mint, OrderId
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Cause, Failed, Filled
from overmind.desk.engine import Engine
from overmind.ports import ChainSilent, Effects
from overmind.solana.chain import RpcChain, RpcNode
from overmind.solana.settlement import Unsettled, outside_costs, settle
from overmind.solana.tipping import tip_of


async def book_from_chain(
    engine: Engine, chain: RpcChain, order_id: OrderId, reason: str, by: str = ""
) -> Filled | Failed:
    """Durable on return. Raises CommandRefused, ChainSilent."""
    known = landed_otherwise(engine.state, order_id)
    assert known.ticket is not None, known
    effects = await chain.effects(known.ticket.signature)
    if effects is None or not await _is_final(chain.histories, known.ticket, effects.slot):
        raise CommandRefused(f"{order_id} is not final yet, and a fork may still undo it: try again in a minute")
    tip = tip_of(known.order, known.ticket.payload)
    outcome, changes = taken(effects, known.order, known.otherwise, tip)
    await engine.handle(given_by(BookFromChain(order_id, outcome, changes, reason), by))
    return outcome


async def _is_final(nodes: tuple[RpcNode, ...], ticket: Ticket, slot: int) -> bool:
    """Whether it is final in that slot, by any node that has its history. Raises ChainSilent if none answers."""
    silence = ""
    for node in nodes:
        try:
            status = await node.status_in_history(ticket.signature, 0)
        except ChainSilent as silent:
            silence = str(silent)
            continue
        return status is not None and status.finalized and status.slot == slot
    raise ChainSilent(silence)


def unsigned_orders_like(state: State, effects: Effects) -> list[OrderId]:
    """The open orders that this journal never signed, and that a transaction would fill to the letter.

    Only an operator can tell whether it is one of them: another process may have signed it, or an older copy of the
    journal lacks its ticket.
    """
    return [
        known.order.id
        for known in state.open_orders.values()
        if known.ticket is None
        and state.wallets[known.order.wallet_id].wallet.public_key == effects.accounts[0]
        and _fills(effects, known.order)
    ]


def _fills(effects: Effects, order: Order) -> bool:
    try:
        found = settle(effects, order)
    except Unsettled:
        return False
    return (
        isinstance(found, Filled)
        and found.spent_units == order.spend.units
        and found.received_units >= order.received_min
    )


def taken(effects: Effects, order: Order, why: str, tip_lamports: int = 0) -> tuple[Filled | Failed, dict[Mint, int]]:
    """The outcome to book, and the changes of our balances beside it.

    A swap within what was held is a fill, however little it received. Anything else is a failure, and each change of
    our balances stands beside it: capital that came or went without a trade.
    """
    try:
        found = settle(effects, order, tip_lamports)
    except Unsettled:
        found = None
    if isinstance(found, Failed):
        return found, {}
    if found is not None and found.spent_units <= order.spend.units and outside_costs(order, found) is None:
        return found, {}
    fee = min(effects.fee_lamports, order.fee_max_lamports)
    failed = Failed(fee, Cause.NOT_VERIFIED, f"booked from the chain by an operator: {why}", effects.slot)
    changes: dict[Mint, int] = {SOL: effects.post_lamports[0] - effects.pre_lamports[0] + fee}
    for token in effects.tokens:
        if token.owner == effects.accounts[0] and token.mint != SOL:
            changes[token.mint] = changes.get(token.mint, 0) + token.post_units - token.pre_units
    return failed, {mint: units for mint, units in changes.items() if units}
