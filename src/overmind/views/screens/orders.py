"""Orders with the stage that each has reached, and what it cost against what was expected."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY
from overmind.core.model.events import (
    Entry,
    OrderClosed,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    TicketRecorded,
)
from overmind.core.model.ids import OrderId, SignalId, WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.units import BPS, LAMPORTS, MICROS, value_micros
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import symbol_of, token_of
from overmind.views.orders import booked_amounts, outcome_name, outcome_told

ADDRESS: Final = "https://explorer.solana.com/tx/"
NOTHING: Final[Mapping[OrderId, int]] = {}
PUBLIC: Final[dict[str, dict[str, str]]] = {
    "mainnet": {},
    "devnet": {"cluster": "devnet"},
    "testnet": {"cluster": "testnet"},
}


class Stage(enum.StrEnum):
    PLACED = "placed"  # decided, and its capital is held
    SIGNED = "signed"  # and the signature is durable
    SENT = "sent"  # a node took it; only the running desk knows when, or that it landed shows it
    CONFIRMED = "confirmed"  # the chain has decided; a fork may still undo it
    FINAL = "final"


class Step(Value, frozen=True):
    stage: Stage
    is_reached: bool
    at_ns: int | None = None  # None: not reached, or nobody knows when

    @classmethod
    def at(cls, stage: Stage, at_ns: int | None) -> Step:
        return cls(stage, at_ns is not None, at_ns)


class OrderLine(Value, frozen=True):
    order_id: OrderId
    signal_id: SignalId
    wallet_id: WalletId
    strategy: str
    side: str
    symbol: str
    notional_usd: float
    steps: tuple[Step, ...]
    outcome: str  # blank: it has none yet
    is_bad: bool  # it did not fill, or needs an operator
    detail: str
    expected_bps: float  # what it was expected to cost: fee, rent, spread and impact
    price: float | None
    shortfall_bps: float | None  # the price against the mark of the decision; negative: better
    fee_sol: float | None
    signature: str
    link: str  # to an explorer of its cluster; blank: there is none

    @property
    def stage(self) -> Stage:
        """The last one that it has reached."""
        return [step.stage for step in self.steps if step.is_reached][-1]


class Explorer(Value, frozen=True):
    """Where a person may look at a transaction. The page itself asks nobody."""

    cluster: str  # blank: nothing goes to a chain
    node_url: str = ""  # of a localnet, which the reader's own browser then asks

    def link(self, signature: str) -> str:
        """Blank: there is none."""
        if not signature or not (self.cluster in PUBLIC or self.node_url):
            return ""
        asked = PUBLIC.get(self.cluster, {"cluster": "custom", "customUrl": self.node_url})
        return f"{ADDRESS}{quote(signature, safe='')}" + (f"?{urlencode(asked)}" if asked else "")


class Told(Value, frozen=True):
    """What the entries of one order say, in order."""

    placed: OrderPlaced
    placed_ns: int
    signature: str = ""
    signed_ns: int | None = None
    outcome: Outcome | None = None
    closed_ns: int | None = None
    final_ns: int | None = None
    rolled_back: bool = False
    otherwise: str = ""


def order_line(
    desk: Desk, entries: Sequence[Entry], explorer: Explorer, sent: Mapping[OrderId, int] = NOTHING
) -> OrderLine:
    """`entries`: all of one order, from its placing on. `sent`: when a node took an order, as the desk remembers it."""
    told = _told(entries)
    order, terms = told.placed.order, told.placed.selection.terms
    booked = {} if told.outcome is None else booked_amounts(desk, order, told.outcome)
    price, fee = booked.get("price"), _fee(told.outcome)
    return OrderLine(
        order_id=order.id,
        signal_id=order.signal_id,
        wallet_id=order.wallet_id,
        strategy=order.strategy.value,
        side=order.side.value,
        symbol=symbol_of(desk, order.mint),
        notional_usd=order.notional_micros / MICROS,
        steps=_steps(told, sent.get(order.id)),
        outcome=_outcome(told),
        is_bad=bool(told.otherwise) or (told.outcome is not None and not isinstance(told.outcome, Filled)),
        detail=told.otherwise or _detail(desk, told),
        expected_bps=terms.fee + terms.rent + terms.slippage,
        price=None if price is None else Amount(price),
        shortfall_bps=_shortfall_bps(desk, order, told.outcome),
        fee_sol=fee,
        signature=told.signature,
        link=explorer.link(told.signature),
    )


def _told(entries: Sequence[Entry]) -> Told:
    first = entries[0].event
    assert isinstance(first, OrderPlaced), first
    told = Told(first, entries[0].at_ns)
    for entry in entries[1:]:
        match entry.event:
            case TicketRecorded(ticket=ticket):
                told = replace(told, signature=ticket.signature, signed_ns=entry.at_ns)
            case OrderClosed(outcome=outcome, provisional=provisional):
                final_ns = None if provisional else entry.at_ns
                told = replace(told, outcome=outcome, closed_ns=entry.at_ns, final_ns=final_ns, otherwise="")
            case OrderFinal():
                told = replace(told, final_ns=entry.at_ns)
            case OrderRolledBack(outcome=outcome):
                told = replace(told, outcome=outcome, final_ns=entry.at_ns, rolled_back=True)
            case OrderLandedOtherwise(why=why):
                told = replace(told, otherwise=why)
            case _:
                pass  # An operator books it next.
    return told


def _steps(told: Told, sent_ns: int | None) -> tuple[Step, ...]:
    landed = bool(told.otherwise) or isinstance(told.outcome, Filled | Failed)
    return (
        Step.at(Stage.PLACED, told.placed_ns),
        Step.at(Stage.SIGNED, told.signed_ns),
        Step(Stage.SENT, landed or sent_ns is not None, sent_ns),
        Step.at(Stage.CONFIRMED, told.closed_ns),
        Step.at(Stage.FINAL, told.final_ns),
    )


def _outcome(told: Told) -> str:
    if told.outcome is None:
        return "landed otherwise" if told.otherwise else ""
    name = outcome_name(told.outcome)
    return f"{name}, rolled back" if told.rolled_back else name


def _detail(desk: Desk, told: Told) -> str:
    """What the name of the outcome leaves out."""
    return "" if told.outcome is None else outcome_told(desk, told.placed.order, told.outcome).partition("; ")[2]


def _fee(outcome: Outcome | None) -> float | None:
    return outcome.fee_lamports / LAMPORTS if isinstance(outcome, Filled | Failed) else None


def _shortfall_bps(desk: Desk, order: Order, outcome: Outcome | None) -> float | None:
    """None: it did not fill, or the token's decimals are not known any more."""
    token = token_of(desk, order.mint)
    if not isinstance(outcome, Filled) or token is None:
        return None
    buys = order.side is BUY
    paid, units = (
        (outcome.spent_units, outcome.received_units) if buys else (outcome.received_units, outcome.spent_units)
    )
    worth = value_micros(units, order.mark_pico, token.decimals)
    lost, whole = (paid - worth, paid) if buys else (worth - paid, worth)
    return lost * BPS / whole if whole else None
