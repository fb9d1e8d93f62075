"""The screen of `overmind status`: as many lines as there is room for, the important ones first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from overmind.cli.present import instant, text, usd
from overmind.cli.watch.rows import rows
from overmind.core.model.enums import TradingMode
from overmind.views.orders import OrderRow
from overmind.views.reports import HoldRow
from overmind.views.status import Status, StatusWallet

NEAR_PERCENT: Final = 80.0  # of a limit
NEEDS_SHOWN: Final = 4
NEED_LINES: Final = 2
WALLETS_MIN: Final = 4  # rows that the wallets get on a small screen
DECISIONS_MIN: Final = 3
ORDERS_MIN: Final = 2
WIDE: Final = 100  # columns from which amounts have cents
HEAD_COLUMNS: Final = 120  # of the first line, which ends with the time
GAP: Final = "  "


def screen(status: Status, age_s: int, width: int, height: int | None) -> list[Text]:
    """`height` None: as long as it takes."""
    head = [*_head(status, age_s, width), *_needs(status.needs, width)]
    wallets, orders = _wallets(status.wallets, width), [_order(order) for order in status.orders]
    decisions = rows(status.decisions)
    if height is not None:
        room = height - len(head) - 1 - len(("orders", "decisions"))  # the titles
        least = min(len(orders), ORDERS_MIN) + min(len(decisions), DECISIONS_MIN)
        wallets = _first(wallets, max(WALLETS_MIN + 1, room - least), "wallets")
        orders = _first(orders, max(ORDERS_MIN, room - len(wallets) - min(len(decisions), DECISIONS_MIN)), "orders")
        decisions = decisions[-max(1, room - len(wallets) - len(orders)) :]
    shown = [
        *head,
        *wallets,
        _title(f"Open orders: {len(status.orders) or 'none'}"),
        *orders,
        _title("Last decisions" if decisions else "Last decisions: none"),
        *decisions,
    ]
    for line in shown:
        line.truncate(width, overflow="ellipsis")
    return shown if height is None else shown[:height]


def _head(status: Status, age_s: int, width: int) -> list[Text]:
    mode = _mode(status)
    at = text(f"{status.updated_at[:10]} {status.updated_at[11:19]} UTC", "bold")
    mode.append(" " * max(1, min(width, HEAD_COLUMNS) - mode.cell_len - at.cell_len))
    parts = [
        text(f"equity {usd(status.equity_usd)}", "bold"),
        text(f"day {_signed(status.daily_pnl)} ({status.daily_pnl_percent:+.2f} %)", _by_sign(status.daily_pnl)),
        text(f"drawdown {status.drawdown_percent:.2f} %"),
        text(f"limits used {status.risk_utilization:.0f} %", _by_use(status.risk_utilization)),
        text(f"exposure {status.exposure:.0f} %"),
        text(f"positions {status.open_positions}"),
    ]
    if status.open_moves:
        parts.append(text(f"moves {status.open_moves}"))
    return [
        Text.assemble(mode, at),
        *_flow(_service(status, age_s), width),
        *_flow(parts, width),
        *_holds(status, width),
    ]


def _mode(status: Status) -> Text:
    if status.mode == TradingMode.LIVE:
        is_real = status.cluster == "mainnet"
        told = f" LIVE · {status.cluster.upper()}{' · REAL MONEY' if is_real else ''} "
        return text(told, "bold white on red" if is_real else "bold black on yellow")
    return text(f" {(status.mode or 'no desk yet').upper()} · no real money ", "bold black on cyan")


def _service(status: Status, age_s: int) -> list[Text]:
    service = status.service
    if service is None:
        told = text("no service runs", "yellow")
    elif service.ready:
        told = text(f"service ready at {service.url} (process {service.pid})", "green")
    else:
        why = "does not answer" if service.ready is None else "cannot trade"
        told = text(f"service {why} at {service.url} (process {service.pid})", "bold red")
    return [told, text(f"entry {status.seq:,}, {_age(age_s)} ago", "dim")]


def _holds(status: Status, width: int) -> list[Text]:
    if not status.holds:
        return [text("no holds", "green")]
    return _flow([text("holds:", "yellow"), *(text(_hold(one), "yellow") for one in status.holds)], width)


def _hold(hold: HoldRow) -> str:
    until = "" if hold.until_ns is None else f" until {instant(hold.until_ns)}"
    return f"{hold.scope} {hold.cause}{until}"


def _needs(needs: Sequence[str], width: int) -> list[Text]:
    if not needs:
        return []
    told = [text(f"{len(needs)} need{'s' if len(needs) == 1 else ''} a person now", "bold white on red")]
    for need in needs[:NEEDS_SHOWN]:
        lines = textwrap.wrap(need, max(20, width - 2)) or [""]
        told += [text(("• " if place == 0 else "  ") + line) for place, line in enumerate(lines[:NEED_LINES])]
    if len(needs) > NEEDS_SHOWN:
        told.append(text(f"… and {len(needs) - NEEDS_SHOWN} more: `overmind risk`"))
    return told


def _wallets(wallets: Sequence[StatusWallet], width: int) -> list[Text]:
    """A line of names, then a wallet a line. Those that are held or near a limit come first."""
    names = ("wallet", "status", "equity", "free", "held", "day P&L", "tightest limit")
    urgent = sorted(wallets, key=lambda one: (not one.holds, -(one.tightest.percent if one.tightest else 0.0)))
    told = [(_cells(one, width), one) for one in urgent]
    cells = [names, *(row for row, _ in told)]
    columns = [max(cell_len(one[place]) for one in cells) for place in range(len(names) - 1)]
    lines = [text(_joined(names, columns), "bold")]
    for row, wallet in told:
        tight = wallet.tightest.percent if wallet.tightest else 0.0
        lines.append(text(_joined(row, columns), "yellow" if wallet.holds else _by_use(tight)))
    return lines


def _cells(wallet: StatusWallet, width: int) -> tuple[str, ...]:
    money = usd if width >= WIDE else _whole
    tight = wallet.tightest
    return (
        wallet.wallet_id,
        wallet.status,
        money(wallet.equity_usd),
        money(wallet.free),
        money(wallet.held),
        _signed(wallet.daily_pnl),
        "takes no entries" if tight is None else f"{tight.percent:.0f} % {tight.limit}",
    )


def _joined(cells: Sequence[str], columns: Sequence[int]) -> str:
    """The first two to the left, amounts to the right, the last as long as it is."""
    *sized, last = cells
    fitted = [
        cell + " " * (size - cell_len(cell)) if place < 2 else " " * (size - cell_len(cell)) + cell
        for place, (cell, size) in enumerate(zip(sized, columns, strict=True))
    ]
    return GAP.join([*fitted, last])


def _order(order: OrderRow) -> Text:
    told = (
        f"{order.order_id:<12} {order.wallet_id}  {order.side} {order.symbol} {usd(order.notional_usd)}  {order.state}"
    )
    return text(told, "bold red" if order.state == "landed otherwise" else "")


def _first(lines: list[Text], most: int, what: str) -> list[Text]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], text(f"… and {len(lines) - most + 1} {what} more", "dim")]


def _title(words: str) -> Text:
    return text(words, "bold")


def _flow(parts: Sequence[Text], width: int) -> list[Text]:
    """The parts side by side, on as few lines as they need."""
    lines = [Text()]
    for part in parts:
        if lines[-1].cell_len and lines[-1].cell_len + len(GAP) + part.cell_len > width:
            lines.append(Text())
        lines[-1] = Text.assemble(lines[-1], GAP if lines[-1].cell_len else "", part)
    return lines


def _signed(amount: float) -> str:
    return f"+{usd(amount)}" if amount > 0 else usd(amount)


def _whole(amount: float) -> str:
    return f"-${-amount:,.0f}" if amount < 0 else f"${amount:,.0f}"


def _by_sign(amount: float) -> str:
    return "green" if amount > 0 else "red" if amount < 0 else ""


def _by_use(percent: float) -> str:
    return "bold red" if percent >= 100 else "yellow" if percent >= NEAR_PERCENT else ""


def _age(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3_600} h"
