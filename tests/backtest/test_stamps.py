"""What a timestamp means, and how a run with delayed signals shows what was look-ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from tests.backtest.tapes import ROOMY, START_NS, STEP_NS, buy, fills, paid_price, run, sell_all, tape_of

from overmind.backtest.audit import audit
from overmind.backtest.history import play
from overmind.backtest.stamps import BadStamp, Stamps, doubts, known_at, unfilled
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import Mint
from overmind.core.model.units import NS
from overmind.journal.memory import MemoryJournal
from overmind.sandbox.demo import demo_env

TAPE = tape_of([(100 + 10 * number, 105 + 10 * number) for number in range(10)])


def at(candle: float) -> int:
    return START_NS + round(candle * STEP_NS)


@pytest.mark.parametrize(
    ("stamps", "stamped_ns", "filled_ns", "price"),
    [
        pytest.param(Stamps.OPEN, at(2), at(3), 130, id="the row that opens at 2 is known at 3"),
        pytest.param(Stamps.CLOSE, at(3), at(3), 130, id="the row that closes at 3 is known at 3"),
        pytest.param(None, at(3), at(4), 140, id="a signal of its own time comes after the opening price"),
        pytest.param(Stamps.OPEN, at(0), at(1), 110, id="the first row"),
        pytest.param(Stamps.CLOSE, at(9), at(9), 190, id="the last row that another one follows"),
    ],
)
def test_a_row_fills_at_the_open_of_the_next_one(
    tmp_path: Path, stamps: Stamps | None, stamped_ns: int, filled_ns: int, price: float
) -> None:
    _, entries = run(tmp_path, TAPE, [known_at(buy("a", stamped_ns), stamps, TAPE)])
    ((order, filled, closed_ns),) = fills(entries)
    assert paid_price(order, filled) == pytest.approx(price * 1.0002)
    assert 0 <= closed_ns - filled_ns < NS


@pytest.mark.parametrize(
    ("stamps", "stamped_ns"),
    [(Stamps.OPEN, at(2) + 1), (Stamps.OPEN, at(10)), (Stamps.CLOSE, at(2) - 1), (Stamps.CLOSE, at(0))],
)
def test_a_time_that_no_row_has_is_refused(stamps: Stamps, stamped_ns: int) -> None:
    with pytest.raises(BadStamp, match=f"no candle of this token {stamps.value}s then"):
        known_at(buy("a", stamped_ns), stamps, TAPE)


def test_a_token_without_candles_has_no_rows() -> None:
    with pytest.raises(BadStamp, match="no candles of this token"):
        known_at(structs.replace(buy("a", at(2)), mint=Mint("other")), Stamps.OPEN, TAPE)


@pytest.mark.parametrize(
    ("instants", "told"),
    [
        pytest.param((at(1), at(2), at(2.5)), "2 of 3 signals carry the time at which a candle opens", id="on edges"),
        pytest.param((at(1), at(2.1), at(2.5)), "2 of 3 signals lie inside candles", id="inside"),
        pytest.param((at(1), at(2.5)), "", id="half and half"),
        pytest.param((at(10), at(3)), "2 of 2 signals carry the time", id="the last close is an edge"),
    ],
)
def test_times_that_look_like_something_else_are_told(instants: tuple[int, ...], told: str) -> None:
    found = doubts([buy(f"s{number}", at_ns) for number, at_ns in enumerate(instants)], TAPE)
    assert len(found) == bool(told)
    assert all(one.startswith(told) for one in found)


def test_signals_that_nothing_can_fill_are_told() -> None:
    strange = structs.replace(buy("a", START_NS + STEP_NS), mint=Mint("Z"))
    late = [buy(f"b{at}", TAPE.end_ns - at) for at in (0, STEP_NS)]
    found = unfilled([strange, strange, *late, buy("c", START_NS + STEP_NS)], TAPE, lambda mint: f"token {mint}")
    assert found == [
        "2 signals name tokens of which the tape has no candles: token Z (2)",
        "2 signals come when no candle of their token opens any more, so no price follows them",
    ]
    assert unfilled([], TAPE, str) == ["there is no signal, so nothing is traded"]
    assert unfilled([buy("c", START_NS + STEP_NS)], TAPE, str) == []


def test_the_audit_shows_that_a_gain_was_look_ahead(tmp_path: Path) -> None:
    """Every second candle rises. A sender that says that its rows close when they open buys before each rise."""
    zigzag = tape_of([(100, 110) if number % 2 else (110, 100) for number in range(40)])
    config = MultiWalletConfig.from_env({**demo_env(1, tmp_path), **ROOMY}, dotenv=None)
    signals = [
        known_at(one, Stamps.CLOSE, zigzag)
        for number in range(3, 37, 4)
        for one in (buy(f"b{number}", at(number), 1_000), sell_all(f"s{number}", at(number + 1)))
    ]
    first = play(config, MemoryJournal(), zigzag, signals, 1, lambda _: None)
    now, by_a_second, by_a_candle = audit(config, zigzag, signals, 1, first, lambda _: None)
    assert (now.delay_s, by_a_second.delay_s, by_a_candle.delay_s) == (0, 1, 300)
    assert now.gain_usd > 500
    assert by_a_second.gain_usd < 0
    assert by_a_candle.gain_usd < 0
    assert now.signals == by_a_second.signals == by_a_candle.signals == len(signals)
