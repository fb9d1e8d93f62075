"""Every variable that Overmind reads, in one table: parsing, `.env.example`, documents and show-config follow it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from overmind.config import kinds
from overmind.config.kinds import Kind, measured
from overmind.config.secrecy import shown_urls
from overmind.core.model.values import TradingMode, Value

T = TypeVar("T", covariant=True)

TOKEN_LENGTH_MIN: Final = 16


class Cluster(enum.StrEnum):
    """Where orders go. Paper trades on no chain and prices the tokens of mainnet."""

    PAPER = "paper"
    LOCALNET = "localnet"
    DEVNET = "devnet"
    MAINNET = "mainnet"


class PriceSource(enum.StrEnum):
    TAPE = "tape"
    LIVE = "live"


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclasses.dataclass(frozen=True)
class Variable(Generic[T]):
    name: str
    kind: Kind[T]
    default: str  # as it would be typed; blank: not set
    meaning: str
    secret: bool = False
    blank_is_default: bool = True
    shown: Callable[[str], str] | None = None  # how it may be printed, where part of it could be a secret


class Row(Value, frozen=True):
    """One line of the documentation."""

    group: str
    name: str
    unit: str
    default: str
    bounds: str
    meaning: str
    secret: bool


_CLUSTERS: Final[Mapping[str, Cluster]] = {
    "localnet": Cluster.LOCALNET,
    "devnet": Cluster.DEVNET,
    "mainnet": Cluster.MAINNET,
    "mainnet-beta": Cluster.MAINNET,
}
_LEVELS: Final[Mapping[str, LogLevel]] = {
    "debug": LogLevel.DEBUG,
    "info": LogLevel.INFO,
    "warning": LogLevel.WARNING,
    "error": LogLevel.ERROR,
    "trace": LogLevel.DEBUG,
    "warn": LogLevel.WARNING,
}
OPT_IN_WORDS: Final = "I-accept-real-money"

TRADING_MODE = Variable(
    "SNIPER_TRADING_MODE",
    kinds.choice({"paper": TradingMode.PAPER, "live": TradingMode.LIVE}),
    "paper",
    "Paper simulates every trade; live signs and sends real transactions.",
    blank_is_default=False,  # A deployment that meant to set the mode and did not is stopped, not guessed at.
)
CLUSTER = Variable(
    "OVERMIND_CLUSTER",
    kinds.optional(kinds.choice(_CLUSTERS)),
    "",
    "Where live trades go. Not set: told from the RPC address, and an unknown address counts as mainnet.",
)
RPC_URL = Variable(
    "SNIPER_SOLANA_RPC_URL",
    kinds.optional(kinds.url()),
    "",
    "Solana JSON-RPC address. Not set: the public address of OVERMIND_CLUSTER. Credentials in it are never shown.",
    shown=shown_urls,
)
RPC_FALLBACK_URLS = Variable(
    "OVERMIND_RPC_FALLBACK_URLS",
    kinds.urls(),
    "",
    "Comma list of further providers of the same cluster. With two or more in all, no transaction counts as expired"
    " before two of them agree. One that is silent at the start is not used before it told the same genesis hash.",
    shown=shown_urls,
)
RPC_RATE = Variable(
    "OVERMIND_RPC_REQUESTS_PER_SEC",
    kinds.optional(measured(kinds.whole("requests/s", 1, 1_000_000))),
    "",
    "What one provider allows. Scarce requests go to exits first, then to statuses, prices and entries. Not set: 10 on "
    "public clusters, 5000 on a localnet.",
)
SWAP_URL = Variable(
    "OVERMIND_SWAP_URL",
    kinds.optional(kinds.url()),
    "",
    "Swap and price API in Jupiter's shape. Not set: Jupiter on mainnet and for live prices on paper, else "
    "`overmind venue` at http://127.0.0.1:8880.",
    shown=shown_urls,
)
SWAP_API_KEY = Variable(
    "OVERMIND_SWAP_API_KEY", kinds.optional(kinds.secret()), "", "Key of the swap API, if it wants one.", secret=True
)
MAINNET_OPT_IN = Variable(
    "OVERMIND_MAINNET_OPT_IN",
    kinds.optional(kinds.choice({OPT_IN_WORDS: True})),
    "",
    "The second consent that live trading on mainnet needs.",
)
SERVER_PORT = Variable(
    "SNIPER_SERVER_PORT",
    measured(kinds.whole("port", 0, 65_535)),
    "8080",
    "Port of the HTTP API and the web page, on the loopback address. 0 takes any free one.",
)
LOG_LEVEL = Variable("SNIPER_LOG_LEVEL", kinds.choice(_LEVELS), "info", "The least important message that is logged.")
API_TOKEN = Variable(
    "OVERMIND_API_TOKEN",
    kinds.optional(kinds.secret(TOKEN_LENGTH_MIN)),
    "",
    "Bearer token of the HTTP API. Not set: made at the first run in api_token in the data directory.",
    secret=True,
)
DATA_DIR = Variable("OVERMIND_DATA_DIR", kinds.path(), "./data", "Journal, snapshots, API token and the STOP file.")
LOGS_DIR = Variable("OVERMIND_LOGS_DIR", kinds.path(), "./logs", "Where overmind.log is written and rotated.")
MANAGED_WALLETS = Variable(
    "OVERMIND_MANAGED_WALLETS",
    kinds.words("comma list of wallet_id:path:type:risk:allocation"),
    "",
    "The wallets. path is a wallet JSON, a Solana keypair file, a keystore, or env:NAME for a variable with the key; "
    "allocation is the target share of the capital, 0 to 1, together at most 1.",
)
DEFAULT_WALLET = Variable(
    "OVERMIND_DEFAULT_WALLET",
    kinds.words("wallet_id"),
    "",
    "The fallback wallet; it passes the same gate as the others.",
)
MULTI_WALLET_ENABLED = Variable(
    "OVERMIND_MULTI_WALLET_ENABLED", kinds.flag(), "true", "false: only the default wallet takes entries."
)
KEYSTORE_PASSPHRASE = Variable(
    "OVERMIND_KEYSTORE_PASSPHRASE",
    kinds.optional(kinds.secret()),
    "",
    "Opens encrypted keystore files.",
    secret=True,
)
TOKENS_FILE = Variable(
    "OVERMIND_TOKENS_FILE",
    kinds.optional(kinds.path()),
    "",
    "JSON file with more tokens, in the shape of the shipped list: {cluster: [{symbol, mint, decimals, program}]}.",
)
MAX_CONCURRENT_WALLETS = Variable(
    "OVERMIND_MAX_CONCURRENT_WALLETS",
    measured(kinds.whole("wallets", 1, 10_000)),
    "10",
    "How many wallets execute at the same moment, from quote to first send; exits are exempt.",
)
SELECTION_TIMEOUT = Variable(
    "OVERMIND_WALLET_SELECTION_TIMEOUT_MS",
    measured(kinds.milliseconds(1, 600_000)),
    "5000",
    "Longest time from a signal's arrival to its reservation; past it the signal is refused.",
)
BALANCE_CHECK_INTERVAL = Variable(
    "OVERMIND_BALANCE_CHECK_INTERVAL_SEC",
    measured(kinds.whole("s", 1, 86_400)),
    "300",
    "How often the books are compared with the chain's balances in live trading, besides at start and on news.",
)
SIGNAL_TTL = Variable(
    "OVERMIND_SIGNAL_TTL_MS",
    measured(kinds.milliseconds(1, 86_400_000)),
    "30000",
    "Time to live of a signal that names none.",
)
ATTEMPTS_MAX = Variable(
    "OVERMIND_ATTEMPTS_MAX", measured(kinds.whole("orders", 1, 3)), "3", "Wallets that may try to serve one signal."
)
RATE_MAX = Variable(
    "OVERMIND_RATE_MAX_PER_SEC",
    measured(kinds.whole("signals/s", 1, 1_000_000)),
    "50",
    "Most signals that one wallet takes in a second.",
)
EMERGENCY_STOP_THRESHOLD = Variable(
    "OVERMIND_EMERGENCY_STOP_THRESHOLD",
    measured(kinds.fraction("0.0001")),
    "0.1",
    "Loss since 00:00 UTC, as a share of the equity then and of what was deposited since, at which every wallet stops. "
    "After a reactivation it counts from the equity at that moment.",
)
DAY_LOSS_MAX = Variable(
    "OVERMIND_DAY_LOSS_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "Loss of the portfolio since 00:00 UTC, of the same equity, that holds all entries until the next day. The wallets "
    "have limits of their own.",
)
DRAWDOWN_MAX = Variable(
    "OVERMIND_DRAWDOWN_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "Loss from the portfolio's highest equity, deposits aside, that holds all entries until the hold is lifted.",
)
LOSS_STREAK_MAX = Variable(
    "OVERMIND_LOSS_STREAK_MAX",
    measured(kinds.whole("sales", 0, 10_000)),
    "0",
    "Sales in a row that lost money, after which a wallet takes no entries until the next day. 0: no limit.",
)
DAY_TRADES_MAX = Variable(
    "OVERMIND_DAY_TRADES_MAX",
    measured(kinds.whole("trades", 0, 1_000_000_000)),
    "0",
    "Trades of all wallets since 00:00 UTC, after which no wallet takes entries until the next day. 0: no limit.",
)
SIZING_MIN = Variable(
    "OVERMIND_SIZING_MIN_USD",
    measured(kinds.usd("0.000001")),
    "10",
    "Least amount that a risk budget may come to; what its limits leave less of is refused.",
)
VOLATILITY_HALF_LIFE = Variable(
    "OVERMIND_VOLATILITY_HALF_LIFE_SEC",
    measured(kinds.seconds(60, 2_592_000)),
    "21600",
    "After how long a price move weighs half in a token's volatility. It takes 20 moves of full weight to be known, so "
    "marks must come at least 14 times in it.",
)
STOP_COOLDOWN = Variable(
    "OVERMIND_STOP_COOLDOWN_SEC",
    measured(kinds.seconds(0, 86_400)),
    "0",
    "How long a wallet does not buy a token again that its stop loss sold.",
)
EXIT_SLIPPAGE = Variable(
    "OVERMIND_EXIT_SLIPPAGE_BPS",
    kinds.ladder(8),
    "100,200,400,800",
    "Slippage of our own exits (stops, liquidation, `close`), wider each time the market did not take it; never beyond "
    "the last.",
)
EXIT_RETRY = Variable(
    "OVERMIND_EXIT_RETRY_MS",
    measured(kinds.milliseconds(1, 600_000)),
    "2000",
    "Pause before an exit that failed is tried again; it doubles with every try, up to 32 times this.",
)
EMERGENCY_LIQUIDATE = Variable(
    "OVERMIND_EMERGENCY_LIQUIDATE",
    kinds.flag(),
    "false",
    "The emergency stop that the desk makes by itself also sells whatever is held.",
)
EMERGENCY_SWEEP = Variable(
    "OVERMIND_EMERGENCY_SWEEP",
    kinds.flag(),
    "false",
    "What such a liquidation brings goes to the first Emergency wallet whose key nothing speaks against.",
)
CEILING_DAILY_LOSS = Variable(
    "OVERMIND_CEILING_DAILY_LOSS_USD",
    measured(kinds.usd()),
    "2000",
    "The largest daily loss limit that `overmind limits` can give a wallet while the desk runs. Only the wallet's own "
    "file may say more; the same holds for all ceilings.",
)
CEILING_POSITION = Variable(
    "OVERMIND_CEILING_POSITION_USD",
    measured(kinds.usd()),
    "20000",
    "The same for the largest position of a wallet, and of one of its strategies.",
)
CEILING_EXPOSURE = Variable(
    "OVERMIND_CEILING_EXPOSURE_PERCENT", measured(kinds.percent()), "90", "The same for a wallet's exposure."
)
CEILING_POSITIONS = Variable(
    "OVERMIND_CEILING_POSITIONS",
    measured(kinds.whole("positions", 0, 10**12)),
    "15",
    "The same for a wallet's concurrent positions.",
)
CEILING_STOP_LOSS = Variable(
    "OVERMIND_CEILING_STOP_LOSS_PERCENT",
    measured(kinds.percent("0.0001")),
    "5",
    "The same for a wallet's stop loss; having none is wider than any.",
)
CEILING_TRADES = Variable(
    "OVERMIND_CEILING_TRADES_PER_DAY",
    measured(kinds.whole("trades", 0, 10**12)),
    "200",
    "The same for a wallet's trades of a day.",
)
AUTO_REBALANCE_ENABLED = Variable(
    "OVERMIND_AUTO_REBALANCE_ENABLED",
    kinds.flag(),
    "true",
    "Move capital back to each wallet's allocation, when one is outside the band.",
)
REBALANCE_BAND = Variable(
    "OVERMIND_REBALANCE_BAND_PERCENT",
    measured(kinds.percent()),
    "10",
    "How far a wallet may be from its target, as a share of the target, before a rebalance is due.",
)
REBALANCE_INNER = Variable(
    "OVERMIND_REBALANCE_INNER_PERCENT",
    measured(kinds.percent()),
    "2",
    "Wallets that are nearer to their target than that take no part in a rebalance. Not above the band.",
)
REBALANCE_MIN = Variable(
    "OVERMIND_REBALANCE_MIN_USD", measured(kinds.usd("0.01", "1000000000")), "100", "No smaller transfer is made."
)
REBALANCE_COST_MAX = Variable(
    "OVERMIND_REBALANCE_COST_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "10",
    "No transfer is made whose fee and rent are expected to cost more of what it moves.",
)
REBALANCE_INTERVAL = Variable(
    "OVERMIND_REBALANCE_INTERVAL_SEC",
    measured(kinds.seconds(1, 86_400 * 366)),
    "3600",
    "How often the desk looks whether a rebalance is due.",
)
FLOAT_LOW = Variable(
    "OVERMIND_FLOAT_LOW_SOL",
    measured(kinds.sol("1000")),
    "0.12",
    "A wallet with less SOL for fees and rent is topped up, by the richest wallet or by a small swap of its own.",
)
FLOAT_TARGET = Variable(
    "OVERMIND_FLOAT_TARGET_SOL",
    measured(kinds.sol("1000")),
    "0.25",
    "What it is topped up to, and what the wallet that gives keeps. 0: never.",
)
RECLAIM_AFTER = Variable(
    "OVERMIND_RECLAIM_AFTER_SEC",
    measured(kinds.seconds(0, 86_400 * 366)),
    "86400",
    "How long a token account is empty before it is closed and its rent comes back. 0: never.",
)
WITHDRAW_ADDRESSES = Variable(
    "OVERMIND_WITHDRAW_ADDRESSES",
    kinds.addresses(),
    "",
    "Comma list of the only addresses that `overmind withdraw` may send to.",
)
WITHDRAW_DAY_MAX = Variable(
    "OVERMIND_WITHDRAW_DAY_MAX_USD",
    measured(kinds.usd()),
    "0",
    "Most that may be withdrawn from all wallets together since 00:00 UTC.",
)
WITHDRAW_DELAY = Variable(
    "OVERMIND_WITHDRAW_DELAY_SEC",
    measured(kinds.seconds(0, 86_400 * 30)),
    "3600",
    "How long a withdrawal waits before it is signed, so that an operator can cancel it.",
)
RISK_AGGREGATION_ENABLED = Variable(
    "OVERMIND_RISK_AGGREGATION_ENABLED",
    kinds.flag(),
    "true",
    "Report risk over all wallets together: concentrations and stress. false leaves them out of `overmind risk`; the "
    "limits are enforced either way.",
)
PORTFOLIO_EXPOSURE_MAX = Variable(
    "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT",
    measured(kinds.percent()),
    "80",
    "Most of the portfolio's equity that may be in positions and held buys.",
)
ASSET_MAX = Variable(
    "OVERMIND_ASSET_MAX_PERCENT", measured(kinds.percent()), "40", "Most of the portfolio's equity in one asset."
)
STRATEGY_MAX = Variable(
    "OVERMIND_STRATEGY_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "Most of the portfolio's equity that one strategy may deploy in all wallets together, held buys included.",
)
POSITIONS_MAX = Variable(
    "OVERMIND_POSITIONS_MAX",
    measured(kinds.whole("assets", 0, 100_000)),
    "0",
    "Most different assets that all wallets together may hold, held buys included. 0: no limit.",
)
STRESS = Variable(
    "OVERMIND_STRESS_PERCENT",
    kinds.percents(8),
    "10,20,50",
    "Falls of every position that `overmind risk` computes the portfolio's loss for.",
)
SLIPPAGE_MAX = Variable(
    "OVERMIND_SLIPPAGE_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "100",
    "The desk's ceiling for slippage and price impact.",
)
SLIPPAGE_MAX_MEME = Variable(
    "OVERMIND_SLIPPAGE_MAX_MEME_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "300",
    "The same ceiling for the sniping and meme strategies.",
)
QUOTE_OFF_MARK_MAX = Variable(
    "OVERMIND_QUOTE_OFF_MARK_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "150",
    "How far a quote may lie from the journaled price.",
)
MARK_AGE_MAX = Variable(
    "OVERMIND_MARK_AGE_MAX_MS",
    measured(kinds.milliseconds(1, 86_400_000)),
    "30000",
    "A journaled price older than this is stale and holds entries.",
)
RESERVE_FLOAT = Variable(
    "OVERMIND_RESERVE_FLOAT_SOL",
    measured(kinds.sol("1000")),
    "0.1",
    "SOL that each wallet always keeps for fees and rent.",
)
PAPER_CAPITAL = Variable(
    "OVERMIND_PAPER_CAPITAL_USD",
    measured(kinds.usd("0", "1000000000")),
    "100000",
    "What the paper wallets start with together, split by allocation.",
)
PAPER_PRICES = Variable(
    "OVERMIND_PAPER_PRICES",
    kinds.choice({source.value: source for source in PriceSource}),
    "tape",
    "Where paper trading has its prices: the tape below, or live ones of OVERMIND_SWAP_URL.",
)
PRICE_TAPE = Variable(
    "OVERMIND_PRICE_TAPE",
    kinds.optional(kinds.path()),
    "",
    "Price history for paper trading without a feed. Not set: the shipped one.",
)
COST_FEE = Variable(
    "OVERMIND_COST_FEE_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "13000",
    "Expected fee of one swap: signatures and priority fee.",
)
COST_FEE_MAX = Variable(
    "OVERMIND_COST_FEE_MAX_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "100000",
    "Fee that is reserved for one swap.",
)
COST_RENT = Variable(
    "OVERMIND_COST_RENT_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "2039280",
    "Rent of one new token account.",
)
COST_RENT_2022 = Variable(
    "OVERMIND_COST_RENT_2022_LAMPORTS",
    measured(kinds.whole("lamports", 0, 10**9)),
    "2157600",
    "The same for a token of the Token-2022 program, whose accounts are larger.",
)
COST_RENT_LOST = Variable(
    "OVERMIND_COST_RENT_LOST_PERCENT", measured(kinds.percent()), "40", "Share of the rent that is never reclaimed."
)
COST_HEADROOM = Variable(
    "OVERMIND_COST_HEADROOM_BPS",
    kinds.ranking_bps(10_000),
    "2",
    "Charged in the ranking for using up the whole of a wallet's headroom.",
)
COST_PREFERENCE = Variable(
    "OVERMIND_COST_PREFERENCE_BPS",
    kinds.ranking_bps(10_000),
    "10",
    "What honouring a preferred wallet type is worth in the ranking.",
)
COST_HALF_SPREAD = Variable(
    "OVERMIND_COST_HALF_SPREAD_BPS", kinds.ranking_bps(10_000), "2", "Half the spread that a swap is expected to pay."
)
COST_DEPTH = Variable(
    "OVERMIND_COST_DEPTH_USD",
    measured(kinds.usd("1")),
    "5000000",
    "Pool depth that is assumed for the expected price impact where no feed tells.",
)

GROUPS: Final[Mapping[str, tuple[Variable[object], ...]]] = {
    "Mode and chain": (
        TRADING_MODE,
        CLUSTER,
        RPC_URL,
        RPC_FALLBACK_URLS,
        RPC_RATE,
        SWAP_URL,
        SWAP_API_KEY,
        MAINNET_OPT_IN,
    ),
    "Wallets": (
        MULTI_WALLET_ENABLED,
        DEFAULT_WALLET,
        MANAGED_WALLETS,
        KEYSTORE_PASSPHRASE,
        TOKENS_FILE,
    ),
    "Performance": (
        MAX_CONCURRENT_WALLETS,
        SELECTION_TIMEOUT,
        BALANCE_CHECK_INTERVAL,
        SIGNAL_TTL,
        ATTEMPTS_MAX,
        RATE_MAX,
    ),
    "Risk": (
        EMERGENCY_STOP_THRESHOLD,
        DAY_LOSS_MAX,
        DRAWDOWN_MAX,
        LOSS_STREAK_MAX,
        DAY_TRADES_MAX,
        STOP_COOLDOWN,
        EXIT_SLIPPAGE,
        EXIT_RETRY,
        EMERGENCY_LIQUIDATE,
        EMERGENCY_SWEEP,
        SIZING_MIN,
        VOLATILITY_HALF_LIFE,
        CEILING_DAILY_LOSS,
        CEILING_POSITION,
        CEILING_EXPOSURE,
        CEILING_POSITIONS,
        CEILING_STOP_LOSS,
        CEILING_TRADES,
        RISK_AGGREGATION_ENABLED,
        PORTFOLIO_EXPOSURE_MAX,
        ASSET_MAX,
        STRATEGY_MAX,
        POSITIONS_MAX,
        STRESS,
        SLIPPAGE_MAX,
        SLIPPAGE_MAX_MEME,
        QUOTE_OFF_MARK_MAX,
        MARK_AGE_MAX,
        RESERVE_FLOAT,
    ),
    "Capital": (
        AUTO_REBALANCE_ENABLED,
        REBALANCE_BAND,
        REBALANCE_INNER,
        REBALANCE_MIN,
        REBALANCE_COST_MAX,
        REBALANCE_INTERVAL,
        FLOAT_LOW,
        FLOAT_TARGET,
        RECLAIM_AFTER,
        WITHDRAW_ADDRESSES,
        WITHDRAW_DAY_MAX,
        WITHDRAW_DELAY,
    ),
    "Service": (SERVER_PORT, LOG_LEVEL, API_TOKEN, DATA_DIR, LOGS_DIR),
    "Paper trading": (PAPER_CAPITAL, PAPER_PRICES, PRICE_TAPE),
    "Expected cost of execution": (
        COST_FEE,
        COST_FEE_MAX,
        COST_RENT,
        COST_RENT_2022,
        COST_RENT_LOST,
        COST_HEADROOM,
        COST_PREFERENCE,
        COST_HALF_SPREAD,
        COST_DEPTH,
    ),
}
VARIABLES: Final = tuple(variable for group in GROUPS.values() for variable in group)


def describe() -> tuple[Row, ...]:
    """The table for people."""
    return tuple(
        Row(group, each.name, each.kind.unit, each.default, each.kind.bounds, each.meaning, each.secret)
        for group, variables in GROUPS.items()
        for each in variables
    )
