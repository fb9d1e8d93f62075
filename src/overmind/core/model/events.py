"""Events: facts in the past tense. They are journaled before anyone acts on them; the state is a fold over them.

Add a field with a default; never rename or reuse one (`tests/golden` guards this).
"""

from __future__ import annotations

import msgspec

from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.codes import Refusal
from overmind.core.model.controls import Change, Hold, MintLists, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import LearnerMode, TradingMode
from overmind.core.model.ids import DepositId, LimitName, Mint, OrderId, WalletId
from overmind.core.model.learner_rules import ModeCause
from overmind.core.model.mints import Finding, MintFacts, Trial
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Outcome
from overmind.core.model.selection import Plan, Selection, Sizing
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


class PricesMarked(Value, frozen=True, tag=True, omit_defaults=True):
    marks: tuple[Mark, ...]
    doubted: tuple[Mark, ...] = ()  # shown by the first source and not believed: they value and gate nothing


class WitnessColumns(Value, frozen=True, omit_defaults=True):
    """What one second source says about the tokens of `PricesMoved`."""

    source: str
    places: tuple[int, ...] = ()  # of its tokens in the columns; empty: all of them
    off_pico: tuple[int, ...] = ()  # its price less the mark's, token by token
    ahead_ns: tuple[int, ...] = ()  # its time less the mark's; a single one: that of all; none: all are 0
    of_sale: bool = False


class PricesMoved(Value, frozen=True, tag=True, omit_defaults=True):
    """New marks like those of `PricesMarked`, told in columns by what they change.

    A token has a number, in the order in which tokens are named. One that is left out shows its price unchanged.
    """

    tokens: tuple[int, ...]
    by_pico: tuple[int, ...]  # the price less the one that was shown before; that of a token without one: 0
    ages_ns: tuple[int, ...] = ()  # the entry's time less the mark's; a single one: that of all; none: all are 0
    doubted: int = 0  # so many at the end of the columns are shown and not believed
    witnesses: tuple[WitnessColumns, ...] = ()
    named: tuple[Mint, ...] = ()  # tokens that get the next numbers, those of this entry included


class PriceAccepted(Value, frozen=True, tag=True):
    """An operator found this price elsewhere: from now on the token's marks are measured against it."""

    mint: Mint
    price_pico: int
    reason: str


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
    """A signal of the action Hold: recorded, and nothing is executed."""

    signal: Signal


class SignalRefused(Value, frozen=True, tag=True, omit_defaults=True):
    signal: Signal
    refusals: tuple[Refusal, ...] = ()  # none where the journal has them in brief
    unlisted: int = 0  # wallets whose refusals are not listed one by one
    brief: BriefRefusals | None = None


class OrderPlaced(Value, frozen=True, tag=True, omit_defaults=True):
    signal: Signal
    order: Order
    selection: Selection
    sizing: Sizing | None = None  # for a buy with a risk budget
    plan: Plan | None = None  # of a buy that was divided: with its first part
    of_sources: dict[str, int] = msgspec.field(default_factory=dict)  # by source, how many of its units a sale takes


class TicketRecorded(Value, frozen=True, tag=True):
    order_id: OrderId
    ticket: Ticket


class OrderClosed(Value, frozen=True, tag=True):
    order_id: OrderId
    outcome: Outcome
    provisional: bool = False  # booked, but a fork may still undo it


class OrderFinal(Value, frozen=True, tag=True):
    """No fork can undo this outcome any more."""

    order_id: OrderId


class OrderRolledBack(Value, frozen=True, tag=True):
    """A fork undid a provisional outcome; this outcome replaced it."""

    order_id: OrderId
    outcome: Outcome


class OrderLandedOtherwise(Value, frozen=True, tag=True):
    """Its transaction landed and changed other balances than the order's. It stays open until an operator books it."""

    order_id: OrderId
    why: str


class OrderTakenFromChain(Value, frozen=True, tag=True):
    """An operator has looked at an order that landed otherwise. What the chain shows is booked right after this."""

    order_id: OrderId
    reason: str


class BalancesChecked(Value, frozen=True, tag=True):
    """Every signature on the chain up to this one has a ticket or was not signed by our key."""

    wallet_id: WalletId
    slot: int
    signature: str


class BalanceAdjusted(Value, frozen=True, tag=True):
    """An operator accepted a difference between chain and books; positive: the chain has more."""

    wallet_id: WalletId
    mint: Mint
    units: int
    reason: str


class HistoryAccepted(Value, frozen=True, tag=True):
    """An operator has looked at what this wallet did since the journal ended. The next hold `restored` asks again."""

    wallet_id: WalletId
    reason: str


class LiquidationOrdered(Value, frozen=True, tag=True):
    """All positions are to be sold, in each wallet until it is reactivated."""

    reason: str
    sweep: bool = False  # sweep the proceeds into the Emergency wallet


class CloseOrdered(Value, frozen=True, tag=True):
    """An operator closes a position: valid until nothing of it is left, or until it is cancelled."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class CloseCancelled(Value, frozen=True, tag=True):
    wallet_id: WalletId
    mint: Mint
    reason: str


class DustWrittenOff(Value, frozen=True, tag=True):
    """A position that was dust ends. Its units stay in the wallet, apart from what is held and sold."""

    wallet_id: WalletId
    mint: Mint
    units: int
    reason: str


class MovePlaced(Value, frozen=True, tag=True):
    """A move whose amount is held. `TicketRecorded` with its id follows before it is sent."""

    move: Move


class MoveClosed(Value, frozen=True, tag=True):
    move_id: OrderId
    outcome: Outcome
    provisional: bool = False  # booked, but a fork may still undo it


class MoveFinal(Value, frozen=True, tag=True):
    move_id: OrderId


class MoveRolledBack(Value, frozen=True, tag=True):
    """A fork undid a provisional outcome; this outcome replaced it."""

    move_id: OrderId
    outcome: Outcome


class LimitsChanged(Value, frozen=True, tag=True):
    """All of an operator's changes in this wallet from now on, with who made each and why; none: the files apply."""

    wallet_id: WalletId
    changes: dict[LimitName, Change]
    who: str
    reason: str


class MintsChanged(Value, frozen=True, tag=True):
    """The lists from now on, with who changed them and why."""

    mints: MintLists
    who: str
    reason: str


class MintAdmitted(Value, frozen=True, tag=True, omit_defaults=True):
    """A look at a mint found nothing against it, for the first time or otherwise than before."""

    mint: Mint
    facts: MintFacts
    token: Token | None = None  # of a mint that no list has, when it was tried: the desk knows the token from here on
    trial: Trial | None = None


class MintRefused(Value, frozen=True, tag=True, omit_defaults=True):
    """A look at a mint found what the policy does not allow: its token is not bought."""

    mint: Mint
    facts: MintFacts | None  # None: there is no mint that could be read
    findings: tuple[Finding, ...]
    trial: Trial | None = None
    turned_away: bool = False  # no list has it, and the desk does not know the token


class MintForgotten(Value, frozen=True, tag=True):
    """A token that no list has, and that nobody holds, is not known any more: a signal for it asks for a new look."""

    mint: Mint
    reason: str


class AccountsFlagged(Value, frozen=True, tag=True):
    """All token accounts of a wallet that are not used from now on, by mint, and why; none: all are used."""

    wallet_id: WalletId
    flaws: dict[Mint, str]


class LearnerModeChanged(Value, frozen=True, tag=True):
    """Whether the learner decides from now on: an operator, a configuration, or the desk itself says so."""

    mode: LearnerMode
    cause: ModeCause
    who: str
    reason: str


class OperatorActed(Value, frozen=True, tag=True):
    """Who wanted what, and why. What it did follows in the same batch."""

    by: str  # the name of a user, `token:NAME`, `telegram:USER_ID`, or `cli:LOGIN` of the command line
    action: str  # the name of the command
    about: str  # the wallet, token or name that it is about; blank: the whole desk
    reason: str


# What happens to one signal without an order, to one order, and to one move. A fold over one of them matches all of it.
SignalEvent = SignalRecorded | SignalRefused
OrderEvent = (
    OrderPlaced
    | TicketRecorded
    | OrderLandedOtherwise
    | OrderTakenFromChain
    | OrderClosed
    | OrderFinal
    | OrderRolledBack
)
MoveEvent = MovePlaced | TicketRecorded | MoveClosed | MoveFinal | MoveRolledBack
WorkEvent = OrderEvent | MoveEvent

Event = (
    DeskFounded
    | DeskConfigured
    | WalletConfigured
    | Deposited
    | PricesMarked
    | PricesMoved
    | PriceAccepted
    | DayRolled
    | HoldAdded
    | HoldLifted
    | SignalEvent
    | WorkEvent
    | BalancesChecked
    | BalanceAdjusted
    | HistoryAccepted
    | LiquidationOrdered
    | CloseOrdered
    | CloseCancelled
    | DustWrittenOff
    | LimitsChanged
    | MintsChanged
    | MintAdmitted
    | MintRefused
    | MintForgotten
    | AccountsFlagged
    | LearnerModeChanged
    | OperatorActed
)
Answer = OrderPlaced | SignalRefused | SignalRecorded  # the possible first decisions on a signal


class Entry(Value, frozen=True):
    """One journal line."""

    seq: int
    at_ns: int
    event: Event
