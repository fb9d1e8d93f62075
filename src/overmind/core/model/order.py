"""Orders and moves, their quotes, and their tickets."""

from __future__ import annotations

from overmind.core.model.enums import BUY, SELL, MoveKind, SaleScope, Side, StrategyType
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.route import RouteName
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits


class Order(Value, frozen=True, omit_defaults=True):
    """One attempt of one wallet to serve a signal. Its capital is held from placement to outcome."""

    id: OrderId
    signal_id: SignalId
    wallet_id: WalletId
    strategy: StrategyType
    side: Side
    spend: Money
    receive: Mint
    received_min: int  # base units of `receive` that the transaction itself must guarantee
    notional_micros: int  # at the mark of the decision, rounded up
    loss_max_micros: int  # notional x stop loss + costs: counts against the day's loss limit while it is open
    fee_max_lamports: int
    rent_max_lamports: int
    slippage_max_bps: int
    mark_pico: int  # of the traded token, when decided
    expires_at_ns: int  # no entry is started or sent after this; a placed sale is still made, at its price
    part: int  # a signal may need several wallets, with one part each
    attempt: int
    tried: tuple[WalletId, ...] = ()  # wallets of earlier attempts
    mev_protected: bool = False
    exits: Exits | None = None  # of a buy: its exits
    received_max: int | None = None  # of a sale: a quote above it does not confirm the price that made it due
    to_float: bool = False  # buys SOL for fees and rent: opens no position and is no strategy's trade
    scope: SaleScope = SaleScope.DESK  # of a sale: whose lots it takes; an old journal does not say, and takes any
    parts: int = 0  # of a buy that was divided: how many parts there are; 0: it has its signal's whole amount
    route: RouteName = RouteName.PUBLIC
    tip_max_lamports: int = 0  # the part of `fee_max_lamports` that may be a tip

    @property
    def is_entry(self) -> bool:
        """Whether it adds risk: it counts in limits while it is open."""
        return self.side is BUY and not self.to_float

    @property
    def is_urgent(self) -> bool:
        """Exits never wait for other work."""
        return self.side is SELL

    @property
    def wallets(self) -> tuple[WalletId, ...]:
        """The wallets whose capital it changes."""
        return (self.wallet_id,)

    @property
    def mint(self) -> Mint:
        """The traded token, bought or sold."""
        return self.receive if self.side is BUY else self.spend.mint


class Move(Value, frozen=True):
    """A transfer that one of our wallets pays for and signs. Its amount is held from placement to outcome.

    It moves quote currency, or SOL of the float. A RECLAIM moves nothing: it closes the empty account of `money.mint`,
    and its rent comes back.
    """

    id: OrderId  # "move:{kind}:…": made by the desk, like the id of an exit without a signal
    kind: MoveKind
    wallet_id: WalletId  # pays and signs
    money: Money
    to_address: str  # the receiving owner, base58
    to_wallet: WalletId | None  # the receiving wallet, if it is ours
    notional_micros: int  # at the mark of the decision, rounded up
    fee_max_lamports: int
    rent_max_lamports: int  # of the receiver's token account, which the sender pays for
    placed_ns: int
    not_before_ns: int  # until then it may be cancelled and does not start
    expires_at_ns: int  # not started or sent after this
    reason: str

    @property
    def is_urgent(self) -> bool:
        """Like an exit: it serves one, or brings money to safety."""
        return self.kind.protects

    @property
    def wallets(self) -> tuple[WalletId, ...]:
        """The wallets whose capital it changes: the payer first, then the receiver if it is ours."""
        ours = self.to_wallet
        return (self.wallet_id,) if ours is None or ours == self.wallet_id else (self.wallet_id, ours)


class Quote(Value, frozen=True):
    """What a venue offers for `spend` now. Never trusted: the order bounds it."""

    order_id: OrderId
    spend: Money
    receive: Mint
    received: int  # expected base units of `receive`
    received_min: int  # guaranteed by the transaction built from it
    impact_bps: int
    needs_account: bool = False  # the wallet lacks a token account for `receive`
    transaction: bytes = b""  # the transaction that the venue offers, if it builds it with the quote
    last_valid_height: int = 0  # as claimed by the venue

    def fits(self, order: Order) -> bool:
        """Whether this quote is for the order's spend and receive, with at least its minimum."""
        asked = (order.id, order.spend, order.receive)
        return (self.order_id, self.spend, self.receive) == asked and self.received_min >= order.received_min


class Ticket(Value, frozen=True):
    """A signed transaction, recorded before it is sent. Its signature names it for ever."""

    signature: str
    payload: bytes
    blockhash: str = ""
    last_valid_height: int = 0
    slot: int = 0  # the chain's slot when it was signed; it cannot have landed before


Work = Order | Move  # signed, recorded, sent and followed until the chain has decided
