"""What the books say now."""

from __future__ import annotations

from typing import Final

from overmind.http.reference.operation import Operation, Topic
from overmind.views.limits import Mints, WalletLimits
from overmind.views.positions import PositionRow
from overmind.views.reports import PortfolioSummary, WalletMetrics
from overmind.views.risk import Risk
from overmind.views.stats import StatsRow

BOOKS: Final = Topic(
    "The books",
    "The answers are those of the commands' `--json`. Nothing is shown before it is durable. `wallets`, `positions`, "
    "`limits` and the wallets of `risk` are read row by row while trading goes on: each row is exact, and a trade may "
    "come between two of them. `portfolio` is of one moment.",
    (
        Operation("GET", "/v1/portfolio", PortfolioSummary),
        Operation("GET", "/v1/wallets", list[WalletMetrics]),
        Operation("GET", "/v1/positions", list[PositionRow]),
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
    ),
)
