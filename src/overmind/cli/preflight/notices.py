"""Whoever watches the desk by notices gets one now: a target that takes none would tell of no stop either."""

from __future__ import annotations

from overmind.cli.notices import send_to_all
from overmind.cli.preflight.point import Point, failed, passed
from overmind.config import ConfigError, MultiWalletConfig
from overmind.config.variables.notices import NOTICES
from overmind.notices.targets import targets_of


def with_notice(config: MultiWalletConfig, monitored: Point) -> Point:
    """The point of monitoring, after a notice was sent to every target."""
    try:
        targets = targets_of(config.notices.targets)
    except ConfigError as error:
        first = error.problems[0]
        return failed(monitored.name, f"{first.where}: {first.problem}", first.fix)
    if not targets:
        return passed(monitored.name, f"{monitored.seen}; nobody gets notices: {NOTICES.name} is not set")
    silent = [one.target for one in send_to_all(targets) if not one.delivered]
    if silent:
        seen = f"no notice was delivered to {', '.join(silent)}"
        return failed(monitored.name, seen, "overmind notices test tries it again; see whether its address is right")
    return passed(monitored.name, f"{monitored.seen}; a notice was delivered to each of {len(targets)} targets")
