"""What the views say, as plain text for a small screen. No figure is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.text.printable import printable
from overmind.views.amounts import dollars
from overmind.views.lines import Teller
from overmind.views.positions import PositionRow, position_rows
from overmind.views.preview import Explained
from overmind.views.refusals import grouped, in_words
from overmind.views.reports import PortfolioSummary, WalletMetrics, wallet_metrics
from overmind.views.risk import Risk

UNITS_MAX: Final = 4_096  # of UTF-16, which Telegram counts
ROWS_MAX: Final = 40
LIFE_MAX: Final = 30
CUT: Final = "… cut here: `overmind {command}` on the machine shows all of it."
ON_MACHINE: Final = {"why": "explain"}  # commands with another name there
HELP: Final = """\
/status: where the desk stands
/wallets, /positions, /risk
/why ID: why a signal was answered so
/pause WALLET or STRATEGY, and why: no more entries
/stop and why: the emergency stop of all wallets, at once
Nothing is lifted by chat: the page and the command line do that."""
NO_LIFT: Final = "Nothing is lifted by chat. Use the page, or `overmind {command} …` on the machine."
UNKNOWN: Final = "No such command. /help lists them."


def cut(text: str, command: str) -> str:
    """Within Telegram's bound, at the end of a line where there is one, and saying so."""
    safe = printable(text, keep="\n")
    if _units(safe) <= UNITS_MAX:
        return safe
    told = CUT.format(command=ON_MACHINE.get(command, command))
    kept = safe.encode("utf-16-le")[: 2 * (UNITS_MAX - _units(told) - 1)].decode("utf-16-le", "ignore")
    whole = kept.rpartition("\n")[0] or kept
    return f"{whole}\n{told}"


def status_text(summary: PortfolioSummary, reasons: Sequence[str]) -> str:
    holds = [
        f"held: {row.scope} by {row.cause}: {row.reason}" for row in (*summary.hold_details, *summary.wallet_holds)
    ]
    return "\n".join(
        [
            f"Cannot trade: {'; '.join(reasons)}" if reasons else "Ready to trade",
            f"Equity {dollars(summary.total_value_usd)}, today {dollars(summary.daily_pnl)}",
            f"Exposure {summary.exposure:.1f} %, risk {summary.risk_utilization:.1f} %",
            f"{summary.active_wallets} of {summary.total_wallets} wallets active, {summary.open_positions} positions, "
            f"{summary.open_orders} open orders",
            *holds,
        ]
    )


def wallets_text(state: State) -> str:
    rows = [_wallet(wallet_metrics(state, book)) for book in islice(state.wallets.values(), ROWS_MAX)]
    return _listed(rows, len(state.wallets), "no wallets")


def positions_text(state: State) -> str:
    rows = [_position(row) for row in islice(position_rows(state), ROWS_MAX)]
    return _listed(rows, sum(len(book.positions) for book in state.wallets.values()), "no positions")


def risk_text(risk: Risk, alarms: Sequence[str]) -> str:
    limits = [
        f"{name.replace('_', ' ')}: {use.used} of {use.limit} ({use.percent:.0f} %)"
        for name, use in risk.limits.items()
    ]
    held = [f"held by {row.cause}: {row.reason}" for row in risk.hold_details]
    return "\n".join([*limits, *held, *(f"! {alarm}" for alarm in (*risk.alarms, *alarms))])


def why_text(found: Explained, desk: Desk) -> str:
    refused = [in_words(row) for row in grouped(found.decision.refusals)]
    teller = Teller(desk, {}, ())
    life = [f"{line.at[11:19]} {line.kind}: {line.text}" for line in map(teller.tell, found.life[:LIFE_MAX])]
    head = f"{found.signal_id}: {found.decision.status}"
    return "\n".join([head, found.decision.selection_reason, *refused, *life])


def _wallet(row: WalletMetrics) -> str:
    holds = f", held by {', '.join(row.holds)}" if row.holds else ""
    value, today = dollars(row.total_value_usd), dollars(row.daily_pnl)
    return f"{row.wallet_id} {row.status}: {value}, today {today}, risk {row.risk_utilization:.0f} %{holds}"


def _position(row: PositionRow) -> str:
    stop = "" if row.stop_price_usd is None else f", stop {row.stop_price_usd:,.8g}"
    closing = "" if row.closing is None else ", closing"
    value, gain = dollars(row.value_usd), dollars(row.unrealized_pnl)
    return f"{row.wallet_id} {row.symbol}: {row.quantity:,.6f}, {value}, gain {gain}{stop}{closing}"


def _listed(rows: list[str], count: int, none: str) -> str:
    more = [f"… and {count - len(rows)} more"] if count > len(rows) else []
    return "\n".join([*rows, *more]) or none


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
