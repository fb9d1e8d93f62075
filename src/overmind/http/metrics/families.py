"""Fills a sheet from what a scrape has read of the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from overmind.core.model.enums import MoveKind
from overmind.core.model.units import LAMPORTS
from overmind.http.metrics import table
from overmind.http.metrics.samples import PORTFOLIO, STRATEGY, WALLET, DeskSample, PriceSample, WalletSample
from overmind.http.metrics.sheet import Sheet
from overmind.views.utilisation import LimitUse, percent_of


def tell_desk(sheet: Sheet, desk: DeskSample) -> None:
    for family, micros in (
        (table.EQUITY, desk.equity),
        (table.DEPOSITED, desk.deposited),
        (table.DAY_PNL, desk.day_pnl),
        (table.REALISED, desk.realised),
        (table.UNREALISED, desk.unrealised),
        (table.EXPOSURE, desk.exposure),
    ):
        sheet.add_usd(family, micros)
    peak = desk.peak_gain + desk.deposited
    sheet.add(table.DRAWDOWN, max(0, peak - desk.equity) / peak if peak > 0 else 0.0)
    for about, found in desk.alarms.items():
        sheet.add(table.ALARMS, found, about)
    for price in desk.prices:
        _tell_price(sheet, price)
    _tell_orders(sheet, desk)


def _tell_price(sheet: Sheet, price: PriceSample) -> None:
    sheet.add_seconds(table.PRICE_AGE, max(0, price.age_ns), price.token)
    sheet.add(table.PRICE_DOUBTED, price.is_doubted, price.token)
    sheet.add_known(table.WITNESS_OFF, price.witness_off, price.token)
    if price.witness_age_ns is not None:
        sheet.add_seconds(table.WITNESS_AGE, max(0, price.witness_age_ns), price.token)


def _tell_orders(sheet: Sheet, desk: DeskSample) -> None:
    stats = desk.stats
    for family, counts in (
        (
            table.ORDERS_OPEN,
            {
                "placed": desk.orders_placed,
                "signed": desk.orders_signed,
                "provisional": stats.provisional_executions,
            },
        ),
        (
            table.SIGNALS,
            {
                "placed": stats.signals - stats.signals_refused - stats.signals_recorded,
                "refused": stats.signals_refused,
                "recorded": stats.signals_recorded,
            },
        ),
    ):
        for label, count in counts.items():
            sheet.add(family, count, label)
    sheet.add(table.ROLLED_BACK, stats.rolled_back_executions)
    for kind in MoveKind:
        sheet.add(table.MOVES_OPEN, desk.moves.get(kind.value, 0), kind.value)


def tell_wallets(sheet: Sheet, rows: Iterable[WalletSample]) -> None:
    for row in rows:
        wallet = row.wallet
        sheet.add(table.WALLET_ACTIVE, row.is_active, wallet, row.type)
        sheet.add_usd(table.WALLET_EQUITY, row.equity, wallet)
        sheet.add_usd(table.WALLET_FREE, row.free, wallet)
        sheet.add_usd(table.WALLET_HELD, row.held, wallet)
        sheet.add_usd(table.WALLET_DAY_PNL, row.day_pnl, wallet)
        sheet.add_usd(table.WALLET_REALISED, row.realised, wallet)
        sheet.add_usd(table.WALLET_UNREALISED, row.unrealised, wallet)
        sheet.add(table.WALLET_FLOAT, row.fee_float / LAMPORTS, wallet)
        sheet.add(table.WALLET_POSITIONS, row.positions, wallet)
        for outcome, count in row.outcomes.items():
            sheet.add(table.WALLET_EXECUTIONS, count, wallet, outcome)
        for strategy, uses in row.strategy_uses.items():
            for use in uses:
                sheet.add(table.STRATEGY_USED, use.percent / 100, wallet, strategy, use.name)


def tell_limits(sheet: Sheet, desk: DeskSample, wallets: Iterable[WalletSample]) -> None:
    """Each limit of the portfolio and of each wallet, from the limit table; and what trips the breakers."""
    for scope, wallet, use in _all_uses(desk, wallets):
        labels, headroom = (scope, wallet, use.name), max(0, use.limit - use.used)
        sheet.add(table.LIMIT_USED, use.percent / 100, *labels)
        if use.is_count:
            sheet.add(table.LIMIT_ITEMS, headroom, *labels)
        else:
            sheet.add_usd(table.LIMIT_USD, headroom, *labels)
    for breaker, (lost, trips_at) in desk.losses.items():
        sheet.add(table.LIMIT_USED, percent_of(lost, trips_at) / 100, PORTFOLIO, "", breaker)
        sheet.add_usd(table.LIMIT_USD, max(0, trips_at - lost), PORTFOLIO, "", breaker)


def _all_uses(desk: DeskSample, wallets: Iterable[WalletSample]) -> Iterator[tuple[str, str, LimitUse]]:
    yield from ((PORTFOLIO, "", use) for use in desk.uses)
    yield from ((WALLET, row.wallet, use) for row in wallets for use in row.uses)


def tell_holds(sheet: Sheet, desk: DeskSample, wallets: Iterable[WalletSample]) -> None:
    """Counted, because two holds may have one cause: some say in it which wallet they are about."""
    held: Counter[tuple[str, str, str]] = Counter((PORTFOLIO, "", _kind(cause)) for cause in desk.holds)
    held.update((STRATEGY, strategy, _kind(cause)) for strategy, causes in desk.paused.items() for cause in causes)
    held.update((WALLET, row.wallet, _kind(cause)) for row in wallets for cause in row.holds)
    for labels, count in held.items():
        sheet.add(table.HOLDS, count, *labels)


def _kind(cause: str) -> str:
    """Without the wallet that it is about, as in `deficit:vault`."""
    return cause.partition(":")[0]
