"""Bugs in the doubt of prices: what one lying server could then take."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

TRUST: Final = "core/books/trust.py"
BAND: Final = "core/books/price_band.py"
ENTRY_TEST: Final = "tests/core/exits/test_doubted_prices.py::test_an_entry_needs_a_price_that_is_believed"
REPEAT_TEST: Final = (
    "tests/core/exits/test_doubted_prices.py::test_a_price_that_is_repeated_within_a_minute_opens_no_second_step"
)
STOP_TEST: Final = "tests/core/exits/test_doubted_prices.py::test_a_stop_sells_no_lower_than_what_is_credible"
ORACLE_TEST: Final = "tests/solana/test_pyth.py::test_whatever_is_wrong_is_refused_with_the_reason"
HEARTBEAT_TEST: Final = "tests/core/books/test_mark_columns.py::test_a_heartbeat_decides_like_every_mark"
PEG_TEST: Final = "tests/core/exits/test_doubted_prices.py::test_entries_hold_while_the_quote_currency_is_off_its_peg"

PRICES: Final = (
    Mutation(
        "prices of a cache taken for new ones",
        "prices/jupiter.py",
        "now_ns - one.age.age_s * NS",
        "now_ns",
        "tests/prices/test_jupiter.py::test_a_price_is_as_old_as_the_cache_says_that_gave_it",
    ),
    Mutation(
        "witness with an old date believed",
        "prices/jupiter.py",
        "now_ns - self._trust.ahead_ns - dated_ns > max_ns",
        "now_ns - self._trust.ahead_ns - dated_ns > 1_000 * max_ns",
        "tests/prices/test_jupiter.py::test_a_witness_with_an_old_date_says_nothing",
    ),
    Mutation(
        "a step that was taken opens the band for another",
        BAND,
        "        if self.held is None or at_ns - self.at_ns >= MINUTE_NS:\n",
        "        if self.held is None or at_ns >= self.at_ns:\n",
        "tests/core/exits/test_doubted_prices.py::test_a_lie_that_begins_as_the_reference_follows_gains_one_step",
    ),
    Mutation(
        "silence makes a doubted price credible",
        BAND,
        "+ min(max(0, at_ns - self.seen_ns), MINUTE_NS)",
        "+ max(0, at_ns - self.seen_ns)",
        ENTRY_TEST,
    ),
    Mutation(
        "second source that differs confirms",
        TRUST,
        "    return (high - low) * BPS <= low * bound_bps\n",
        "    return low > 0\n",
        ENTRY_TEST,
    ),
    Mutation(
        "old price of the second source confirms",
        TRUST,
        "abs(mark.at_ns - mark.witness.at_ns) <= desk.mark_age_max_ns\n",
        "mark.witness.at_ns > 0\n",
        ENTRY_TEST,
    ),
    Mutation(
        "doubted price gates an entry",
        "core/entries/gate.py",
        "        or (state.doubted and (mint in state.doubted or SOL in state.doubted))\n",
        "",
        ENTRY_TEST,
    ),
    Mutation(
        "doubted price of SOL pays the fees",
        "core/entries/gate.py",
        "(mint in state.doubted or SOL in state.doubted)",
        "mint in state.doubted",
        ENTRY_TEST,
    ),
    Mutation(
        "doubted prices become marks",
        "core/books/mark_columns.py",
        "        yield PricesMarked(*judged)\n",
        "        yield PricesMarked(judged.believed + judged.doubted, judged.doubted)\n",
        "tests/core/exits/test_doubted_prices.py::test_a_lie_trips_no_breaker_and_changes_no_value",
    ),
    Mutation(
        "second mark of a new price left out of the journal",
        "core/books/mark_columns.py",
        "        or state.before_pico[mark.mint] != mark.price_pico  # So far only one mark has shown it.\n",
        "",
        HEARTBEAT_TEST,
    ),
    Mutation(
        "heartbeat longer than a mark may be old",
        "core/books/mark_columns.py",
        "min(desk.mark_heartbeat_ns, desk.mark_age_max_ns // HEARTBEATS_MIN)",
        "2 * desk.mark_age_max_ns",
        HEARTBEAT_TEST,
    ),
    Mutation(
        "limits unchecked when no price is journaled",
        "core/decide.py",
        "                yield from journaled(state, judged, at_ns)\n",
        "                news = [*journaled(state, judged, at_ns)]\n"
        "                yield from news\n"
        "                if not news:\n"
        "                    return\n",
        "tests/core/books/test_mark_columns.py::test_what_is_left_out_still_checks_limits_and_sells",
    ),
    Mutation(
        "unchanged price forgotten when its source drops it",
        "desk/watches/timers.py",
        "        return tuple(self._seen.values())\n",
        "        return tuple(found)\n",
        "tests/desk/watches/test_timers.py::test_a_price_is_stale_at_the_same_second_whether_or_not_each_mark_is_journaled",
    ),
    Mutation(
        "sale at a doubted price without a floor",
        "core/exits/selling.py",
        "    if exiting is not None and exiting.floor_pico:\n",
        "    if exiting is None:\n",
        STOP_TEST,
    ),
    Mutation(
        "all of a position sold at a doubted price",
        "core/exits/exit_rules.py",
        "        units = min(units, free // DOUBTED_PARTS)\n",
        "        units = min(units, free)\n",
        STOP_TEST,
    ),
    Mutation(
        "no pause between sales at a doubted price",
        "core/books/settle/retries.py",
        "state.at_ns + DOUBTED_PACE_NS if sells_in_parts(state, order.mint) else 0\n",
        "0\n",
        "tests/core/exits/test_doubted_prices.py::test_slices_are_sold_one_by_one_with_a_pause",
    ),
    Mutation(
        "doubted price makes nothing due",
        "core/exits/exit_rules.py",
        "    return book.reached.union(overdue, book.closing, doubted)\n",
        "    return book.reached.union(overdue, book.closing)\n",
        STOP_TEST,
    ),
    Mutation(
        "silence widens the band",
        BAND,
        "        if not self.outside_ns:\n            return 0\n",
        "        if not self.outside_ns:\n            return max(0, at_ns - self.at_ns)\n",
        ENTRY_TEST,
    ),
    Mutation(
        "band moves with every believed price",
        BAND,
        "        if at_ns - self.at_ns < MINUTE_NS:\n",
        "        if at_ns < self.at_ns:\n",
        REPEAT_TEST,
    ),
    Mutation(
        "band follows a price by all steps at once",
        BAND,
        "self._away(max(1, steps - 1), jump_max_ppm)",
        "self._away(1 + steps, jump_max_ppm)",
        "tests/core/exits/test_doubted_prices.py::test_no_sequence_of_lies_moves_the_band_faster_than_the_bound",
    ),
    Mutation(
        "denied price widens the band",
        TRUST,
        "    if _is_denied(desk, mark):  # One of the two lies, and time does not tell which.\n",
        "    if not desk:\n",
        STOP_TEST,
    ),
    Mutation(
        "operator's price forgotten",
        "core/books/apply.py",
        "            state.references[mint] = Reference(price_pico, entry.at_ns)\n",
        "            pass\n",
        STOP_TEST,
    ),
    Mutation(
        "quote not compared with the second source",
        "core/entries/quote_check.py",
        "    if witness_pico is None:\n",
        "    if witness_pico is not None:\n",
        "tests/core/entries/test_quote_check.py::test_a_quote_must_fit_both_sources",
    ),
    Mutation(
        "depeg seen by one source alone",
        "core/control/breakers.py",
        "mark.price_pico if mark.witness is None else mark.witness.price_pico)",
        "mark.price_pico)",
        PEG_TEST,
    ),
    Mutation(
        "simulated sale confirms an entry",
        TRUST,
        "    return mark.witness is not None and not mark.witness.of_sale and _is_repeated(desk, mark)\n",
        "    return mark.witness is not None and _is_repeated(desk, mark)\n",
        ENTRY_TEST,
    ),
    Mutation(
        "one of two simulations is enough",
        "venues/proceeds.py",
        "for node in self._nodes))\n",
        "for node in self._nodes[:1]))\n",
        "tests/venues/test_proceeds.py::test_whatever_is_missing_proves_nothing",
    ),
    Mutation(
        "higher of two simulations counts",
        "venues/proceeds.py",
        "        return min(fill.received_units",
        "        return max(fill.received_units",
        "tests/venues/test_proceeds.py::test_the_lower_of_two_simulations_is_the_price",
    ),
    Mutation(
        "simulated sale not verified",
        "venues/proceeds.py",
        "            if refused is not None:\n",
        "            if refused is self:\n",
        "tests/venues/test_proceeds.py::test_whatever_is_missing_proves_nothing",
    ),
    Mutation(
        "oracle account of any program",
        "solana/pyth.py",
        '    if content.get("owner") != RECEIVER_PROGRAM:\n',
        '    if content.get("owner") is None:\n',
        ORACLE_TEST,
    ),
    Mutation(
        "half-verified oracle price",
        "solana/pyth.py",
        "    if level != FULL:\n",
        "    if level > FULL:\n",
        ORACLE_TEST,
    ),
    Mutation(
        "oracle price of another feed",
        "solana/pyth.py",
        "    if feed_id != feed.feed_id:\n",
        "    if not feed_id:\n",
        ORACLE_TEST,
    ),
    Mutation(
        "uncertain oracle price",
        "solana/pyth.py",
        "    if confidence * BPS > price * CONFIDENCE_MAX_BPS:\n",
        "    if confidence > price:\n",
        ORACLE_TEST,
    ),
    Mutation(
        "old oracle price",
        "solana/pyth.py",
        "    if now_ns - at_ns > AGE_MAX_NS:\n",
        "    if now_ns < 0:\n",
        ORACLE_TEST,
    ),
    Mutation(
        "two servers of one operator count as two",
        "config/cluster.py",
        "    if witness_url is not None and same_operator(swap_url, witness_url):\n",
        "    if witness_url is not None and witness_url == swap_url:\n",
        "tests/config/test_variables.py::test_a_variable_is_read_in_its_unit_and_within_its_bounds",
    ),
)
