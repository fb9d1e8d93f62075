"""The views that the page's navigation lists, in its order. A further view adds a row."""

from __future__ import annotations

from typing import Final

from overmind.core.model.value import Value
from overmind.http.endpoints import Role


class Credit(Value, frozen=True):
    """A line at the foot of a view."""

    text: str
    link: str = ""


class View(Value, frozen=True):
    name: str
    path: str
    template: str
    within: str = ""  # the view of the navigation that it belongs to; blank: it is one
    role: Role = Role.READ  # who sees it
    scripts: tuple[str, ...] = ()  # files beside desk.js
    credits: tuple[Credit, ...] = ()

    @property
    def part_of(self) -> str:
        return self.within or self.name


OVERVIEW: Final = View("Overview", "/desk", "overview.html")
WALLETS: Final = View("Wallets", "/desk/wallets", "wallets.html")
WALLET: Final = View("Wallet", "/desk/wallets/{wallet_id}", "wallet.html", within="Wallets")
POSITIONS: Final = View("Positions", "/desk/positions", "positions.html")
RISK: Final = View("Risk", "/desk/risk", "risk.html")
LEARNER: Final = View("Learner", "/desk/learner", "learner.html", within="Risk")

SIGNALS: Final = View("Signals", "/desk/signals", "signals.html")
SIGNAL: Final = View("Signal", "/desk/signals/{signal_id}", "signal.html", within="Signals")
ORDERS: Final = View("Orders", "/desk/orders", "orders.html")
CAPITAL: Final = View("Capital", "/desk/capital", "capital.html")
EVENTS: Final = View("Events", "/desk/events", "events.html")
EVENT: Final = View("Entry", "/desk/events/{seq}", "event.html", within="Events")
ACCOUNTS: Final = View("Accounts", "/desk/accounts", "accounts.html")
CHARTS: Final = View(
    "Charts",
    "/desk/charts",
    "charts.html",
    scripts=("lightweight-charts.js", "charts.js"),
    credits=(Credit("Charts by TradingView Lightweight Charts", "https://www.tradingview.com/"),),
)
SETTINGS: Final = View("Settings", "/desk/settings", "settings.html")

NAVIGATION: Final = (
    *(OVERVIEW, WALLETS, POSITIONS, ORDERS, SIGNALS, RISK),
    *(CAPITAL, ACCOUNTS, CHARTS, EVENTS, SETTINGS),
)
