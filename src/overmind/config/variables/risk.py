"""Settings of limits, breakers, exits and prices."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

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
