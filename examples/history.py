"""Runs the momentum strategy over past prices, and writes its signals for a backtest, one a line.

    python examples/history.py src/overmind/data/tape/SOLUSDT_5m.csv > signals.jsonl
    overmind backtest src/overmind/data/tape --signals signals.jsonl --stamps close

The strategy is the one of the bots. Each signal has the time at which its candle closed: its price was not known
before. The file is a tape as `overmind backtest` reads it: a header, and the candles in order. What the strategy holds
is what its own signals bought; the backtest then shows what your limits and the market let it do.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from strategies import momentum

STRATEGY = "MomentumTrading"
LOOKBACK = 12
USD, ENTER = Decimal(500), Decimal("0.005")


def instant(text: str) -> datetime:
    """ISO 8601, or seconds or milliseconds since 1970. Without a zone it is UTC."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / (1_000 if len(text) > 11 else 1), UTC)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def closes(tape: Path) -> list[tuple[datetime, Decimal]]:
    """When each candle closed, and its last price."""
    with tape.open(encoding="utf-8-sig", newline="") as file:
        rows = [(instant(row["timestamp"]), Decimal(row["close"])) for row in csv.DictReader(file)]
    step = min((after - before for (before, _), (after, _) in pairwise(rows)), default=timedelta())
    return [(opened + step, close) for opened, close in rows]


def signals(symbol: str, known: list[tuple[datetime, Decimal]], lookback: int = LOOKBACK) -> Iterator[dict[str, str]]:
    held = False
    for (_, before), (at, price) in zip(known, known[lookback:], strict=False):
        trade = momentum(symbol, price, before, held, USD, ENTER)
        if trade is not None:
            held = trade.action == "Buy"
            of_bar = {"signal_id": f"past-{symbol}-{at:%Y%m%dT%H%M%S}", "strategy_type": STRATEGY}
            yield {**of_bar, "timestamp": at.isoformat(), "action": trade.action, "symbol": symbol, **trade.amount}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tape", type=Path, help="candles of one token as CSV, such as SOLUSDT_5m.csv")
    parser.add_argument("--symbol", default="SOL", help="the token's symbol (default: %(default)s)")
    asked = parser.parse_args()
    for signal in signals(asked.symbol, closes(asked.tape)):
        print(json.dumps(signal))


if __name__ == "__main__":
    main()
