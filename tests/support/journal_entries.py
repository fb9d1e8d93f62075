"""Journal entries for tests: one of every kind, and any number of trades."""

from __future__ import annotations

from decimal import Decimal

from overmind.core.model.codes import Code, Limits, Refusal
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.desk_settings import CostModel, Desk
from overmind.core.model.enums import RiskProfile, Side, StrategyType, TradeAction, TradingMode, WalletType
from overmind.core.model.events import (
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    Entry,
    Event,
    HoldAdded,
    HoldLifted,
    OrderClosed,
    OrderPlaced,
    PricesMarked,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model.ids import SOL, DepositId, Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Rejected
from overmind.core.model.selection import CostTerms, Selection
from overmind.core.model.signal import Signal
from overmind.core.model.wallet import StrategyShare, Wallet

USDC = Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
T0 = 1_700_000_000_000_000_000
HUGE = 10**30  # beyond int64, as token amounts can be


def signal(name: str) -> Signal:
    return Signal(SignalId(name), StrategyType.AI_DECISION, TradeAction.BUY, SOL, 500_000, quantity=Decimal("0.10"))


def placed(name: str, attempt: int = 0, part: int = 0) -> OrderPlaced:
    order = Order(
        id=OrderId(f"{name}.{part}.{attempt}"),
        signal_id=SignalId(name),
        wallet_id=WalletId("w1"),
        strategy=StrategyType.AI_DECISION,
        side=Side.BUY,
        spend=Money(HUGE, USDC),
        receive=SOL,
        received_min=1,
        notional_micros=10**8,
        loss_max_micros=10**6,
        fee_max_lamports=100_000,
        rent_max_lamports=0,
        slippage_max_bps=100,
        mark_pico=2 * 10**14,
        expires_at_ns=T0,
        part=part,
        attempt=attempt,
    )
    return OrderPlaced(signal(name), order, Selection(CostTerms(0.1, 0.2, 0.3, 0.4, 0.5), 3, 4))


def refused(name: str) -> SignalRefused:
    refusal = Refusal(Code.POSITION_SIZE, limit=1_000, actual=HUGE, wallet_id=WalletId("w1"))
    return SignalRefused(signal(name), (refusal, Refusal(Code.RATE_LIMIT, limit="50/s")), unlisted=7)


def closed(name: str) -> OrderClosed:
    return OrderClosed(OrderId(f"{name}.0.0"), Filled(HUGE, 5 * 10**8, 13_000))


def rolled(day: int = 1) -> DayRolled:
    return DayRolled(day)


def every_kind() -> list[Event]:
    limits = Limits(10**9, 10**10, 800_000, 10, 50_000, 100, 500_000)
    shares = {StrategyType.AI_DECISION: StrategyShare(100_000, 2 * 10**9)}
    wallet = Wallet(WalletId("w1"), WalletType.PRIMARY, RiskProfile.MEDIUM, "7" * 44, 400_000, limits, shares, name="Ω")
    token = Token("USDC", USDC, 6, "token")
    scope = Scope(strategy=StrategyType.AI_DECISION)
    order = OrderId("s1.0.0")
    return [
        DeskFounded(TradingMode.PAPER, "localnet", "genesis"),
        DeskConfigured(Desk(token, {SOL: Token("SOL", SOL, 9, "token")}, costs=CostModel(headroom_bps=1.5))),
        WalletConfigured(wallet),
        Deposited(DepositId("d1"), wallet.id, Money(HUGE, USDC)),
        PricesMarked((Mark(SOL, HUGE, T0),)),
        rolled(),
        HoldAdded(scope, Hold("operator", 'why: "lunch"\n', T0)),
        HoldLifted(scope, "operator", ""),
        SignalRecorded(signal("hold")),
        refused("no"),
        placed("yes"),
        TicketRecorded(order, Ticket("5" * 88, bytes(range(256)), "b" * 44, 2**40)),
        closed("yes"),
        OrderClosed(order, Failed(5_000, Cause.SLIPPAGE, "0x1771")),
        OrderClosed(order, Expired()),
        OrderClosed(order, Rejected(Cause.ROUTE_DOWN)),
        placed("yes", part=1),
        placed("yes", attempt=1),
    ]


def entries(events: list[Event], after: int = 0) -> list[Entry]:
    """The entries that follow `after`, one nanosecond apart."""
    return [Entry(seq, T0 + seq, event) for seq, event in enumerate(events, after + 1)]


def trades(count: int, after: int = 0) -> list[Entry]:
    """`count` entries of trades, three per trade."""
    events: list[Event] = []
    for seq in range(after + 1, after + count + 1):
        name = f"s{(seq - 1) // 3}"
        kinds = (placed(name), TicketRecorded(OrderId(f"{name}.0.0"), Ticket("5" * 88, b"x" * 90)), closed(name))
        events.append(kinds[(seq - 1) % 3])
    return entries(events, after)
