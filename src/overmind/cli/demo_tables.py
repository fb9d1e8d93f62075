"""What the demo shows. Everything fits into 80 columns, so that it reads alike in a terminal and in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from overmind.backtest.history import Played
from overmind.cli import desk_tables, present
from overmind.cli.present import usd
from overmind.core.model.controls import ExitCause
from overmind.sandbox.showcase.account import Account
from overmind.sandbox.showcase.memes import INVENTED
from overmind.sandbox.showcase.stories import IN_WORDS, Story
from overmind.views.performance.told import Report
from overmind.views.reports import HoldRow
from overmind.views.verify import Verified

STORIES_TOLD: Final = 6
WORDS: Final = {4: "Four"}
EXITS: Final[Mapping[str, str]] = {
    ExitCause.STOP_LOSS: "stop losses",
    ExitCause.TRAILING_STOP: "trailing stops",
    ExitCause.TAKE_PROFIT: "profit targets",
    ExitCause.TIME: "time exits",
    ExitCause.LIQUIDATION: "liquidations",
    ExitCause.OPERATOR: "closes by an operator",
}


def opening(wallets: int, paper: bool, signals: int, seed: int) -> None:
    where = "on paper" if paper else "on an embedded Solana chain"
    present.say(f"{WORDS.get(wallets, wallets)} wallets trade a week of April 2025 {where}.", "bold")
    present.paragraph(
        f"{signals:,} signals of eight strategies, seed {seed}. SOL, ETH and BTC have the real prices of that week. "
        f"{INVENTED}."
    )


def wallets(played: Played) -> None:
    columns = ("wallet", "value", "P&L", "orders", "tokens", "limit used")
    held = {row.wallet_id: 0 for row in played.wallets}
    for position in played.positions:
        held[position.wallet_id] += 1
    rows = (
        (
            row.wallet_id,
            usd(row.total_value_usd),
            usd(row.total_pnl),
            played.stats.wallet_usage.get(row.wallet_id, 0),
            held[row.wallet_id],
            f"{row.risk_utilization:.0f}%",
        )
        for row in played.wallets
    )
    present.say("")
    present.table("Wallets", columns, rows, right=columns[1:])
    for row in played.wallets:
        for hold in row.hold_details:
            present.paragraph(f"{row.wallet_id} takes no entries{_until(hold)}: {_why(hold)}.")


def _until(hold: HoldRow) -> str:
    return "" if hold.until_ns is None else f" until {present.instant(hold.until_ns)}"


def _why(hold: HoldRow) -> str:
    return next((words for cause, words in IN_WORDS if cause == hold.cause), hold.reason)


def strategies(account: Account, report: Report | None) -> None:
    columns = ("strategy", "signals", "refused", "orders filled", "P&L of trades")
    gained = {} if report is None else {row.name: usd(row.pnl_usd) for row in report.by_strategy}
    rows = (
        (row.strategy, row.signals, row.refused, row.filled, gained.get(row.strategy, "")) for row in account.strategies
    )
    present.say("")
    present.table("Strategies", columns, rows, right=columns[1:])


def account(account: Account) -> None:
    """Every line that could be zero and is, is left out."""
    exits = {f"+ {EXITS.get(cause, cause)} of the desk": count for cause, count in account.own_exits.items()}
    some = {
        "+ more wallets of the same sale": account.further_wallets,
        "+ tried again": account.further_attempts,
        **exits,
        "+ SOL bought for fees": account.fee_purchases,
        "of these filled": account.filled,
        "failed: the price moved, and only a fee was paid": account.failed,
        "never landed": account.expired,
        "stopped before they were sent": account.rejected,
        "open": account.open,
    }
    lines = {
        "signals": account.signals,
        "- refused: a limit worked": account.refused,
        "- Hold: nothing to do": account.recorded,
        "= signals that became orders": account.placed,
        **{name: count for name, count in some.items() if count and name.startswith("+")},
        "= orders": account.orders,
        **{name: count for name, count in some.items() if count and not name.startswith("+")},
    }
    present.say("")
    present.table("From signals to orders", ("", "count"), lines.items(), right=("count",))


def stories(told: Sequence[Story]) -> None:
    if not told:
        return
    present.say("")
    present.say("Limits that worked", "bold")
    for story in told[:STORIES_TOLD]:
        count = f"{story.signals} signal{'' if story.signals == 1 else 's'}"
        present.say(f" {story.code}: {count}, such as {story.signal_id}", "bold")
        present.paragraph(_sentences(story), indent=3)
    if more := told[STORIES_TOLD:]:
        present.paragraph(f"{', '.join(story.code for story in more)}: the report has them.", indent=1)


def _sentences(story: Story) -> str:
    at = datetime.fromisoformat(story.at)
    wanted = "to sell" if story.wanted_usd is None else f"{usd(story.wanted_usd)} of"
    said = f"On {at:%A at %H:%M} {story.strategy} wanted {wanted} {story.symbol}. {story.told}"
    if story.would_usd is None:
        return said
    verb = "gained" if story.would_usd >= 0 else "lost"
    return f"{said} Held until the end of the week it would have {verb} {usd(abs(story.would_usd))}."


def result(played: Played) -> None:
    bridge = played.portfolio.bridge
    if bridge is not None:
        present.say("")
        desk_tables.bridge(bridge)
        gain = played.portfolio.total_value_usd - played.portfolio.deposited_usd
        present.paragraph(
            f"The week made {usd(gain)}, {100 * gain / played.portfolio.deposited_usd:+.2f} %. The traders are "
            "examples, and no advice."
        )


def proof(verified: Verified, head: str, paper: bool, seed: int) -> None:
    other = "venue" if paper else "chain"
    present.say("")
    present.say("Proof", "bold")
    present.say(f" the books equal the {other}, to the last unit.", "green")
    present.say(f" {verified.entries:,} journal entries replay to the same state, {verified.state_hash[:16]}…", "green")
    same = (
        f"Seed {seed} gives the same journal again, {head[:16]}…"
        if paper
        else f"Seed {seed} gives the same trades again. Keys, slots and times of the chain are new each time."
    )
    present.paragraph(same, "green", indent=1)


def following(command: str, page: Path | None, folder: Path, told: Sequence[Story]) -> None:
    present.say("")
    present.say("Next", "bold")
    present.say(f" open {page} in a browser")
    if told:
        present.say(f" {command} explain {told[0].signal_id} --data-dir {folder}")
    present.say(f" {command} trades --data-dir {folder}")
    present.say(f" {command} init --yes        for a desk of your own")
