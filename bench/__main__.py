"""`make bench`: every number that the product promises, on this machine, now. Writes bench.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.answers import answers
from bench.chain import chain
from bench.endurance import endurance
from bench.explain import explain
from bench.history import history
from bench.hooks import hooks
from bench.http_door import http
from bench.log_lines import log_lines
from bench.marks import marks
from bench.measure import Result, machine
from bench.million import million
from bench.open_pages import pages
from bench.past import past
from bench.report import report
from bench.routing.command import main as routing
from bench.scrape import scrape
from bench.selection import selection
from bench.startup import memory, startup
from bench.stop_loss import stop_loss
from bench.stop_under_load import stop_under_load
from bench.stopping import stopping
from bench.sweep import sweep
from bench.trading import trades
from bench.treasury import treasury
from bench.two_versions import versions
from bench.upgrade import upgrade
from bench.watchdog import watchdog

PARTS: dict[str, Callable[[], list[Result]]] = {
    "selection": selection,
    "marks": marks,
    "treasury": treasury,
    "trades": trades,
    "stopping": stopping,
    "stop_under_load": stop_under_load,
    "stop_loss": stop_loss,
    "watchdog": watchdog,
    "log": log_lines,
    "http": http,
    "hooks": hooks,
    "answers": answers,
    "pages": pages,
    "scrape": scrape,
    "chain": chain,
    "history": history,
    "report": report,
    "sweep": sweep,
    "memory": memory,
    "startup": startup,
    "past": past,
}
# Long: only when they are named.
ALONE: dict[str, Callable[[], list[Result]]] = {
    "endurance": endurance,
    "explain": explain,
    "million": million,
    "upgrade": upgrade,
    "versions": versions,
}


def main() -> None:
    if sys.argv[1:2] == ["routing"]:
        sys.exit(routing(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS, *ALONE], help="which parts; all without a name")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    said, about = Console(stderr=True), machine()
    results: list[Result] = []
    for name in arguments.parts or PARTS:
        said.print(f"measuring {name} …")
        results += _alone(name)
    arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": about, "results": results})))
    _show(results, about)
    sys.exit(0)


def _alone(name: str) -> list[Result]:
    """Runs one part in an interpreter of its own, so that its memory does not slow the next part."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit((PARTS | ALONE)[name]).result()


def _show(results: list[Result], about: dict[str, object]) -> None:
    table = Table(title=f"{about['cpu']}, {about['cores']} cores, Python {about['python']}")
    for column in ("what", "measured", "p90", "p99", "promised", ""):
        table.add_column(column, justify="right" if column in ("measured", "p90", "p99") else "left")
    for one in results:
        p90, p99 = (f"{one.spread.p90:,.1f}", f"{one.spread.p99:,.1f}") if one.spread else ("", "")
        mark = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}[one.reached]
        table.add_row(one.name, f"{one.value:,.2f} {one.unit}", p90, p99, one.target, mark)
        if one.note:
            table.add_row(f"  {one.note}", style="dim")
    Console().print(table)


if __name__ == "__main__":
    main()
