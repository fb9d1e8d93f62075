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
LimitName = NewType("LimitName", str)  # as a wallet's JSON has it: `max_daily_loss`, `Arbitrage.share`

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


class Ceilings(Value, frozen=True):
    """What no operator may exceed in any wallet while the desk runs. Only a wallet's own file may say more."""

    daily_loss_max_micros: int = 2_000 * MICROS
    position_max_micros: int = 20_000 * MICROS
    exposure_max_ppm: int = 900_000
    positions_max: int = 15
    stop_loss_ppm: int = 50_000
    trades_per_day_max: int = 200


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
    exits: Exits | None = None  # of every position that it has; its stop loss stands in `limits`


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
    emergency_liquidate: bool = False  # the automatic emergency stop sells whatever is held
    emergency_sweep: bool = False  # and what it brings goes to the Emergency wallet
    rebalance_band_ppm: int = 100_000  # of a wallet's target: how far off makes a rebalance due
    rebalance_inner_ppm: int = 20_000  # of the same: who is nearer than that takes no part in one
    rebalance_min_micros: int = 100 * MICROS  # no smaller transfer
    rebalance_cost_max_bps: int = 10  # no transfer that costs more of what it moves
    rebalance_interval_ns: int = 3_600 * NS  # between two that nobody asked for
    float_low_lamports: int = 120_000_000  # below it a wallet's float is topped up
    float_target_lamports: int = 250_000_000  # to this; 0: never
    reclaim_after_ns: int = DAY_NS  # that a token account is empty before its rent is reclaimed; 0: never
    withdraw_addresses: tuple[str, ...] = ()  # the only ones that a withdrawal may go to
    withdraw_day_max_micros: int = 0  # asked for since 00:00 UTC, all wallets together
    withdraw_delay_ns: int = 3_600 * NS  # an operator can cancel it meanwhile
    day_trades_max: int = 0  # of all wallets since 00:00 UTC; 0: no limit
    sizing_min_micros: int = 10 * MICROS  # what a risk budget comes to, with all its caps, must be worth it
    volatility_half_life_ns: int = DAY_NS // 4  # of what a price move weighs in a token's volatility
    strategy_max_ppm: int = PPM  # of the portfolio's equity, deployed by one strategy in all wallets
    positions_max: int = 0  # different assets in all wallets, those about to be bought included; 0: no limit
    costs: CostModel = CostModel()
    ceilings: Ceilings = Ceilings()


class Exits(Value, frozen=True):
    """When what a signal bought is sold again without anybody asking. None: not for this reason."""

    stop_loss_ppm: int | None = None  # below the average cost
    trailing_ppm: int | None = None  # below the highest price since it was bought
    take_profit_ppm: int | None = None  # above the average cost
    hold_max_ns: int | None = None  # after it was bought


class SizingMethod(enum.StrEnum):
    STOP = "stop"  # by the distance of the stop loss
    VOLATILITY = "volatility"  # by how far the price moves


class RiskBudget(Value, frozen=True):
    """How much a buy may lose over a distance of the price, instead of how much it is to spend. One of the two."""

    method: SizingMethod = SizingMethod.STOP
    micros: int | None = None
    equity_ppm: int | None = None  # of the portfolio's equity when it is decided
    multiple_ppm: int = 2 * PPM  # of the volatility: how many times it is the distance
    horizon_ns: int = DAY_NS  # over which the volatility counts


class Signal(Value, frozen=True):
    """A wish to trade, checked for shape at the door (`overmind.signals.decode`)."""

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
    risk: RiskBudget | None = None  # of a buy without an amount


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
    to_float: bool = False  # buys SOL for fees and rent: it opens no position and is no strategy's trade

    @property
    def is_entry(self) -> bool:
        """Whether it takes on risk: it counts in limits while it is held."""
        return self.side is Side.BUY and not self.to_float

    @property
    def mint(self) -> Mint:
        """The traded token: what is bought, or what is sold."""
        return self.receive if self.side is Side.BUY else self.spend.mint


class MoveKind(enum.StrEnum):
    """Why capital moves without a trade. It stands in the move's id."""

    REBALANCE = "rebalance"  # back to the wallets' allocations
    TOP_UP = "top_up"  # SOL for the fees of a wallet that runs out of it
    SWEEP = "sweep"  # proceeds of a liquidation into the Emergency wallet
    RECLAIM = "reclaim"  # the rent of an empty token account
    WITHDRAWAL = "withdraw"  # out of the desk, to an address that the configuration lists

    @property
    def protects(self) -> bool:
        """Whether it serves exits or brings money to safety, so that a stop does not forbid it."""
        return self in (MoveKind.TOP_UP, MoveKind.SWEEP)


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
    CANCELLED = "CANCELLED"  # by an operator, before it was begun
    NOT_ALLOWED = "NOT_ALLOWED"  # a withdrawal that the settings do not allow any more

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
Work = Order | Move  # what is signed, recorded, sent and followed until the chain has decided


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
