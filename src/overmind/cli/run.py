"""`overmind run`: the desk as a service."""

from __future__ import annotations

from typing import Annotated

import typer

from overmind.cli.opening import AsJson


def run(
    as_json: AsJson = False,
    decisions: Annotated[
        bool | None,
        typer.Option(
            "--decisions/--no-decisions",
            help="Print a line for each decision and outcome. Default: on a terminal only.",
        ),
    ] = None,
) -> None:
    """Run the desk as a service with an HTTP API.

    The API listens on the loopback address; docs/http-api.md describes it. Other `overmind` commands talk to the
    service while it runs.

    On a terminal each decision and each outcome is one line, unless SNIPER_LOG_LEVEL is warning or error. A busy desk
    leaves lines out and says how many; the log and the journal have them all.

    Ctrl-C or SIGTERM ends the intake, settles open orders and then ends the service. A second signal ends it at once.
    The next start settles what is still open then, or after kill -9.
    """
    from overmind.cli.edge import errors_told  # Here, since nothing else needs the web server.
    from overmind.cli.service import serve
    from overmind.cli.unread import unread

    with unread(), errors_told():
        serve(as_json, decisions)
