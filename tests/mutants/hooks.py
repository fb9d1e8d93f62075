"""Bugs in signals by webhook: secrets, resends, and whose lots an exit sells."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

DOOR: Final = "http/hooks/hooks.py"
SOURCE: Final = "desk/sources/source.py"
SELLS_TEST: Final = "tests/core/exits/test_sources.py::test_what_an_exit_of_a_source_sells"
READING_TEST: Final = "tests/http/hooks/test_reading.py::"
RESENDS_TEST: Final = "tests/http/hooks/test_resends.py::"
SECRETS_TEST: Final = "tests/http/hooks/test_secrets.py::test_no_secret_is_logged_journaled_or_answered"

HOOK_BUGS: Final = (
    Mutation(
        "hooks: the log names a wrong secret",
        DOOR,
        "source=UNKNOWN if source is None else name, peer=peer)\n",
        "source=name, secret=secret, peer=peer)\n",
        SECRETS_TEST,
    ),
    Mutation(
        "hooks: a secret of a body goes on",
        "http/hooks/bodies.py",
        "for name, value in fields.items() if name.lower() not in SECRETS}",
        "for name, value in fields.items()}",
        f"{READING_TEST}test_secrets_in_a_body_are_dropped",
    ),
    Mutation(
        "hooks: a secret is good after it was rotated away",
        SOURCE,
        "    valid = [one.sha256 if one.is_valid(at_ns) else _NOBODYS for one in known[:VALID_MAX]]\n",
        "    valid = [one.sha256 for one in known[:VALID_MAX]]\n",
        f"{RESENDS_TEST}test_a_rotated_secret_ends_after_a_day",
    ),
    Mutation(
        "hooks: a source of one kind sends as another",
        DOOR,
        "        if right and source is not None and source.kind is kind:\n",
        "        if right and source is not None:\n",
        "tests/http/hooks/test_administration.py::test_a_stranger_learns_nothing_of_what_sources_there_are",
    ),
    Mutation(
        "hooks: guessing costs no wait",
        DOOR,
        "        waits.count(GUESSES, peer, at)\n",
        "",
        f"{RESENDS_TEST}test_guesses_from_one_address_wait_longer_and_longer",
    ),
    Mutation(
        "hooks: overload is told as 429, which nobody repeats",
        DOOR,
        "        status = STOPPED if answered.status == BUSY else answered.status\n",
        "        status = answered.status\n",
        f"{RESENDS_TEST}test_the_first_answer_that_says_busy_makes_room_for_the_resend",
    ),
    Mutation(
        "hooks: a resend is a second signal",
        "http/hooks/reading.py",
        'source.name.encode() + b"\\0" + raw)',
        'source.name.encode() + b"\\0" + raw + __import__("os").urandom(8))',
        f"{RESENDS_TEST}test_tradingview_sends_again_three_times_five_seconds_apart_and_one_order_is_made",
    ),
    Mutation(
        "hooks: two equal alerts without a time are one",
        "http/hooks/tradingview.py",
        '    for field, given in (("ticker", ticker), ("action", action), ("fired_at", fired_at)):\n',
        '    for field, given in (("ticker", ticker), ("action", action)):\n',
        f"{READING_TEST}test_an_alert_that_is_none_is_refused_with_its_own_words",
    ),
    Mutation(
        "hooks: a short is read as a long",
        "http/hooks/tradingview.py",
        "    if position == SHORT:\n        return True\n",
        "    if position == SHORT:\n        return False\n",
        f"{READING_TEST}test_what_an_alert_says_of_its_position",
    ),
    Mutation(
        "hooks: a short is bought",
        "core/decide.py",
        "    elif signal.sender is not None and signal.sender.short and not signal.sender.closes:\n",
        "    elif signal.sender is not None and signal.sender.short and signal.sender.closes:\n",
        SELLS_TEST,
    ),
    Mutation(
        "hooks: an exit counts the lots of every source",
        "core/exits/exit_rules.py",
        "            return owner_of_source(signal.source)\n",
        '            return ""\n',
        SELLS_TEST,
    ),
    Mutation(
        "hooks: an exit takes the oldest lots, whosever they are",
        "core/books/settle/owners.py",
        "            return owner_of_source(source)\n",
        '            return ""\n',
        SELLS_TEST,
    ),
    Mutation(
        "hooks: an exit of a part sells everything",
        "core/books/senders.py",
        "or before is None or sender.amount >= before:\n",
        "or before is None or sender.amount > 0:\n",
        SELLS_TEST,
    ),
    Mutation(
        "hooks: an exit at the end of a trade leaves a part",
        "core/books/senders.py",
        "    if sender.closes or sender.amount is None",
        "    if sender.amount is None",
        SELLS_TEST,
    ),
    Mutation(
        "hooks: an exit before its entry is filled is refused for good",
        "http/hooks/in_flight.py",
        "    return not _any_of(before, state(), signal) or _holds(state(), signal)\n",
        "    return True\n",
        f"{RESENDS_TEST}test_an_exit_waits_for_its_entry_and_is_sent_again_if_that_takes_long",
    ),
    Mutation(
        "hooks: the stake of the whole trade is spent again",
        "http/hooks/freqtrade.py",
        "    return cost if 0 < cost < stake and (further or cost < stake * WHOLE_STAKE) else stake\n",
        "    return stake if 0 < cost < stake and (further or cost < stake * WHOLE_STAKE) else stake\n",
        f"{READING_TEST}test_a_further_entry_of_a_trade_is_not_bought_with_the_stake_of_the_whole",
    ),
)
