"""Bugs in the rule of time of a backtest: what a signal could then look up in the candle around it."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

TAPE: Final = "prices/tape.py"

HISTORY: Final = (
    Mutation(
        "a signal fills at the opening price of the candle around it",
        "prices/feeds.py",
        "        if is_own(order.signal_id) or order.attempt:\n",
        "        if order.id:\n",
        "tests/backtest/test_cheats.py::test_a_cheat_earns_no_more_than_chance",
    ),
    Mutation(
        "a signal fills at the price of its own instant",
        TAPE,
        "bisect_right(self.closed_at_ns, at_ns + self.step_ns)",
        "bisect_right(self.closed_at_ns, at_ns + self.step_ns - 1)",
        "tests/backtest/test_time.py::test_a_signal_fills_at_the_first_price_after_it",
    ),
    Mutation(
        "a candle is known before it closes",
        TAPE,
        "last = bisect_right(self.closed_at_ns, at_ns) - 1",
        "last = bisect_right(self.closed_at_ns, at_ns + self.step_ns) - 1",
        "tests/prices/test_tape.py::test_the_price_at_each_instant",
    ),
    Mutation(
        "an order sees the depth of the candle that it opens",
        TAPE,
        "self.depth_micros[candle - 1]",
        "self.depth_micros[candle]",
        "tests/prices/test_tape.py::test_an_opening_price_comes_with_what_was_known_before_it",
    ),
    Mutation(
        "a backtest's slippage counts from the mark of the decision",
        "core/entries/request.py",
        "return BPS if desk.fill_within_ns else slippage",
        "return slippage",
        "tests/backtest/test_time.py::test_a_fast_market_filters_nothing_out",
    ),
    Mutation(
        "a target inside of a candle comes before the stop",
        "backtest/inside.py",
        "    if stop is not None and candle.low_pico <= stop[0]:\n",
        "    if stop is not None and candle.low_pico <= stop[0] and not is_target:\n",
        "tests/backtest/test_inside.py::test_the_path_inside_a_candle",
    ),
    Mutation(
        "a gap sells at the stop, which the market never met",
        "backtest/inside.py",
        "return Reached(stop[1], stop[0], candle.open_pico, gap=True)",
        "return Reached(stop[1], stop[0], stop[0], gap=True)",
        "tests/backtest/test_inside.py::test_the_path_inside_a_candle",
    ),
    Mutation(
        "a target sells where the market only touched it, without its costs",
        "backtest/inside.py",
        "candle.high_pico >= paying",
        "candle.high_pico >= (target or 0)",
        "tests/backtest/test_inside.py::test_the_path_inside_a_candle",
    ),
    Mutation(
        "a bot is asked a candle later than it is told",
        "backtest/bots.py",
        "await intake.until(desk.at_ns)",
        "await intake.until(desk.at_ns + 300 * NS)",
        "tests/backtest/test_bots.py::test_it_fills_at_the_price_that_opens_the_next_candle",
    ),
    Mutation(
        "a bot's order takes the opening price of the candle that is open",
        "prices/feeds.py",
        "return max(at_ns, self.first_after(order, at_ns - 1))",
        "return at_ns",
        "tests/backtest/test_bots.py::test_inside_a_candle_it_waits_for_the_next_one",
    ),
    Mutation(
        "a bot is told what it owns while an order of it is open",
        "backtest/bots.py",
        "known.order.strategy is wanted",
        "known.order.strategy is None",
        "tests/backtest/test_bots.py::test_an_order_under_way_keeps_its_holdings_unknown",
    ),
    Mutation(
        "the demo counts the desk's own exits as signals",
        "sandbox/showcase/account.py",
        "elif is_own(order.signal_id):",
        "elif not order.id:",
        "tests/sandbox/showcase/test_show.py::test_the_account_adds_up",
    ),
    Mutation(
        "a story of the demo tells what the price was before",
        "sandbox/showcase/stories.py",
        "series.close_pico[-1]",
        "series.close_pico[0]",
        "tests/sandbox/showcase/test_show.py::test_a_story_tells_what_would_have_come_of_it",
    ),
)
