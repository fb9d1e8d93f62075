"""Bugs about running the desk as a service: the supervisor, credentials, and secrets that a copy would carry along."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

SUPERVISOR: Final = "tests/desk/watches/test_supervisor.py"
CREDENTIALS: Final = "tests/config/test_credentials.py"
COMMAND: Final = "tests/cli/test_backup.py"

SHIPPING: Final = (
    Mutation(
        "supervisor: a desk whose journal hangs says that it lives",
        "desk/watches/supervisor.py",
        "        if progress.gets_on(engine.durable_seq, engine.backlog, _locked(app), now_ns()):\n",
        "        if True:\n",
        f"{SUPERVISOR}::test_a_desk_beats_while_its_writer_gets_on",
    ),
    Mutation(
        "supervisor: a start that hangs gets more time",
        "desk/watches/supervisor.py",
        "if now_ns - before_ns >= WORKS_NS:",
        "if now_ns >= before_ns:",
        f"{SUPERVISOR}::test_a_start_that_works_gets_more_time_and_one_that_hangs_does_not",
    ),
    Mutation(
        "supervisor: the lock of another program ends the desk",
        "desk/watches/supervisor.py",
        "if waiting == 0 or locked or durable_seq",
        "if waiting == 0 or durable_seq",
        f"{SUPERVISOR}::test_when_the_writer_gets_on",
    ),
    Mutation(
        "supervisor: a status tells systemd more than a status",
        "desk/watches/supervisor.py",
        "{name}={printable(value)}",
        "{name}={value}",
        f"{SUPERVISOR}::test_each_step_is_told",
    ),
    Mutation(
        "supervisor: the watchdog of another process is taken for its own",
        "desk/watches/supervisor.py",
        "and pid in (None, str(os.getpid()))",
        "",
        f"{SUPERVISOR}::test_whose_watchdog_it_is",
    ),
    Mutation(
        "credentials: .env wins over them",
        "config/environment.py",
        "self._process.get(name, self._credentials.get(name, self._file.get(name)))",
        "self._process.get(name, self._file.get(name, self._credentials.get(name)))",
        f"{CREDENTIALS}::test_which_one_counts",
    ),
    Mutation(
        "credentials: one that cannot be read is left out in silence",
        "config/environment.py",
        '                findings.refuse(f"credential {name}", file.problem, file.fix)',
        "                pass",
        f"{CREDENTIALS}::test_what_is_wrong_with_one_is_told_without_it",
    ),
    Mutation(
        "credentials: a passphrase loses its blanks",
        "config/environment.py",
        'file.text.removesuffix("\\n")',
        "file.text.strip()",
        f"{CREDENTIALS}::test_one_line_end_is_taken_off_and_no_more",
    ),
    Mutation(
        "sources: the keys that sign answers stand in hooks.json",
        "desk/sources/store.py",
        "write_records(path, tuple(replace(one, answers_keys=()) for one in records))",
        "write_records(path, records)",
        "tests/desk/sources/test_store.py::test_a_copy_of_it_signs_no_answers",
    ),
    Mutation(
        "sources: a change forgets the keys that sign answers",
        "desk/sources/store.py",
        "change.of(read_sources_with_keys(data_dir))",
        "change.of(read_sources(data_dir))",
        "tests/desk/sources/test_store.py::test_a_copy_of_it_signs_no_answers",
    ),
    Mutation(
        "answers: a new one has the id of a lost one after a restore",
        "desk/answers/answer.py",
        "{source}-{entry.seq}-{entry.at_ns}",
        "{source}-{entry.seq}",
        "tests/desk/answers/test_answer.py::test_an_entry_that_takes_the_number_of_a_lost_one_has_another_id",
    ),
    Mutation(
        "backup: the keys that sign answers come along unasked",
        "cli/data_files.py",
        "        KEYS_FILE,\n        InBackup.SECRET,",
        "        KEYS_FILE,\n        InBackup.COPIED,",
        f"{COMMAND}::test_no_copy_of_a_desk_signs_its_answers",
    ),
    Mutation(
        "backup: a STOP file is left behind",
        "cli/data_files.py",
        "STOP_FILE, InBackup.COPIED",
        "STOP_FILE, InBackup.PASSING",
        f"{COMMAND}::test_a_stop_that_nobody_has_lifted_stays_one",
    ),
    Mutation(
        "backup: what was answered is copied after the journal",
        "journal/backup/making.py",
        "        _copy_beside(beside, partial)  # Before the journal: none of them then knows of an entry that it does "
        "not have.\n        copied = copy_journal(journal, partial, on_entries)\n",
        "        copied = copy_journal(journal, partial, on_entries)\n        _copy_beside(beside, partial)\n",
        "tests/journal/backup/test_backup.py::test_files_beside_the_journal_are_copied_before_it",
    ),
)
