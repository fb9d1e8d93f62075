"""Bugs about backups: one that is no journal, and a restored desk that goes on as if nothing had happened."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

TEST: Final = "tests/journal/backup/test_backup.py"

BACKUP: Final = (
    Mutation(
        "backup: entries that are sealed under it are left out",
        "journal/backup/copying.py",
        "raise _SealedMeanwhile",
        "break",
        f"{TEST}::test_a_copy_begins_again_when_entries_are_sealed_under_it",
    ),
    Mutation(
        "backup: one long read keeps the journal's log from being reused",
        "journal/backup/copying.py",
        "with contextlib.suppress(_SealedMeanwhile):",
        "with contextlib.suppress(_SealedMeanwhile), db:",
        f"{TEST}::test_no_page_keeps_the_log_from_being_reused",
    ),
    Mutation(
        "backup: a damaged journal is copied",
        "journal/backup/copying.py",
        "if isinstance(found, JournalProblem):",
        "if False:",
        f"{TEST}::test_a_damaged_journal_makes_no_backup",
    ),
    Mutation(
        "backup: it gets its name before it is whole",
        "journal/backup/unfinished.py",
        "partial = folder.with_name(folder.name + SUFFIX)",
        "partial = folder",
        f"{TEST}::test_what_a_kill_leaves_is_no_backup_and_the_next_try_replaces_it",
    ),
    Mutation(
        "backup: the ids of sealed entries are forgotten",
        "journal/backup/copying.py",
        "INSERT OR IGNORE INTO sealed_signal (seq, signal_id) VALUES (?, ?)",
        "SELECT ?, ?",
        f"{TEST}::test_every_decided_id_is_known_in_the_copy",
    ),
    Mutation(
        "restore: a changed file is taken",
        "journal/backup/restoring.py",
        "!= one.sha256:",
        "!= one.sha256 and False:",
        f"{TEST}::test_one_flipped_bit_is_refused",
    ),
    Mutation(
        "restore: a name leads out of the folder",
        "journal/backup/manifest.py",
        "or not all(NAME.fullmatch(one.name) for one in manifest.files)",
        "",
        f"{TEST}::test_a_manifest_cannot_lead_out_of_the_folder",
    ),
    Mutation(
        "restore: a desk that no anchor finds out trades on",
        "desk/anchorage.py",
        "if backup is not None and not found.behind:",
        "if False:",
        "tests/desk/test_anchorage.py::test_a_backup_that_no_anchor_finds_out_starts_stopped_too",
    ),
    Mutation(
        "restore: the mark goes before the hold is durable",
        "desk/anchorage.py",
        "            self._anchor.write(head)\n            forget_restored(self._data_dir)",
        "            forget_restored(self._data_dir)\n            self._anchor.write(head)",
        "tests/desk/test_anchorage.py::test_the_mark_of_a_restored_backup_stays_while_no_anchor_can_be_written",
    ),
)
