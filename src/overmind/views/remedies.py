"""What would have had to change for a refused signal to be placed, rule by rule and wallet by wallet.

It follows from the refusals. With the state in which the signal was decided, amounts are exact for every rule.
A changed signal passes the rule that it is told for, and may still break another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from overmind.clock.instants import iso_seconds
from overmind.core.books.state import State
from overmind.core.control.holds import holds_of, lifted_by
from overmind.core.entries.limit_row import PortfolioPlace, WalletPlace
from overmind.core.entries.limit_table import PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.entries.request import EntryRequest, entry_request, stale_at_ns
from overmind.core.entries.rules import FUTURE_MAX_NS
from overmind.core.entries.sizing import SizedRequest
from overmind.core.model.codes import Code, Refusal, Unit
from overmind.core.model.controls import CLOCK, Hold, Scope
from overmind.core.model.ids import WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, LAMPORTS, MICROS, NS, PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of
from overmind.views.refusals import shown

MS: Final = 10**6
CENT: Final = MICROS // 100
EXCLUDED: Final = "excluded by the signal"  # as `rules` and `exit_rules` say it
OF_WALLET: Final = {row.code: row for row in WALLET_LIMITS}
OF_PORTFOLIO: Final = {row.code: row for row in PORTFOLIO_LIMITS}
TAKES_ALL: Final = frozenset(  # The refusal's `actual` is in USD and holds the whole amount of the entry.
    {Code.POSITION_SIZE, Code.STRATEGY_POSITION_SIZE, Code.STRATEGY_SHARE, Code.INSUFFICIENT_QUOTE}
)


class Remedy(Value, frozen=True):
    """What would let the signal through one rule. The numbers say the same as the text; None: no such demand."""

    code: Code
    told: str
    notional_max_micros: int | None = None
    notional_min_micros: int | None = None
    not_before_ns: int | None = None  # decided then or later
    slippage_max_bps: int | None = None
    risk_tolerance_min_ppm: int | None = None
    ttl_min_ns: int | None = None
    timestamp_max_ns: int | None = None
    possible: bool = True  # False: nothing that an operator or a sender may change lets such an entry through


class RemedyRow(Value, frozen=True):
    """A remedy with the refusal that it answers, for people and programs."""

    code: str
    limit: object
    actual: object
    unit: str
    change: str
    possible: bool
    notional_max_usd: Amount | None = None
    not_before: str | None = None  # ISO 8601, UTC


class WayRow(Value, frozen=True):
    """All that would have had to be otherwise for a wallet to take the entry; `wallet_id` None: for any to take it."""

    wallet_id: WalletId | None
    possible: bool
    changes: tuple[RemedyRow, ...]


class Then(Value, frozen=True):
    """A refused signal, when it was decided, and the state of then if it is known."""

    signal: Signal
    at_ns: int
    state: State | None = None


def ways(refusals: Iterable[Refusal], then: Then) -> list[WayRow]:
    """What holds for every wallet, then wallet by wallet in the order of the refusals: the closest one first."""
    by_wallet: dict[WalletId | None, list[Refusal]] = {}
    for one in refusals:
        by_wallet.setdefault(one.wallet_id, []).append(one)
    common = [] if None not in by_wallet else [(None, by_wallet.pop(None))]
    rows = (
        (wallet_id, tuple(_row(one, remedy(one, then)) for one in group))
        for wallet_id, group in [*common, *by_wallet.items()]
    )
    return [WayRow(wallet_id, all(row.possible for row in changes), changes) for wallet_id, changes in rows]


def _row(refusal: Refusal, found: Remedy) -> RemedyRow:
    numbers = shown(refusal)
    return RemedyRow(
        code=refusal.code.value,
        limit=numbers["limit"],
        actual=numbers["actual"],
        unit=refusal.code.unit.value,
        change=found.told,
        possible=found.possible,
        notional_max_usd=None if found.notional_max_micros is None else usd_of(found.notional_max_micros),
        not_before=None if found.not_before_ns is None else iso_seconds(found.not_before_ns),
    )


def remedy(refusal: Refusal, then: Then) -> Remedy:
    """What would let the signal through the rule of this refusal."""
    code, limit, actual = refusal.code, refusal.limit, refusal.actual
    match code:
        case Code.PORTFOLIO_STOPPED | Code.CLOCK_JUMPED | Code.WALLET_STATUS | Code.STRATEGY_NOT_ENABLED:
            return _held(refusal, then)
        case Code.WALLET_TYPE:
            return Remedy(code, "nothing: an Emergency wallet takes no entries", possible=False)
        case Code.NO_PROTECTED_ROUTE:
            return Remedy(code, "a protected route for the wallet (OVERMIND_WALLET_ROUTES)")
        case Code.WALLET_EXCLUDED:
            return _excluded(refusal)
        case Code.SIGNAL_STALE | Code.SIGNAL_FROM_FUTURE | Code.SELECTION_TIMEOUT:
            return _timed(refusal, then)
        case Code.PRICE_MISSING | Code.PRICE_STALE | Code.PRICE_UNCONFIRMED:
            return _priced(refusal)
        case Code.MINT_NOT_ADMITTED | Code.MINT_BLOCKED:
            return _admitted(code)
        case Code.SLIPPAGE_CEILING:
            assert isinstance(limit, int), refusal
            return Remedy(code, f"max_slippage_bps at most {limit}", slippage_max_bps=limit)
        case Code.RISK_LEVEL:
            assert isinstance(actual, int), refusal
            return Remedy(code, f"risk_tolerance at least {actual / PPM:g}", risk_tolerance_min_ppm=actual)
        case Code.DAILY_LOSS | Code.TRADES_TODAY | Code.PORTFOLIO_TRADES | Code.ASSET_COOLDOWN | Code.RATE_LIMIT:
            return _later(refusal, then)
        case Code.ORDER_TOO_SMALL:
            assert isinstance(limit, int), refusal
            least = -(-limit // CENT) * CENT
            return Remedy(code, f"notional at least {_usd(least)}", notional_min_micros=least)
        case Code.SPLIT_ROOM:
            assert isinstance(limit, int), refusal
            most = limit // CENT * CENT
            told = f"notional at most {_usd(most)}, which split partial buys, or more wallets by split_parts_max"
            return Remedy(code, told, notional_max_micros=most)
        case Code.CONCURRENT_POSITIONS | Code.PORTFOLIO_POSITIONS:
            assert isinstance(limit, int), refusal
            return Remedy(code, _fewer_positions(refusal, limit))
        case Code.INSUFFICIENT_SOL:
            return _funded(refusal)
        case (
            Code.PRICE_IMPACT
            | Code.DAILY_LOSS_HEADROOM
            | Code.EXPECTED_COST
            | Code.POSITION_SIZE
            | Code.STRATEGY_POSITION_SIZE
            | Code.STRATEGY_SHARE
            | Code.INSUFFICIENT_QUOTE
            | Code.WALLET_EXPOSURE
            | Code.PORTFOLIO_EXPOSURE
            | Code.ASSET_CONCENTRATION
            | Code.STRATEGY_CONCENTRATION
        ):
            return _sized(refusal, then)
        case Code.AMOUNT_OUT_OF_RANGE:
            return Remedy(code, f"an amount of {limit}")
        case Code.VOLATILITY_UNKNOWN:
            return Remedy(code, "more marks of the token, or an amount instead of a risk budget")
        case Code.STOP_DISTANCE_UNKNOWN:
            return Remedy(code, "a stop loss in the signal or for the wallet, or an amount instead of a risk budget")
        case Code.SIZE_TOO_SMALL:
            return Remedy(code, f"a larger risk budget, or more room in what caps it: {actual}")
        case Code.SHORT_NOT_TRADED:
            return Remedy(code, "a long position: the desk sells only what it has bought")
        case Code.INSUFFICIENT_TOKENS | Code.LOTS_OF_OTHERS | Code.SOURCE_HOLDS_NOTHING | Code.BUY_IN_FLIGHT:
            return _sold(refusal)
        case _:
            assert_never(code)


# Holds and times


def _held(refusal: Refusal, then: Then) -> Remedy:
    """When a hold ends, or who lifts it, is known with the state alone."""
    code, signal = refusal.code, then.signal
    if code is Code.STRATEGY_NOT_ENABLED and refusal.wallet_id is not None:
        return Remedy(code, f"the strategy {signal.strategy} enabled in the wallet's strategies")
    scope = Scope(refusal.wallet_id, signal.strategy if code is Code.STRATEGY_NOT_ENABLED else None)
    holds = [hold for hold in _holds(scope, then.state) if (hold.cause == CLOCK) is (code is Code.CLOCK_JUMPED)]
    if not holds:
        return Remedy(code, _without_hold(refusal, then))
    lasting = [hold for hold in holds if hold.until_ns is None]
    if lasting:
        lifts = " and ".join(lifted_by(scope, hold.cause).rstrip(",") for hold in lasting)
        return Remedy(code, f"{_named(lasting)} lifted, by {lifts}")
    ends_ns = max(hold.until_ns or 0 for hold in holds)
    return Remedy(
        code,
        f"wait until {_at(ends_ns)}, when {_named(holds)} end{'s' if len(holds) == 1 else ''}",
        not_before_ns=ends_ns,
    )


def _holds(scope: Scope, state: State | None) -> list[Hold]:
    if state is None or (scope.wallet_id is not None and scope.wallet_id not in state.wallets):
        return []
    return [hold for _, hold in sorted(holds_of(state, scope).items())]


def _without_hold(refusal: Refusal, then: Then) -> str:
    """By the words of the refusal alone."""
    if refusal.code is Code.CLOCK_JUMPED:
        return f"the hold {CLOCK} lifted, by the right time or `overmind accept-time --reason …`"
    causes = str(refusal.actual).rpartition(": ")[2]
    if refusal.code is Code.PORTFOLIO_STOPPED and then.state is not None:  # No hold of its own: each wallet has one.
        return f"at least one wallet without the hold {causes}"
    return f"without the hold {causes}"


def _named(holds: Sequence[Hold]) -> str:
    causes = ", ".join(hold.cause for hold in holds)
    return f"the hold {causes}" if len(holds) == 1 else f"the holds {causes}"


def _excluded(refusal: Refusal) -> Remedy:
    if refusal.actual == EXCLUDED:
        return Remedy(refusal.code, "the wallet taken out of the signal's exclude_wallets")
    return Remedy(refusal.code, "OVERMIND_MULTI_WALLET_ENABLED=true, or this wallet as the default wallet")


def _timed(refusal: Refusal, then: Then) -> Remedy:
    code, limit, actual = refusal.code, refusal.limit, refusal.actual
    assert isinstance(limit, int), refusal
    assert isinstance(actual, int), refusal
    match code:
        case Code.SIGNAL_STALE:
            least_ms = actual + 1
            told = f"sent at least {actual - limit + 1:,} ms earlier, or ttl_ms at least {least_ms:,}"
            return Remedy(code, told, ttl_min_ns=least_ms * MS)
        case Code.SIGNAL_FROM_FUTURE:
            latest_ns = then.at_ns + FUTURE_MAX_NS
            told = f"a timestamp at most {FUTURE_MAX_NS // MS:,} ms after the desk's own time"
            return Remedy(code, told, timestamp_max_ns=latest_ns)
        case _:
            return Remedy(code, "sent again under a new signal_id when the desk has less to decide")


def _priced(refusal: Refusal) -> Remedy:
    code = refusal.code
    if code is Code.PRICE_MISSING:
        return Remedy(code, f"a first price of {refusal.actual}")
    if code is Code.PRICE_STALE:
        return Remedy(code, f"a price of the token, and of SOL, that is at most {refusal.limit:,} ms old")
    return Remedy(code, "a price that the second source confirms, or `overmind accept-price TOKEN PRICE --reason …`")


def _admitted(code: Code) -> Remedy:
    if code is Code.MINT_BLOCKED:
        return Remedy(code, "the token taken off the block list, or put on the allow list, with `overmind mints`")
    return Remedy(code, "a token that is listed, or that OVERMIND_ADMISSION admits")


def _later(refusal: Refusal, then: Then) -> Remedy:
    """Used up now, and free again after a while."""
    code, limit, actual = refusal.code, refusal.limit, refusal.actual
    assert isinstance(limit, int), refusal
    assert isinstance(actual, int), refusal
    if code is Code.ASSET_COOLDOWN:
        ends_ns = then.at_ns + (limit - actual + 1) * MS  # The refusal rounds down.
        ends_ns = -(-ends_ns // NS) * NS
        told = f"wait until {_at(ends_ns)}, when the pause after a stop loss ends"
        return Remedy(code, told, not_before_ns=ends_ns)
    if code is Code.RATE_LIMIT:
        ends_ns = then.at_ns + NS
        return Remedy(code, "wait a second", not_before_ns=ends_ns)
    ends_ns = (then.at_ns // DAY_NS + 1) * DAY_NS
    return Remedy(code, f"wait until {_at(ends_ns)}, when the day's use begins anew", not_before_ns=ends_ns)


# Amounts


def _sized(refusal: Refusal, then: Then) -> Remedy:
    code, wanted = refusal.code, then.signal.notional_micros
    cap = _cap_micros(refusal, then)
    if cap is None:
        return Remedy(code, f"a smaller amount (the limit is {_limit_told(refusal)})")
    if wanted is not None and cap > wanted:  # A larger entry pays its fixed costs more easily.
        return Remedy(code, f"a larger amount, such as {_usd(cap)}", notional_max_micros=cap, notional_min_micros=cap)
    if cap <= 0:
        return Remedy(code, f"no amount passes: {_limit_told(refusal)} is used up", notional_max_micros=0)
    return Remedy(code, f"notional at most {_usd(cap)}", notional_max_micros=cap)


def _limit_told(refusal: Refusal) -> str:
    limit = refusal.limit
    if isinstance(limit, int) and refusal.code.unit is Unit.USD:
        return _usd(limit)
    return f"{shown(refusal)['limit']} {refusal.code.unit.value}"


def _cap_micros(refusal: Refusal, then: Then) -> int | None:
    """The largest entry that the rule lets through, in whole cents; None: it cannot be known without the state."""
    cap = _by_state(refusal, then.state, then) if then.state is not None else _by_numbers(refusal, then.signal)
    return None if cap is None else cap // CENT * CENT


def _by_numbers(refusal: Refusal, signal: Signal) -> int | None:
    limit, actual = refusal.limit, refusal.actual
    if refusal.code not in TAKES_ALL or not isinstance(limit, int) or not isinstance(actual, int):
        return None
    if refusal.code is Code.INSUFFICIENT_QUOTE:  # It counts the entry alone.
        return limit
    return None if signal.notional_micros is None else signal.notional_micros - (actual - limit)


def _by_state(refusal: Refusal, state: State, then: Then) -> int | None:
    signal, code = then.signal, refusal.code
    request = _request(state, then)
    if (row := OF_PORTFOLIO.get(code)) is not None:
        return row.cap_micros(PortfolioPlace(state, signal.mint, signal.strategy), request)
    book = None if refusal.wallet_id is None else state.wallets.get(refusal.wallet_id)
    if book is None:
        return None
    return OF_WALLET[code].cap_micros(WalletPlace(state, book, then.at_ns, signal.mint, signal.strategy), request)


def _request(state: State, then: Then) -> EntryRequest:
    signal, stale_ns = then.signal, stale_at_ns(state.settings, then.signal, then.at_ns)
    if signal.risk is None:
        return entry_request(state, signal, stale_ns)
    return SizedRequest(state, signal, stale_ns).least_ask()


def _fewer_positions(refusal: Refusal, limit: int) -> str:
    where = "the portfolio" if refusal.wallet_id is None else "the wallet"
    return f"at most {max(0, limit - 1)} other tokens held or bought in {where}, or a token that it has already"


def _funded(refusal: Refusal) -> Remedy:
    limit, actual = refusal.limit, refusal.actual
    assert isinstance(limit, int), refusal
    assert isinstance(actual, int), refusal
    return Remedy(refusal.code, f"{(actual - limit) / LAMPORTS:.9f} SOL more in the wallet")


def _sold(refusal: Refusal) -> Remedy:
    code = refusal.code
    if code is Code.BUY_IN_FLIGHT:
        return Remedy(code, "sent under a new signal_id when the open buy has its outcome")
    if code is Code.LOTS_OF_OTHERS:
        return Remedy(code, 'what its own strategy holds, or "scope": "desk" for the lots of all')
    if code is Code.SOURCE_HOLDS_NOTHING:
        return Remedy(code, "an entry of the same source that was filled here, and is not being sold already")
    return Remedy(code, 'no more than is held; "quantity": "all" sells what there is')


def _at(at_ns: int) -> str:
    day, _, time = iso_seconds(at_ns).removesuffix("+00:00").partition("T")
    return f"{day} {time} UTC"


def _usd(micros: int) -> str:
    return f"${micros / MICROS:,.2f}"
