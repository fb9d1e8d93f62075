"""The list of commands. A command's module is imported when it runs or shows its own help, and not before."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

if TYPE_CHECKING:  # Typer exports these types under no public name.
    from typer._click import Command, Context, HelpFormatter


class Entry(NamedTuple):
    """Where a command lives and what the list of commands says about it."""

    module: str  # of `overmind.cli`
    attribute: str  # the function, or the typer app of a command with subcommands
    help: str  # the first line of the command's own help


SET_UP: Final = {
    "init": Entry("founding.init", "init", "Set up a new desk: its .env, and a new key for each wallet."),
    "check": Entry("configuration", "check", "Check the whole configuration and show every problem."),
    "preflight": Entry("preflight.command", "preflight", "Try the eight points of the checklist before a desk trades."),
    "keys": Entry("keys", "keys_cli", "Make, import or list the keys of wallets."),
    "users": Entry("access", "users_cli", "Show or change who may log in, and with which role."),
    "tokens": Entry("access", "tokens_cli", "Show, make or revoke the tokens of programs."),
    "hooks": Entry("answers", "hooks_cli", "Show, add, rotate or remove sources of webhooks."),
    "notices": Entry("notices", "notices_cli", "Show what people are told, and send a notice to try it."),
    "show-config": Entry("configuration", "show_config", "Show every setting in force and where it comes from."),
    "backup": Entry("backup", "backup", "Copy the journal while the desk trades, and verify it."),
    "restore": Entry("backup", "restore", "Make a new data folder from a backup, and verify it."),
}
TRADE: Final = {
    "run": Entry("run", "run", "Run the desk as a service with an HTTP API."),
    "submit": Entry("submit", "submit", "Submit signals and show the decision on each."),
    "route": Entry("route", "route", "Show which wallet would take a signal now, and why."),
}
LOOK: Final = {
    "status": Entry("watch.status", "status", "Show where the desk stands and what needs a person now."),
    "portfolio": Entry("books", "portfolio", "Show value, P&L, exposure and risk of the whole desk."),
    "wallets": Entry("books", "wallets", "Show status, value, P&L and use of limits of each wallet."),
    "positions": Entry("books", "positions", "Show what each wallet holds, and its exit prices."),
    "prices": Entry("books", "prices", "Show what each token costs, and when that was seen."),
    "trades": Entry("past", "trades", "Show the last trades: cost, expected cost, realized P&L."),
    "signals": Entry("past", "signals", "Show the last signals, each with its answer."),
    "orders": Entry("books", "orders", "Show open orders and the last closed orders."),
    "refusals": Entry("books", "refusals", "Show the last signals that were refused, and why."),
    "risk": Entry("books", "risk", "Show how much of each limit is used, and stress losses."),
    "stats": Entry("books", "stats", "Show how executions went and how often each wallet traded."),
    "report": Entry("performance.report", "report", "Report returns, trades, costs and refusals of a time."),
    "compare": Entry("performance.compare", "compare", "Show runs side by side, and the settings that differ."),
    "explain": Entry("explain", "explain", "Show why each wallet was chosen or refused, and the outcome."),
    "export": Entry("export", "export", "Export gains, costs and transfers of a period as CSV files."),
    "verify": Entry("explain", "verify", "Replay a journal and check its hash chain and its books."),
    "events": Entry("watch.events", "events", "Show the journal's entries, and follow it as it grows."),
    "journal": Entry("journal", "journal_cli", "Show, seal or archive the older part of the journal."),
}
CONTROL: Final = {
    "stop": Entry("operate", "stop", "Stop all entries at once; exits continue."),
    "reactivate": Entry("operate", "reactivate", "Lift the emergency stop of one wallet."),
    "pause": Entry("control", "pause", "Pause entries of a wallet, a strategy or the portfolio."),
    "resume": Entry("control", "resume", "Lift a pause, or another hold that a person may lift."),
    "close": Entry("control", "close", "Sell all that a wallet holds of a token."),
    "write-off": Entry("dust", "write_off", "Stop counting a position that is dust."),
    "limits": Entry("limits", "limits_cli", "Show or change the limits of each wallet."),
    "mints": Entry("mints", "mints_cli", "Show or change which tokens may be bought."),
    "learn": Entry("learn", "learn_cli", "Show what the learner does, or change its mode."),
    "accept-price": Entry("prices", "accept_price", "Say what a token costs if its price is not believed."),
    "accept-time": Entry("time", "accept_time", "Say that the machine's clock is right after a jump."),
    "book-from-chain": Entry(
        "operate", "book_from_chain", "Book an order that landed otherwise, as the chain shows it."
    ),
    "accept-history": Entry("operate", "accept_history", "Accept what a wallet did since the journal ended."),
    "accept": Entry("operate", "accept", "Accept the chain's balances of a wallet as the truth."),
}
CAPITAL: Final = {
    "rebalance": Entry("capital", "rebalance", "Move capital between wallets, back to their allocations."),
    "withdraw": Entry("capital", "withdraw", "Withdraw capital from a wallet to a listed address."),
    "cancel": Entry("capital", "cancel", "Cancel a withdrawal or a transfer that has not begun."),
    "moves": Entry("capital", "moves", "Show transfers between wallets, and withdrawals."),
}
SANDBOX: Final = {
    "demo": Entry("demo", "demo", "Trade a week of real prices with four demo wallets."),
    "backtest": Entry("history", "backtest", "Run your wallets and limits over historical prices."),
    "calibrate": Entry("calibrate", "calibrate_command", "Fit what trading costs to recorded fills."),
    "sweep": Entry("sweep.command", "sweep", "Run a backtest for each combination of settings."),
    "selftest": Entry("history", "selftest", "Run the nineteen operator's checks on this machine."),
    "localnet": Entry("localnet", "localnet", "Run an embedded Solana chain with RPC and WebSocket."),
    "venue": Entry("venue", "venue", "Run a swap server for a localnet or for devnet."),
}
GROUPS: Final = {
    "Set up": SET_UP,
    "Trade": TRADE,
    "Look": LOOK,
    "Control": CONTROL,
    "Capital": CAPITAL,
    "Sandbox": SANDBOX,
}
COMMANDS: Final = {name: entry for group in GROUPS.values() for name, entry in group.items()}


class LazyGroup(TyperGroup):
    """Lists and completes commands by their names and first lines, and imports the one that is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=entry.help) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else load(name), rest

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        column = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(column), entry.help.removesuffix(".")) for name, entry in group.items()]
                )


def load(name: str) -> Command:
    """Imports a command."""
    entry = COMMANDS[name]
    found = getattr(import_module(f"overmind.cli.{entry.module}"), entry.attribute)
    app = found if isinstance(found, typer.Typer) else _app_of(name, found)
    return get_command(app)


def _app_of(name: str, function: Callable[..., None]) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(function)
    return app
