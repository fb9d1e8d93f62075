"""Risk over all wallets together: the use of every limit, concentrations, and a stress test of falling prices.

It reads sums that the state keeps, of assets, strategies and wallets. It visits positions only to find the largest one
of each wallet.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from msgspec.structs import replace

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State, reached
from overmind.core.control.breakers import DAY_LOSS, DRAWDOWN, EMERGENCY
from overmind.core.model.codes import Code
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.units import PPM, ppm_of
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.alarms import state_alarms
from overmind.views.amounts import cash_of, symbol_of, usd_of
from overmind.views.prices import DoubtRow, doubts
from overmind.views.reports import HoldRow, hold_rows, portfolio_holds, wide_holds
from overmind.views.utilisation import (
    LimitUse,
    concentrations,
    percent_of,
    portfolio_uses,
    strategy_uses,
    wallet_uses,
)

LARGEST: Final = 3  # assets that the stress test sets to zero
LEFT_OUT: Final = (
    "OVERMIND_RISK_AGGREGATION_ENABLED is false: concentrations and stress are left out. Every limit is enforced."
)


class Use(Value, frozen=True):
    """How much of a limit is used, both in the limit's own unit."""

    limit: Amount | int  # a count is a whole number
    used: Amount | int
    percent: float


class StrategyUse(Value, frozen=True):
    share: Use  # of the wallet's equity, USD
    largest_position: Use


class WalletRisk(Value, frozen=True):
    wallet_id: WalletId
    status: str
    holds: tuple[str, ...]
    equity_usd: Amount
    limits: dict[str, Use]
    strategies: dict[str, StrategyUse]
    hold_details: tuple[HoldRow, ...] = ()


class AssetRisk(Value, frozen=True):
    symbol: str
    mint: str
    concentration: Use  # positions and held buys of all wallets, USD


class Stress(Value, frozen=True):
    """The equity after an instant fall of prices, before any stop sells."""

    what: str
    loss_usd: Amount
    equity_usd: Amount
    loss_percent: float
    trips: tuple[str, ...]  # portfolio limits that it would trip: emergency, day_loss, drawdown


class Risk(Value, frozen=True):
    """Utilisation of every limit. Stopped wallets are included, because their positions still count."""

    equity_usd: Amount
    daily_pnl: Amount
    holds: tuple[str, ...]
    exposure: Use  # positions and held buys of the whole portfolio, USD
    limits: dict[str, Use]  # the portfolio's own, in USD except `positions`
    assets: tuple[AssetRisk, ...] | None  # the largest first; None (as the next two): aggregation is off
    strategies: dict[str, Use] | None  # deployed in all wallets, USD; `deposit` is no strategy and has no cap
    stress: tuple[Stress, ...] | None
    left_out: str  # why something is None
    wallets: tuple[WalletRisk, ...]
    updated_at: int
    hold_details: tuple[HoldRow, ...] = ()  # of the portfolio and of paused strategies
    doubted: tuple[DoubtRow, ...] = ()  # prices that are shown and not believed
    alarms: tuple[str, ...] = ()  # what an operator has to look at now
    clock_ahead_seconds: float | None = None  # of the chain's block time; None: not known, or there is no chain


def risk(state: State, stress_ppm: tuple[int, ...] | None) -> Risk:
    """`stress_ppm`: the price falls to compute; None: aggregation is off."""
    return replace(portfolio_risk(state, stress_ppm), wallets=tuple(wallet_risks(state)))


def wallet_risks(state: State) -> Iterator[WalletRisk]:
    """The state may change between two rows."""
    return (_wallet_risk(state, book) for book in [*state.wallets.values()])


def portfolio_risk(state: State, stress_ppm: tuple[int, ...] | None) -> Risk:
    """Without the rows of the wallets."""
    aggregated = stress_ppm is not None
    limits = _portfolio_limits(state, aggregated)
    return Risk(
        equity_usd=usd_of(state.equity_micros),
        daily_pnl=usd_of(sum(book.day_pnl_micros for book in state.wallets.values())),
        holds=portfolio_holds(state),
        exposure=limits["exposure"],
        limits=limits,
        assets=_assets(state) if aggregated else None,
        strategies=_strategies(state) if aggregated else None,
        stress=_stress(state, stress_ppm) if stress_ppm is not None else None,
        left_out="" if aggregated else LEFT_OUT,
        wallets=(),
        updated_at=state.at_ns,
        hold_details=wide_holds(state),
        alarms=tuple(chain.from_iterable(state_alarms(state).values())),
        doubted=doubts(state),
    )


# Limits


def _capitals(state: State) -> dict[str, tuple[int, int]]:
    """The base and the permitted share of each loss limit."""
    desk, deposited = state.settings, state.deposited_micros
    return {
        DAY_LOSS: (state.day_base.capital_micros(deposited), desk.day_loss_max_ppm),
        DRAWDOWN: (state.peak_gain_micros + deposited, desk.drawdown_max_ppm),
        EMERGENCY: (state.stop_base.capital_micros(deposited), desk.emergency_stop_ppm),
    }


def _portfolio_limits(state: State, aggregated: bool) -> dict[str, Use]:
    """The use of each limit; losses follow the exposure. Without aggregation there are no concentrations."""
    limits = {}
    for use in (*portfolio_uses(state), *(concentrations(state) if aggregated else ())):
        limits[use.name] = shown_use(use)
        if use.code is Code.PORTFOLIO_EXPOSURE:
            limits |= _losses(state)
    return limits


def losses(state: State) -> dict[str, tuple[int, int]]:
    """By breaker: the loss that counts, and the loss that trips it, in micro-USD."""
    return {
        name: (max(0, capital - state.equity_micros), ppm_of(capital, limit_ppm))
        for name, (capital, limit_ppm) in _capitals(state).items()
    }


def _losses(state: State) -> dict[str, Use]:
    return {name: _use(lost, limit) for name, (lost, limit) in losses(state).items()}


def _assets(state: State) -> tuple[AssetRisk, ...]:
    desk, limit = state.settings, ppm_of(state.equity_micros, state.settings.asset_max_ppm)
    return tuple(AssetRisk(symbol_of(desk, mint), mint, _use(micros, limit)) for micros, mint in _by_size(state))


def _by_size(state: State) -> list[tuple[int, Mint]]:
    return sorted(((micros, mint) for mint, micros in state.assets.items()), reverse=True)


def _strategies(state: State) -> dict[str, Use]:
    equity, limit = state.equity_micros, ppm_of(state.equity_micros, state.settings.strategy_max_ppm)
    return {
        str(by): _use(micros, equity if by == "deposit" else limit) for by, micros in sorted(state.strategies.items())
    }


def _wallet_risk(state: State, book: WalletBook) -> WalletRisk:
    return WalletRisk(
        wallet_id=book.wallet.id,
        status=book.status.value,
        holds=tuple(sorted(book.holds)),
        equity_usd=usd_of(book.equity_micros),
        limits={use.name: shown_use(use) for use in wallet_uses(state, book)},
        strategies={strategy.value: strategy_use(state, book, strategy) for strategy in book.wallet.strategies},
        hold_details=hold_rows(book.wallet.id, book.holds),
    )


def strategy_use(state: State, book: WalletBook, strategy: StrategyType) -> StrategyUse:
    uses = {use.code: shown_use(use) for use in strategy_uses(state, book, strategy)}
    return StrategyUse(share=uses[Code.STRATEGY_SHARE], largest_position=uses[Code.STRATEGY_POSITION_SIZE])


# Stress


def _stress(state: State, stress_ppm: tuple[int, ...]) -> tuple[Stress, ...]:
    """All prices fall, also that of SOL for fees; and each of the largest assets falls to zero."""
    floats = _floats(state)
    at_risk = state.exposure_micros + floats
    falls = [(f"every price -{ppm * 100 / PPM:g} %", -(-at_risk * ppm // PPM)) for ppm in stress_ppm]
    ends = [
        (f"{symbol_of(state.settings, mint)} to zero", micros + (floats if mint == SOL else 0))
        for micros, mint in _by_size(state)[:LARGEST]
    ]
    return tuple(_stressed(state, what, loss) for what, loss in (*falls, *ends))


def _floats(state: State) -> int:
    """The value of the wallets' SOL for fees and rent."""
    books = state.wallets.values()
    return state.equity_micros - sum(book.positions_micros + cash_of(state, book) for book in books)


def _stressed(state: State, what: str, loss_micros: int) -> Stress:
    equity = state.equity_micros - loss_micros
    return Stress(
        what=what,
        loss_usd=usd_of(loss_micros),
        equity_usd=usd_of(equity),
        loss_percent=percent_of(loss_micros, state.equity_micros),
        trips=tuple(name for name, (capital, ppm) in _capitals(state).items() if reached(equity, capital, ppm)),
    )


def shown_use(use: LimitUse) -> Use:
    return Use(_in_unit(use.limit, use), _in_unit(use.used, use), use.percent)


def _in_unit(amount: int, use: LimitUse) -> Amount | int:
    return amount if use.is_count else usd_of(amount)


def _use(used_micros: int, limit_micros: int) -> Use:
    return Use(usd_of(limit_micros), usd_of(used_micros), percent_of(used_micros, limit_micros))
