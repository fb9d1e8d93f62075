"""Events: past, and for ever. They are journaled before anyone acts on them; the state is a fold over them.

Add a field with a default; never rename or reuse one (`tests/golden` guards this).
"""

from __future__ import annotations

from overmind.core.model.codes import Refusal
from overmind.core.model.controls import Change, Hold, MintLists, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import TradingMode
from overmind.core.model.ids import DepositId, LimitName, Mint, OrderId, WalletId
from overmind.core.model.money import Mark, Money
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Outcome
from overmind.core.model.selection import Selection, Sizing
from overmind.core.model.signal import Signal
from overmind.core.model.value import Value
from overmind.core.model.wallet import Wallet


class DeskFounded(Value, frozen=True, tag=True):
    """The identity stamp: the first entry of every journal."""

    mode: TradingMode
    cluster: str
    genesis_hash: str


class DeskConfigured(Value, frozen=True, tag=True):
    desk: Desk


class WalletConfigured(Value, frozen=True, tag=True):
    wallet: Wallet


class Deposited(Value, frozen=True, tag=True):
    deposit_id: DepositId
    wallet_id: WalletId
    money: Money
    to_float: bool = False


class PricesMarked(Value, frozen=True, tag=True):
    marks: tuple[Mark, ...]


class DayRolled(Value, frozen=True, tag=True):
    day: int  # days since 1970-01-01 UTC


class HoldAdded(Value, frozen=True, tag=True):
    scope: Scope
    hold: Hold


class HoldLifted(Value, frozen=True, tag=True):
    scope: Scope
    cause: str
    reason: str


class SignalRecorded(Value, frozen=True, tag=True):
    """A Hold: recorded, and nothing is executed."""

    signal: Signal


class SignalRefused(Value, frozen=True, tag=True):
    signal: Signal
    refusals: tuple[Refusal, ...]
    unlisted: int = 0  # wallets beyond those that were asked one by one


class OrderPlaced(Value, frozen=True, tag=True):
    signal: Signal
    order: Order
    selection: Selection
    sizing: Sizing | None = None  # of a buy that gave a risk budget


class TicketRecorded(Value, frozen=True, tag=True):
    order_id: OrderId
    ticket: Ticket


class OrderClosed(Value, frozen=True, tag=True):
    order_id: OrderId
    outcome: Outcome
    provisional: bool = False  # booked, and a fork may still undo it


class OrderFinal(Value, frozen=True, tag=True):
    """A provisional outcome that nobody can undo any more."""

    order_id: OrderId


class OrderRolledBack(Value, frozen=True, tag=True):
    """A fork undid a provisional outcome. What it came to instead."""

    order_id: OrderId
    outcome: Outcome


class BalancesChecked(Value, frozen=True, tag=True):
    """Every signature on the chain up to this one is ours by a ticket, or not ours at all."""

    wallet_id: WalletId
    slot: int
    signature: str


class BalanceAdjusted(Value, frozen=True, tag=True):
    """An operator accepted a difference between the chain and the books: positive is more on the chain."""

    wallet_id: WalletId
    mint: Mint
    units: int
    reason: str


class LiquidationOrdered(Value, frozen=True, tag=True):
    """Whatever is held now is sold, wallet by wallet, until a wallet is reactivated."""

    reason: str
    sweep: bool = False  # what it brings goes to the Emergency wallet


class CloseOrdered(Value, frozen=True, tag=True):
    """An operator wants a position sold: it stands until nothing of it is left, or until it is cancelled."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class CloseCancelled(Value, frozen=True, tag=True):
    wallet_id: WalletId
    mint: Mint
    reason: str


class MovePlaced(Value, frozen=True, tag=True):
    """Its capital is held. `TicketRecorded` with its id follows before it is sent."""

    move: Move


class MoveClosed(Value, frozen=True, tag=True):
    move_id: OrderId
    outcome: Outcome
    provisional: bool = False  # booked, and a fork may still undo it


class MoveFinal(Value, frozen=True, tag=True):
    move_id: OrderId


class MoveRolledBack(Value, frozen=True, tag=True):
    """A fork undid a provisional outcome. What it came to instead."""

    move_id: OrderId
    outcome: Outcome


class LimitsChanged(Value, frozen=True, tag=True):
    """All that an operator wants otherwise in this wallet from now on, and who wanted each and why; none: the files."""

    wallet_id: WalletId
    changes: dict[LimitName, Change]
    who: str
    reason: str


class MintsChanged(Value, frozen=True, tag=True):
    """The lists as they are from now on, and who changed them and why."""

    mints: MintLists
    who: str
    reason: str


# What happens to one signal without an order, to one order, and to one move. A fold over one of them matches all of it.
SignalEvent = SignalRecorded | SignalRefused
OrderEvent = OrderPlaced | TicketRecorded | OrderClosed | OrderFinal | OrderRolledBack
MoveEvent = MovePlaced | TicketRecorded | MoveClosed | MoveFinal | MoveRolledBack
WorkEvent = OrderEvent | MoveEvent

Event = (
    DeskFounded
    | DeskConfigured
    | WalletConfigured
    | Deposited
    | PricesMarked
    | DayRolled
    | HoldAdded
    | HoldLifted
    | SignalEvent
    | WorkEvent
    | BalancesChecked
    | BalanceAdjusted
    | LiquidationOrdered
    | CloseOrdered
    | CloseCancelled
    | LimitsChanged
    | MintsChanged
)
Answer = OrderPlaced | SignalRefused | SignalRecorded  # What a signal's first decision can be.


class Entry(Value, frozen=True):
    """One journal line."""

    seq: int
    at_ns: int
    event: Event
