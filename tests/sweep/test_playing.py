"""Runs that are really played: what a result has, what decides its key, and what ends none of the others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.support.command import as_json, overmind
from tests.support.command_process import COMMAND, environment
from tests.sweep.files import VARY, write_sweep

from overmind.config import ConfigError
from overmind.core.model.numbers import whole
from overmind.sandbox.demo import demo_env
from overmind.sweep.executor import PERISHED, Processes
from overmind.sweep.plan import Plan, read_plan
from overmind.sweep.playing import Player, fingerprint
from overmind.sweep.results import Results
from overmind.sweep.tasks import tasks_of
from overmind.sweep.told import Result, Task, Work


def player_of(folder: Path, more: str = "", vary: str = VARY) -> tuple[Player, Plan]:
    plan = read_plan(write_sweep(folder, more, vary))
    return Player(plan.work, demo_env(1, folder)), plan


def test_a_run_is_the_backtest_of_its_settings_and_its_part(tmp_path: Path) -> None:
    player, plan = player_of(tmp_path, "parts = 2")
    results = [player.play(task) for task in tasks_of(plan, "x")]
    figures = [one.figures for one in results]
    assert all(one is not None and one.filled >= 2 for one in figures)
    assert figures[0] != figures[2]  # the capital
    assert results[0].to_at == results[1].from_at == "2025-04-06T01:00:00+00:00"
    assert results[0] == player.play(results[0].task)
    assert msgspec.json.decode(msgspec.json.encode(results[0]), type=Result) == results[0]


def test_a_part_knows_nothing_of_the_next(tmp_path: Path) -> None:
    """Prices and signals of the second part are others; the first part's result is the same."""
    player, plan = player_of(tmp_path, "parts = 2")
    task = tasks_of(plan, "x")[0]
    first = player.play(task)
    tape, signals = tmp_path / "tape" / "SOLUSDT_5m.csv", tmp_path / "signals.jsonl"
    header, *rows = tape.read_text().splitlines()
    half = len(rows) // 2
    tape.write_text("\n".join([header, *rows[:half], *(row.replace(",10", ",20") for row in rows[half:])]))
    signals.write_text("\n".join(signals.read_text().splitlines()[:2]))
    other = Player(plan.work, demo_env(1, tmp_path))
    assert other.play(task) == first
    assert other.play(replace(task, part=1)) != player.play(replace(task, part=1))


def test_the_fingerprint_follows_all_that_decides_a_result(tmp_path: Path) -> None:
    first = fingerprint(player_of(tmp_path)[0])
    assert first == fingerprint(player_of(tmp_path)[0])
    fixed = '[fixed]\n"*.stop_loss_threshold" = 2'
    other = fingerprint(player_of(tmp_path, fixed, "[vary]\nOVERMIND_DUST_USD = [1]")[0])
    (tmp_path / "signals.jsonl").write_text("")
    assert len({first, other, fingerprint(Player(read_plan(tmp_path / "sweep.toml").work, demo_env(1, tmp_path)))}) == 3


def test_a_run_that_fails_is_its_own_result(tmp_path: Path) -> None:
    vary = "[vary]\nhft_wallet.allocation = [0.5, 0.9]\nprimary_wallet.allocation = [0.5]"
    player, plan = player_of(tmp_path, vary=vary)
    good, bad = (player.play(task) for task in tasks_of(plan, "x"))
    assert (good.error, good.figures is None) == ("", False)
    assert "the allocations sum to 1.4" in bad.error
    assert bad.figures is None


def test_a_mistake_of_ours_ends_one_run(tmp_path: Path) -> None:
    player, plan = player_of(tmp_path)
    task = replace(tasks_of(plan, "x")[0], settings={"nobody.luck": "1", "hft_wallet.luck": "2"})
    assert "AssertionError" in player.play(task).error


def test_parts_without_candles_of_sol_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no candles of SOL from"):
        player_of(tmp_path, "parts = 20")


def test_known_results_are_not_played_again(tmp_path: Path) -> None:
    """A failed run is, and so is one whose file a crash left half."""
    player, plan = player_of(tmp_path)
    tasks = tasks_of(plan, "x")
    kept = Results(tmp_path / "runs")
    for task in tasks:
        kept.keep(player.play(task))
    assert kept.known(tasks).keys() == {task.key for task in tasks}
    (tmp_path / "runs" / f"{tasks[0].key}.json").write_text('{"task":')
    kept.keep(Result(tasks[1], "", "", None, error="broke"))
    assert kept.known(tasks).keys() == {task.key for task in tasks[2:]}


def test_the_command_goes_on_from_what_is_known(tmp_path: Path) -> None:
    write_sweep(tmp_path, "parts = 2")
    words = ("sweep", "sweep.toml", "--jobs", "1")
    first = overmind(tmp_path, *words, "--json")
    told = as_json(first)
    assert (told["runs"], told["failed"], len(told["settings"])) == (8, 0, 4)
    assert "8 runs: 4 settings × 1 seeds × 2 parts of the time; 1 at once" in first.stderr
    again = overmind(tmp_path, *words, "--report", "sweep.html", "--csv", "csv")
    assert "8 of them are known already" in again.stderr
    for expected in ("Walk forward", "Mean total return", "PAPER_CAPITAL_USD", "wrote"):
        assert expected in again.stdout
    assert (tmp_path / "sweep.html").read_text().startswith("<!doctype html>")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("more", "vary", "said"),
    [
        ("runs_max = 3", VARY, "4 runs (4 settings, 1 seeds, 1 parts) are more than 3"),
        ("", "[vary]\nOVERMIND_ASSET_MAX_PERCNT = [1]", "line 5: vary.OVERMIND_ASSET_MAX_PERCNT: it is no setting"),
        ("", '[vary]\n"x.allocation" = [1]', "line 5: vary.x.allocation: there is no wallet 'x'"),
        ("[fixed]\nOVERMIND_DATA_DIR = '/'", VARY, "line 4: fixed.OVERMIND_DATA_DIR: it has no effect on a backtest"),
    ],
)
def test_bad_input_is_told_before_anything_is_played(tmp_path: Path, more: str, vary: str, said: str) -> None:
    write_sweep(tmp_path, more, vary)
    done = overmind(tmp_path, "sweep", "sweep.toml", "--jobs", "1")
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "sweep.runs").exists()


@pytest.mark.soak
def test_processes_give_what_one_process_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player, plan = player_of(tmp_path)
    for name, value in demo_env(1, tmp_path).items():
        monkeypatch.setenv(name, value)
    tasks = tasks_of(plan, "x")
    found = {one.task.key: one for one in Processes(2).results(plan.work, tasks)}
    assert found == {task.key: player.play(task) for task in tasks}


@pytest.mark.soak
def test_a_process_that_perishes_costs_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plan = player_of(tmp_path)
    for name, value in demo_env(1, tmp_path).items():
        monkeypatch.setenv(name, value)
    tasks = tasks_of(plan, "x")
    endless = replace(plan.work, signals=_endless(tmp_path))
    found = [*_killing_the_first(endless, tasks)]
    assert sorted(one.error for one in found) == [PERISHED] * len(tasks)


@pytest.mark.soak
def test_a_killed_sweep_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Its processes end with it, and what they had given back is kept."""
    write_sweep(tmp_path, "draws = 80", "[vary]\nOVERMIND_ASSET_MAX_PERCENT = { from = 1, to = 99.5 }")
    words, variables = ["sweep", "sweep.toml", "--jobs", "2", "--json"], environment(tmp_path)
    with subprocess.Popen([*COMMAND, *words], cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL) as running:
        while len(list((tmp_path / "sweep.runs").glob("*.json"))) < 10:
            assert running.poll() is None, "the sweep ended before it was killed"
            time.sleep(0.01)
        workers = _children(running.pid)
        running.kill()
    known = len(list((tmp_path / "sweep.runs").glob("*.json")))
    assert known < 80
    assert len(workers) >= 2
    again = subprocess.run([*COMMAND, *words], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert f"{known} of them are known already" in again.stderr
    assert len(list((tmp_path / "sweep.runs").glob("*.json"))) == 80
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def _children(pid: int) -> list[int]:
    """Processes that this one started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [number for text in found.split() if (number := whole(text, 1, 2**31)) and isinstance(number, int)]


def _endless(folder: Path) -> str:
    """A pipe that nobody writes to: whoever reads the signals waits for ever."""
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def _killing_the_first(work: Work, tasks: list[Task]) -> Iterator[Result]:
    from multiprocessing import active_children
    from threading import Thread

    def kill() -> None:
        for _ in tasks:
            while not (children := active_children()):
                time.sleep(0.01)
            os.kill(children[0].pid or 0, signal.SIGKILL)
            children[0].join()

    Thread(target=kill, daemon=True).start()
    yield from Processes(1).results(work, tasks)
