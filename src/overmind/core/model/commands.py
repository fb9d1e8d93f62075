"""Commands: imperative, and they may be refused. Each carries the key of its cause, so that it may be repeated."""

from __future__ import annotations

from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import LearnerMode, TradingMode
from overmind.core.model.ids import DepositId, LimitName, Mint, OrderId, WalletId
from overmind.core.model.mints import MintLook
from overmind.core.model.money import Mark, Money
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.signal import Signal
from overmind.core.model.value import Value
from overmind.core.model.wallet import Wallet


class CommandRefused(Exception):
    """A command that cannot be executed; says why and how to correct it."""


class FoundDesk(Value, frozen=True, tag=True):
    mode: TradingMode
    cluster: str
    genesis_hash: str


class ConfigureDesk(Value, frozen=True, tag=True):
    desk: Desk


class ConfigureWallet(Value, frozen=True, tag=True):
    wallet: Wallet


class RemoveWallet(Value, frozen=True, tag=True):
    """The configuration no longer names the wallet: from now on only exits."""

    wallet_id: WalletId


class RecordDeposit(Value, frozen=True, tag=True):
    """A deposit from outside. SOL with `to_float` pays fees and rent; else it is quote currency or a position."""

    deposit_id: DepositId
    wallet_id: WalletId
    money: Money
    to_float: bool = False


class MarkPrices(Value, frozen=True, tag=True):
    marks: tuple[Mark, ...]


class AcceptPrice(Value, frozen=True, tag=True):
    """An operator says what a token costs, from a source of their own."""

    mint: Mint
    price_pico: int
    reason: str


class AddHold(Value, frozen=True, tag=True):
    scope: Scope
    cause: str
    reason: str
    until_ns: int | None = None


class LiftHold(Value, frozen=True, tag=True):
    scope: Scope
    cause: str
    reason: str


class TrustClock(Value, frozen=True, tag=True):
    """What the wall clock says is believed again: it was corrected, confirmed, or accepted by an operator."""

    reason: str


class EmergencyStop(Value, frozen=True, tag=True):
    reason: str
    liquidate: bool = False  # and sell whatever is held
    sweep: bool = False  # and sweep the proceeds into the Emergency wallet


class SellDue(Value, frozen=True, tag=True):
    """Sell a position that is due now: by an exit rule, a liquidation, or an operator's close."""

    wallet_id: WalletId
    mint: Mint
    price_pico: int | None = None  # that the market has met since the newest mark; None: the mark's


class ClosePosition(Value, frozen=True, tag=True):
    """An operator closes a position: all of it, with as many orders and tries as needed."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class CancelClose(Value, frozen=True, tag=True):
    """Keep the rest of the position. An open order continues."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class WriteOff(Value, frozen=True, tag=True):
    """Stop counting a position that is dust. Its units stay in the wallet."""

    wallet_id: WalletId
    mint: Mint
    reason: str


class ChangeLimits(Value, frozen=True, tag=True):
    """An operator's changes of a wallet's limits. None: back to the value in the files."""

    wallet_id: WalletId
    changes: dict[LimitName, int | None]
    who: str
    reason: str


class ChangeMints(Value, frozen=True, tag=True):
    """An operator blocks a mint, or allows only certain mints."""

    verb: MintVerb
    mint: Mint | None  # None for `allow-all` only
    who: str
    reason: str


class ChangeLearnerMode(Value, frozen=True, tag=True):
    """An operator says whether the learner decides."""

    mode: LearnerMode
    who: str
    reason: str


class RecordAdmission(Value, frozen=True, tag=True):
    """A look at a token's mint on the chain. The decision judges it by the policy."""

    mint: Mint
    look: MintLook
    wanted: bool = False  # a signal wants to buy it: a mint that no list has becomes known, or is turned away


class RecordAccounts(Value, frozen=True, tag=True):
    """A look at a wallet's own token accounts: what is wrong with each, by mint; blank: nothing."""

    wallet_id: WalletId
    seen: dict[Mint, str]


class ReactivateWallet(Value, frozen=True, tag=True):
    wallet_id: WalletId
    reason: str


class SubmitSignal(Value, frozen=True, tag=True):
    signal: Signal
    received_at_ns: int  # when the signal arrived


class RecordTicket(Value, frozen=True, tag=True):
    work_id: OrderId
    ticket: Ticket


class RecordOutcome(Value, frozen=True, tag=True):
    work_id: OrderId
    outcome: Outcome
    provisional: bool = False  # a fork may still undo it; RecordFinal follows


class RecordLanding(Value, frozen=True, tag=True):
    """An order's transaction landed and reads differently from the order."""

    order_id: OrderId
    why: str


class BookFromChain(Value, frozen=True, tag=True):
    """An operator books an order that landed otherwise: a final outcome, and the other changes of our balances."""

    order_id: OrderId
    outcome: Filled | Failed
    changes: dict[Mint, int]  # beside the outcome, in base units
    reason: str


class RecordFinal(Value, frozen=True, tag=True):
    """The final outcome of a provisional one."""

    work_id: OrderId
    outcome: Outcome


class RecordBalances(Value, frozen=True, tag=True):
    """A wallet's balances on the chain, read after entry `as_of_seq` was booked."""

    wallet_id: WalletId
    slot: int
    as_of_seq: int
    balances: dict[Mint, int]  # SOL in lamports; a mint that is absent is 0
    signature: str = ""  # the newest checked signature on the chain
    signature_slot: int = 0  # its slot


class AcceptBalances(Value, frozen=True, tag=True):
    """An operator explains a difference: the books are adjusted to the chain's balances."""

    wallet_id: WalletId
    slot: int
    as_of_seq: int
    balances: dict[Mint, int]
    reason: str
    signature: str = ""  # the newest on the chain; it and all older ones count as explained
    signature_slot: int = 0  # its slot


class RequireHistory(Value, frozen=True, tag=True):
    """The journal may be an older copy: nothing is sent before every wallet's history since then is known."""

    reason: str


class RecordHistory(Value, frozen=True, tag=True):
    """The chain's history of these wallets was read to its end, and the journal knows all of it."""

    wallet_ids: tuple[WalletId, ...]
    reason: str


class AcceptHistory(Value, frozen=True, tag=True):
    """An operator has looked at what a wallet did since the journal ended: the books follow the chain."""

    found: AcceptBalances


class Rebalance(Value, frozen=True, tag=True):
    """Move capital back to the allocations: by an operator, or if the bands make it due now."""

    reason: str
    by_operator: bool = False


class MoveDue(Value, frozen=True, tag=True):
    """Place the moves that are due: sweeps, top-ups and reclaims."""


class Withdraw(Value, frozen=True, tag=True):
    """Take capital out of the desk. `request_id` is the idempotency key."""

    request_id: str
    wallet_id: WalletId
    money: Money
    to_address: str
    reason: str


class CancelMove(Value, frozen=True, tag=True):
    """Cancel a move that has not started."""

    move_id: OrderId
    reason: str


# What a person or their program may want of a desk. Each has a reason.
OperatorCommand = (
    AcceptPrice
    | AddHold
    | LiftHold
    | TrustClock
    | EmergencyStop
    | ClosePosition
    | CancelClose
    | WriteOff
    | ChangeLimits
    | ChangeMints
    | ChangeLearnerMode
    | ReactivateWallet
    | BookFromChain
    | AcceptBalances
    | AcceptHistory
    | Rebalance
    | Withdraw
    | CancelMove
)


class Attributed(Value, frozen=True, tag=True):
    """A command with who gave it: the name of a user, `token:NAME`, `telegram:USER_ID`, or `cli:LOGIN`."""

    command: OperatorCommand
    by: str


def given_by(command: OperatorCommand, by: str) -> OperatorCommand | Attributed:
    """Blank: nobody is named, as in a program that has the desk inside itself."""
    return Attributed(command, by) if by else command


class RecordAction(Value, frozen=True, tag=True):
    """Somebody changes who may do what, which no other event tells."""

    by: str
    action: str
    about: str
    reason: str


Command = (
    FoundDesk
    | ConfigureDesk
    | ConfigureWallet
    | RemoveWallet
    | RecordDeposit
    | MarkPrices
    | AcceptPrice
    | AddHold
    | LiftHold
    | TrustClock
    | EmergencyStop
    | SellDue
    | ClosePosition
    | CancelClose
    | WriteOff
    | ChangeLimits
    | ChangeMints
    | ChangeLearnerMode
    | RecordAdmission
    | RecordAccounts
    | ReactivateWallet
    | SubmitSignal
    | RecordTicket
    | RecordOutcome
    | RecordLanding
    | BookFromChain
    | RecordFinal
    | RecordBalances
    | AcceptBalances
    | RequireHistory
    | RecordHistory
    | AcceptHistory
    | Rebalance
    | MoveDue
    | Withdraw
    | CancelMove
    | Attributed
    | RecordAction
)
