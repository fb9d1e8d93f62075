"""Why a wallet was chosen, and how a risk budget became an amount. Journaled with the order."""

from __future__ import annotations

from overmind.core.model.codes import Code
from overmind.core.model.enums import SizingMethod
from overmind.core.model.ids import WalletId
from overmind.core.model.route import RouteName
from overmind.core.model.units import PPM
from overmind.core.model.value import Value


class CostTerms(Value, frozen=True, omit_defaults=True):
    """Expected cost of one wallet's execution in basis points of the notional. Floats: they rank, they never gate."""

    fee: float
    rent: float
    slippage: float
    headroom: float
    preference: float
    in_flight: float = 0.0
    execution: float = 0.0
    learned: float = 0.0  # the correction, where it decides
    priority: float = 0.0  # from here on: of the route
    tip: float = 0.0
    landing: float = 0.0
    latency: float = 0.0
    health: float = 0.0

    @property
    def total(self) -> float:
        known = self.fee + self.rent + self.slippage + self.headroom + self.preference
        of_route = self.priority + self.tip + self.landing + self.latency + self.health
        return known + self.in_flight + self.execution + of_route + self.learned


class Advice(Value, frozen=True, omit_defaults=True):
    """What was learned says about one decision. Journaled, so that its forecasts can be held against what happened."""

    wallet_id: WalletId  # it would choose this one
    landing_ppm: int  # its forecast for the chosen wallet
    slots: int  # to land, in millionths
    correction: int  # of the chosen wallet's expected cost, in millionths of a basis point
    decided: bool = False  # whether it was asked to decide
    expected: int = 0  # cost of the chosen wallet's not landing, landing late and filling badly, in millionths of a bp
    gain: int = 0  # how much cheaper it forecasts its own choice than the chosen one, in the same
    # what the cost model's own choice is expected to cost beyond the chosen one; None: it is the chosen one
    baseline: int | None = None
    propensity_ppm: int = PPM  # the exact chance that the chosen wallet had; a million: nothing was drawn
    favoured_ppm: int = 0  # if something was drawn: the chance of the choice that it would make; 0: it had none
    explored: bool = False  # it was drawn instead of the preferred one
    route: RouteName = RouteName.PUBLIC  # it would choose this one


class Selection(Value, frozen=True, omit_defaults=True):
    """Why this wallet: its expected cost, term by term, and the number of candidates."""

    terms: CostTerms
    candidates: int  # wallets whose capacity and risk level fit; for a sale only the holders of the token
    wallets: int
    advice: Advice | None = None  # None: nothing is learned


class Plan(Value, frozen=True, omit_defaults=True):
    """How a buy was divided among wallets, and what it would have cost in one."""

    wanted_micros: int
    placed_micros: int  # less than wanted if the signal allows it and no more fits
    cost_bps: float  # expected, of what was placed
    alone: WalletId | None = None  # the cheapest wallet that could have taken all of it
    alone_bps: float | None = None  # what that was expected to cost


class Sizing(Value, frozen=True):
    """How a risk budget became an amount in one wallet, cap by cap, for a later explanation."""

    wanted_micros: int  # what the budget buys at this distance
    budget_micros: int
    distance_ppm: int
    how: SizingMethod
    # the largest entry that each limit allowed, in micro-USD, in order of precedence
    caps: tuple[tuple[Code, int], ...]
    notional_micros: int  # the smallest of all these

    @property
    def binding(self) -> tuple[Code, ...]:
        """The limits that made it smaller than wanted."""
        return tuple(code for code, micros in self.caps if micros <= self.notional_micros < self.wanted_micros)
