"""Bugs about the journal's folder, locks and room, its anchor, and the log."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

WRITER: Final = "journal/writer.py"
PAST: Final = "tests/journal/test_past.py"
PLACE: Final = "tests/journal/test_place.py"
WATCH: Final = "tests/desk/test_journal_watch.py"
SEALING: Final = "tests/journal/test_sealing.py"
ANCHOR: Final = "tests/journal/test_anchor.py"

STORAGE_BUGS: Final = (
    Mutation(
        "disk that fills up within hours not noticed before tomorrow",
        "desk/space_watch.py",
        "RATE_OVER_NS: Final = (3_600 * NS, DAY_NS)",
        "RATE_OVER_NS: Final = (DAY_NS,)",
        "tests/desk/test_space_watch.py::test_when_it_alarms",
    ),
    Mutation(
        "file of the log kept until it is large",
        "desk/log_file.py",
        " or record.created - self._began_s >= self._span_s",
        "",
        "tests/desk/test_log_file.py::test_no_line_stays_longer_than_its_days",
    ),
    Mutation(
        "refusal in brief answered with the numbers of another signal",
        "core/books/brief_refusals.py",
        "numbers=brief.numbers or pattern.numbers",
        "numbers=pattern.numbers",
        "tests/core/books/test_brief_refusals.py::test_nothing_of_them_is_lost",
    ),
    Mutation(
        "refusals taken for alike by their codes",
        "core/books/brief_refusals.py",
        "(one.places, one.by, one.rules, one.wallets) == (other.places, other.by, other.rules, other.wallets)",
        "(one.places, one.by) == (other.places, other.by)",
        "tests/core/books/test_brief_refusals.py::test_the_same_rules_in_other_words_are_not_alike",
    ),
    Mutation(
        "repeated signal answered without the reasons of its refusal",
        "desk/engine.py",
        "whole_by(self._journal.entry, event) if isinstance(event, SignalRefused) else event",
        "event",
        "tests/desk/test_brief_answers.py::"
        "test_the_answer_stays_the_same_after_a_restart_and_when_its_pattern_is_forgotten",
    ),
    Mutation(
        "append durable in a deleted log",
        WRITER,
        "            if gone := self._place.log_gone():",
        "            if (gone := self._place.log_gone()) and len(rows) > 1:",
        f"{PLACE}::test_no_append_is_called_durable_once_its_log_is_gone",
    ),
    Mutation(
        "replaced file taken for the opened one",
        "journal/place.py",
        "            if opened is None or found != opened:",
        "            if opened is None or found is None:",
        f"{PLACE}::test_files_that_were_deleted_moved_or_replaced_are_found_out",
    ),
    Mutation(
        "lock of another program fails the append",
        WRITER,
        "                if self._closing.wait(LOCK_PAUSE_S):\n                    raise\n",
        "                raise\n",
        f"{PLACE}::test_a_lock_by_another_program_delays_an_append_and_fails_nothing",
    ),
    Mutation(
        "symlink followed",
        "journal/place.py",
        "    if path.is_symlink():",
        "    if path.is_symlink() and path.exists():",
        f"{PLACE}::test_a_symlink_in_place_of_a_file_is_refused",
    ),
    Mutation(
        "folder left open to others",
        "journal/place.py",
        "    if stat.S_IMODE(found.st_mode) & ~mode:",
        '    if kind == "file" and stat.S_IMODE(found.st_mode) & ~mode:',
        f"{PLACE}::test_folder_and_files_are_for_their_owner_alone",
    ),
    Mutation(
        "refused sale takes from the reserve",
        "desk/engine.py",
        "            if not isinstance(first, SignalRefused):\n                return\n",
        "            return\n",
        f"{WATCH}::test_a_sale_of_what_is_held_is_taken_on_a_full_disk_and_one_of_nothing_is_not",
    ),
    Mutation(
        "signal decided on a full disk",
        "desk/engine.py",
        "            self._require_exit(signal, received)\n",
        "            pass\n",
        f"{WATCH}::test_a_signal_on_a_full_disk_is_no_decision_and_its_id_stays_free",
    ),
    Mutation(
        "whole reserve freed at once",
        "journal/reserve.py",
        "max(0, left - SLICE_BYTES)",
        "0",
        "tests/journal/test_disk_full.py::test_the_reserve_is_freed_slice_by_slice_and_lasts",
    ),
    Mutation(
        "snapshot takes from the reserve",
        WRITER,
        "            self._until_written(write, reserved=False)",
        "            self._until_written(write, reserved=True)",
        "tests/journal/test_disk_full.py::test_a_full_disk_costs_a_snapshot_and_not_the_reserve",
    ),
    Mutation(
        "marks eat the reserve around a stop",
        "desk/watch.py",
        "        if due <= self._marked_due and",
        "        if due == self._marked_due and",
        f"{WATCH}::test_a_price_around_its_stop_does_not_eat_the_reserve",
    ),
    Mutation(
        "full disk delays a stop loss",
        "desk/watch.py",
        "        if due <= self._marked_due and",
        "        if",
        f"{WATCH}::test_a_stop_loss_is_sold_at_once_on_a_full_disk",
    ),
    Mutation(
        "due exit makes no louder alarm",
        "desk/journal_watch.py",
        "        urgent = bool(exits) and not self._alarmed_exit\n",
        "        urgent = False\n",
        f"{WATCH}::test_a_long_lock_is_an_alarm_louder_with_an_exit_due_and_its_end_is_told",
    ),
    Mutation(
        "restored journal sells again",
        "core/control/sending.py",
        "            return SEND if knows_history(state) else HISTORY_UNKNOWN\n",
        "            return SEND\n",
        "tests/core/control/test_sending.py::test_what_may_be_sent",
    ),
    Mutation(
        "older journal starts as if nothing were",
        "journal/anchor.py",
        "        if found is None:\n",
        "        if found is None and head.seq == 0:\n",
        f"{ANCHOR}::test_a_restored_backup_is_behind_its_anchor",
    ),
    Mutation(
        "MAC of the anchor not compared",
        "journal/anchor.py",
        "        if key is not None and not hmac",
        "        if key is None and not hmac",
        f"{ANCHOR}::test_an_anchor_that_others_wrote_is_found_out",
    ),
    Mutation(
        "two live desks share a key",
        "journal/key_locks.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "tests/journal/test_key_locks.py::test_a_second_desk_with_the_same_key_is_refused_and_told_who_has_it",
    ),
    Mutation(
        "unwritable log warns with each line",
        "desk/log_file.py",
        "        if not self.failed:\n",
        "        if self.failed:\n",
        "tests/desk/test_log_file.py::test_an_unwritable_log_is_one_warning_until_it_is_written_again",
    ),
    Mutation(
        "a snapshot of a newer version is read",
        "core/books/state.py",
        "    if state.version != STATE_VERSION:",
        "    if state.version < STATE_VERSION:",
        "tests/golden/test_golden.py::test_a_snapshot_of_a_newer_version_is_not_read",
    ),
    Mutation(
        "a migrated snapshot has no stop prices",
        "core/books/migration.py",
        "            set_stops(book, position)\n",
        "",
        "tests/golden/test_golden.py::test_a_snapshot_of_before_becomes_what_a_replay_comes_to",
    ),
    Mutation(
        "catalogue of another journal believed",
        "journal/catalogue.py",
        "        return self.filed == 0 or journal.hash_of(self.filed) == link",
        "        return self.filed >= 0 or link == b''",
        f"{PAST}::test_a_catalogue_of_no_use_is_passed_over_and_made_anew",
    ),
    Mutation(
        "order found twice that was filed during a search",
        "journal/catalogue.py",
        "        before = min(before, self.filed + 1)\n",
        "",
        f"{PAST}::test_a_search_sees_nothing_that_was_filed_after_it_began",
    ),
    Mutation(
        "retry left out of its signal's life",
        "journal/catalogue.py",
        "event.order.attempt == event.order.part == 0:",
        "event.order.part == 0:",
        f"{PAST}::test_a_retry_is_found_with_its_signal",
    ),
    Mutation(
        "what is not filed left out",
        "journal/past.py",
        "        while page := list(islice(entries, PAGE_ENTRIES)):\n            self._tail.file(page, journal)",
        "        while page := list(islice(entries, PAGE_ENTRIES)):\n            self._tail.file(page[:1], journal)",
        f"{PAST}::test_a_search_finds_what_reading_everything_finds",
    ),
    Mutation(
        "secrets handed to the process that explains",
        "http/explainer.py",
        "if name in os.environ}",
        "if name in os.environ} | dict(os.environ)",
        "tests/http/test_explainer.py::test_what_it_complains_of_is_told_and_no_secret_reaches_it",
    ),
    Mutation(
        "explanation goes on for nobody",
        "http/explainer.py",
        "        if await gone():\n",
        "        if not gone:\n",
        "tests/http/test_explainer.py::test_it_ends_when_nobody_listens",
    ),
    Mutation(
        "sealed ids are forgotten",
        "journal/reader.py",
        "            if row is None and self._has_segments:",
        "            if row is None and not self._has_segments:",
        f"{SEALING}::test_a_sealed_journal_reads_as_if_it_were_not",
    ),
    Mutation(
        "entries are sealed that a start needs",
        "journal/sealed.py",
        "    return max(0, min(oldest_kept, newest - UNSEALED_MIN))",
        "    return max(0, newest - UNSEALED_MIN)",
        f"{SEALING}::test_only_what_comes_before_the_oldest_snapshot_is_sealed",
    ),
    Mutation(
        "old events are encoded anew when they are sealed",
        "journal/sealing.py",
        "            stored.append((row[1], row[3]))",
        "            stored.append((row[1], __import__('msgspec').json.encode(entry.event)))",
        f"{SEALING}::test_journals_of_every_version_are_sealed_as_they_were_written",
    ),
    Mutation(
        "swapped segment taken for the listed one",
        "journal/shelf.py",
        "        if found.digest != sealed.digest:",
        "        if found.header.genesis != sealed.genesis.hex():",
        f"{SEALING}::test_a_bad_segment_is_named_and_the_desk_goes_on",
    ),
    Mutation(
        "changed block of a segment is read",
        "journal/segment.py",
        "        if link.hex() != end:",
        "        if not link:",
        f"{SEALING}::test_a_forged_entry_in_a_block_that_unpacks_well_is_found",
    ),
    Mutation(
        "state in a segment is not verified",
        "views/verify.py",
        "        if not _equals(kept, state):",
        "        if not kept:",
        f"{SEALING}::test_verify_finds_a_state_that_is_not_what_its_entries_come_to",
    ),
    Mutation(
        "archive takes a damaged segment",
        "journal/archive.py",
        "        found.verify()\n        partial.replace(target)",
        "        partial.replace(target)",
        "tests/cli/test_journal.py::test_an_archive_never_takes_a_segment_that_is_damaged",
    ),
    Mutation(
        "keeper is told the desk's secrets",
        "desk/keeper.py",
        "{name: os.environ[name] for name in PASSED_ON if name in os.environ}",
        "dict(os.environ)",
        "tests/desk/test_keeper.py::test_the_process_is_told_no_secret",
    ),
)
