"""`overmind run`: the desk as a service."""

from __future__ import annotations

import typer

from overmind.cli.opening import AsJson


def add_to(cli: typer.Typer) -> None:
    cli.command()(run)


def run(as_json: AsJson = False) -> None:
    """The desk as a service with an HTTP API on the loopback address: docs/http-api.md.

    Ctrl-C or SIGTERM: no more signals are taken, what is under way is settled, then it ends; a second one ends it at
    once. What is still open then, or after kill -9, is taken up by the next start.
    """
    from overmind.cli.service import serve  # What only this needs is loaded here: the web server.

    serve(as_json)
