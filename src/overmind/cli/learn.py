"""`overmind learn`: how the learner stands, whether it decides, and what it learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import AsJson, DataDir, data_dir_of, journal_read_only, state_on_disk
from overmind.cli.reasons import By, Reason, attribution, caller_name, refuse_blank
from overmind.cli.remote import call_service
from overmind.core.model.commands import ChangeLearnerMode
from overmind.core.model.enums import LearnerMode
from overmind.views.learner import LearnerRow, learner
from overmind.views.learning.canary import CanaryTest
from overmind.views.learning.off_policy import Interval, OffPolicy
from overmind.views.learning.report import LearnerReport, learner_report

BAR: Final = 20  # characters

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


@learn_cli.command()
def report(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Report what was learned, and what the learner's choices would have been worth.

    It reads the whole journal. Nothing is concluded from fewer than 200 effective entries, nor from shadow alone.
    """
    with journal_read_only(data_dir_of(data_dir)) as journal:
        found = learner_report(journal.read(0))
    if found is None:
        present.complain("the journal has no desk that was configured", "run the desk once: `overmind run`")
        raise typer.Exit(BAD_INPUT)
    if as_json:
        present.emit_json(found)
    else:
        _tell(found)


def _tell(found: LearnerReport) -> None:
    present.say(f"{found.entries:,} finished entries with a forecast, over {found.days:.1f} days.", "bold")
    rows = [
        (one.of, one.name, one.what, f"{one.mean:+.2f} {one.unit}", _range(one.low, one.high)) for one in found.believed
    ]
    present.table("Beyond the configuration", ("of", "name", "what", "learned", "95 %"), rows)
    if found.calibration is not None:
        title = (
            f"Landing forecasts: Brier {found.calibration.learned:.4f}, configured {found.calibration.configured:.4f}"
        )
        bins = ((f"{b.forecast:.0%}", f"{b.landed:.0%}", b.entries, _bar(b.landed)) for b in found.calibration.bins)
        present.table(title, ("forecast", "landed", "entries", "of them landed"), bins, right=("entries",))
    if (slots := found.slots) is not None:
        present.say(
            f"Landings were {slots.learned:.2f} slots off the forecast, {slots.configured:.2f} off the configuration,"
            f" and {abs(slots.late):.2f} {'later' if slots.late > 0 else 'earlier'} than forecast on average"
            f" ({slots.entries:,} entries)."
        )
    choices = found.choices
    present.say(
        f"The learner agrees with {choices.agrees:,} of {choices.entries:,} choices. By its own forecasts the others"
        f" would have gained {choices.gain_bps:+.2f} bps an entry, which is no evidence."
    )
    _tell_evidence(found.off_policy)
    _tell_canary(found.canary)
    steps = ((one.step, one.needed, one.found, "yes" if one.met else "no") for one in found.ladder)
    present.table("From shadow to on", ("step", "needed", "found", "met"), steps)


def _tell_evidence(found: OffPolicy) -> None:
    if found.doubly_robust is None or found.ips is None or found.snips is None:
        present.say(f"Nothing is concluded of what it would have gained: {found.why_not}.")
        return
    rows = [
        ("inverse propensities", f"{found.ips:+.2f} bps", ""),
        ("the same, self-normalised", f"{found.snips:+.2f} bps", ""),
        ("doubly robust", *_lift(found.doubly_robust)),
        *((f"doubly robust, {strategy}", *_lift(one)) for strategy, one in found.by_strategy.items()),
    ]
    title = f"Gain over the cost model, from {found.entries:,} drawn entries ({found.effective:.0f} effective)"
    present.table(title, ("estimate", "gain", "95 %"), rows)
    reach = max(abs(one.gain.value) for one in found.lift)
    bins = (
        (f"{one.forecast:+.2f} bps", *_lift(one.gain), f"{one.entries:,}", _sided(one.gain.value, reach))
        for one in found.lift
    )
    present.table("By forecast gain", ("forecast", "gained", "95 %", "entries", "less | more"), bins)


def _tell_canary(found: CanaryTest) -> None:
    if found.decided_cost is None or found.others_cost is None or found.gain is None:
        present.say(f"Nothing is concluded of the canary: {found.why_not}.")
        return
    rows = [
        ("decided by the learner", f"{found.decided:,}", *_lift(found.decided_cost)),
        ("the others", f"{found.others:,}", *_lift(found.others_cost)),
        ("cheaper by", "", *_lift(found.gain)),
    ]
    present.table("The canary's signals against the others", ("signals", "entries", "mean cost", "95 %"), rows)


def _lift(one: Interval) -> tuple[str, str]:
    return f"{one.value:+.2f} bps", _range(one.low, one.high)


def _range(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"


def _bar(share: float) -> str:
    return "#" * round(BAR * share)


def _sided(value: float, reach: float) -> str:
    """A bar from the middle: to the left if less than nothing."""
    half = BAR // 2
    length = round(half * abs(value) / reach) if reach else 0
    left, right = ("#" * length, "") if value < 0 else ("", "#" * length)
    return f"{left:>{half}}|{right}"


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
    worse = found.worse_percent
    judged = "too few" if worse is None else f"{abs(worse):.1f} % {'worse' if worse > 0 else 'better'}"
    return [
        ("lost against the cost model", present.usd(row.lost_today_usd), present.usd(row.loss_max_usd)),
        ("signals that explored", f"{explored.explored} of {explored.signals}", f"{explored.share_max_percent:g} %"),
        ("amount that explored", present.usd(explored.explored_usd), f"{explored.amount_max_percent:g} % of the day's"),
        ("outcomes behind the scores", str(found.outcomes), f"{found.needed} to be judged"),
        ("Brier score of its forecasts", f"{found.learned:.4f}", f"{found.configured:.4f} as configured"),
        ("its forecasts", judged, f"{found.worse_max_percent:g} % worse"),
    ]
