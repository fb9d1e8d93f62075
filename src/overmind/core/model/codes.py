"""What may forbid an entry: codes in order of precedence, the refusals that carry them, and the limits of a wallet.

A new limit of a wallet needs a code, a field of `Limits` and its row in `LIMIT_FIELDS`. How it is enforced stands in
`core.entries.limit_table`.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, Self

from overmind.core.model.ids import WalletId
from overmind.core.model.units import MICROS, NOTIONAL_MAX_MICROS, PPM
from overmind.core.model.value import Value


class Unit(enum.StrEnum):
    """Of a limit. Micro-USD is shown as USD, ppm as percent or ratio, lamports as SOL."""

    USD = "usd"
    PERCENT = "percent"
    RATIO = "ratio"
    COUNT = "count"
    MILLISECONDS = "ms"
    BASIS_POINTS = "bps"
    SOL = "sol"
    BASE_UNITS = "base units"
    TEXT = "text"
    FLAG = "flag"


class Code(enum.StrEnum):
    """Why an entry may not be made, in order of precedence (specification §8): name, unit of its numbers, meaning."""

    unit: Unit
    meaning: str

    def __new__(cls, code: str, unit: Unit, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.unit = unit
        member.meaning = meaning
        return member

    PORTFOLIO_STOPPED = (
        "PORTFOLIO_STOPPED",
        Unit.TEXT,
        "The portfolio holds entries, or every wallet is stopped. `overmind wallets` names the holds.",
    )
    CLOCK_JUMPED = (
        "CLOCK_JUMPED",
        Unit.TEXT,
        "The machine's clock jumped, and nothing has confirmed the new time. Set it right; if it is right, "
        "`overmind accept-time --reason …`.",
    )
    WALLET_STATUS = "WALLET_STATUS", Unit.TEXT, "The wallet takes no entries now. `actual` names its status and holds."
    WALLET_TYPE = "WALLET_TYPE", Unit.TEXT, "An Emergency wallet takes no entries: it receives proceeds and sells."
    WALLET_EXCLUDED = (
        "WALLET_EXCLUDED",
        Unit.TEXT,
        "The signal excluded it, or multi-wallet trading is off and it is not the default wallet.",
    )
    STRATEGY_NOT_ENABLED = (
        "STRATEGY_NOT_ENABLED",
        Unit.TEXT,
        "The wallet has no share for the strategy, or the strategy is paused.",
    )
    NO_PROTECTED_ROUTE = (
        "NO_PROTECTED_ROUTE",
        Unit.TEXT,
        "The entry must be protected from front-running, and the wallet has no protected route. OVERMIND_WALLET_ROUTES "
        "gives it one. `actual` says what it has.",
    )
    SIGNAL_STALE = "SIGNAL_STALE", Unit.MILLISECONDS, "The signal's time to live was over when it was decided."
    SIGNAL_FROM_FUTURE = (
        "SIGNAL_FROM_FUTURE",
        Unit.MILLISECONDS,
        "The signal's timestamp is ahead of the desk's clock. Check the sender's clock.",
    )
    SELECTION_TIMEOUT = (
        "SELECTION_TIMEOUT",
        Unit.MILLISECONDS,
        "The signal waited longer for its decision than OVERMIND_WALLET_SELECTION_TIMEOUT_MS.",
    )
    PRICE_MISSING = (
        "PRICE_MISSING",
        Unit.TEXT,
        "The token that `actual` names has no mark yet. Entries also need a mark of SOL.",
    )
    PRICE_STALE = (
        "PRICE_STALE",
        Unit.MILLISECONDS,
        "The newest mark is older than OVERMIND_MARK_AGE_MAX_MS (on a tape: two candles).",
    )
    PRICE_UNCONFIRMED = (
        "PRICE_UNCONFIRMED",
        Unit.TEXT,
        "The token that `actual` names, or SOL, has a new price that is not believed: it jumped too far, or the second "
        "source does not agree. `overmind risk` shows it.",
    )
    SLIPPAGE_CEILING = "SLIPPAGE_CEILING", Unit.BASIS_POINTS, "The signal allows more slippage than the desk's ceiling."
    PRICE_IMPACT = (
        "PRICE_IMPACT",
        Unit.BASIS_POINTS,
        "The order is expected to move the price by more than the desk's ceiling. Make it smaller.",
    )
    MINT_NOT_ADMITTED = (
        "MINT_NOT_ADMITTED",
        Unit.TEXT,
        "The token is neither listed nor admitted: OVERMIND_ADMISSION does not allow what its mint can do, or no list "
        "has it and a look found what `actual` says.",
    )
    MINT_BLOCKED = (
        "MINT_BLOCKED",
        Unit.TEXT,
        "The token is on the block list, or not on the allow list. `overmind mints` shows both.",
    )
    AMOUNT_OUT_OF_RANGE = (
        "AMOUNT_OUT_OF_RANGE",
        Unit.TEXT,
        "The amount comes to nothing, or to more than the desk can count.",
    )
    VOLATILITY_UNKNOWN = (
        "VOLATILITY_UNKNOWN",
        Unit.TEXT,
        "The token has too few marks to size by volatility, or its price has not moved.",
    )
    STOP_DISTANCE_UNKNOWN = (
        "STOP_DISTANCE_UNKNOWN",
        Unit.TEXT,
        "Sizing by the stop needs a stop loss, and neither the signal nor the wallet has one.",
    )
    SIZE_TOO_SMALL = (
        "SIZE_TOO_SMALL",
        Unit.TEXT,
        "The limits that are named leave the risk budget less than OVERMIND_SIZING_MIN_USD or OVERMIND_ORDER_MIN_USD.",
    )
    RISK_LEVEL = "RISK_LEVEL", Unit.RATIO, "The wallet's risk level is above the signal's tolerance."
    DAILY_LOSS = "DAILY_LOSS", Unit.USD, "The wallet's loss limit of this UTC day is used up."
    DAILY_LOSS_HEADROOM = (
        "DAILY_LOSS_HEADROOM",
        Unit.USD,
        "What this entry and those in flight could lose down to their stop loss, with their costs, does "
        "not fit what is left of the wallet's daily loss.",
    )
    ASSET_COOLDOWN = (
        "ASSET_COOLDOWN",
        Unit.MILLISECONDS,
        "The wallet's stop loss sold this token less than OVERMIND_STOP_COOLDOWN_SEC ago.",
    )
    ORDER_TOO_SMALL = (
        "ORDER_TOO_SMALL",
        Unit.USD,
        "The entry is smaller than OVERMIND_ORDER_MIN_USD: its fixed costs would weigh too much.",
    )
    SPLIT_ROOM = "SPLIT_ROOM", Unit.USD, "The wallets that may serve it take less together. Split partial buys that."
    EXPECTED_COST = (
        "EXPECTED_COST",
        Unit.BASIS_POINTS,
        "The entry is expected to cost more than OVERMIND_EXPECTED_COST_MAX_BPS: fee, the part of the rent that is "
        "usually lost, half the spread, the price impact, and the priority fee and tip of the cheapest route. A larger "
        "one costs less, unless the impact is the cause.",
    )
    TRADES_TODAY = (
        "TRADES_TODAY",
        Unit.COUNT,
        "The wallet's entries of this UTC day are used up. Open ones count; sales do not.",
    )
    PORTFOLIO_TRADES = (
        "PORTFOLIO_TRADES",
        Unit.COUNT,
        "The entries of all wallets in this UTC day are used up (OVERMIND_DAY_TRADES_MAX). Open ones count.",
    )
    CONCURRENT_POSITIONS = (
        "CONCURRENT_POSITIONS",
        Unit.COUNT,
        "The wallet has as many positions as it may have. Those being opened count.",
    )
    POSITION_SIZE = "POSITION_SIZE", Unit.USD, "The position after the trade would be larger than the wallet's limit."
    STRATEGY_POSITION_SIZE = (
        "STRATEGY_POSITION_SIZE",
        Unit.USD,
        "The strategy's part of the position would be larger than its limit.",
    )
    STRATEGY_SHARE = "STRATEGY_SHARE", Unit.USD, "The strategy would deploy more than its share of the wallet's equity."
    INSUFFICIENT_QUOTE = "INSUFFICIENT_QUOTE", Unit.USD, "The wallet has too little free USDC."
    SHORT_NOT_TRADED = (
        "SHORT_NOT_TRADED",
        Unit.TEXT,
        "The source opens or covers a short position. The desk only holds what it has bought.",
    )
    SOURCE_HOLDS_NOTHING = (
        "SOURCE_HOLDS_NOTHING",
        Unit.BASE_UNITS,
        "An exit of a source sells what its own entries hold here and no open sale has reserved. The limit is what "
        "they hold, open sales included; actual is what everybody else holds.",
    )
    INSUFFICIENT_TOKENS = (
        "INSUFFICIENT_TOKENS",
        Unit.BASE_UNITS,
        "There is nothing, or not enough, to sell. The desk does not sell short.",
    )
    LOTS_OF_OTHERS = (
        "LOTS_OF_OTHERS",
        Unit.BASE_UNITS,
        "A sale takes the lots of its own strategy alone, unless it says scope desk. The limit is what this "
        "strategy holds, open sales included; actual is what other strategies hold, and what was deposited.",
    )
    BUY_IN_FLIGHT = (
        "BUY_IN_FLIGHT",
        Unit.TEXT,
        "A buy of this token by the same strategy has no outcome yet. Sell what it brings under a new signal_id.",
    )
    INSUFFICIENT_SOL = (
        "INSUFFICIENT_SOL",
        Unit.SOL,
        "The wallet has too little SOL for fee and rent. An entry must also leave OVERMIND_RESERVE_FLOAT_SOL.",
    )
    WALLET_EXPOSURE = (
        "WALLET_EXPOSURE",
        Unit.PERCENT,
        "Positions and held buys would exceed the allowed share of the wallet's equity.",
    )
    PORTFOLIO_EXPOSURE = (
        "PORTFOLIO_EXPOSURE",
        Unit.PERCENT,
        "Positions and held buys would exceed the allowed share of the portfolio's equity.",
    )
    ASSET_CONCENTRATION = (
        "ASSET_CONCENTRATION",
        Unit.PERCENT,
        "One asset would exceed its allowed share of the portfolio's equity.",
    )
    STRATEGY_CONCENTRATION = (
        "STRATEGY_CONCENTRATION",
        Unit.PERCENT,
        "One strategy would exceed its allowed share of the portfolio's equity (OVERMIND_STRATEGY_MAX_PERCENT).",
    )
    PORTFOLIO_POSITIONS = (
        "PORTFOLIO_POSITIONS",
        Unit.COUNT,
        "All wallets together hold or buy as many different assets as OVERMIND_POSITIONS_MAX allows.",
    )
    RATE_LIMIT = "RATE_LIMIT", Unit.COUNT, "The wallet took as many signals within the last second as it may."


PRECEDENCE: Final = {code: rank for rank, code in enumerate(Code)}


class Refusal(Value, frozen=True):
    """A "no": the rule, what it allows and what was found, in the code's unit.

    Without `wallet_id` it concerns the signal or the portfolio, whichever wallet would have taken it.
    """

    code: Code
    limit: int | str | None = None
    actual: int | str | None = None
    wallet_id: WalletId | None = None


def rank_of(refusal: Refusal) -> int:
    """Its place in the order of precedence."""
    return PRECEDENCE[refusal.code]


COUNT_MAX: Final = 10**12  # No desk holds or makes more; keeps every counter in an int64.


class Limits(Value, frozen=True, omit_defaults=True):
    """The effective limits of one wallet (specification §4).

    A field that is added has a default, and is not written while it has it: so old journals, snapshots and hashes stay.
    """

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


class Defaults(NamedTuple):
    """By the rows of the house table, in whole USD, percent or counts. A type or a risk profile takes one row."""

    conservative: int
    primary: int
    arbitrage: int
    hft: int
    experimental: int
    emergency: int  # no new positions; at its widest where the table says nothing, so the profile's row closes it


class Ceiling(Value, frozen=True):
    """The variable that sets a ceiling of the desk."""

    variable: str
    meaning: str
    lowest: str = "0"


class LimitField(Value, frozen=True):
    """How a field of `Limits` is named in a wallet's JSON and by operators, what it counts, and its defaults."""

    field: str
    name: str
    unit: Unit
    defaults: Defaults
    counted: str = ""  # what a count is of
    ceiling: Ceiling | None = None  # of the field of `Ceilings` with the same name; None: there is none
    required: bool = True  # in a wallet's `risk_limits`; otherwise the default holds where it is left out
    in_files: bool = True  # whether `risk_limits` may give it at all
    only_raised: bool = False  # the higher is the stricter

    @property
    def scale(self) -> int:
        """How many of its own units make one as it is typed in the table of defaults."""
        return {Unit.USD: MICROS, Unit.COUNT: 1}.get(self.unit, PPM // 100)


LIMIT_FIELDS: Final = (
    LimitField(
        "daily_loss_max_micros",
        "max_daily_loss",
        Unit.USD,
        Defaults(100, 1_000, 1_500, 2_000, 50, NOTIONAL_MAX_MICROS // MICROS),
        ceiling=Ceiling(
            "OVERMIND_CEILING_DAILY_LOSS_USD",
            "The largest daily loss limit that `overmind limits` can give a wallet. Only a wallet's own file may say "
            "more than a ceiling.",
        ),
    ),
    LimitField(
        "position_max_micros",
        "max_position_size",
        Unit.USD,
        Defaults(1_000, 10_000, 15_000, 20_000, 500, 0),
        ceiling=Ceiling(
            "OVERMIND_CEILING_POSITION_USD",
            "Ceiling of the largest position of a wallet, and of one of its strategies.",
        ),
    ),
    LimitField(
        "exposure_max_ppm",
        "max_exposure_percentage",
        Unit.PERCENT,
        Defaults(20, 80, 85, 90, 10, 100),
        ceiling=Ceiling("OVERMIND_CEILING_EXPOSURE_PERCENT", "Ceiling of a wallet's exposure."),
    ),
    LimitField(
        "positions_max",
        "max_concurrent_positions",
        Unit.COUNT,
        Defaults(3, 10, 12, 15, 2, 0),
        counted="positions",
        ceiling=Ceiling("OVERMIND_CEILING_POSITIONS", "Ceiling of a wallet's concurrent positions."),
    ),
    LimitField(
        "stop_loss_ppm",
        "stop_loss_threshold",
        Unit.PERCENT,
        Defaults(2, 5, 3, 3, 1, 100),
        ceiling=Ceiling(
            "OVERMIND_CEILING_STOP_LOSS_PERCENT",
            "Ceiling of a wallet's stop loss. Having no stop loss is wider than any.",
            lowest="0.0001",
        ),
    ),
    LimitField(
        "trades_per_day_max",
        "daily_trade_limit",
        Unit.COUNT,
        Defaults(10, 100, 150, 200, 5, COUNT_MAX),
        counted="trades",
        ceiling=Ceiling("OVERMIND_CEILING_TRADES_PER_DAY", "Ceiling of a wallet's trades of a day."),
    ),
    LimitField(
        "risk_level_ppm",
        "risk_level",
        Unit.RATIO,
        Defaults(20, 50, 60, 70, 90, 10),
        in_files=False,
        only_raised=True,
    ),
)
