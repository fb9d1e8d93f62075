"""The tables of `overmind risk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from overmind.cli.present import say, table, usd
from overmind.views import risk as risks

NEAR_PERCENT: Final = 80.0  # of a limit


ROWS_MAX: Final = 10  # assets that a person is shown; `--json` has all


COUNTS: Final = ("positions", "day_trades")  # limits that count instead of measuring money


SHOWN_LIMITS: Final = ("daily_loss", "position_size", "exposure", "concurrent_positions", "trades_today")


WALLET_RISK: Final = ("wallet", "status", "equity", "day loss", "position", "exposure", "open", "trades", "share")


def risk(found: risks.Risk) -> None:
    """Fullest limits first, so that the first line is the one that matters."""
    wallets = [f"{row.wallet_id} {cause}" for row in found.wallets for cause in row.holds]
    holds = ", ".join([*found.holds, *wallets]) or "none"
    say(f"Equity {usd(found.equity_usd)}, today {usd(found.daily_pnl)}, holds: {holds}", "bold")
    for doubt in found.doubted:
        say(f"{doubt.symbol}: its price is not believed: {doubt.why}; {doubt.fix}", "bold red")
    for alarm in found.alarms:
        say(alarm, "bold red")
    _uses("Portfolio limits", "of the portfolio", found.limits)
    if found.stress is not None:
        _stress(found.stress)
    if found.assets is not None:
        assets = {one.symbol: one.concentration for one in found.assets}
        _uses("Assets", "asset", dict(list(assets.items())[:ROWS_MAX]))
    if found.strategies is not None:
        _uses("Strategies", "strategy", found.strategies)
    if found.left_out:
        say(found.left_out)
    table("Wallet limits", WALLET_RISK, (_wallet_risk(row) for row in found.wallets), right=WALLET_RISK[2:])


def _uses(title: str, what: str, uses: Mapping[str, risks.Use]) -> None:
    columns = (what, "used", "limit", "%", "")
    worst_first = sorted(uses.items(), key=lambda item: -item[1].percent)
    table(title, columns, (_use(name, use) for name, use in worst_first), right=columns[1:4])


def _use(name: str, use: risks.Use) -> tuple[str, ...]:
    shown = _count if name in COUNTS else usd
    return name.replace("_", " "), shown(use.used), shown(use.limit), f"{use.percent:.1f}", _alarm(use.percent)


def _count(amount: float) -> str:
    return f"{amount:g}"


def _alarm(percent: float) -> str:
    return "REACHED" if percent >= 100 else "near" if percent >= NEAR_PERCENT else ""


def _stress(rows: Sequence[risks.Stress]) -> None:
    columns = ("if now", "loss", "%", "equity left", "would trip")
    table(
        "Stress",
        columns,
        (
            (row.what, usd(row.loss_usd), f"{row.loss_percent:.1f}", usd(row.equity_usd), ", ".join(row.trips) or "-")
            for row in rows
        ),
        right=columns[1:4],
    )


def _wallet_risk(row: risks.WalletRisk) -> tuple[str, ...]:
    """The used percentage of each limit, and of the fullest strategy share."""
    share = max((one.share.percent for one in row.strategies.values()), default=0.0)
    used = [row.limits.get(name) for name in SHOWN_LIMITS]
    shown = ["-" if one is None else f"{one.percent:.0f}%" for one in used] + [f"{share:.0f}%"]
    status = f"{row.status} ({', '.join(row.holds)})" if row.holds else row.status
    return row.wallet_id, status, usd(row.equity_usd), *shown
