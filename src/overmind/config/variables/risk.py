"""Settings of limits, breakers, exits and prices."""

from __future__ import annotations

from typing import Final

from msgspec.structs import asdict

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable
from overmind.core.model.codes import LIMIT_FIELDS, Ceilings
from overmind.core.model.mints import AdmissionPolicy

EMERGENCY_STOP_THRESHOLD = Variable(
    "OVERMIND_EMERGENCY_STOP_THRESHOLD",
    measured(kinds.fraction("0.0001")),
    "0.1",
    "Every wallet stops when the portfolio has lost this share since 00:00 UTC. The base is the equity then plus "
    "net deposits since. After a reactivation the base is the equity at that moment.",
)
DAY_LOSS_MAX = Variable(
    "OVERMIND_DAY_LOSS_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "All entries are held until the next day when the portfolio has lost this share since 00:00 UTC. The base is "
    "the equity then plus net deposits since.",
)
DAY_LOSS_FLATTEN = Variable(
    "OVERMIND_DAY_LOSS_FLATTEN",
    kinds.flag(),
    "false",
    "true: when a day's loss reaches its limit, the desk also closes what is open: all positions of the wallet, or of "
    "all wallets for OVERMIND_DAY_LOSS_MAX_PERCENT. Two marks in a row must show the loss.",
)
DRAWDOWN_MAX = Variable(
    "OVERMIND_DRAWDOWN_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "All entries are held until somebody lifts the hold when the portfolio has lost this share of its highest "
    "equity. Deposits are left aside.",
)
LOSS_STREAK_MAX = Variable(
    "OVERMIND_LOSS_STREAK_MAX",
    measured(kinds.whole("sales", 0, 10_000)),
    "0",
    "A wallet takes no entries until the next day after so many losing sales in a row. 0: no limit.",
)
DAY_TRADES_MAX = Variable(
    "OVERMIND_DAY_TRADES_MAX",
    measured(kinds.whole("trades", 0, 1_000_000_000)),
    "0",
    "No wallet takes entries until the next day after so many entries of all wallets since 00:00 UTC. Sales, "
    "withdrawals and transfers do not count and are not held. 0: no limit.",
)
ORDER_MIN = Variable(
    "OVERMIND_ORDER_MIN_USD",
    measured(kinds.usd()),
    "1",
    "The smallest entry. 0: no limit. A sale may be smaller.",
)
EXPECTED_COST_MAX = Variable(
    "OVERMIND_EXPECTED_COST_MAX_BPS",
    measured(kinds.whole("bps", 0, 10_000)),
    "300",
    "The most that an entry may be expected to cost, in bps of its amount: fee, the part of a new token account's rent "
    "that is usually lost, half the spread, the price impact, and the priority fee and tip of its route. 0: no limit.",
)
SIZING_MIN = Variable(
    "OVERMIND_SIZING_MIN_USD",
    measured(kinds.usd("0.000001")),
    "10",
    "The smallest entry that a risk budget may come to. If the limits leave less, the signal is refused.",
)
DUST = Variable(
    "OVERMIND_DUST_USD",
    measured(kinds.usd(high="1000")),
    "0.5",
    "A position that is worth less is dust: it takes no place of a wallet or of the portfolio, it goes with the next "
    "sale, and `overmind write-off` ends it. 0: nothing is dust.",
)
VOLATILITY_HALF_LIFE = Variable(
    "OVERMIND_VOLATILITY_HALF_LIFE_SEC",
    measured(kinds.seconds(60, 2_592_000)),
    "21600",
    "The age at which a price move counts half in a token's volatility. The volatility is known after 20 moves "
    "of full weight, so at least 14 marks must come within this time.",
)
STOP_COOLDOWN = Variable(
    "OVERMIND_STOP_COOLDOWN_SEC",
    measured(kinds.seconds(0, 86_400)),
    "0",
    "After its stop loss sold a token, a wallet does not buy that token for so long.",
)
EXIT_SLIPPAGE = Variable(
    "OVERMIND_EXIT_SLIPPAGE_BPS",
    kinds.ladder(8),
    "100,200,400,800",
    "Slippage that the desk's own exits allow (stops, liquidation, `close`): the first step at the first try, "
    "the next step each time that the market did not take it, never more than the last.",
)
EXIT_RETRY = Variable(
    "OVERMIND_EXIT_RETRY_MS",
    measured(kinds.milliseconds(1, 600_000)),
    "2000",
    "Pause before a failed exit is tried again. It doubles with every try, up to 32 times this.",
)
EMERGENCY_LIQUIDATE = Variable(
    "OVERMIND_EMERGENCY_LIQUIDATE",
    kinds.flag(),
    "false",
    "true: an emergency stop that the desk makes by itself also sells everything that is held.",
)
EMERGENCY_SWEEP = Variable(
    "OVERMIND_EMERGENCY_SWEEP",
    kinds.flag(),
    "false",
    "true: the proceeds of OVERMIND_EMERGENCY_LIQUIDATE go to the first Emergency wallet that no deficit, unknown "
    "signature or quarantine holds.",
)
CEILINGS: Final = {
    row.field: Variable(
        row.ceiling.variable,
        measured(kinds.limit(row, row.ceiling.lowest)),
        str(asdict(Ceilings())[row.field] // row.scale),
        row.ceiling.meaning,
    )
    for row in LIMIT_FIELDS
    if row.ceiling is not None
}
RISK_AGGREGATION_ENABLED = Variable(
    "OVERMIND_RISK_AGGREGATION_ENABLED",
    kinds.flag(),
    "true",
    "false: `overmind risk` leaves out concentrations and stress. The limits are enforced either way.",
)
PORTFOLIO_EXPOSURE_MAX = Variable(
    "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT",
    measured(kinds.percent()),
    "80",
    "The most of the portfolio's equity in positions and held buys.",
)
ASSET_MAX = Variable(
    "OVERMIND_ASSET_MAX_PERCENT", measured(kinds.percent()), "40", "The most of the portfolio's equity in one asset."
)
STRATEGY_MAX = Variable(
    "OVERMIND_STRATEGY_MAX_PERCENT",
    measured(kinds.percent()),
    "100",
    "The most of the portfolio's equity that one strategy may deploy in all wallets together, held buys included.",
)
POSITIONS_MAX = Variable(
    "OVERMIND_POSITIONS_MAX",
    measured(kinds.whole("assets", 0, 100_000)),
    "0",
    "The most different assets in all wallets together, held buys included. 0: no limit.",
)
STRESS = Variable(
    "OVERMIND_STRESS_PERCENT",
    kinds.percents(8),
    "10,20,50",
    "Falls of all prices for which `overmind risk` computes the portfolio's loss.",
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
    "How far a quote may be from the newest mark.",
)
MARK_AGE_MAX = Variable(
    "OVERMIND_MARK_AGE_MAX_MS",
    measured(kinds.milliseconds(1, 86_400_000)),
    "30000",
    "A mark that is older is stale: entries are refused.",
)
MARK_HEARTBEAT = Variable(
    "OVERMIND_MARK_HEARTBEAT_MS",
    measured(kinds.milliseconds(0, 86_400_000)),
    "10000",
    "How often a price that does not change is journaled, at most a third of OVERMIND_MARK_AGE_MAX_MS. It saves disk "
    "space and changes no decision. 0: every price is journaled.",
)
PRICE_JUMP_MAX = Variable(
    "OVERMIND_PRICE_JUMP_MAX_PERCENT",
    measured(kinds.percent_within("1", "90")),
    "20",
    "How far a live price may move in a minute. Beyond that it is not believed until it has stayed for as many minutes "
    "as the move takes at this pace: entries hold, and exits sell in slices and within it. `overmind accept-price` "
    "ends the wait. Where a second source is configured, a price counts at once if that source agrees.",
)
PRICE_AGREEMENT = Variable(
    "OVERMIND_PRICE_AGREEMENT_BPS",
    measured(kinds.whole("bps", 1, 5_000)),
    "200",
    "How far the two price sources may differ. Beyond that the price is not believed.",
)
DEPEG_MAX = Variable(
    "OVERMIND_DEPEG_MAX_PERCENT",
    measured(kinds.percent()),
    "1",
    "How far a live price of the quote currency may be from 1 USD before entries hold. 0: it is not looked at.",
)
ADMISSION = Variable(
    "OVERMIND_ADMISSION",
    kinds.choice({policy.value: policy for policy in AdmissionPolicy}),
    AdmissionPolicy.CHECKED.value,
    "What a token's mint may be able to do before the token is bought live. checked: nobody but those whom the token "
    "list declares can take, lock or charge what is held. strict: nor make new units, hide amounts, or change how they "
    "are shown. off: no mint is looked at. Paper trades look at no chain.",
)
ADMISSION_EXIT = Variable(
    "OVERMIND_ADMISSION_EXIT",
    kinds.flag(),
    "false",
    "true: a held token whose mint is not admitted any more is sold. It is never bought, and an alarm tells it.",
)
RESERVE_FLOAT = Variable(
    "OVERMIND_RESERVE_FLOAT_SOL",
    measured(kinds.sol("1000")),
    "0.1",
    "The SOL that an entry must leave in its wallet for fees and rent.",
)
