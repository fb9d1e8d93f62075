"""What the desk looked like at the end of each hour and of each day of UTC."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.books.state import State
from overmind.core.model.codes import Code
from overmind.core.model.ids import Mint
from overmind.core.model.units import DAY_NS, NS
from overmind.views.performance.growth import Growth
from overmind.views.utilisation import concentrations, percent_of, portfolio_uses, wallet_uses

HOUR_NS: Final = 3_600 * NS
PORTFOLIO: Final = "portfolio"
WALLETS_HOURLY: Final = 200  # Of more wallets each is looked at once a day: a look takes 20 µs.


class Hour(msgspec.Struct, frozen=True):
    """The last look at an hour."""

    at_ns: int
    equity_micros: int
    deposited_micros: int  # since the beginning of the time
    index: float
    prices: dict[Mint, int]  # pico-USD


class Use(msgspec.Struct):
    """How much of one limit was used, in percent, at the looks of all hours."""

    name: str
    code: Code
    highest: float = 0.0
    highest_ns: int = 0
    total: float = 0.0
    looks: int = 0
    days: dict[int, float] = msgspec.field(default_factory=dict)  # the highest of each day

    def add(self, percent: float, at_ns: int) -> None:
        self.total += percent
        self.looks += 1
        day = at_ns // DAY_NS
        self.days[day] = max(self.days.get(day, 0.0), percent)
        if percent > self.highest:
            self.highest, self.highest_ns = percent, at_ns


class Samples:
    """Look before each entry that begins a new hour, and once at the end."""

    def __init__(self, wallets_hourly: int = WALLETS_HOURLY) -> None:
        self.hours: list[Hour] = []
        self.uses: dict[tuple[str, str], Use] = {}
        self.exposure_ns = 0.0  # exposure by equity, times nanoseconds
        self.equity_ns = 0.0  # USD, times nanoseconds
        self.invested_ns = 0  # with any position or open buy
        self.watched_ns = 0  # with equity
        self._wallets_hourly = wallets_hourly
        self._wallets_day = -1  # when the wallets were looked at last

    def pass_time(self, state: State, passed_ns: int) -> None:
        """The state stood so long."""
        equity = state.equity_micros
        if equity <= 0 or passed_ns <= 0:
            return
        self.watched_ns += passed_ns
        self.equity_ns += equity * passed_ns
        if state.exposure_micros:
            self.invested_ns += passed_ns
            self.exposure_ns += state.exposure_micros / equity * passed_ns

    def look(self, state: State, growth: Growth, deposited_micros: int) -> None:
        prices = {mint: mark.price_pico for mint, mark in state.marks.items()}
        self.hours.append(Hour(state.at_ns, state.equity_micros, deposited_micros, growth.index, prices))
        for name, use in [(PORTFOLIO, one) for one in (*portfolio_uses(state), *concentrations(state))]:
            self._use(name, use.name, use.code, percent_of(use.used, use.limit), state.at_ns)
        day, seen = state.at_ns // DAY_NS, self._wallets_day
        if len(state.wallets) > self._wallets_hourly and day == seen:
            return
        self._wallets_day = day
        for wallet_id, book in state.wallets.items():
            for use in wallet_uses(state, book):
                self._use(wallet_id, use.name, use.code, percent_of(use.used, use.limit), state.at_ns)

    def _use(self, scope: str, name: str, code: Code, percent: float, at_ns: int) -> None:
        self.uses.setdefault((scope, name), Use(name, code)).add(percent, at_ns)
