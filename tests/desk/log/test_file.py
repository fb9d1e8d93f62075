"""The log's file is private and refuses symlinks; when it cannot be written, one warning says so."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from overmind.config import ConfigError
from overmind.desk.log.file import DAY_S, FILES_KEPT, LOG_FILE, LastLine, LogFile
from overmind.desk.log.output import SHOWN_MAX
from overmind.desk.log.setup import configure_logging, flush_log, lines_lost, log_alarm, log_fault, stop_logging

log = structlog.get_logger("test")


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    configure_logging(tmp_path / "logs", "INFO")
    yield tmp_path / "logs"
    stop_logging()


def test_folder_and_file_are_for_their_owner_alone(logs: Path) -> None:
    log.info("a line")
    assert flush_log()
    assert logs.stat().st_mode & 0o777 == 0o700
    assert (logs / LOG_FILE).stat().st_mode & 0o777 == 0o600


def test_an_open_log_of_an_older_version_is_closed_to_others(logs: Path) -> None:
    (logs / LOG_FILE).touch(0o666)
    log.info("a line")
    assert flush_log()
    assert (logs / LOG_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a named pipe"),
        (os.mkdir, "a folder"),
        (lambda path: os.symlink("/dev/null", path), "a symlink"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_the_start(
    tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    make(tmp_path / LOG_FILE)
    with pytest.raises(ConfigError) as refused:
        configure_logging(tmp_path, "INFO")
    (problem,) = refused.value.problems
    assert (problem.where, problem.problem) == (str(tmp_path / LOG_FILE), f"is {kind}")
    assert "move it away" in problem.fix


def test_a_pipe_that_comes_later_is_refused_with_one_warning(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(logs / LOG_FILE)
    log.info("a line")
    assert flush_log()
    assert capsys.readouterr().err.endswith("cannot be written: nobody reads the pipe\n")


def test_a_symlink_is_refused_with_one_warning(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / LOG_FILE).symlink_to(logs / "elsewhere")
    for _ in range(50):
        log.info("a line")
    assert flush_log()
    assert capsys.readouterr().err.count("\n") == 1
    assert not (logs / "elsewhere").exists()


def test_an_unwritable_log_is_one_warning_until_it_is_written_again(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.info("written")
    stop_logging()
    configure_logging(logs, "INFO")
    (logs / LOG_FILE).rename(logs / "kept")
    (logs / LOG_FILE).mkdir()
    for _ in range(5):
        for _ in range(10):
            log.info("lost")
        assert flush_log()  # Each part is tried anew.
    told = capsys.readouterr().err
    assert told == f"warning: the log {logs / LOG_FILE} cannot be written: Is a directory\n"
    (logs / LOG_FILE).rmdir()
    log.info("written again")
    assert flush_log()
    written, lost = map(json.loads, (logs / LOG_FILE).read_text().splitlines())
    assert written["event"] == "written again"
    assert (lost["event"], lost["level"], lost["lost"]) == ("lines of the log were lost", "error", 50)
    assert capsys.readouterr().err == ""


def test_without_a_folder_the_caller_is_told_and_warnings_still_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        configure_logging(tmp_path / "file" / "logs", "INFO")
    for _ in range(3):
        log.warning("mind this")
    stop_logging()
    told = capsys.readouterr().err
    assert told.count("mind this") == 3
    assert "cannot be written" not in told


def test_the_last_line_names_every_error(logs: Path) -> None:
    with pytest.raises(ExceptionGroup), LastLine("service"):
        raise ExceptionGroup("tasks", [ValueError("a bug"), ExceptionGroup("more", [OSError("no disk")])])
    with LastLine("service"):
        pass
    assert flush_log()
    failed, ended = (logs / LOG_FILE).read_text().splitlines()
    assert '"why": ["ValueError: a bug", "OSError: no disk"]' in failed
    assert '"event": "service ended"' in ended


def test_an_open_log_says_what_was_lost_and_that_it_is_not_written(logs: Path) -> None:
    assert (lines_lost(), log_fault(), log_alarm()) == (0, None, None)
    (logs / LOG_FILE).mkdir()
    log.info("lost")
    assert flush_log()
    assert log_fault() == log_alarm() == f"the log {logs / LOG_FILE} cannot be written; lines lost until now: 1"
    (logs / LOG_FILE).rmdir()
    log.info("written")
    assert flush_log()
    assert (lines_lost(), log_fault()) == (1, None)
    assert "since the start: 1;" in (log_alarm() or "")


def test_without_a_log_of_its_own_a_line_goes_to_the_standard_library(caplog: pytest.LogCaptureFixture) -> None:
    stop_logging()
    with caplog.at_level("INFO", "overmind"):
        log.info("a line", seq=7)
        log.debug("not wanted")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("overmind.test", "INFO")
    assert record.msg == {"event": "a line", "seq": 7, "level": "info", "logger": "overmind.test"}


def test_the_log_says_that_nobody_reads_standard_error(tmp_path: Path) -> None:
    """A terminal that takes nothing: its lines are dropped, and the file has them all."""
    goes_on = threading.Event()

    class Halted(io.StringIO):
        def write(self, text: str) -> int:
            goes_on.wait()
            return super().write(text)

    with contextlib.redirect_stderr(Halted()):
        configure_logging(tmp_path, "INFO")
        for number in range(SHOWN_MAX + 500):
            log.warning("mind this", number=number)
        assert lines_lost() == 0
        log.info("one more")
        goes_on.set()
        stop_logging()
    lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert sum(line["event"] == "mind this" for line in lines) == SHOWN_MAX + 500
    assert any(line["event"] == "nobody reads the lines on standard error" for line in lines)


DAYS = 6
START_S = 1_750_000_000


def written(file: LogFile, at_s: float) -> None:
    line = json.dumps({"timestamp": datetime.fromtimestamp(at_s, UTC).isoformat()})
    record = logging.makeLogRecord({"msg": line})
    record.created = at_s
    file.emit(record)
    os.utime(file.baseFilename, (at_s, at_s))


def ages_s(folder: Path, now_s: float) -> list[float]:
    lines = [line for path in folder.iterdir() for line in path.read_text().splitlines()]
    return [now_s - datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp() for line in lines]


@pytest.mark.parametrize("every_h", [1, 5, 23, 40, 100])
def test_no_line_stays_longer_than_its_days(tmp_path: Path, every_h: int) -> None:
    for restart in range(4):  # Each of them reads where the open file begins.
        with contextlib.closing(LogFile(tmp_path, print, DAYS)) as file:
            for hour in range(restart * 200, restart * 200 + 200, every_h):
                at_s = START_S + hour * 3_600.0
                written(file, at_s)
                oldest_s = max(ages_s(tmp_path, at_s))
                assert oldest_s <= DAYS * DAY_S
                assert hour < DAYS * 24 or oldest_s >= (DAYS - 2) * DAY_S - every_h * 3_600
    assert len(list(tmp_path.iterdir())) <= FILES_KEPT + 1


def test_what_lay_there_for_too_long_is_deleted_with_the_first_line(tmp_path: Path) -> None:
    for number, days in ((1, 1), (2, DAYS - 2), (3, DAYS), (4, 400)):
        path = tmp_path / f"{LOG_FILE}.{number}"
        path.write_text("old\n")
        os.utime(path, (0, START_S - days * DAY_S))
    with contextlib.closing(LogFile(tmp_path, print, DAYS)) as file:
        written(file, START_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOG_FILE, f"{LOG_FILE}.1", f"{LOG_FILE}.2"]


def test_without_days_only_the_size_counts(tmp_path: Path) -> None:
    with contextlib.closing(LogFile(tmp_path, print)) as file:
        for year in range(9):
            written(file, START_S + year * 365 * DAY_S)
    assert [path.name for path in tmp_path.iterdir()] == [LOG_FILE]


@pytest.mark.parametrize(
    "first", ["", "no JSON\n", "[]\n", '{"timestamp": 7}\n', '{"timestamp": "yesterday"}\n', "{}\n"]
)
def test_a_first_line_without_a_time_ends_nothing(tmp_path: Path, first: str) -> None:
    (tmp_path / LOG_FILE).write_text(first)
    with contextlib.closing(LogFile(tmp_path, print, DAYS)) as file:
        written(file, START_S)
        assert not file.failed
    assert [path.name for path in tmp_path.iterdir()] == [LOG_FILE]
