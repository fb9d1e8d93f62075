"""All that the journal says of one wallet, apart from its balances: those are the ledger's."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.books.ledger import WalletAccounts
from overmind.core.books.positions import Position
from overmind.core.model.controls import Hold
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType, WalletStatus
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Failed, Filled
from overmind.core.model.signal import Signal
from overmind.core.model.wallet import Wallet

DOUBLINGS_MAX: Final = 5  # of the pause before what failed is tried again
QUALITY_WINDOW: Final = 100  # executions that a wallet's performance score looks back on

# Which status a hold's cause shows as, most severe first; any other cause means Suspended.
STATUS_OF_CAUSE: Final = {
    "emergency": WalletStatus.EMERGENCY,
    "removed": WalletStatus.INACTIVE,
    "inactive": WalletStatus.INACTIVE,
    "maintenance": WalletStatus.MAINTENANCE,
}


class OpenOrder(msgspec.Struct):
    order: Order
    signal: Signal
    ticket: Ticket | None = None
    token: Token | None = None  # the traded one, as placed: it may be listed no more when the order closes

    @property
    def work(self) -> Order:
        return self.order


class Provisional(msgspec.Struct):
    """An outcome that is booked and that a fork may still undo: what it takes to undo it."""

    order: Order
    token: Token
    ticket: Ticket
    outcome: Filled | Failed
    costs_micros: int  # what its fee and rent were worth when they were booked
    lot_cost_micros: int = 0  # of a sale: what the sold lots had cost
    opened_ns: int = 0  # of the oldest of them
    origin: str = ""  # likewise
    closing: str = (
        ""  # of a sale: why an operator wanted the position sold meanwhile; blank: nobody did, or not any more
    )

    @property
    def work(self) -> Order:
        return self.order


class OpenMove(msgspec.Struct):
    move: Move
    ticket: Ticket | None = None

    @property
    def work(self) -> Move:
        return self.move


class ProvisionalMove(msgspec.Struct):
    """As `Provisional`, of a move."""

    move: Move
    ticket: Ticket
    outcome: Filled | Failed
    costs_micros: int  # net: what its fee and rent were worth when they were booked, less the rent that came back

    @property
    def work(self) -> Move:
        return self.move


class Trying(msgspec.Struct):
    """How a move of our own accord goes on."""

    open: bool = False  # one is on its way
    tries: int = 0  # in a row that came to nothing
    after_ns: int = 0  # not tried again before


class Exiting(msgspec.Struct):
    """How selling a position of our own accord goes on."""

    open: bool = False  # an order of ours is on its way
    rung: int = 0  # of the slippage ladder
    tries: int = 0  # in a row that came to nothing
    after_ns: int = 0  # not tried again before


class ExecutionQuality(msgspec.Struct, frozen=True):
    """One finished attempt, for the performance score."""

    filled: bool
    shortfall_bps: int  # against the mark of the decision; positive is worse than the mark


class WalletBook(msgspec.Struct):
    """Changed by `state.apply` alone. Sums stand beside what they sum up, so that no rule has to count."""

    wallet: Wallet  # as it is in force: all rules read this one
    configured: Wallet  # as the files say
    accounts: WalletAccounts
    slot: int  # registration order; ties in ranking fall to the lowest
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)
    positions: dict[Mint, Position] = msgspec.field(default_factory=dict)
    token_accounts: set[Mint] = msgspec.field(default_factory=set)
    entries: dict[Mint, dict[StrategyType, int]] = msgspec.field(default_factory=dict)  # held buys, micro-USD
    entries_by: dict[StrategyType, int] = msgspec.field(default_factory=dict)  # the same, by strategy
    entries_open: int = 0
    entries_micros: int = 0
    loss_in_flight_micros: int = 0
    deployed: dict[str, int] = msgspec.field(default_factory=dict)  # value of positions by strategy
    positions_micros: int = 0
    cost_micros: int = 0
    equity_micros: int = 0
    trades_today: int = 0
    realised_today_micros: int = 0
    realised_micros: int = 0
    loss_streak: int = 0  # sales in a row that lost money, costs included
    unrealised_base_micros: int = 0  # as the UTC day began
    last_trade_ns: int | None = None
    placed_ns: list[int] = msgspec.field(default_factory=list)  # the newest entries, for the rate limit
    executions: int = 0
    filled: int = 0
    failed: int = 0
    expired: int = 0
    rejected: int = 0
    rolled_back: int = 0
    quality: list[ExecutionQuality] = msgspec.field(default_factory=list)
    exiting: dict[Mint, Exiting] = msgspec.field(default_factory=dict)
    closing: dict[Mint, str] = msgspec.field(default_factory=dict)  # positions that an operator wants sold, and why
    exits_placed: int = 0  # of our own accord, ever: numbers their ids
    reached: set[Mint] = msgspec.field(default_factory=set)  # positions whose newest price may make them due
    timed: dict[Mint, int] = msgspec.field(default_factory=dict)  # those that have their time, and when it is over
    cooldowns: dict[Mint, int] = msgspec.field(default_factory=dict)  # until when not to buy what a stop sold
    cooled_before: dict[Mint, int] = msgspec.field(default_factory=dict)  # likewise, before a stop began to sell it
    liquidating: bool = False
    sweeping: bool = False  # what it has of the quote currency goes to the Emergency wallet
    sweep: Trying = msgspec.field(default_factory=Trying)
    top_up: Trying = msgspec.field(default_factory=Trying)  # of its own float
    swaps_placed: int = 0  # for the float, ever
    empty_since_ns: dict[Mint, int] = msgspec.field(default_factory=dict)  # token accounts whose rent lies idle
    in_suspense: set[Mint] = msgspec.field(default_factory=set)
    booked_seq: int = 0  # of the entry that last changed what it owns, or how sure that is
    booked_slot: int = 0  # the highest that something booked had landed in: an older reading of the chain is too old
    checked: str = ""  # the newest signature on the chain that was looked at
    checked_slot: int = 0  # that it landed in: nothing older is news, even if the signature itself vanishes
    checked_seq: int = 0  # the entry that said so: tickets of later signatures stand after it

    @property
    def status(self) -> WalletStatus:
        for cause, status in STATUS_OF_CAUSE.items():
            if cause in self.holds:
                return status
        return WalletStatus.SUSPENDED if self.holds else WalletStatus.ACTIVE

    def exiting_of(self, mint: Mint, at_ns: int, desk: Desk) -> Exiting:
        """How selling it goes on; anew where it could have been tried again so long ago that it was another fall: for
        longer than the longest pause, and than a mark lives, as a tape is looked at once a candle."""
        known, over_ns = self.exiting.get(mint), max(desk.exit_retry_ns << DOUBLINGS_MAX, desk.mark_age_max_ns)
        if known is None or (not known.open and at_ns > known.after_ns + over_ns):
            return Exiting()
        return known

    @property
    def unrealised_micros(self) -> int:
        return self.positions_micros - self.cost_micros

    @property
    def day_pnl_micros(self) -> int:
        """Realised today net of all costs, and the change of unrealised since 00:00 UTC."""
        return self.realised_today_micros + self.positions_micros - self.cost_micros - self.unrealised_base_micros

    @property
    def mints_in_use(self) -> int:
        """Open positions, those about to be opened included."""
        return len(self.positions) + sum(1 for mint in self.entries if mint not in self.positions)

    def uses(self, mint: Mint) -> bool:
        return mint in self.positions or mint in self.entries

    def used_micros(self, mint: Mint, price_pico: int) -> int:
        """Value of the position, and its held buys."""
        position, entries = self.positions.get(mint), self.entries.get(mint)
        return (position.value_micros(price_pico) if position else 0) + (sum(entries.values()) if entries else 0)

    def used_by_micros(self, mint: Mint, strategy: StrategyType, price_pico: int) -> int:
        """The part of `used_micros` that one strategy owns."""
        position, entries = self.positions.get(mint), self.entries.get(mint)
        value = position.units_by.get(strategy, 0) * price_pico // position.scale if position else 0
        return value + (entries.get(strategy, 0) if entries else 0)

    def deployed_micros(self, strategy: StrategyType) -> int:
        """Value of everything that one strategy owns here, its held buys included."""
        return self.deployed.get(strategy, 0) + self.entries_by.get(strategy, 0)
