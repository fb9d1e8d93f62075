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
        "files of one token that contradict each other are joined",
        "prices/joining.py",
        "if known.setdefault(closed_ns, columns) != columns:",
        "if known.setdefault(closed_ns, columns) is None:",
        "tests/prices/test_tape.py::test_files_that_contradict_each_other",
    ),
    Mutation(
        "sweep: a part sees the candles of the next one",
        "sweep/playing.py",
        "tape = self.tape.between(from_ns, to_ns)",
        "tape = self.tape.between(from_ns, self.tape.end_ns)",
        "tests/sweep/test_playing.py::test_a_part_knows_nothing_of_the_next",
    ),
    Mutation(
        "sweep: what was chosen is told where it was chosen",
        "sweep/summary.py",
        "at_last = chosen.by_part[part + 1]",
        "at_last = chosen.by_part[part]",
        "tests/sweep/test_summary.py::test_what_was_chosen_is_told_by_the_next_part",
    ),
    Mutation(
        "sweep: settings of which a run failed are told by the others",
        "sweep/summary.py",
        "return fmean(known) if known and len(known) == len(values) else None",
        "return fmean(known) if known else 0.0",
        "tests/sweep/test_summary.py::test_a_run_that_failed_is_a_row_at_the_end",
    ),
    Mutation(
        "sweep: a result counts for another desk",
        "sweep/playing.py",
        "(config.desk, wallets, config.paper_capital_micros",
        "(config.paper_capital_micros",
        "tests/sweep/test_playing.py::test_the_fingerprint_follows_all_that_decides_a_result",
    ),
)
