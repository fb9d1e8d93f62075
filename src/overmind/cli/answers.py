"""`overmind hooks answers`: where the answers to a source go. It stands with the other commands of hooks."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.hooks import Name, Why, change_in_time, change_on_disk, hooks_cli, path_of_hook, refuse
from overmind.cli.opening import JOURNAL, AsJson, DataDir, configured, data_dir_of
from overmind.cli.reasons import BY_OPERATOR, refuse_blank
from overmind.cli.remote import call_service
from overmind.desk.answers.address import fault_of_url
from overmind.desk.answers.changes import rotate_answers_key, send_answers, stop_answers
from overmind.desk.answers.signing import new_key
from overmind.desk.sources.store import read_sources_with_keys
from overmind.http.hooks.answers import AnswersTarget, target_of
from overmind.journal.sqlite import SqliteJournal


@hooks_cli.command("answers")
def answers(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where they are posted: https://HOST/PATH, or http on this machine.")],
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, help="Begin after this entry of the journal. Default: none is missed."),
    ] = None,
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Send a source what becomes of its signals. The key of the signatures is shown this once."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    answer = call_service(
        directory, f"{path_of_hook(name)}/answers", {"reason": reason, "url": url} | _said("after", after)
    )
    if answer is None:
        refuse(fault_of_url(url, [ip_network(one) for one in configured().door.answers_networks]))
        key, last_seq = new_key(), _last_seq(directory)
        if after is not None and after > last_seq:
            present.complain(f"--after: the journal ends at entry {last_seq}", "begin at one that it has")
            raise typer.Exit(BAD_INPUT)
        change_on_disk(directory, send_answers(name, url, key, after, last_seq), reason)
        _tell(target_of(read_sources_with_keys(directory)[name], key), as_json)
    else:
        _tell(msgspec.convert(answer, AnswersTarget), as_json)


@hooks_cli.command("rotate-answers")
def rotate(name: Name, reason: Why = BY_OPERATOR, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Give the answers to a source another key. The one before signs too for a day."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    answer = call_service(directory, f"{path_of_hook(name)}/rotate-answers", {"reason": reason})
    if answer is None:
        key = new_key()
        change_in_time(directory, partial(rotate_answers_key, name, key), reason)
        _tell(target_of(read_sources_with_keys(directory)[name], key), as_json)
    else:
        _tell(msgspec.convert(answer, AnswersTarget), as_json)


@hooks_cli.command("stop-answers")
def stop(name: Name, reason: Why = BY_OPERATOR, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send a source no more answers."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    if call_service(directory, f"{path_of_hook(name)}/stop-answers", {"reason": reason}) is None:
        change_on_disk(directory, stop_answers(name), reason)
    if as_json:
        present.emit_json({"name": name})
    else:
        present.say(f"{name} is sent no more answers")


def _said(name: str, value: object | None) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _last_seq(directory: Path) -> int:
    """0: the desk never ran."""
    if not (directory / JOURNAL).exists():
        return 0
    journal = SqliteJournal.open_read_only(directory / JOURNAL)
    try:
        return journal.last_seq()
    finally:
        journal.close()


def _tell(target: AnswersTarget, as_json: bool) -> None:
    if as_json:
        present.emit_json(target)
        return
    present.say(f"{target.name} hears at {target.answers_to} of every entry after {target.after}.")
    if target.key is not None:
        present.say("The key of the signatures. Keep it: it is not shown again.")
        present.say(target.key)
