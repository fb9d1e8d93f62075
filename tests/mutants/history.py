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
        "a fill leaves its pool as it was",
        "venues/paper.py",
        "        self._market.filled(order, pool, value)\n",
        "",
        "tests/backtest/test_costs.py::test_many_small_orders_cost_what_a_large_one_does",
    ),
    Mutation(
        "a sale moves its pool as a purchase does",
        "venues/paper_market.py",
        "return self.pressure_micros - value_micros * got // promised",
        "return self.pressure_micros + value_micros * got // promised",
        "tests/venues/depth/test_pool.py::test_a_round_trip_earns_nothing",
    ),
    Mutation(
        "orders before an order do not count in what a pool offers",
        "venues/paper_market.py",
        "max(value_micros, abs(after)) * PPM",
        "value_micros * PPM",
        "tests/venues/depth/test_pool.py::test_a_pool_bounds_what_moves_it_in_one_direction",
    ),
    Mutation(
        "an impact recovers at once",
        "venues/depth/market.py",
        "    if halvings > HALVINGS_MAX:\n",
        "    if halvings >= 0:\n",
        "tests/venues/depth/test_market.py::test_a_fill_moves_its_pool_until_it_has_recovered",
    ),
    Mutation(
        "a pool is empty where nobody traded",
        "venues/depth/market.py",
        "max(of.depth_floor_micros, ppm_of(traded, of.depth_per_volume_ppm))",
        "ppm_of(traded, of.depth_per_volume_ppm)",
        "tests/backtest/test_costs.py::test_an_empty_candle_forbids_no_exit",
    ),
    Mutation(
        "depth follows the volume of a candle, not of a time",
        "backtest/activity.py",
        "return bisect_right(series.closed_at_ns, at_ns - window_ns, 0, last), last",
        "return max(0, last - 1), last",
        "tests/backtest/test_costs.py::test_tapes_of_one_and_of_five_minutes_agree",
    ),
    Mutation(
        "depth counts the candle that is open",
        "backtest/activity.py",
        "    last = bisect_right(series.closed_at_ns, at_ns)\n",
        "    last = bisect_right(series.closed_at_ns, at_ns + series.step_ns)\n",
        "tests/backtest/test_costs.py::test_what_was_traded_in_a_rolling_time",
    ),
    Mutation(
        "a market that remembers draws by the amount",
        "venues/paper.py",
        "self._draw(order.id if self._market.remembers else quote)",
        "self._draw(quote)",
        "tests/backtest/test_costs.py::test_prices_doubled_and_quantities_halved_change_no_return",
    ),
    Mutation(
        "an order lands that may not pay what its moment asks",
        "venues/depth/market.py",
        "expires=0 <= roll < of.expiry_ppm or is_dear,",
        "expires=0 <= roll < of.expiry_ppm,",
        "tests/venues/depth/test_market.py::test_who_may_not_pay_what_the_moment_asks_never_lands",
    ),
    Mutation(
        "failures do not rise with volatility",
        "venues/depth/market.py",
        "of.failure_ppm + ppm_of(of.failure_rise_ppm, excess_ppm)",
        "of.failure_ppm",
        "tests/venues/depth/test_market.py::test_failures_rise_with_volatility",
    ),
    Mutation(
        "a model is fitted to its own fills",
        "backtest/calibration/samples.py",
        "                if mode is TradingMode.PAPER:\n",
        "                if mode is None:\n",
        "tests/backtest/calibration/test_samples.py::test_a_models_own_fills_teach_nothing",
    ),
    Mutation(
        "a fit is tested on what it was fitted to",
        "backtest/calibration/fitting.py",
        "_check(line, _points(fills[split:]))",
        "_check(line, _points(fills[:split]))",
        "tests/backtest/calibration/test_fitting.py::test_what_changed_between_fit_and_test_does_not_hold",
    ),
    Mutation(
        "few fills conclude something",
        "backtest/calibration/fitting.py",
        "    if len(fills) < FILLS_MIN:\n",
        "    if len(fills) < 3:\n",
        "tests/backtest/calibration/test_fitting.py::test_too_few_fills_conclude_nothing",
    ),
    Mutation(
        "a class whose fit does not predict is written",
        "cli/calibrate.py",
        "if row.verdict == HOLDS and row.fit is not None",
        "if row.fit is not None",
        "tests/backtest/calibration/test_samples.py::test_the_command_does_not_conclude_what_fills_do_not_say",
    ),
    Mutation(
        "an assumption counts as fitted",
        "backtest/assumptions.py",
        "    assumed = [one for one in PARAMETERS if not of.stated[one.name].fills]\n",
        "    assumed = [one for one in PARAMETERS if of.stated[one.name].fills]\n",
        "tests/cli/test_performance.py::test_a_backtest_writes_its_page_too",
    ),
)
