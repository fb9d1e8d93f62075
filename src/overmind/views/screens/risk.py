"""Risk as an operator looks at it: every limit, what would trip next, the breakers, concentration and stress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nlargest
from typing import Final, NamedTuple

from overmind.core.books.state import State
from overmind.core.control.breakers import DAY_LOSS, DEPEG, DRAWDOWN, EMERGENCY, LOSS_STREAK
from overmind.core.model.units import PICO, PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of
from overmind.views.risk import Risk, Use, portfolio_risk, shown_use
from overmind.views.screens.holds import HeldRow, held_rows
from overmind.views.utilisation import wallet_uses

NEXT_MAX: Final = 12  # limits that are named
FULL: Final = 100.0  # percent


class LimitRank(NamedTuple):
    """A limit of a wallet, or of the portfolio (no wallet), by how much of it is used."""

    percent: float
    where: str
    limit: str
    use: Use
    left: Amount | int  # until it is full


class Breaker(Value, frozen=True):
    """What holds entries by itself when a limit is reached."""

    name: str
    what: str  # it does
    is_armed: bool  # False: the settings switch it off
    holds_now: bool
    percent: float | None  # of the way to its limit; None: it is no matter of degree
    used: str
    limit: str


class RiskScreen(Value, frozen=True):
    risk: Risk  # without the rows of the wallets
    next: tuple[LimitRank, ...]  # the most used limits first, of those that have room left
    full: dict[str, tuple[str, ...]]  # limits that have none, and where: wallets, or blank for the portfolio
    breakers: tuple[Breaker, ...]
    holds: tuple[HeldRow, ...]


def wallet_ranks(state: State) -> Iterator[list[LimitRank]]:
    """Of each wallet. The state may change between two of them."""
    for book in [*state.wallets.values()]:
        shown = ((use, shown_use(use)) for use in wallet_uses(state, book))
        yield [_rank(book.wallet.id, use.name, told) for use, told in shown if use.used > 0]


def risk_screen(state: State, ranks: Sequence[list[LimitRank]], stress_ppm: tuple[int, ...] | None) -> RiskScreen:
    found = portfolio_risk(state, stress_ppm)
    own = [_rank("", name, use) for name, use in found.limits.items() if use.used]
    every = [*own, *(rank for wallet in ranks for rank in wallet)]
    return RiskScreen(
        risk=found,
        next=tuple(nlargest(NEXT_MAX, (one for one in every if one.percent < FULL), key=lambda rank: rank.percent)),
        full=_full(every),
        breakers=tuple(_breakers(state, found)),
        holds=held_rows(state),
    )


def _full(every: Sequence[LimitRank]) -> dict[str, tuple[str, ...]]:
    found = dict[str, tuple[str, ...]]()
    for rank in every:
        if rank.percent >= FULL:
            found[rank.limit] = (*found.get(rank.limit, ()), rank.where)
    return found


def _rank(where: str, name: str, use: Use) -> LimitRank:
    left: Amount | int = usd_of(0)
    if isinstance(use.limit, int) and isinstance(use.used, int):
        left = max(0, use.limit - use.used)
    elif use.limit > use.used:
        left = Amount(f"{use.limit - use.used:.6f}")
    return LimitRank(use.percent, where, name, use, left)


def _breakers(state: State, found: Risk) -> Iterator[Breaker]:
    desk = state.settings
    for name, armed, what in (
        (DAY_LOSS, desk.day_loss_max_ppm < PPM, "holds all entries until the next day"),
        (DRAWDOWN, desk.drawdown_max_ppm < PPM, "holds all entries until somebody lifts it"),
        (EMERGENCY, desk.emergency_stop_ppm < PPM, "stops every wallet until it is reactivated"),
    ):
        use = found.limits[name]
        holds = name in state.holds or any(name in book.holds for book in state.wallets.values() if name == EMERGENCY)
        yield Breaker(name, what, armed, holds, use.percent, f"${use.used:,.2f}", f"${use.limit:,.2f}")
    yield _streak(state)
    yield _depeg(state)


def _streak(state: State) -> Breaker:
    most, longest = state.settings.loss_streak_max, max((one.loss_streak for one in state.wallets.values()), default=0)
    holds = any(LOSS_STREAK in book.holds for book in state.wallets.values())
    percent = longest * 100 / most if most else None
    what = "holds a wallet until the next day"
    return Breaker(LOSS_STREAK, what, most > 0, holds, percent, f"{longest} losing sales", f"{most}" if most else "")


def _depeg(state: State) -> Breaker:
    most, mark = state.settings.depeg_max_ppm, state.marks.get(state.settings.quote.mint)
    off_ppm = 0 if mark is None else abs(mark.price_pico - PICO) * PPM // PICO
    used = "not priced, counts as $1" if mark is None else f"{off_ppm * 100 / PPM:.2f} % from $1"
    percent = off_ppm * 100 / most if most and mark is not None else None
    limit = f"{most * 100 / PPM:g} %" if most else ""
    return Breaker(DEPEG, "holds all entries while it lasts", most > 0, DEPEG in state.holds, percent, used, limit)
