"""Orders and moves, the quotes that they get, and the tickets that they become."""

from __future__ import annotations

from overmind.core.model.enums import BUY, SELL, MoveKind, Side, StrategyType
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.value import Value
from overmind.core.model.wallet import Exits


class Order(Value, frozen=True):
    """One attempt of one wallet to serve a signal. Its capital is held from placement to outcome."""

    id: OrderId
    signal_id: SignalId
    wallet_id: WalletId
    strategy: StrategyType
    side: Side
    spend: Money
    receive: Mint
    received_min: int  # base units of `receive`; what the transaction itself must guarantee
    notional_micros: int  # at the mark of the decision, rounded up
    loss_max_micros: int  # notional x stop loss + costs: what it may cost the day while it is in flight
    fee_max_lamports: int
    rent_max_lamports: int
    slippage_max_bps: int
    mark_pico: int  # of the traded token, when decided
    expires_at_ns: int  # no entry is begun or sent after this; a sale that was placed is still made, at its price
    part: int  # a sale may need several wallets: one part each
    attempt: int
    tried: tuple[WalletId, ...] = ()  # wallets of earlier attempts
    mev_protected: bool = False
    exits: Exits | None = None  # of a buy: when to sell it again
    received_max: int | None = None  # of a sale: a quote above it says that the price which made it due is not true
    to_float: bool = False  # buys SOL for fees and rent: it opens no position and is no strategy's trade

    @property
    def is_entry(self) -> bool:
        """Whether it takes on risk: it counts in limits while it is held."""
        return self.side is BUY and not self.to_float

    @property
    def is_urgent(self) -> bool:
        """Exits are never kept waiting for what is done meanwhile."""
        return self.side is SELL

    @property
    def wallets(self) -> tuple[WalletId, ...]:
        """Whose capital it changes."""
        return (self.wallet_id,)

    @property
    def mint(self) -> Mint:
        """The traded token: what is bought, or what is sold."""
        return self.receive if self.side is BUY else self.spend.mint


class Move(Value, frozen=True):
    """A transfer that a wallet of ours pays and signs. What it moves is held from placement to outcome.

    It moves quote currency, or SOL of the float. A RECLAIM moves nothing: it closes the empty account of `money.mint`,
    and what it brings is the rent.
    """

    id: OrderId  # "move:{kind}:…": of our own causes, like an order's
    kind: MoveKind
    wallet_id: WalletId  # pays and signs
    money: Money
    to_address: str  # the owner that receives, base58
    to_wallet: WalletId | None  # the same, where it is ours
    notional_micros: int  # at the mark of the decision, rounded up
    fee_max_lamports: int
    rent_max_lamports: int  # of the receiver's token account, which the sender pays for
    placed_ns: int
    not_before_ns: int  # until then it may be cancelled, and is not begun
    expires_at_ns: int  # not begun or sent after this
    reason: str

    @property
    def is_urgent(self) -> bool:
        """As an exit is: it serves one, or brings money to safety."""
        return self.kind.protects

    @property
    def wallets(self) -> tuple[WalletId, ...]:
        """Whose capital it changes: the payer first, then the receiver where it is ours."""
        ours = self.to_wallet
        return (self.wallet_id,) if ours is None or ours == self.wallet_id else (self.wallet_id, ours)


class Quote(Value, frozen=True):
    """What a venue says it would give for `spend` now. Never trusted: the order bounds it."""

    order_id: OrderId
    spend: Money
    receive: Mint
    received: int  # expected base units of `receive`
    received_min: int  # guaranteed by the transaction built from it
    impact_bps: int
    needs_account: bool = False  # the wallet lacks a token account for `receive`
    transaction: bytes = b""  # what the venue proposes to sign, where it builds it with the quote
    last_valid_height: int = 0  # as the venue claims

    def fits(self, order: Order) -> bool:
        """Whether this is a quote for what the order spends and receives, with at least its minimum."""
        asked = (order.id, order.spend, order.receive)
        return (self.order_id, self.spend, self.receive) == asked and self.received_min >= order.received_min


class Ticket(Value, frozen=True):
    """A signed transaction, recorded before it is sent. Its signature names it for ever."""

    signature: str
    payload: bytes
    blockhash: str = ""
    last_valid_height: int = 0
    slot: int = 0  # of the chain when it was signed: it cannot have landed before


Work = Order | Move  # what is signed, recorded, sent and followed until the chain has decided
