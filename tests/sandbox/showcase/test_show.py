"""The demo: what its traders send is sensible, every signal and order is accounted for, and refusals are told truly."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from overmind.backtest.history import Played
from overmind.core.books.state import State
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.desk.market import open_tape, tokens_by_symbol
from overmind.journal.memory import MemoryJournal
from overmind.prices.tape import Series, Tape
from overmind.sandbox.demo import demo_config
from overmind.sandbox.showcase.account import Account, account_of
from overmind.sandbox.showcase.memes import SHALLOWER, with_memes
from overmind.sandbox.showcase.show import Show
from overmind.sandbox.showcase.stories import Stories, Story
from overmind.sandbox.showcase.traders import ROUND, Traders
from overmind.text.printable import json_bytes
from overmind.views.decisions import Decision, DecisionStatus

SIGNALS = 3 * len(ROUND)
TIMES = ("state_hash", "updated_at", "last_trade_time")


class Shown(NamedTuple):
    played: Played
    account: Account
    stories: list[Story]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    journal, show = MemoryJournal(), Show(1, SIGNALS, tmp_path_factory.mktemp("show"))
    played = show.on_paper(journal, lambda _: None)
    return Shown(played, account_of(journal.read()), show.stories)


def test_the_account_adds_up(shown: Shown) -> None:
    played, account = shown.played, shown.account
    assert account.signals == SIGNALS == account.refused + account.recorded + account.placed
    further = account.further_wallets + account.further_attempts + account.fee_purchases
    assert account.orders == account.placed + further + sum(account.own_exits.values())
    assert account.orders == account.filled + account.failed + account.expired + account.rejected + account.open
    # The desk counts them in its books, and this counts the journal.
    booked = (played.orders, played.filled, played.failed, played.expired, played.rejected)
    assert booked == (account.orders, account.filled, account.failed, account.expired, account.rejected)
    assert (played.signals, played.refused, played.recorded) == (account.signals, account.refused, account.recorded)
    rows = account.strategies
    assert sum(row.signals for row in rows) == account.signals
    assert sum(row.refused for row in rows) == account.refused
    assert account.own_exits["stop"] > 0


def test_every_strategy_is_served(shown: Shown) -> None:
    assert {row.strategy for row in shown.account.strategies if row.filled} == {*StrategyType}


def test_no_trader_sells_what_it_does_not_hold(shown: Shown) -> None:
    of_sales = {Code.INSUFFICIENT_TOKENS, Code.LOTS_OF_OTHERS, Code.SOURCE_HOLDS_NOTHING, Code.BUY_IN_FLIGHT}
    assert not of_sales & {Code(code) for code in shown.played.refusal_codes}
    assert shown.account.placed > 0.8 * SIGNALS


def test_the_stories_are_of_what_was_refused(shown: Shown) -> None:
    assert {story.code: story.signals for story in shown.stories} == shown.played.refusal_codes
    assert {Code.SIGNAL_STALE, Code.MINT_NOT_ADMITTED} <= {story.code for story in shown.stories}
    assert any(story.wanted_usd is not None and story.wanted_usd > 5_000 for story in shown.stories), "a zero too many"
    late = next(story for story in shown.stories if story.code == Code.SIGNAL_STALE)
    assert late.told.startswith("It came 900 s late, and lives ")


def one_token(*closes: int) -> Tape:
    count, step_ns = len(closes), 300 * NS
    times = tuple(step_ns * number for number in range(1, count + 1))
    columns = (closes, closes, closes, closes)
    return Tape({SOL: Series(SOL, 0, step_ns, times, *columns, (10**12,) * count, (0,) * count)})


@pytest.mark.parametrize(("last", "would"), [(150, 500.0), (80, -200.0), (100, 0.0)])
def test_a_story_tells_what_would_have_come_of_it(last: int, would: float, tmp_path: Path) -> None:
    """Bought at the price that was known then, and held to the end."""
    stories = Stories(one_token(999, 100, 120, last))
    refusal = Refusal(Code.POSITION_SIZE, 500 * MICROS, 1_000 * MICROS, WalletId("w1"))
    signal = Signal(SignalId("s"), StrategyType.ARBITRAGE, TradeAction.BUY, SOL, 0, notional_micros=1_000 * MICROS)
    answer = Decision(signal.id, DecisionStatus.REFUSED, None, None, (), "", (refusal,))
    stories.hear(signal, answer, 700 * NS)
    stories.hear(structs.replace(signal, id=SignalId("less"), notional_micros=1), answer, 700 * NS)
    stories.hear(signal, structs.replace(answer, status=DecisionStatus.PLACED), 700 * NS)
    (story,) = stories.told(demo_config(1, tmp_path).desk)
    assert (story.signal_id, story.signals, story.symbol, story.would_usd) == ("s", 2, "SOL", would)
    assert story.told == "w1 may hold $500.00 of one token, and would have held $1,000.00."


def traders(tape: Tape, folder: Path) -> Traders:
    return Traders(tape, tokens_by_symbol(demo_config(1, folder).desk), 1, SIGNALS)


def test_traders_do_not_see_later_prices(tmp_path: Path) -> None:
    config = demo_config(1, tmp_path)
    tape = with_memes(open_tape(config), tokens_by_symbol(config.desk))
    until_ns = (tape.start_ns + tape.end_ns) // 2
    one, other = traders(tape, tmp_path), traders(risen_after(tape, until_ns), tmp_path)
    early = [number for number, at_ns in enumerate(one.times) if at_ns < until_ns]
    assert 0 < len(early) < SIGNALS
    state = State()
    assert [one.signal(number, state) for number in early] == [other.signal(number, state) for number in early]
    late = [number for number in range(SIGNALS) if number not in early]
    assert [one.signal(number, state) for number in late] != [other.signal(number, state) for number in late]


def risen_after(tape: Tape, at_ns: int) -> Tape:
    def changed(series: Series) -> Series:
        times = [
            price if at <= at_ns else price * (2 + at % 7)
            for at, price in zip(series.closed_at_ns, series.close_pico, strict=True)
        ]
        return structs.replace(series, close_pico=tuple(times))

    return Tape({mint: changed(series) for mint, series in tape.series.items()})


def test_memes_move_twice_as_much_in_shallow_pools(tmp_path: Path) -> None:
    config = demo_config(1, tmp_path)
    tokens, real = tokens_by_symbol(config.desk), open_tape(config)
    tape = with_memes(real, tokens)
    assert {mint: tape.series[mint] for mint in real.series} == real.series
    sol, bonk = real.series[SOL], tape.series[Mint(tokens["BONK"].mint)]
    assert bonk.closed_at_ns == sol.closed_at_ns
    for now in (1, 500, 2_000):
        gain = Decimal(sol.close_pico[now]) / sol.open_pico[0]
        assert float(Decimal(bonk.close_pico[now]) / bonk.open_pico[0]) == pytest.approx(float(gain * gain), rel=1e-5)
        assert bonk.depth_micros[now] == sol.depth_micros[now] // SHALLOWER
        assert bonk.low_pico[now] <= bonk.close_pico[now] <= bonk.high_pico[now]


def numbers_of(value: object) -> object:
    """Without the times of a chain and what hangs on them."""
    if isinstance(value, dict):
        return {name: numbers_of(one) for name, one in value.items() if name not in TIMES}
    return [numbers_of(one) for one in value] if isinstance(value, list) else value


@pytest.mark.soak
def test_on_the_chain_the_same_seed_gives_the_same_trades(tmp_path: Path) -> None:
    """Keys, slots and times are new; what was traded, at which price and at which cost, is not."""
    played = [Show(3, 2 * len(ROUND), tmp_path).on_chain(MemoryJournal(), lambda _: None) for _ in range(2)]
    one, other = (numbers_of(json.loads(json_bytes(run))) for run in played)
    assert one == other
    assert played[0].books_equal_chain
    assert played[0].filled > 0
