"""Every limit on entries, each written once. A row says what is allowed, what is used, and what an entry would add.

From a row follow the refusal with its numbers, the headroom, the largest entry (for the selection index and for
sizing), and the views of utilisation. The row's code brings the unit and the meaning for the documentation. Rules
without numbers (holds, exclusions, stale signals) are code in `rules`. No row ever stops an exit.

See specification §8.3 and §8.4.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from overmind.core.books.book import WalletBook
from overmind.core.entries.costs import (
    costs_micros,
    entry_stop_ppm,
    expected_cost_bps,
    loss_max_micros,
    rent_lamports,
)
from overmind.core.entries.limit_row import BLOCKED, NO_CAP, Addition, Limit, PortfolioPlace, Scope, WalletPlace
from overmind.core.entries.request import EntryRequest, largest_of_impact, slippage_ceiling_bps
from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS, PPM, ppm_of

AT_RISK_RULES: Final = 2  # the first booking rules that count what open positions can still lose


# Used amounts


def share_ppm(part: int, whole: int) -> int:
    """A share in ppm, rounded up; of a whole of zero it exceeds every limit."""
    return -(-part * PPM // whole) if whole > 0 else PPM * PPM


def rate_used(desk: Desk, book: WalletBook, at_ns: int) -> int:
    """Entries placed within the last second."""
    placed = book.placed_ns
    if len(placed) < desk.rate_max_per_s:  # All remembered entries together would not break the limit.
        return 0
    return sum(1 for placed_ns in placed if at_ns - placed_ns < NS)


def day_loss_micros(book: WalletBook) -> int:
    pnl = book.day_pnl_micros
    return -pnl if pnl < 0 else 0


def loss_at_stops_micros(desk: Desk, book: WalletBook) -> int:
    """The day's loss if every open position fell to its highest stop (specification §8.5)."""
    loss = (book.at_risk_micros if desk.booking_rules >= AT_RISK_RULES else 0) - book.day_pnl_micros
    return loss if loss > 0 else 0


# What an entry adds


def _headroom_of_one(headroom: int, place: object) -> int:
    return NO_CAP if headroom >= 1 else BLOCKED


def _before_stop(left_micros: int, stop_ppm: int) -> int:
    """The stop loss is rounded up, so the quotient is rounded down."""
    return left_micros * PPM // stop_ppm if stop_ppm else NO_CAP


def _largest_loss(headroom: int, place: WalletPlace, request: EntryRequest) -> int:
    left = headroom - costs_micros(place.state.settings, place.book, request)
    return 0 if left < 0 else _before_stop(left, entry_stop_ppm(place.book, request.signal))


def _loss_capacity(headroom: int, place: WalletPlace) -> int:
    """Without a stop loss of the wallet the signal's applies, and only the refusal checks it."""
    left = headroom - place.state.sol_value_micros_up(place.state.settings.costs.fee_max_lamports)
    return BLOCKED if left < 0 else _before_stop(left, place.limits.stop_loss_ppm)


def _lamports(place: WalletPlace, request: EntryRequest) -> int:
    desk = place.state.settings
    return desk.costs.fee_max_lamports + rent_lamports(desk, place.book, request.signal.mint)


def _lamports_capacity(headroom: int, place: WalletPlace) -> int:
    return NO_CAP if headroom >= place.state.settings.costs.fee_max_lamports else BLOCKED


def _largest_impact(ceiling_bps: int, place: PortfolioPlace, request: EntryRequest) -> int:
    return largest_of_impact(place.desk.costs.depth_micros, ceiling_bps)


def _expected_cost_bps(place: WalletPlace, request: EntryRequest) -> int | None:
    return expected_cost_bps(place.state, place.book, request) if request.notional_micros > 0 else None


def _largest_of_cost(ceiling_bps: int, place: WalletPlace, request: EntryRequest) -> int:
    """The largest n within the ceiling. The fixed costs weigh less in a larger entry and its impact weighs more, in
    steps of a whole basis point: so it is the last n of one of the steps. Of the highest ones few are too dear."""
    for impact_bps in range(ceiling_bps, -1, -1):
        largest = largest_of_impact(place.state.settings.costs.depth_micros, impact_bps)
        its = replace(request, notional_micros=largest, impact_bps=impact_bps)
        if largest and expected_cost_bps(place.state, place.book, its) <= ceiling_bps:
            return largest
    return 0


NOTIONAL: Final = Addition[WalletPlace](
    units_of=lambda place, request: request.notional_micros,
    largest_of=lambda headroom, place, request: headroom,
    capacity_of=lambda headroom, place: headroom,
)
NOTIONAL_OF_SHARE: Final = Addition[WalletPlace](
    units_of=lambda place, request: None if place.share is None else request.notional_micros,
    largest_of=lambda headroom, place, request: 0 if place.share is None else headroom,
    capacity_of=lambda headroom, place: BLOCKED if place.share is None else headroom,
)
LOSS: Final = Addition[WalletPlace](
    units_of=lambda place, request: loss_max_micros(place.state.settings, place.book, request),
    largest_of=_largest_loss,
    capacity_of=_loss_capacity,
)
ONE: Final = Addition[WalletPlace](units_of=lambda place, request: 1, capacity_of=_headroom_of_one)
NEW_TOKEN: Final = Addition[WalletPlace](  # A token that is already in use needs no further place.
    units_of=lambda place, request: None if place.book.uses(place.mint) else 1,
    capacity_of=lambda headroom, place: NO_CAP,
)
COST: Final = Addition[WalletPlace](
    units_of=_expected_cost_bps, largest_of=_largest_of_cost, capacity_of=lambda headroom, place: NO_CAP
)
FEE_AND_RENT: Final = Addition[WalletPlace](units_of=_lamports, capacity_of=_lamports_capacity)

PORTFOLIO_NOTIONAL: Final = Addition[PortfolioPlace](
    units_of=lambda place, request: request.notional_micros,
    largest_of=lambda headroom, place, request: headroom,
    capacity_of=lambda headroom, place: headroom,
)
PORTFOLIO_ONE: Final = Addition[PortfolioPlace](units_of=lambda place, request: 1, capacity_of=_headroom_of_one)
PORTFOLIO_NEW_TOKEN: Final = Addition[PortfolioPlace](
    units_of=lambda place, request: None if place.mint in place.state.users else 1,
    capacity_of=lambda headroom, place: NO_CAP,
)
SMALLEST: Final = Addition[PortfolioPlace](  # Counted below zero: the smaller the entry, the more it adds.
    units_of=lambda place, request: -request.notional_micros if request.notional_micros > 0 else None,
    capacity_of=lambda headroom, place: NO_CAP,
)
IMPACT: Final = Addition[PortfolioPlace](
    units_of=lambda place, request: request.impact_bps,
    largest_of=_largest_impact,
    capacity_of=lambda headroom, place: NO_CAP,
)


# The rows in the order of display. Refusals are listed in the order of their codes.


def _used_by_strategy(place: WalletPlace) -> int:
    if place.strategy is None:
        return 0
    return place.book.used_by_micros(place.mint, place.strategy, place.state.price_pico(place.mint))


WALLET_LIMITS: Final[tuple[Limit[WalletPlace], ...]] = (
    Limit(
        code=Code.DAILY_LOSS,
        scope=Scope.ALL,
        limit_of=lambda at: at.limits.daily_loss_max_micros,
        used_of=lambda at: day_loss_micros(at.book),
        adds=ONE,
        told=lambda at, limit, actual: (limit, actual - 1),  # Exhausted before the entry adds anything.
    ),
    Limit(
        code=Code.DAILY_LOSS_HEADROOM,
        scope=Scope.ALL,
        limit_of=lambda at: at.limits.daily_loss_max_micros,
        used_of=lambda at: loss_at_stops_micros(at.state.settings, at.book) + at.book.loss_in_flight_micros,
        adds=LOSS,
        name="daily_loss",
        unless=Code.DAILY_LOSS,
    ),
    Limit(
        code=Code.POSITION_SIZE,
        scope=Scope.TOKEN,
        limit_of=lambda at: at.limits.position_max_micros,
        used_of=lambda at: at.book.used_micros(at.mint, at.state.price_pico(at.mint)),
        adds=NOTIONAL,
        name="position_size",
    ),
    Limit(
        code=Code.WALLET_EXPOSURE,
        scope=Scope.ALL,
        limit_of=lambda at: ppm_of(at.book.equity_micros, at.limits.exposure_max_ppm),
        used_of=lambda at: at.book.positions_micros + at.book.entries_micros,
        adds=NOTIONAL,
        name="exposure",
        told=lambda at, limit, actual: (at.limits.exposure_max_ppm, share_ppm(actual, at.book.equity_micros)),
    ),
    Limit(
        code=Code.CONCURRENT_POSITIONS,
        scope=Scope.ALL,
        limit_of=lambda at: at.limits.positions_max,
        used_of=lambda at: at.book.mints_in_use,
        adds=NEW_TOKEN,
        name="concurrent_positions",
    ),
    Limit(
        code=Code.TRADES_TODAY,
        scope=Scope.ALL,
        limit_of=lambda at: at.limits.trades_per_day_max,
        used_of=lambda at: at.book.trades_today + at.book.entries_open,
        adds=ONE,
        name="trades_today",
    ),
    Limit(
        code=Code.EXPECTED_COST,
        scope=Scope.TOKEN,
        limit_of=lambda at: at.state.settings.expected_cost_max_bps or None,
        used_of=lambda at: 0,
        adds=COST,
    ),
    Limit(
        code=Code.STRATEGY_SHARE,
        scope=Scope.STRATEGY,
        limit_of=lambda at: 0 if at.share is None else ppm_of(at.book.equity_micros, at.share.share_ppm),
        used_of=lambda at: 0 if at.strategy is None else at.book.deployed_micros(at.strategy),
        adds=NOTIONAL_OF_SHARE,
        name="share",
    ),
    Limit(
        code=Code.STRATEGY_POSITION_SIZE,
        scope=Scope.TOKEN_OF_STRATEGY,
        limit_of=lambda at: 0 if at.share is None else at.share.position_max_micros,
        used_of=_used_by_strategy,
        adds=NOTIONAL_OF_SHARE,
        name="largest_position",
    ),
    Limit(
        code=Code.INSUFFICIENT_QUOTE,
        scope=Scope.ALL,
        limit_of=lambda at: at.state.ledger.balance(at.book.accounts.free, at.state.settings.quote.mint),
        used_of=lambda at: 0,
        adds=NOTIONAL,
    ),
    Limit(
        code=Code.INSUFFICIENT_SOL,
        scope=Scope.ALL,
        limit_of=lambda at: at.state.ledger.balance(at.book.accounts.sol_float, SOL),
        used_of=lambda at: at.state.settings.reserve_float_lamports,
        adds=FEE_AND_RENT,
    ),
    Limit(
        code=Code.RATE_LIMIT,
        scope=Scope.ALL,
        limit_of=lambda at: at.state.settings.rate_max_per_s,
        used_of=lambda at: rate_used(at.state.settings, at.book, at.at_ns),
        adds=ONE,
        eases=True,
    ),
)


def _slippage_ceiling_bps(place: PortfolioPlace) -> int | None:
    return None if place.strategy is None else slippage_ceiling_bps(place.desk, place.strategy)


PORTFOLIO_LIMITS: Final[tuple[Limit[PortfolioPlace], ...]] = (
    Limit(
        code=Code.PRICE_IMPACT,
        scope=Scope.STRATEGY,
        limit_of=_slippage_ceiling_bps,
        used_of=lambda at: 0,
        adds=IMPACT,
    ),
    Limit(
        code=Code.ORDER_TOO_SMALL,
        scope=Scope.ALL,
        limit_of=lambda at: -at.desk.order_min_micros or None,
        used_of=lambda at: 0,
        adds=SMALLEST,
        told=lambda at, limit, actual: (-limit, -actual),
    ),
    Limit(
        code=Code.PORTFOLIO_EXPOSURE,
        scope=Scope.ALL,
        limit_of=lambda at: ppm_of(at.state.equity_micros, at.desk.portfolio_exposure_max_ppm),
        used_of=lambda at: at.state.exposure_micros,
        adds=PORTFOLIO_NOTIONAL,
        name="exposure",
        told=lambda at, _, actual: (at.desk.portfolio_exposure_max_ppm, share_ppm(actual, at.state.equity_micros)),
    ),
    Limit(
        code=Code.PORTFOLIO_POSITIONS,
        scope=Scope.ALL,
        limit_of=lambda at: at.desk.positions_max or None,
        used_of=lambda at: len(at.state.users),
        adds=PORTFOLIO_NEW_TOKEN,
        name="positions",
    ),
    Limit(
        code=Code.PORTFOLIO_TRADES,
        scope=Scope.ALL,
        limit_of=lambda at: at.desk.day_trades_max or None,
        used_of=lambda at: at.state.trades_today + at.state.entries_open,
        adds=PORTFOLIO_ONE,
        name="day_trades",
    ),
    Limit(
        code=Code.ASSET_CONCENTRATION,
        scope=Scope.TOKEN,
        limit_of=lambda at: ppm_of(at.state.equity_micros, at.desk.asset_max_ppm),
        used_of=lambda at: at.state.assets.get(at.mint, 0),
        adds=PORTFOLIO_NOTIONAL,
        name="asset",
        told=lambda at, _, actual: (at.desk.asset_max_ppm, share_ppm(actual, at.state.equity_micros)),
    ),
    Limit(
        code=Code.STRATEGY_CONCENTRATION,
        scope=Scope.STRATEGY,
        limit_of=lambda at: ppm_of(at.state.equity_micros, at.desk.strategy_max_ppm),
        used_of=lambda at: 0 if at.strategy is None else at.state.strategies.get(at.strategy, 0),
        adds=PORTFOLIO_NOTIONAL,
        name="strategy",
        told=lambda at, _, actual: (at.desk.strategy_max_ppm, share_ppm(actual, at.state.equity_micros)),
    ),
)
