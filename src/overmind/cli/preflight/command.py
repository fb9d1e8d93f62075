"""The command `overmind preflight`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from overmind.cli import present
from overmind.cli.exit_codes import REFUSED
from overmind.cli.opening import AsJson
from overmind.cli.preflight import files, live, relay, watching
from overmind.cli.preflight.point import Point

POINTS: Final = 8


def preflight(as_json: AsJson = False) -> None:
    """Try the eight points of the checklist before a desk trades.

    Configuration, keys, limits, cluster and balances, the running service, an emergency drill on an embedded chain,
    backup wallets, and the speed of this machine. Nothing of the desk is changed, and nothing is traded with its keys.
    Each target of OVERMIND_NOTICES gets a notice.

    Start `overmind run` before, so that there is something to monitor. It takes about half a minute.
    """
    config, error = files.read_config()
    points: Mapping[str, Callable[[], Point]] = {
        files.CONFIGURATION: lambda: files.configuration(config, error),
        files.KEYS: files.keys,
        files.LIMITS: lambda: files.limits(config),
        live.CLUSTER: lambda: relay.and_relay(live.cluster(config), config),
        watching.MONITORING: lambda: watching.monitoring(config),
        live.DRILL: live.emergency,
        files.BACKUPS: lambda: files.backups(config),
        live.BENCHMARK: live.benchmark,
    }
    assert len(points) == POINTS, points
    done = []
    for number, (name, look) in enumerate(points.items(), 1):
        present.note(f"{number}/{POINTS} {name} …")
        done.append(look())
        if not as_json:
            _show(number, done[-1])
    ok = all(point.ok for point in done)
    if as_json:
        present.emit_json({"ok": ok, "points": done})
    else:
        missing = sum(not point.ok for point in done)
        told = "ready to trade" if ok else f"not ready: {missing} of {POINTS} points"
        present.say(told, "green" if ok else "bold red")
    if not ok:
        raise typer.Exit(REFUSED)


def _show(number: int, point: Point) -> None:
    present.say(f"{number}. {'ok  ' if point.ok else 'FAIL'}  {point.name}", "green" if point.ok else "bold red")
    present.indented(point.seen)
    if point.fix:
        present.indented(f"fix: {point.fix}", "bold")
