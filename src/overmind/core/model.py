"""The nouns: frozen values, identified by what the outside world already calls them.

Units stand last in a name: `_micros` is micro-USD, `_units` base units of a token, `_lamports` base units of SOL,
`_ppm` parts per million, `_bps` basis points, `_pico` pico-USD per whole token, `_ns` nanoseconds since 1970 (UTC).
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Final, NewType

import msgspec

WalletId = NewType("WalletId", str)
SignalId = NewType("SignalId", str)  # Chosen by the sender: the end-to-end idempotency key.
OrderId = NewType("OrderId", str)  # "{signal}.{part}.{attempt}": derived, never random.
DepositId = NewType("DepositId", str)  # What the outside world calls the credit, e.g. its signature.
Mint = NewType("Mint", str)

SOL = Mint("So11111111111111111111111111111111111111112")

PPM = 1_000_000
BPS = 10_000
MICROS = 1_000_000  # micro-USD per USD
PICO = 10**12  # pico-USD per USD
LAMPORTS = 10**9  # lamports per SOL
NS = 10**9  # nanoseconds per second
DAY_NS = 86_400 * NS

# Above these a number is a mistake, not a wish. Both keep every later product exact in an int64 capacity array.
NOTIONAL_MAX_MICROS = 10**12 * MICROS
PRICE_MAX_PICO = 10**12 * PICO


OWN: Final = ":"  # stands in the ids of our own causes, and in none that comes from outside


class Value(msgspec.Struct, frozen=True, gc=False):
    """Base of every value: immutable, comparable, serialisable."""


class WalletType(enum.StrEnum):
    PRIMARY = "Primary"
    SECONDARY = "Secondary"
    HFT = "HFT"
    CONSERVATIVE = "Conservative"
    EXPERIMENTAL = "Experimental"
    ARBITRAGE = "Arbitrage"
    MEV_PROTECTION = "MEVProtection"
    EMERGENCY = "Emergency"


class WalletStatus(enum.StrEnum):
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    SUSPENDED = "Suspended"
    EMERGENCY = "Emergency"
    MAINTENANCE = "Maintenance"


class StrategyType(enum.StrEnum):
    TOKEN_SNIPING = "TokenSniping"
    ARBITRAGE = "Arbitrage"
    MOMENTUM_TRADING = "MomentumTrading"
    SOUL_METEOR_SNIPING = "SoulMeteorSniping"
    METEORA_DAMM = "MeteoraDAMM"
    DEVELOPER_TRACKING = "DeveloperTracking"
    AXIOM_MEME_COIN = "AxiomMemeCoin"
    AI_DECISION = "AIDecision"


class TradeAction(enum.StrEnum):
    BUY = "Buy"
    SELL = "Sell"
    HOLD = "Hold"
    MARKET_BUY = "MarketBuy"
    MARKET_SELL = "MarketSell"


class TradingMode(enum.StrEnum):
    PAPER = "Paper"
    LIVE = "Live"


class RiskProfile(enum.StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXPERIMENTAL = "experimental"


class Money(Value, frozen=True):
    """An amount of one token in base units (lamports for SOL). Never a float."""

    units: int
    mint: Mint


class Token(Value, frozen=True):
    symbol: str
    mint: Mint
    decimals: int
    program: str = "token"  # or "token-2022"


class Mark(Value, frozen=True):
    """A journaled price: the only kind that gates and values."""

    mint: Mint
    price_pico: int
    at_ns: int


class Limits(Value, frozen=True):
    """The effective limits of one wallet (SPEC §4)."""

    daily_loss_max_micros: int
    position_max_micros: int
    exposure_max_ppm: int
    positions_max: int
    stop_loss_ppm: int
    trades_per_day_max: int
    risk_level_ppm: int


class StrategyShare(Value, frozen=True):
    """What one strategy may deploy in one wallet: a share of the wallet's equity and a largest position."""

    share_ppm: int
    position_max_micros: int
    enabled: bool = True


class Wallet(Value, frozen=True):
    """A wallet as configured. What it holds is the journal's business."""

    id: WalletId
    type: WalletType
    profile: RiskProfile
    public_key: str
    allocation_ppm: int  # target share of the portfolio's capital, for the rebalancer
    limits: Limits
    strategies: dict[StrategyType, StrategyShare]
    status: WalletStatus = WalletStatus.ACTIVE
    name: str = ""


class CostModel(Value, frozen=True):
    """What executing costs, as far as it is known before the trade. Sources: reference/solana.md §1.3-1.4.

    `fee` pays the signatures and the priority fee of one swap, `rent` one new token account of 165 bytes.
    """

    fee_lamports: int = 13_000  # 2 signatures x 5,000 + ceil(60,000 CU x 50,000 micro-lamports / 1e6)
    fee_max_lamports: int = 100_000  # reserved: the fee at the compute limit under contention
    rent_lamports: int = 2_039_280
    rent_2022_lamports: int = 2_157_600  # of 182 bytes: with the extensions of a token that takes a fee
    rent_lost_ppm: int = 400_000  # rent is refundable; this share is assumed never to be reclaimed
    headroom_bps: float = 2.0  # charged for using up the whole of a wallet's headroom: spreads the load
    preference_bps: float = 10.0  # what honouring `preferred_wallet_type` is worth
    half_spread_bps: float = 2.0
    depth_micros: int = 5_000_000 * MICROS  # assumed pool depth for the expected impact, where no feed tells

    def rent_of(self, token: Token) -> int:
        return self.rent_lamports if token.program == "token" else self.rent_2022_lamports


class Desk(Value, frozen=True):
    """The portfolio-wide settings that decisions depend on. Journaled, so that every decision can be recomputed."""

    quote: Token
    tokens: dict[Mint, Token]  # the admitted list, without the quote currency
    default_wallet: WalletId | None = None
    multi_wallet_enabled: bool = True
    selection_timeout_ns: int = 5_000_000_000
    portfolio_exposure_max_ppm: int = 800_000
    asset_max_ppm: int = 400_000
    rate_max_per_s: int = 50
    slippage_max_bps: int = 100
    slippage_max_meme_bps: int = 300
    quote_off_mark_max_bps: int = 150
    reserve_float_lamports: int = 100_000_000
    mark_age_max_ns: int = 30_000_000_000
    signal_ttl_ns: int = 30_000_000_000
    attempts_max: int = 3
    emergency_stop_ppm: int = 100_000  # of the equity at 00:00 UTC and what was deposited since
    day_loss_max_ppm: int = PPM  # of the same; holds the portfolio's entries until the next day
    drawdown_max_ppm: int = PPM  # of the highest equity; holds the portfolio's entries until somebody lifts it
    loss_streak_max: int = 0  # sales in a row that lost money, in one wallet; 0: no limit
    cooldown_ns: int = 0  # how long a wallet does not buy again what its stop loss sold
    exit_slippage_bps: tuple[int, ...] = (100, 200, 400, 800)  # of an exit, try by try; the last is never exceeded
    exit_retry_ns: int = 2 * NS  # before an exit that failed is tried again; doubles with every try
    strategy_max_ppm: int = PPM  # of the portfolio's equity, deployed by one strategy in all wallets
    positions_max: int = 0  # different assets in all wallets, those about to be bought included; 0: no limit
    costs: CostModel = CostModel()


class Exits(Value, frozen=True):
    """When what a signal bought is sold again without anybody asking. None: not for this reason."""

    stop_loss_ppm: int | None = None  # below the average cost
    trailing_ppm: int | None = None  # below the highest price since it was bought
    take_profit_ppm: int | None = None  # above the average cost
    hold_max_ns: int | None = None  # after it was bought


class Signal(Value, frozen=True):
    """A wish to trade, checked for shape at the door (`overmind.signals`)."""

    id: SignalId
    strategy: StrategyType
    action: TradeAction
    mint: Mint
    risk_tolerance_ppm: int
    notional_micros: int | None = None
    quantity: Decimal | None = None  # whole tokens, exactly as typed; base units need the token's decimals
    target_price_pico: int | None = None
    confidence_ppm: int = PPM
    preferred_type: WalletType | None = None
    exclude: tuple[WalletId, ...] = ()
    slippage_max_bps: int | None = None  # None: the desk's ceiling for the strategy
    ttl_ns: int | None = None
    at_ns: int | None = None  # the sender's timestamp; None: the time at our door
    mev_protected: bool = False
    exits: Exits | None = None


class Side(enum.StrEnum):
    BUY = "Buy"
    SELL = "Sell"


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

    @property
    def mint(self) -> Mint:
        """The traded token: what is bought, or what is sold."""
        return self.receive if self.side is Side.BUY else self.spend.mint


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


class Cause(enum.StrEnum):
    """Why an order was not filled."""

    SLIPPAGE = "SLIPPAGE"
    LIMIT_PRICE = "LIMIT_PRICE"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    PRICE_IMPACT = "PRICE_IMPACT"
    QUOTE_OFF_MARK = "QUOTE_OFF_MARK"
    PRICE_UNAVAILABLE = "PRICE_UNAVAILABLE"
    BAD_QUOTE = "BAD_QUOTE"
    STOPPED = "STOPPED"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    WALLET_FUNDS = "WALLET_FUNDS"
    ROUTE_DOWN = "ROUTE_DOWN"
    NOT_VERIFIED = "NOT_VERIFIED"  # what was to be signed is not what was ordered
    REVERTED = "REVERTED"  # it landed, or would have, with an error of the chain
    NO_KEY = "NO_KEY"  # the wallet is not configured any more
    NOT_CONFIRMED = "NOT_CONFIRMED"  # no quote shows the price that made an exit due
    NO_PROTECTED_ROUTE = "NO_PROTECTED_ROUTE"  # MEV protection is a must, and this cluster has no route for it

    @property
    def of_wallet(self) -> bool:
        """Whether another wallet could do better (SPEC §7.8). A market cause would only burn its fee as well."""
        return self in (Cause.WALLET_FUNDS, Cause.ROUTE_DOWN, Cause.NO_PROTECTED_ROUTE)


class Filled(Value, frozen=True, tag=True):
    """The swap happened: what left, what came, what it cost. Atomic: there are no partial fills."""

    spent_units: int
    received_units: int
    fee_lamports: int
    rent_lamports: int = 0
    slot: int = 0  # where it landed


class Failed(Value, frozen=True, tag=True):
    """Landed on chain and reverted: nothing moved, but the fee was burnt."""

    fee_lamports: int
    cause: Cause
    detail: str = ""
    slot: int = 0


class Expired(Value, frozen=True, tag=True):
    """Proven never to land."""


class Rejected(Value, frozen=True, tag=True):
    """Refused before anything was sent: nothing moved, nothing was paid."""

    cause: Cause
    detail: str = ""


Outcome = Filled | Failed | Expired | Rejected


def is_own(signal_id: SignalId) -> bool:
    """Whether a signal is of our own making: a stop loss, a liquidation, an operator's close."""
    return OWN in signal_id


SCALE: tuple[int, ...] = tuple(int(10**n) for n in range(64))  # base units per whole token, by decimals


def value_micros(units: int, price_pico: int, decimals: int) -> int:
    """What `units` are worth, in micro-USD, rounded down."""
    return units * price_pico // SCALE[decimals + 6]


def value_micros_up(units: int, price_pico: int, decimals: int) -> int:
    """What `units` are worth, in micro-USD, rounded up: for costs and limits."""
    return -(-units * price_pico // SCALE[decimals + 6])


def units_of(micros: int, price_pico: int, decimals: int) -> int:
    """How many base units `micros` buy, rounded down."""
    return micros * SCALE[decimals + 6] // price_pico


def ppm_of(amount: int, ppm: int) -> int:
    """A share of an amount, rounded down."""
    return amount * ppm // PPM
