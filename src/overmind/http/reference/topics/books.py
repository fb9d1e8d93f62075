"""What the books say now."""

from __future__ import annotations

from typing import Final

from overmind.http.reference.operation import Operation, Topic
from overmind.views.learner import LearnerRow
from overmind.views.limits import Mints, WalletLimits
from overmind.views.positions import PositionRow
from overmind.views.prices import PriceRow
from overmind.views.reports import PortfolioSummary, WalletMetrics
from overmind.views.risk import Risk
from overmind.views.stats import StatsRow

BOOKS: Final = Topic(
    "The books",
    "The answers are those of the commands' `--json`. Nothing is shown before it is durable. `wallets`, `positions`, "
    "`prices`, `limits` and the wallets of `risk` are read row by row while trading goes on: each row is exact, and a "
    "trade may come between two of them. `portfolio` is of one moment.",
    (
        Operation("GET", "/v1/portfolio", PortfolioSummary),
        Operation("GET", "/v1/wallets", list[WalletMetrics]),
        Operation("GET", "/v1/positions", list[PositionRow]),
        Operation(
            "GET",
            "/v1/prices",
            list[PriceRow],
            "By symbol, every token that has had a price since the journal began. A price of which `at_ns` stands "
            "still is not seen any more: entries are refused once it is older than OVERMIND_MARK_AGE_MAX_MS.",
        ),
        Operation("GET", "/v1/stats", StatsRow),
        Operation(
            "GET",
            "/v1/risk",
            Risk,
            "Every limit as `limit`, `used` and `percent`, holds with reason and end, concentrations and a stress "
            "test. `assets`, `strategies` and `stress` are null, with the reason in `left_out`, while "
            "OVERMIND_RISK_AGGREGATION_ENABLED is false.",
        ),
        Operation("GET", "/v1/limits", list[WalletLimits]),
        Operation("GET", "/v1/mints", Mints),
        Operation("GET", "/v1/learner", LearnerRow, "Scores are of the newest landing forecasts; lower is better."),
    ),
)
