"""`overmind hooks`: the sources that send signals by webhook, also while the desk does not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import record_on_disk
from overmind.cli.opening import AsJson, DataDir, configured, data_dir_of
from overmind.cli.reasons import BY_OPERATOR, cli_author, refuse_blank
from overmind.cli.remote import call_service
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.config.files import InvalidValue
from overmind.desk.sources.changes import SourceChange, add_source, remove_source, rotate_source
from overmind.desk.sources.source import ROTATED_NS, SourceKind, kept, new_secret
from overmind.desk.sources.store import change_sources, read_sources
from overmind.http.hooks.administration import (
    HookBody,
    NewHook,
    fault_of_new,
    hook_rows,
    path_of,
    source_with,
    with_secret,
)
from overmind.http.hooks.reading import Market
from overmind.http.hooks.sample import refuse_unusable
from overmind.signals.decode import token_index

hooks_cli = typer.Typer(
    help="Show, add, rotate or remove sources of webhooks.\n\n"
    "A source is a strategy of TradingView or freqtrade. docs/hooks.md says what it has to send.",
    add_completion=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="1 to 64 letters, digits, dots, _ and -; no dot first.")]
Why = Annotated[str, typer.Option("--reason", help="Your reason, which is journaled.")]


@hooks_cli.command("list")
def list_hooks(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the sources, without their secrets."""
    rows = hook_rows(read_sources(data_dir_of(data_dir)).values(), SystemClock().now_ns())
    if as_json:
        present.emit_json(rows)
    elif not rows:
        present.say("no sources; overmind hooks add NAME --kind tradingview adds one")
    else:
        shown = (
            (
                one.name,
                one.kind,
                ", ".join(one.symbols),
                str(one.secrets),
                one.made_at,
                one.changed_at or "never",
                one.answers_to or "nowhere",
            )
            for one in rows
        )
        present.table("sources", ("name", "kind", "tickers", "secrets", "made", "rotated", "answers to"), shown)


@hooks_cli.command("add")
def add(
    name: Name,
    kind: Annotated[SourceKind, typer.Option("--kind", help="The program that sends.")],
    symbols: Annotated[str, typer.Option("--symbols", help="Tickers and what they mean: SOLUSDC=SOL,SOLUSDT=SOL.")],
    strategy: Annotated[str, typer.Option("--strategy", help="The strategy of its signals.")],
    notional: Annotated[
        str | None, typer.Option("--notional", help="USD of an entry that names no amount of its own.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option("--default", help="Another field of its signals, such as max_slippage_bps=50.")
    ] = None,
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a source. The path with its secret is shown this once."""
    refuse_blank(reason)
    directory, defaults = data_dir_of(data_dir), {"strategy_type": strategy, **_pairs(default or [], "--default")}
    if notional is not None:
        defaults["notional_usd"] = notional
    body = HookBody(reason, name, kind, _pairs(symbols.split(","), "--symbols"), defaults)
    fields = {"name": name, "kind": kind.value, "symbols": body.symbols, "defaults": defaults, "reason": reason}
    answer = call_service(directory, "/v1/hooks", fields)
    if answer is not None:
        _tell(NewHook(name, kind, str(answer["path"])), as_json)
        return
    source, secret, config = source_with(body, _now(), cli_author()), new_secret(), configured()
    refuse(fault_of_new(source))
    refuse_unusable(source, Market(token_index([*config.desk.tokens.values()]), config.desk.quote))
    change_on_disk(directory, add_source(with_secret(source, secret)), reason)
    _tell(NewHook(name, kind, path_of(source, secret.reveal())), as_json)


@hooks_cli.command("rotate")
def rotate(
    name: Name,
    at_once: Annotated[bool, typer.Option("--at-once", help="End the secret of before now, and not in a day.")] = False,
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a source another secret. The one before is valid for a day more."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    answer = call_service(directory, f"{path_of_hook(name)}/rotate", {"reason": reason, "at_once": at_once})
    if answer is not None:
        _tell(NewHook(name, SourceKind(answer["kind"]), str(answer["path"])), as_json)
        return
    secret, grace_ns = new_secret(), 0 if at_once else ROTATED_NS

    def rotated_at(at_ns: int) -> SourceChange:
        return rotate_source(name, kept(secret), at_ns, iso_seconds(at_ns), grace_ns)

    change_in_time(directory, rotated_at, reason)
    source = read_sources(directory)[name]
    _tell(NewHook(name, source.kind, path_of(source, secret.reveal())), as_json)


@hooks_cli.command("remove")
def remove(name: Name, reason: Why = BY_OPERATOR, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Remove a source. What it has bought stays, with its stop loss."""
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    if call_service(directory, f"{path_of_hook(name)}/remove", {"reason": reason}) is None:
        change_on_disk(directory, remove_source(name), reason)
    if as_json:
        present.emit_json({"name": name})
    else:
        present.say(f"{name} is removed")


def change_on_disk(directory: Path, change: SourceChange, reason: str) -> None:
    change_in_time(directory, lambda _: change, reason)


def change_in_time(directory: Path, change_at: Callable[[int], SourceChange], reason: str) -> None:
    """`change_at` gets the desk's time: by it the desk judges until when a secret is valid."""
    change = change_at(0)
    change.of(read_sources(directory))  # What is refused is not journaled.
    at_ns = record_on_disk(directory, change.action, change.about, reason)
    change_sources(directory, change_at(at_ns))


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in filter(None, (text.strip() for text in texts)):
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip() or name.strip() in found:
            present.complain(f"{option}: {text[:80]!r} is no pair, or is there twice", "write NAME=VALUE")
            raise typer.Exit(BAD_INPUT)
        found[name.strip()] = value.strip()
    return found


def refuse(fault: InvalidValue | None) -> None:
    if fault is not None:
        present.complain(fault.problem, fault.fix)
        raise typer.Exit(BAD_INPUT)


def path_of_hook(name: str) -> str:
    return f"/v1/hooks/{quote(name, safe='')}"


def _now() -> str:
    return iso_seconds(SystemClock().now_ns())


def _tell(made: NewHook, as_json: bool) -> None:
    if as_json:
        present.emit_json(made)
        return
    present.say(f"{made.name} sends to this path of your proxy's address. Keep it: it is not shown again.")
    present.say(made.path)
