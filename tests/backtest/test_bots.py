"""A bot over history: the same code as on a service, with no knowledge of what comes later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.backtest.tapes import ROOMY, START_NS, STEP_NS, fills, paid_price, tape_of

from history import closes, signals
from momentum_bot import bot as momentum_bot
from overmind.backtest.bots import BotFailed, BotRun, PastDesk, bars, play_bot
from overmind.config import MultiWalletConfig
from overmind.core.model.ids import SOL, is_own
from overmind.core.model.units import DAY_NS, NS, PICO
from overmind.desk.market import open_tape
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import shipped_tape_path
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_config, demo_env
from overmind.signals.decode import BadSignal
from overmind.venues.paper import PERFECT
from rebalancing_bot import bot as rebalancing_bot

START_S, STEP_S = START_NS // NS, STEP_NS // NS
BUY = {"strategy_type": "MomentumTrading", "action": "Buy", "symbol": "SOL", "notional_usd": "100"}


class Scripted:
    """A bot that does one thing at each bar."""

    def __init__(self, act: Callable[[PastDesk, int], None], bar_s: int = STEP_S) -> None:
        self.bar_s = bar_s
        self.on_bar = act


def played(folder: Path, tape: Tape, bot: Any, **env: str) -> tuple[BotRun, MemoryJournal]:
    config = MultiWalletConfig.from_env({**demo_env(1, folder), **ROOMY, **env}, dotenv=None)
    journal = MemoryJournal()
    return play_bot(config, journal, tape, bot, 1, lambda _: None, PERFECT), journal


def test_it_fills_at_the_price_that_opens_the_next_candle(tmp_path: Path) -> None:
    """It knows the close of the candle before, 110, and not the opening price that it pays, 120."""
    told: list[Mapping[str, Decimal]] = []

    def act(desk: PastDesk, at_s: int) -> None:
        told.append(desk.prices())
        if len(told) == 2:
            desk.submit({**BUY, "signal_id": "one"})

    run, journal = played(
        tmp_path, tape_of([(100, 105), (107, 110), (120, 130), (130, 140), (140, 150)]), Scripted(act)
    )
    assert [prices["SOL"] for prices in told] == [105, 110, 130, 140]
    ((order, filled, at_ns),) = fills(journal.read())
    assert order.mark_pico == 110 * PICO
    assert paid_price(order, filled) == pytest.approx(120, rel=1e-3)
    assert at_ns == START_NS + 2 * STEP_NS
    assert run.played.filled == 1


def test_inside_a_candle_it_waits_for_the_next_one(tmp_path: Path) -> None:
    def act(desk: PastDesk, at_s: int) -> None:
        if at_s == START_S + STEP_S + 60:
            desk.submit({**BUY, "signal_id": "one"})

    tape = tape_of([(100, 105), (107, 110), (120, 130), (130, 140), (140, 150)])
    _, journal = played(tmp_path, tape, Scripted(act, 60))
    ((order, filled, at_ns),) = fills(journal.read())
    assert (order.mark_pico, at_ns) == (105 * PICO, START_NS + 2 * STEP_NS)
    assert paid_price(order, filled) == pytest.approx(120, rel=1e-3)


def test_nothing_that_it_is_told_follows_from_later_prices(tmp_path: Path) -> None:
    """A bot that writes down all that the desk says, and trades on it, on two histories that part at an instant."""
    early = [(100 + n % 7, 101 + n % 5) for n in range(30)]
    parting = START_NS + 30 * STEP_NS

    def told_on(later: list[tuple[float, float]]) -> list[object]:
        told: list[object] = []

        def act(desk: PastDesk, at_s: int) -> None:
            asked = desk.prices(), desk.holdings("MomentumTrading"), desk.equity()
            how = "Buy" if at_s // STEP_S % 3 else "Sell"
            amount = {"notional_usd": "100"} if how == "Buy" else {"quantity": "all"}
            signal = {"strategy_type": "MomentumTrading", "action": how, "symbol": "SOL", **amount}
            told.append((at_s, asked, desk.submit({**signal, "signal_id": f"s{at_s}"})))

        run, _ = played(tmp_path, tape_of([*early, *later]), Scripted(act))
        return [one for one in told if isinstance(one, tuple) and one[0] * NS <= parting] + [len(run.sent) > 30]

    rising, falling = [(110 + n, 111 + n) for n in range(8)], [(90 - n, 89 - n) for n in range(8)]
    assert told_on(rising) == told_on(falling)


def test_a_desk_tells_a_bot_nothing_of_what_comes(tmp_path: Path) -> None:
    """What a bot may ask takes no time and no place: there is no way to ask for later."""
    asked = {name for name in vars(PastDesk) if not name.startswith("_")}
    assert asked == {"prices", "holdings", "equity", "submit", "explain", "say"}


def test_the_momentum_bot_decides_as_its_strategy_does_over_a_file(tmp_path: Path) -> None:
    """As long as no exit of the desk's own comes between. Signals of a file carry the time of a close, as bars do."""
    whole = open_tape(demo_config(1, tmp_path))
    tape = Tape({SOL: whole.series[SOL]}).between(whole.start_ns, whole.start_ns + 2 * DAY_NS)
    assert tape is not None
    run, journal = played(tmp_path, tape, momentum_bot(["SOL"]))
    assert [order for order, _, _ in fills(journal.read()) if is_own(order.signal_id)] == []
    made = map(timed, signals("SOL", closes(shipped_tape_path() / "SOLUSDT_5m.csv")))
    expected = [(at_ns, how) for at_ns, how in made if at_ns <= tape.end_ns - STEP_NS]
    assert [(one.at_ns, one.action.value) for one in run.sent] == expected
    assert len(expected) > 20


def timed(signal: Mapping[str, str]) -> tuple[int, str]:
    return round(datetime.fromisoformat(signal["timestamp"]).timestamp()) * NS, signal["action"]


def test_the_rebalancing_bot_keeps_its_weight(tmp_path: Path) -> None:
    rising = [(100 + n, 101 + n) for n in range(60)]
    run, _ = played(tmp_path, tape_of(rising), rebalancing_bot(["SOL=0.002", "--band", "0.02"]))
    (position,) = run.played.positions
    assert position.value_usd == pytest.approx(0.002 * run.played.portfolio.total_value_usd, rel=0.03)
    assert {one.action.value for one in run.sent} == {"Buy", "Sell"}


def test_an_id_is_decided_once_and_refusals_are_told(tmp_path: Path) -> None:
    answers: list[str] = []

    def act(desk: PastDesk, at_s: int) -> None:
        answers.append(desk.submit({**BUY, "signal_id": "same"}).status)
        large = desk.submit({**BUY, "signal_id": f"large-{at_s}", "notional_usd": "900000"})
        answers.append(large.status)
        desk.explain(f"large-{at_s}")

    run, _ = played(tmp_path, tape_of([(100, 100)] * 5), Scripted(act))
    assert answers == ["placed", "refused", *["duplicate", "refused"] * 3]
    assert any("POSITION_SIZE" in said for said in run.said)
    assert run.said[0].startswith("2025-04-06T00:05:00 ")


def test_an_order_under_way_keeps_its_holdings_unknown(tmp_path: Path) -> None:
    seen: list[object] = []

    def act(desk: PastDesk, at_s: int) -> None:
        seen.append(desk.holdings("MomentumTrading"))
        if len(seen) == 1:
            desk.submit({**BUY, "signal_id": "one"})
            seen.append(desk.holdings("momentumtrading"))
            seen.append(desk.holdings("Arbitrage"))

    played(tmp_path, tape_of([(100, 100)] * 4), Scripted(act))
    assert seen[:3] == [{}, None, {}]
    assert isinstance(seen[3], dict)
    assert seen[3].keys() == {"SOL"}


@pytest.mark.parametrize(
    ("wrong", "raised"),
    [({}, BadSignal), ({**BUY, "signal_id": "x", "amount": 3}, BadSignal), ({**BUY, "signal_id": "a:b"}, BadSignal)],
)
def test_a_bot_that_fails_ends_the_run(wrong: dict[str, object], raised: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(BotFailed) as failed:
        played(tmp_path, tape_of([(100, 100)] * 4), Scripted(lambda desk, _: print(desk.submit(wrong))))
    assert isinstance(failed.value.fault, raised)


@pytest.mark.parametrize(
    ("bar_s", "first", "count"),
    [(300, START_S + 300, 3), (60, START_S + 300, 11), (600, START_S + 600, 1), (86_400, 0, 0)],
)
def test_bars_are_counted_from_1970(bar_s: int, first: int, count: int) -> None:
    """From the first candle's close on, and while another candle follows."""
    found = bars(tape_of([(100, 100)] * 4), bar_s)
    assert [at_s % bar_s for at_s in found] == [0] * count
    assert not count or found[0] == first
