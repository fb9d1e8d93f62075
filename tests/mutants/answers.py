"""Bugs in what a source is told, and in who is told it."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

ADDRESS: Final = "desk/answers/address.py"
OWN: Final = "http/own_entries.py"
ANSWERS_TEST: Final = "tests/desk/answers/test_answers.py::"
OWN_TEST: Final = "tests/http/test_own_entries.py::"
ROUND_TRIP: Final = "tests/http/hooks/test_round_trip.py::test_a_freqtrade_bot_hears_what_became_of_its_trades"

ANSWER_BUGS: Final = (
    Mutation(
        "answers: a source hears of another one's orders",
        "desk/answers/journal_pages.py",
        "if concern is not None and source in concern.sources:",
        "if concern is not None:",
        f"{ANSWERS_TEST}test_a_source_hears_its_own_alone",
    ),
    Mutation(
        "answers: a new entry of another source is offered",
        "desk/answers/following.py",
        "for name in () if concern is None else concern.sources:",
        "for name in () if concern is None else self._boxes:",
        f"{ANSWERS_TEST}test_a_target_that_hangs_holds_up_itself_alone",
    ),
    Mutation(
        "answers: a redirect is followed",
        "desk/answers/post.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/desk/answers/test_post.py::test_a_redirect_is_never_followed",
    ),
    Mutation(
        "answers: a redirect counts as an acknowledgement",
        "desk/answers/post.py",
        "        if not 200 <= status < 300:\n            moved",
        "        if not 200 <= status < 400:\n            moved",
        "tests/desk/answers/test_post.py::test_a_redirect_is_never_followed",
    ),
    Mutation(
        "answers: a signature without the time",
        "desk/answers/signing.py",
        'signed = f"{message_id}.{at_s}.".encode() + body',
        'signed = f"{message_id}.".encode() + body',
        "tests/desk/answers/test_signing.py::test_every_part_is_signed",
    ),
    Mutation(
        "answers: sent without a signature when no key is valid",
        "desk/answers/signing.py",
        '    assert keys, "an answer is never sent without a signature"\n',
        "",
        "tests/desk/answers/test_signing.py::test_nothing_is_sent_without_a_key",
    ),
    Mutation(
        "answers: signed at the time of the tape",
        "http/server.py",
        "answers = Answers(app.engine, journal, outside, HttpPost(networks))",
        "answers = Answers(app.engine, journal, app.clock, HttpPost(networks))",
        ROUND_TRIP,
    ),
    Mutation(
        "answers: progress is saved before the acknowledgement",
        "desk/answers/delivery.py",
        "        if answer is not None:\n            await self._deliver(answer)\n"
        "        self._box.acknowledge(concern.entry.seq)\n",
        "        self._box.acknowledge(concern.entry.seq)\n"
        "        if answer is not None:\n            await self._deliver(answer)\n",
        f"{ANSWERS_TEST}test_progress_is_written_after_the_acknowledgement",
    ),
    Mutation(
        "answers: a mailbox without a bound",
        "desk/answers/mailbox.py",
        "        if len(self._waiting) >= WAITING_MAX:\n            self.fall_behind()\n            return\n",
        "",
        f"{ANSWERS_TEST}test_more_waits_in_the_journal_than_in_memory",
    ),
    Mutation(
        "answers: entries between the journal's end and the first that is offered are lost",
        "desk/answers/following.py",
        "        return self._engine.durable_seq + 1  # It",
        "        return 0  # It",
        f"{ANSWERS_TEST}test_nothing_is_lost_between_the_journal_and_the_new_entries",
    ),
    Mutation(
        "answers: a name that leads into the private network is reached",
        ADDRESS,
        '            require_reachable(host, one["host"], self._allowed)\n',
        "            pass\n",
        "tests/desk/answers/test_address.py::test_a_name_is_judged_by_its_addresses",
    ),
    Mutation(
        "answers: a target that moves misses what is under way",
        "desk/answers/changes.py",
        "known.answers_after if known.answers_url else last_seq",
        "last_seq",
        "tests/desk/answers/test_signing.py::test_changes_of_answers",
    ),
    Mutation(
        "answers: only the seller's source hears of a sale",
        "journal/catalogue/concerned.py",
        "    sold = event.of_sources if isinstance(event, OrderPlaced) else ()\n",
        "    sold = ()\n",
        "tests/desk/answers/test_answer.py::test_every_source_hears_of_a_sale_of_its_units_and_how_many_they_are",
    ),
    Mutation(
        "answers: the catalogue files an entry under one of its sources",
        "journal/catalogue/store.py",
        "            for source in sorted(concern.sources):\n",
        "            for source in sorted(concern.sources)[:1]:\n",
        "tests/http/test_page_of_source.py::test_a_page_of_what_is_filed_reads_no_other_entry",
    ),
    Mutation(
        "answers: a page of a source looks again at what is filed",
        "http/own_entries.py",
        "after if filed is None else max(after, filed.filed)",
        "after",
        "tests/http/test_page_of_source.py::test_a_page_is_the_same_whatever_is_filed",
    ),
    Mutation(
        "answers: a sale of part of the lots names the units of all",
        "core/books/settle/owners.py",
        "    for owner, units in shares_of(book, order, source, order.spend.units).items():\n        name",
        "    for owner, units in position.units_of_sources.items():\n        name",
        "tests/core/exits/test_whose_units.py::test_a_sale_says_whose_units_it_takes",
    ),
    Mutation(
        "answers: a token of a source asks for another one's entries",
        OWN,
        "    if own and source not in (None, own):",
        "    if not own and source not in (None, own, source):",
        f"{OWN_TEST}test_a_token_of_a_source_sees_nothing_else",
    ),
    Mutation(
        "answers: a token of a source hears of the whole desk",
        OWN,
        '    return own or source or ""',
        '    return source or ""',
        f"{OWN_TEST}test_pages_of_a_source_have_its_own_entries_and_no_other",
    ),
    Mutation(
        "answers: a token of a source sells what others bought",
        "http/intake.py",
        "replace(signal, scope=SaleScope.SOURCE), (*notes, OWN_SALE)",
        "signal, (*notes, OWN_SALE)",
        f"{OWN_TEST}test_pages_of_a_source_have_its_own_entries_and_no_other",
    ),
    Mutation(
        "answers: a token of a source reads the books",
        "http/auth.py",
        "        if identity.source and allowed.role is not None and not allowed.of_sources:",
        "        if identity.source and allowed.role is None and not allowed.of_sources:",
        f"{OWN_TEST}test_a_token_of_a_source_sees_nothing_else",
    ),
    Mutation(
        "answers: a stream of a source tells every new entry",
        OWN,
        "is not None and self._source in concern.sources:\n                found",
        "is not None:\n                found",
        f"{OWN_TEST}test_a_stream_of_a_source_is_the_same_past_and_live",
    ),
)
