"""The strategy over past prices: its signals carry the time at which their price was known."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.saw_tape import RISING, saw_tape

from fast_tape import hastened
from history import closes, instant, signals
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.prices.candles import load_tape, shipped_tape_path
from overmind.signals.decode import decode_signal, token_index
from strategies import momentum

TOKENS = [Token("SOL", SOL, 9), Token("ETH", Mint("eth"), 8), Token("BTC", Mint("btc"), 8)]
QUOTE = Token("USDC", Mint("usdc"), 6)
SHIPPED = shipped_tape_path() / "SOLUSDT_5m.csv"


def test_a_close_is_known_when_its_candle_has_ended() -> None:
    known = closes(SHIPPED)
    series = load_tape(shipped_tape_path(), {token.symbol: token for token in TOKENS}).series[SOL]
    assert [round(at.timestamp() * 10**9) for at, _ in known] == list(series.closed_at_ns)
    assert [int(price * 10**12) for _, price in known] == list(series.close_pico)


def test_every_signal_is_what_the_strategy_says_at_that_time() -> None:
    known = closes(SHIPPED)
    made = list(signals("SOL", known))
    prices, times, held = dict(known), [at for at, _ in known], False
    assert len(made) > 100
    for one in made:
        at = datetime.fromisoformat(one["timestamp"])
        before = prices[times[times.index(at) - 12]]
        trade = momentum("SOL", prices[at], before, held, Decimal(500), Decimal("0.005"))
        assert trade is not None
        assert trade.action == one["action"]
        held = trade.action == "Buy"


def test_the_desk_reads_the_signals() -> None:
    made = list(signals("SOL", closes(SHIPPED)))
    read = [decode_signal(json.dumps(one), token_index(TOKENS), QUOTE) for one in made]
    assert len({signal.id for signal in read}) == len(made)
    assert [signal.at_ns for signal in read] == sorted(signal.at_ns or 0 for signal in read)


def test_later_prices_change_no_earlier_signal() -> None:
    known = closes(SHIPPED)[:400]
    cut = known[:300] + [(at, price * 2) for at, price in known[300:]]
    until = known[299][0]

    def early(history: list[tuple[datetime, Decimal]]) -> list[dict[str, str]]:
        return [one for one in signals("SOL", history) if datetime.fromisoformat(one["timestamp"]) <= until]

    assert early(cut) == early(known) != []


@pytest.mark.parametrize(
    "text", ["2025-04-06 00:00:00+00:00", "2025-04-06T02:00+02:00", "2025-04-06 00:00", "1743897600", "1743897600000"]
)
def test_times_are_read_as_a_tape_has_them(text: str) -> None:
    assert instant(text).timestamp() == 1_743_897_600


@pytest.mark.parametrize("begin_s", [1_750_000_000, 1_800_000_000])
def test_a_hastened_tape_has_the_same_candles_a_second_each(tmp_path: Path, begin_s: int) -> None:
    text = (saw_tape(tmp_path, step_s=300) / "SOLUSDT.csv").read_text()
    made = tmp_path / "SOLUSDT.csv"
    made.write_text(hastened(text, begin_s))
    known = closes(made)
    assert len(known) == 2 * RISING
    assert {after - before for (before, _), (after, _) in pairwise(known)} == {timedelta(seconds=1)}
