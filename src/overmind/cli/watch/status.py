"""`overmind status`: the desk on one screen, once or again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import structs

from overmind.cli import present
from overmind.cli.opening import AsJson, DataDir, data_dir_of
from overmind.cli.remote import alarms_of_service, readiness
from overmind.cli.watch.follower import Follower, following
from overmind.cli.watch.redraw import draw, second_buffer
from overmind.cli.watch.screen import screen
from overmind.cli.whole import whole_option
from overmind.clock.clocks import SystemClock
from overmind.core.model.units import NS
from overmind.views.status import Status
from overmind.views.status import status as status_of

EVERY_MAX_S: Final = 3_600
DECISIONS_TOLD: Final = 10  # in JSON, and where there is no terminal


def status(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[int, whole_option("--every", 1, EVERY_MAX_S, "Seconds between two screens of --watch.")] = 1,
) -> None:
    """Show where the desk stands and what needs a person now.

    It reads the journal, with or without a service. What the service says about itself is shown too. Times are UTC.

    With --watch and --json there is one object a line. Without a terminal there are no colours, and the screens follow
    each other.
    """
    directory = data_dir_of(data_dir)
    with following(directory) as follower:
        if not watch:
            _show(_read(follower, directory), follower, as_json)
            return
        try:
            _watch(follower, directory, every, as_json)
        except KeyboardInterrupt:
            return  # This is how it ends.


def _watch(follower: Follower, directory: Path, every_s: int, as_json: bool) -> None:
    if as_json or not present.out().is_terminal:
        while True:
            _show(_read(follower, directory), follower, as_json)
            time.sleep(every_s)
    with second_buffer():
        while True:
            shown = _read(follower, directory)
            width, height = present.out().size
            draw(screen(shown, _age_s(follower), width, height))
            time.sleep(every_s)


def _read(follower: Follower, directory: Path) -> Status:
    follower.catch_up()
    service = readiness(directory)
    found = status_of(follower.state, follower.decisions, service)
    if service is None or service.ready is None:
        return found
    return structs.replace(found, needs=tuple(dict.fromkeys((*found.needs, *alarms_of_service(directory)))))


def _show(shown: Status, follower: Follower, as_json: bool) -> None:
    if as_json:
        present.emit_json(shown)
        return
    out = present.out()
    height = out.size.height - 1 if out.is_terminal else None  # The prompt comes below it.
    for line in screen(shown, _age_s(follower), out.width, height):
        out.print(line)


def _age_s(follower: Follower) -> int:
    """Of the newest entry."""
    return max(0, SystemClock().now_ns() - follower.state.at_ns) // NS
