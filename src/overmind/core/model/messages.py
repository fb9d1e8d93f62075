"""The vocabulary. Commands are imperative and may be refused; events are past and are for ever.

Events are journaled before anyone acts on them, and the whole state is a fold over them. Add a field with a default;
never rename or reuse one (`tests/golden` guards this).
"""

from __future__ import annotations

import enum

import msgspec

from overmind.core.model.values import (
    DepositId,
    Desk,
    LimitName,
    Mark,
    Mint,
    Money,
    Move,
    Order,
    OrderId,
    Outcome,
    Signal,
    SizingMethod,
    StrategyType,
    Ticket,
    TradingMode,
    Value,
    Wallet,
    WalletId,
)


class Code(enum.StrEnum):
    """Why an entry may not be made, in order of precedence (SPEC §8)."""

    PORTFOLIO_STOPPED = "PORTFOLIO_STOPPED"
    WALLET_STATUS = "WALLET_STATUS"
    WALLET_TYPE = "WALLET_TYPE"
    WALLET_EXCLUDED = "WALLET_EXCLUDED"
    STRATEGY_NOT_ENABLED = "STRATEGY_NOT_ENABLED"
    SIGNAL_STALE = "SIGNAL_STALE"
    SIGNAL_FROM_FUTURE = "SIGNAL_FROM_FUTURE"
    SELECTION_TIMEOUT = "SELECTION_TIMEOUT"
    PRICE_MISSING = "PRICE_MISSING"
    PRICE_STALE = "PRICE_STALE"
    SLIPPAGE_CEILING = "SLIPPAGE_CEILING"
    PRICE_IMPACT = "PRICE_IMPACT"
    MINT_NOT_ADMITTED = "MINT_NOT_ADMITTED"
    MINT_BLOCKED = "MINT_BLOCKED"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    VOLATILITY_UNKNOWN = "VOLATILITY_UNKNOWN"
    STOP_DISTANCE_UNKNOWN = "STOP_DISTANCE_UNKNOWN"
    SIZE_TOO_SMALL = "SIZE_TOO_SMALL"
    RISK_LEVEL = "RISK_LEVEL"
    DAILY_LOSS = "DAILY_LOSS"
    DAILY_LOSS_HEADROOM = "DAILY_LOSS_HEADROOM"
    ASSET_COOLDOWN = "ASSET_COOLDOWN"
    TRADES_TODAY = "TRADES_TODAY"
    PORTFOLIO_TRADES = "PORTFOLIO_TRADES"
    CONCURRENT_POSITIONS = "CONCURRENT_POSITIONS"
    POSITION_SIZE = "POSITION_SIZE"
    STRATEGY_POSITION_SIZE = "STRATEGY_POSITION_SIZE"
    STRATEGY_SHARE = "STRATEGY_SHARE"
    INSUFFICIENT_QUOTE = "INSUFFICIENT_QUOTE"
    INSUFFICIENT_TOKENS = "INSUFFICIENT_TOKENS"
    INSUFFICIENT_SOL = "INSUFFICIENT_SOL"
    WALLET_EXPOSURE = "WALLET_EXPOSURE"
    PORTFOLIO_EXPOSURE = "PORTFOLIO_EXPOSURE"
    ASSET_CONCENTRATION = "ASSET_CONCENTRATION"
    STRATEGY_CONCENTRATION = "STRATEGY_CONCENTRATION"
    PORTFOLIO_POSITIONS = "PORTFOLIO_POSITIONS"
    RATE_LIMIT = "RATE_LIMIT"


PRECEDENCE = {code: rank for rank, code in enumerate(Code)}


class Refusal(Value, frozen=True):
    """A "no": the rule, what it allows and what was found, in the rule's own unit (`gate.UNITS`).

    Without `wallet_id` it concerns the signal or the portfolio, whichever wallet would have taken it.
    """

    code: Code
    limit: int | str | None = None
    actual: int | str | None = None
    wallet_id: WalletId | None = None


class CostTerms(Value, frozen=True):
    """Expected cost of one wallet's execution in basis points of the notional. Floats: they rank, they never gate."""

    fee: float
    rent: float
    slippage: float
    headroom: float
    preference: float

    @property
    def total(self) -> float:
        return self.fee + self.rent + self.slippage + self.headroom + self.preference


class Selection(Value, frozen=True):
    """Why this wallet: its expected cost, term by term, and among how many it was the cheapest."""

    terms: CostTerms
    candidates: int  # wallets whose capacity and risk level fit; a sale knows only who holds the token
    wallets: int


class Sizing(Value, frozen=True):
    """How a risk budget became an amount in one wallet, cap by cap, for whoever asks later."""

    wanted_micros: int  # what the budget buys at this distance
    budget_micros: int
    distance_ppm: int
    how: SizingMethod
    caps: tuple[tuple[Code, int], ...]  # the largest entry that each limit admitted, in micro-USD, in precedence
    notional_micros: int  # the least of all these

    @property
    def binding(self) -> tuple[Code, ...]:
        """The limits that made it smaller than wanted."""
        return tuple(code for code, micros in self.caps if micros <= self.notional_micros < self.wanted_micros)


class CommandRefused(Exception):
    """A command of ours or of an operator that cannot be done; says why and what would be right."""


class Hold(Value, frozen=True):
    """A named cause why a wallet, a strategy or the portfolio takes no entries. Lifting one leaves the others."""

    cause: str  # emergency, day_loss, quarantine, operator, removed, disk_full, …
    reason: str
    since_ns: int
    until_ns: int | None = None


class Scope(Value, frozen=True):
    """What a hold rests on: one wallet, one strategy, or, with neither, the whole portfolio."""

    wallet_id: WalletId | None = None
    strategy: StrategyType | None = None


class Change(Value, frozen=True):
    """What an operator wants instead of what the files say, in micro-USD, ppm, a count, or as 0 or 1."""

    value: int
    who: str
    reason: str
    since_ns: int


class Remark(Value, frozen=True):
    """Who put a mint on a list, why, and when."""

    who: str
    reason: str
    since_ns: int


class MintLists(Value, frozen=True):
    """Which listed tokens may be bought. A mint on both lists is blocked."""

    blocked: dict[Mint, Remark] = msgspec.field(default_factory=dict)
    allowed: dict[Mint, Remark] | None = None  # None: whatever is not blocked


class MintVerb(enum.StrEnum):
    BLOCK = "block"
    UNBLOCK = "unblock"
    ALLOW = "allow"  # The first one makes the allow list: from then on nothing else is bought.
    DISALLOW = "disallow"
    ALLOW_ALL = "allow-all"  # No allow list any more.


class ExitCause(enum.StrEnum):
    """Why a position is sold without a signal, the most urgent first. It stands first in the order's id."""

    LIQUIDATION = "liquidate"
    STOP_LOSS = "stop"
    TRAILING_STOP = "trail"
    TAKE_PROFIT = "profit"
    TIME = "time"
    OPERATOR = "close"


# Commands


class FoundDesk(Value, frozen=True, tag=True):
    mode: TradingMode
    cluster: str
    genesis_hash: str


class ConfigureDesk(Value, frozen=True, tag=True):
    desk: Desk


class ConfigureWallet(Value, frozen=True, tag=True):
    wallet: Wallet


class RemoveWallet(Value, frozen=True, tag=True):
    """The configuration no longer names it: close-only from now on."""

    wallet_id: WalletId


class RecordDeposit(Value, frozen=True, tag=True):
    """A credit from outside. `to_float` SOL pays fees and rent; else it is quote currency or a position at the mark."""

    deposit_id: DepositId
    wallet_id: WalletId
    money: Money
    to_float: bool = False


class MarkPrices(Value, frozen=True, tag=True):
    marks: tuple[Mark, ...]


class AddHold(Value, frozen=True, tag=True):
    scope: Scope
    cause: str
    reason: str
    until_ns: int | None = None


class LiftHold(Value, frozen=True, tag=True):
    scope: Scope
    cause: str
    reason: str


class EmergencyStop(Value, frozen=True, tag=True):
    reason: str
    liquidate: bool = False  # and sell whatever is held
    sweep: bool = False  # and move what it brings into the Emergency wallet


class SellDue(Value, frozen=True, tag=True):
    """Sell of a position what is due now: by a rule of ours, a liquidation, or an operator's close."""

    wallet_id: WalletId
    mint: Mint


class ClosePosition(Value, frozen=True, tag=True):
    """An operator wants a position sold, all of it, however many orders and tries it takes."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class CancelClose(Value, frozen=True, tag=True):
    """What is left of the position is kept. An order that is under way goes on."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class ChangeLimits(Value, frozen=True, tag=True):
    """An operator wants other limits than the files say, while the desk runs. None: as the files say again."""

    wallet_id: WalletId
    changes: dict[LimitName, int | None]
    who: str
    reason: str


class ChangeMints(Value, frozen=True, tag=True):
    """An operator blocks a mint, or says which alone are allowed."""

    verb: MintVerb
    mint: Mint | None  # None for `allow-all` only
    who: str
    reason: str


class ReactivateWallet(Value, frozen=True, tag=True):
    wallet_id: WalletId
    reason: str


class SubmitSignal(Value, frozen=True, tag=True):
    signal: Signal
    received_at_ns: int  # when it reached our door


class RecordTicket(Value, frozen=True, tag=True):
    order_id: OrderId
    ticket: Ticket


class RecordOutcome(Value, frozen=True, tag=True):
    order_id: OrderId
    outcome: Outcome
    provisional: bool = False  # a fork may still undo it: RecordFinal follows


class RecordFinal(Value, frozen=True, tag=True):
    """What a provisional outcome came to, now that nobody can undo it."""

    order_id: OrderId
    outcome: Outcome


class RecordBalances(Value, frozen=True, tag=True):
    """What the chain says that a wallet owns, read after entry `as_of_seq` was booked."""

    wallet_id: WalletId
    slot: int
    as_of_seq: int
    balances: dict[Mint, int]  # SOL in lamports; a mint that is absent is 0
    signature: str = ""  # the newest on the chain that was found to be known
    signature_slot: int = 0  # that it landed in


class AcceptBalances(Value, frozen=True, tag=True):
    """An operator explains what the books cannot: the chain's balances become the truth."""

    wallet_id: WalletId
    slot: int
    as_of_seq: int
    balances: dict[Mint, int]
    reason: str
    signature: str = ""  # the newest on the chain: it and all before it are explained too
    signature_slot: int = 0  # that it landed in


class Rebalance(Value, frozen=True, tag=True):
    """Move capital back to the allocations: because an operator wants it, or if the bands make it due now."""

    reason: str
    by_operator: bool = False


class MoveDue(Value, frozen=True, tag=True):
    """Whatever our own rules want moved now: proceeds to sweep, floats to top up, rent to reclaim."""


class Withdraw(Value, frozen=True, tag=True):
    """Take capital out of the desk. `request_id` is the idempotency key."""

    request_id: str
    wallet_id: WalletId
    money: Money
    to_address: str
    reason: str


class CancelMove(Value, frozen=True, tag=True):
    """Of a move that waits for its time."""

    move_id: OrderId
    reason: str


Command = (
    FoundDesk
    | ConfigureDesk
    | ConfigureWallet
    | RemoveWallet
    | RecordDeposit
    | MarkPrices
    | AddHold
    | LiftHold
    | EmergencyStop
    | SellDue
    | ClosePosition
    | CancelClose
    | ChangeLimits
    | ChangeMints
    | ReactivateWallet
    | SubmitSignal
    | RecordTicket
    | RecordOutcome
    | RecordFinal
    | RecordBalances
    | AcceptBalances
    | Rebalance
    | MoveDue
    | Withdraw
    | CancelMove
)


# Events


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


Event = (
    DeskFounded
    | DeskConfigured
    | WalletConfigured
    | Deposited
    | PricesMarked
    | DayRolled
    | HoldAdded
    | HoldLifted
    | SignalRecorded
    | SignalRefused
    | OrderPlaced
    | TicketRecorded
    | OrderClosed
    | OrderFinal
    | OrderRolledBack
    | BalancesChecked
    | BalanceAdjusted
    | LiquidationOrdered
    | CloseOrdered
    | CloseCancelled
    | MovePlaced
    | MoveClosed
    | MoveFinal
    | MoveRolledBack
    | LimitsChanged
    | MintsChanged
)

Answer = OrderPlaced | SignalRefused | SignalRecorded  # What a signal's first decision can be.


class Entry(Value, frozen=True):
    """One journal line."""

    seq: int
    at_ns: int
    event: Event
