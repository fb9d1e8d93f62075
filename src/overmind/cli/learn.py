"""`overmind learn`: how the learner stands, and whether it decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overmind.cli import present
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, state_on_disk
from overmind.cli.reasons import By, Reason, attribution, caller_name, refuse_blank
from overmind.cli.remote import call_service
from overmind.core.model.commands import ChangeLearnerMode
from overmind.core.model.enums import LearnerMode
from overmind.views.learner import LearnerRow, learner

learn_cli = typer.Typer(
    help="Show what the learner does, or change its mode.\n\n"
    "Without a command: its mode and who set it, its losses of today, and how well it forecasts.",
    subcommand_metavar="[COMMAND]",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@learn_cli.callback()
def learn(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    if context.invoked_subcommand is None:
        _show(data_dir_of(data_dir), as_json)


@learn_cli.command()
def mode(
    mode: Annotated[LearnerMode, typer.Argument(help="off, shadow, canary or on.")],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Say whether the learner decides.

    `shadow` learns and decides nothing. `canary` lets it decide a share of the signals, `on` all of them. A learner
    that fell back is confirmed with the mode that it has.
    """
    refuse_blank(reason)
    directory, who = data_dir_of(data_dir), caller_name(by)
    body = {"reason": reason, "by": who, "mode": mode.value}
    if call_service(directory, "/v1/learner/mode", body) is None:
        command_on_disk(directory, ChangeLearnerMode(mode, who, reason))
    _show(directory, as_json)


def _show(directory: Path, as_json: bool) -> None:
    row = learner(state_on_disk(directory))
    if as_json:
        present.emit_json(row)
        return
    set_by = attribution(row.who, row.reason, row.since_ns) if row.since_ns is not None else "as configured"
    present.say(f"The learner is {row.mode} ({set_by}).", "bold")
    if row.not_trusted:
        present.say(f"It may not decide now: {row.not_trusted}.")
    present.table("Today, and its forecasts", ("what", "now", "bound"), _rows(row))


def _rows(row: LearnerRow) -> list[tuple[str, str, str]]:
    found, explored = row.calibration, row.exploring
    judged = "too few" if found.worse_percent is None else f"{found.worse_percent:+.1f} % worse"
    return [
        ("lost against the cost model", present.usd(row.lost_today_usd), present.usd(row.loss_max_usd)),
        ("signals that explored", f"{explored.explored} of {explored.signals}", f"{explored.share_max_percent:g} %"),
        ("amount that explored", present.usd(explored.explored_usd), f"{explored.amount_max_percent:g} % of the day's"),
        ("outcomes behind the scores", str(found.outcomes), f"{found.needed} to be judged"),
        ("Brier score of its forecasts", f"{found.learned:.4f}", f"{found.configured:.4f} as configured"),
        ("its forecasts", judged, f"{found.worse_max_percent:g} % worse"),
    ]
