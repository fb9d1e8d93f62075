"""A desk on one screen: where it stands, what holds it, and what needs a person now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overmind.clock.instants import iso_seconds
from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.control.holds import OF_STATUS, OPERATOR, lifted_by
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import tokens_of, usd_of
from overmind.views.lines import Line
from overmind.views.orders import OrderRow, open_orders
from overmind.views.reports import HoldRow, portfolio_summary
from overmind.views.risk import portfolio_risk
from overmind.views.utilisation import percent_of, strategy_uses, wallet_uses


class Tightest(Value, frozen=True):
    """The limit of a wallet that is used most."""

    limit: str
    percent: float


class StatusWallet(Value, frozen=True):
    wallet_id: WalletId
    wallet_type: str
    status: str
    holds: tuple[str, ...]
    equity_usd: Amount
    free: Amount  # quote currency that an entry may use
    held: Amount  # quote currency of open orders and moves
    daily_pnl: Amount
    positions: int
    tightest: Tightest | None  # None: it takes no entries


class Served(Value, frozen=True):
    """The running service, as it says itself."""

    url: str
    pid: int
    ready: bool | None  # None: it did not answer
    reasons: tuple[str, ...]  # why it cannot trade


class Status(Value, frozen=True):
    mode: str
    cluster: str
    seq: int  # of the journal's newest entry
    updated_at: str  # its time
    service: Served | None  # None: none runs
    equity_usd: Amount
    deposited_usd: Amount
    daily_pnl: Amount
    daily_pnl_percent: float  # of the day's opening equity, with the deposits since
    drawdown_percent: float  # from the highest equity, deposits left aside
    risk_utilization: float
    exposure: float
    open_positions: int
    open_moves: int
    holds: tuple[HoldRow, ...]  # of the portfolio, of paused strategies, and of wallets
    needs: tuple[str, ...]  # what needs a person now, with its fix
    wallets: tuple[StatusWallet, ...]
    orders: tuple[OrderRow, ...]  # the open ones
    decisions: tuple[Line, ...]  # the newest, oldest first


def status(state: State, decisions: Sequence[Line], service: Served | None) -> Status:
    summary, founded = portfolio_summary(state), state.founded
    day_capital = state.day_base.capital_micros(state.deposited_micros)
    day_pnl = sum(book.day_pnl_micros for book in state.wallets.values())
    peak = state.peak_gain_micros + state.deposited_micros
    return Status(
        mode="" if founded is None else founded.mode.value,
        cluster="" if founded is None else founded.cluster,
        seq=state.seq,
        updated_at=iso_seconds(state.at_ns),
        service=service,
        equity_usd=summary.total_value_usd,
        deposited_usd=summary.deposited_usd,
        daily_pnl=summary.daily_pnl,
        daily_pnl_percent=day_pnl * 100 / day_capital if day_capital > 0 else 0.0,
        drawdown_percent=percent_of(max(0, peak - state.equity_micros), peak),
        risk_utilization=summary.risk_utilization,
        exposure=summary.exposure,
        open_positions=summary.open_positions,
        open_moves=len(state.open_moves),
        holds=(*summary.hold_details, *summary.wallet_holds),
        needs=tuple(dict.fromkeys(_needs(state, service))),
        wallets=tuple(_wallet(state, book) for book in state.wallets.values()),
        orders=tuple(open_orders(state)),
        decisions=tuple(decisions),
    )


def _wallet(state: State, book: WalletBook) -> StatusWallet:
    quote, balance, accounts = state.settings.quote, state.ledger.balance, book.accounts
    return StatusWallet(
        wallet_id=book.wallet.id,
        wallet_type=book.wallet.type.value,
        status=book.status.value,
        holds=tuple(sorted(book.holds)),
        equity_usd=usd_of(book.equity_micros),
        free=tokens_of(balance(accounts.free, quote.mint), quote.decimals),
        held=tokens_of(balance(accounts.held, quote.mint), quote.decimals),
        daily_pnl=usd_of(book.day_pnl_micros),
        positions=len(book.positions),
        tightest=_tightest(state, book),
    )


def _tightest(state: State, book: WalletBook) -> Tightest | None:
    uses = [(use.name, use) for use in wallet_uses(state, book)]
    if not uses:
        return None
    for strategy in book.wallet.strategies:
        uses += [(f"{strategy} {use.name}", use) for use in strategy_uses(state, book, strategy)]
    name, use = max(uses, key=lambda named: named[1].percent)
    return Tightest(name.replace("_", " "), use.percent)


def _needs(state: State, service: Served | None) -> Iterator[str]:
    """The most urgent first."""
    yield from (f"hold {told}" for told in _holds_to_lift(state))
    if state.desk is not None:
        risk = portfolio_risk(state, None)
        yield from risk.alarms
        yield from (f"the price of {row.symbol} is not believed: {row.why}; {row.fix}" for row in risk.doubted)
    if service is None:
        waiting = len(state.open_orders) + len(state.open_moves)
        if waiting:
            yield f"no service runs, and {waiting} open orders or moves wait for it: `overmind run`"
        elif any(book.positions for book in state.wallets.values()):
            yield "no service runs, so nothing watches the stops of open positions: `overmind run`"
    elif service.ready is None:
        yield f"the service (process {service.pid}) does not answer: see logs/overmind.log"
    else:
        yield from service.reasons


def _holds_to_lift(state: State) -> Iterator[str]:
    """Those that stay until somebody lifts them. A pause and a status of the files are what a person wanted."""
    wide = [(Scope(), hold) for hold in state.holds.values()]
    paused = [(Scope(strategy=one), hold) for one, holds in state.paused.items() for hold in holds.values()]
    narrow = [(Scope(book.wallet.id), hold) for book in state.wallets.values() for hold in book.holds.values()]
    for scope, hold in (*wide, *paused, *narrow):
        if hold.until_ns is None and hold.cause not in {OPERATOR, *OF_STATUS}:
            yield _told(scope, hold)


def _told(scope: Scope, hold: Hold) -> str:
    target = scope.wallet_id or scope.strategy or "portfolio"
    return f"{hold.cause} on {target}: {hold.reason}; {lifted_by(scope, hold.cause).rstrip(',')} lifts it"
