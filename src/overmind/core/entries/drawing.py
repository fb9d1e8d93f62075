"""Exploring: now and then a small entry goes to another wallet than the preferred one, with a known chance.

Every bound is checked before the draw. An entry that may not explore draws nothing, and its chance is a million. A
retry never explores, nor does an exit, a risk budget, or a wallet that is there to be careful.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries.gate import wallet_may_enter
from overmind.core.entries.request import EntryRequest
from overmind.core.learning.choice import BAND, TOP, Drawn, draw_ppm, drawn, propensities_ppm
from overmind.core.learning.sigmoid import MICRO
from overmind.core.learning.standing import is_spent
from overmind.core.model.enums import LEARNER_CANARY, LEARNER_ON, StrategyType, WalletType
from overmind.core.model.ids import SignalId
from overmind.core.model.units import PPM

CAREFUL: Final = frozenset({WalletType.EMERGENCY, WalletType.CONSERVATIVE})
FAST: Final = frozenset({StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING, StrategyType.SOUL_METEOR_SNIPING})
FAST_BAND: Final = 10 * MICRO  # of strategies whose edge is gone within moments
CANARY: Final = "canary "  # before the seed, so that this choice and the draw have nothing in common


class Draw(NamedTuple):
    drawn: Drawn
    chances_ppm: dict[int, int]  # of every place that could be drawn


def decides(state: State, signal_id: SignalId) -> bool:
    """Whether the learner decides this signal."""
    mode, rules = state.learner_mode, state.settings.learner_rules
    if mode is not LEARNER_CANARY:
        return mode is LEARNER_ON
    return draw_ppm(CANARY + rules.seed, signal_id) < rules.canary_ppm


def may_explore(state: State, request: EntryRequest) -> bool:
    """Whether every bound leaves room for this entry, if it should be drawn."""
    rules, standing, notional = state.settings.learner_rules, state.standing, request.notional_micros
    if not rules.explore_ppm or notional > rules.explore_max_micros:
        return False
    if (standing.explored_today + 1) * PPM > (standing.signals_today + 1) * rules.explore_ppm:
        return False
    explored, entered = standing.explored_today_micros + notional, standing.entered_today_micros + notional
    if explored * PPM > entered * rules.explore_day_ppm:
        return False
    return not is_spent(rules, standing) and not is_at_risk(state)


def is_at_risk(state: State) -> bool:
    """Whether half of the exposure is used that the portfolio may have, or half of what it may lose in a day."""
    desk, base = state.settings, state.day_base
    if 2 * state.exposure_micros * PPM > max(0, state.equity_micros) * desk.portfolio_exposure_max_ppm:
        return True
    capital = base.capital_micros(state.deposited_micros)
    return 2 * (capital - state.equity_micros) * PPM > capital * min(desk.day_loss_max_ppm, desk.emergency_stop_ppm)


def explored(
    state: State,
    request: EntryRequest,
    at_ns: int,
    costs: NDArray[np.float64],
    preferred: int,
    book_of: Callable[[int], WalletBook],
) -> Draw | None:
    """The place that is drawn among those that the gate lets in, and its chance; None: nothing is drawn."""
    if book_of(preferred).wallet.type in CAREFUL:
        return None
    signal, rules = request.signal, state.settings.learner_rules
    band = FAST_BAND if signal.strategy in FAST else BAND
    places, best = [preferred], costs[preferred]
    order: list[int] = np.argsort(costs, kind="stable").tolist()
    for place in order:
        if len(places) >= TOP or not costs[place] - best <= band / MICRO:
            break
        book = book_of(place)
        if place == preferred or book.wallet.type in CAREFUL:
            continue
        if wallet_may_enter(state, book, request, at_ns):
            places.append(place)
    whole = [round(costs[place].item() * MICRO) for place in places]
    chances = [(places[at], ppm) for at, ppm in propensities_ppm(whole, 0, rules.explore_ppm, band)]
    return Draw(drawn(chances, rules.seed, signal.id), dict(chances))
