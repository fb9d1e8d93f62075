"""All that the journal says about one wallet, except its balances, which are in the ledger."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.books.ledger import WalletAccounts
from overmind.core.books.positions import Lot, Position, owns
from overmind.core.model.controls import Hold
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType, WalletStatus
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order, Ticket
from overmind.core.model.outcome import Failed, Filled
from overmind.core.model.signal import Signal
from overmind.core.model.wallet import Wallet

DOUBLINGS_MAX: Final = 5  # of the pause before a failed try is repeated
QUALITY_WINDOW: Final = 100  # number of executions in a wallet's performance score

# The status for each cause of a hold, most severe first; any other cause means Suspended.
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
    token: Token | None = None  # the traded one, as placed: it may be delisted when the order closes
    # of a sale: whose lots it takes, and how many units of each owner; empty: the oldest of any, as old journals did
    shares: dict[str, int] = msgspec.field(default_factory=dict)
    otherwise: str = ""  # how its transaction landed differently from the order; blank: it did not, as far as is known

    @property
    def work(self) -> Order:
        return self.order


class Provisional(msgspec.Struct):
    """A booked outcome that a fork may still undo, with all that is needed to undo it."""

    order: Order
    token: Token
    ticket: Ticket
    outcome: Filled | Failed
    costs_micros: int  # value of its fee and rent when they were booked
    lot_cost_micros: int = 0  # of a sale: the cost of the sold lots
    opened_ns: int = 0  # when the oldest of them was opened
    origin: str = ""  # its origin
    source: str = ""  # of its signal
    lots: list[Lot] = msgspec.field(default_factory=list)  # of a sale: the sold lots; empty under the first rules
    closing: str = (
        ""  # of a sale: why an operator's close of the position was pending; blank: none was, or it has ended
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
    """Like `Provisional`, for a move."""

    move: Move
    ticket: Ticket
    outcome: Filled | Failed
    costs_micros: int  # value of its fee and rent when they were booked, minus the rent that came back

    @property
    def work(self) -> Move:
        return self.move


class Trying(msgspec.Struct):
    """The tries of a move that the desk starts by itself."""

    open: bool = False  # one is open
    tries: int = 0  # failed tries in a row
    after_ns: int = 0  # no new try before


class Exiting(msgspec.Struct):
    """The tries of an exit without a signal."""

    open: bool = False  # such an order is open
    rung: int = 0  # of the slippage ladder
    tries: int = 0  # failed tries in a row
    after_ns: int = 0  # no new try before


class RouteHealth(msgspec.Struct):
    """The share of a route's newest orders that did not land, as of `missed_ns`; see `route_health`."""

    missed_ppm: int = 0
    missed_ns: int = 0


class ExecutionQuality(msgspec.Struct, frozen=True):
    """One finished attempt, for the performance score."""

    filled: bool
    shortfall_bps: int  # against the mark of the decision; positive is worse than the mark


class WalletBook(msgspec.Struct):
    """Only `apply` changes it. Sums are kept with the values that they sum up, so that no rule has to add them up."""

    wallet: Wallet  # with the limits in force; all rules use this one
    configured: Wallet  # as in the files
    accounts: WalletAccounts
    slot: int  # registration order; ranking resolves ties by the lowest
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)
    positions: dict[Mint, Position] = msgspec.field(default_factory=dict)
    dust: set[Mint] = msgspec.field(default_factory=set)  # positions that are worth less than the desk's dust bound
    token_accounts: set[Mint] = msgspec.field(default_factory=set)
    entries: dict[Mint, dict[StrategyType, int]] = msgspec.field(default_factory=dict)  # held buys, micro-USD
    entries_by: dict[StrategyType, int] = msgspec.field(default_factory=dict)  # by strategy, micro-USD
    reserved: dict[Mint, dict[str, int]] = msgspec.field(default_factory=dict)  # units in open sales, by their owner
    entries_open: int = 0
    entries_micros: int = 0
    loss_in_flight_micros: int = 0
    at_risk_micros: int = 0  # what its positions can still lose from the newest marks down to their stops
    deployed: dict[str, int] = msgspec.field(default_factory=dict)  # value of positions by strategy
    positions_micros: int = 0
    cost_micros: int = 0
    equity_micros: int = 0
    trades_today: int = 0
    realised_today_micros: int = 0
    realised_micros: int = 0
    loss_streak: int = 0  # sales in a row with a loss, costs included
    unrealised_base_micros: int = 0  # at the start of the UTC day
    last_trade_ns: int | None = None
    placed_ns: list[int] = msgspec.field(default_factory=list)  # the newest entries, for the rate limit
    executions: int = 0
    filled: int = 0
    failed: int = 0
    expired: int = 0
    rejected: int = 0
    rolled_back: int = 0
    quality: list[ExecutionQuality] = msgspec.field(default_factory=list)
    missed_ppm: int = 0  # the share of its newest attempts that failed, as of `missed_ns`; see `execution_score`
    missed_ns: int = 0  # when an attempt last changed it
    exiting: dict[Mint, Exiting] = msgspec.field(default_factory=dict)
    # positions that an operator ordered to close, and why
    closing: dict[Mint, str] = msgspec.field(default_factory=dict)
    exits_placed: int = 0  # number of exits without a signal since the beginning; part of their ids
    reached: set[Mint] = msgspec.field(default_factory=set)  # positions whose newest price may make them due
    # positions with a maximum holding time, and when it ends
    timed: dict[Mint, int] = msgspec.field(default_factory=dict)
    # no buying of a token that a stop loss sold before this time
    cooldowns: dict[Mint, int] = msgspec.field(default_factory=dict)
    # the cooldown before the stop loss began to sell
    cooled_before: dict[Mint, int] = msgspec.field(default_factory=dict)
    # since when a protected route is tried for selling a token; a sale that fills ends it
    relayed_ns: dict[Mint, int] = msgspec.field(default_factory=dict)
    liquidating: bool = False
    sweeping: bool = False  # its quote currency goes to the Emergency wallet
    sweep: Trying = msgspec.field(default_factory=Trying)
    top_up: Trying = msgspec.field(default_factory=Trying)  # of its own float
    swaps_placed: int = 0  # swaps for the float since the beginning
    empty_since_ns: dict[Mint, int] = msgspec.field(default_factory=dict)  # empty token accounts, since when
    in_suspense: set[Mint] = msgspec.field(default_factory=set)
    booked_seq: int = 0  # the entry that last changed its balances or their finality
    booked_slot: int = 0  # the highest slot of a booked transaction; older readings of the chain are ignored
    checked: str = ""  # the newest checked signature on the chain
    checked_slot: int = 0  # its slot: older signatures are never checked again, even if this one vanishes
    checked_seq: int = 0  # the entry that recorded it: tickets of later signatures come after it

    @property
    def status(self) -> WalletStatus:
        for cause, status in STATUS_OF_CAUSE.items():
            if cause in self.holds:
                return status
        return WalletStatus.SUSPENDED if self.holds else WalletStatus.ACTIVE

    def exiting_of(self, mint: Mint, at_ns: int, desk: Desk) -> Exiting:
        """The tries of selling it. They restart after a pause so long that this is another fall: longer than the
        longest retry pause, and longer than a mark's life, since a tape is checked once per candle.
        """
        known, over_ns = self.exiting.get(mint), max(desk.exit_retry_ns << DOUBLINGS_MAX, desk.mark_age_max_ns)
        if known is None or (not known.open and at_ns > known.after_ns + over_ns):
            return Exiting()
        return known

    @property
    def unrealised_micros(self) -> int:
        return self.positions_micros - self.cost_micros

    @property
    def day_pnl_micros(self) -> int:
        """Realised today, net of all costs, plus the change of unrealised PnL since 00:00 UTC."""
        return self.realised_today_micros + self.positions_micros - self.cost_micros - self.unrealised_base_micros

    @property
    def mints_in_use(self) -> int:
        """Open positions, including tokens of open buys. Dust is none."""
        positions, dust = self.positions, self.dust
        in_use = len(positions) - len(dust)
        for one in self.entries:
            in_use += one not in positions or one in dust
        return in_use

    def uses(self, mint: Mint) -> bool:
        return mint in self.entries or (mint in self.positions and mint not in self.dust)

    def owned_units(self, mint: Mint, seller: str) -> int:
        """The units in lots of this seller, those that open sales have reserved included."""
        position = self.positions.get(mint)
        return position.units_of(seller) if position is not None else 0

    def unreserved_units(self, mint: Mint, seller: str) -> int:
        """The units in lots of this seller that no open sale has reserved. A fork may have taken reserved ones."""
        reserved, owned = self.reserved.get(mint), self.owned_units(mint, seller)
        if reserved is None:
            return owned
        return max(0, owned - sum(units for owner, units in reserved.items() if owns(seller, owner)))

    def used_micros(self, mint: Mint, price_pico: int) -> int:
        """The value of the position and of its held buys."""
        position, entries = self.positions.get(mint), self.entries.get(mint)
        return (position.value_micros(price_pico) if position else 0) + (sum(entries.values()) if entries else 0)

    def used_by_micros(self, mint: Mint, strategy: StrategyType, price_pico: int) -> int:
        """One strategy's part of `used_micros`."""
        position, entries = self.positions.get(mint), self.entries.get(mint)
        value = position.units_by.get(strategy, 0) * price_pico // position.scale if position else 0
        return value + (entries.get(strategy, 0) if entries else 0)

    def deployed_micros(self, strategy: StrategyType) -> int:
        """The value of all that one strategy owns here, including held buys."""
        return self.deployed.get(strategy, 0) + self.entries_by.get(strategy, 0)
