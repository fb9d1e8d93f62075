"""The command `overmind init`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT, REFUSED
from overmind.cli.founding.plan import CLUSTERS, SHAPE, WALLETS, NewWallet, Plan, fault_of, wallets_of
from overmind.cli.founding.write import OURS, Founded, found, obstacles
from overmind.cli.keys import asked_passphrase
from overmind.cli.opening import AsJson, absolute
from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.variables.chain import RPC_URL, Cluster
from overmind.config.variables.paper import PAPER_CAPITAL
from overmind.config.variables.service import SERVER_PORT
from overmind.config.variables.variable import Variable
from overmind.config.variables.wallets import KEYSTORE_PASSPHRASE
from overmind.core.model.units import PPM

YES: Final = ("y", "yes")
NO: Final = ("n", "no")


def init(
    directory: Annotated[
        Path, typer.Option("--dir", callback=absolute, help="Folder of the desk. It is made if there is none.")
    ] = Path(),
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Where it trades: paper, localnet or devnet. Default: paper.")
    ] = None,
    wallet: Annotated[
        list[str] | None,
        typer.Option(
            "--wallet", help="A wallet as ID:TYPE:PROFILE:SHARE; repeat it. Default: the four of the example."
        ),
    ] = None,
    capital: Annotated[str | None, typer.Option("--capital", help="Paper capital in USD. Default: 100000.")] = None,
    rpc_url: Annotated[str | None, typer.Option("--rpc-url", help="RPC address of a localnet or of devnet.")] = None,
    port: Annotated[
        str | None, typer.Option("--port", help="Port of the HTTP API and the page. Default: 8080.")
    ] = None,
    keystore: Annotated[
        bool | None,
        typer.Option("--keystore/--no-keystore", help="Encrypt the keys with a passphrase. Default: no."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Keep keys that exist, and replace .env; the old one gets another name.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the options and the defaults.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set up a new desk: its .env, and a new key for each wallet.

    It asks what no option says. Keys are keypair files of the Solana command line, or with --keystore encrypted ones,
    for their owner alone (0600).

    Nothing that exists is replaced without --replace. If anything fails, nothing is left behind.
    """
    asking = not yes
    if asking and not sys.stdin.isatty():
        present.complain("there is no terminal to ask on", "add --yes to take the options and the defaults")
        raise typer.Exit(BAD_INPUT)
    if cluster is None:
        cluster = _ask(f"Where shall it trade? {_listed()}", "paper", _cluster_fault) if asking else "paper"
    where = _cluster(cluster)
    typed = tuple(wallet or WALLETS)
    if asking and not wallet:
        present.note("A wallet is ID:TYPE:PROFILE:SHARE. Blank takes " + ", ".join(WALLETS))
        answer = _ask("Wallets, with commas between", "", _wallets_fault)
        typed = tuple(answer.split(",")) if answer else WALLETS
    is_paper = where is Cluster.PAPER
    plan = Plan(
        cluster=where,
        wallets=_wallets(typed),
        capital=_setting(PAPER_CAPITAL, "--capital", capital, "Paper capital in USD", asking and is_paper),
        rpc_url=_setting(RPC_URL, "--rpc-url", rpc_url, "RPC address; blank: the public one", asking and not is_paper),
        port=_setting(SERVER_PORT, "--port", port, "Port of the HTTP API and the page", asking),
    )
    sealed = keystore if keystore is not None else asking and _confirmed("Encrypt the keys with a passphrase?", False)
    _refuse_to_replace(directory, plan, replace)
    passphrase = asked_passphrase() if sealed else None
    if asking and not _confirmed(f"Write .env and {len(plan.wallets)} keys in {directory}?", True):
        present.note("nothing was written")
        raise typer.Exit(REFUSED)
    done = found(directory, plan, passphrase)
    _tell(directory, plan, done, sealed, as_json)


def _listed() -> str:
    return ", ".join(CLUSTERS)


def _cluster(typed: str) -> Cluster:
    if (fault := _cluster_fault(typed)) is not None:
        _bad("--cluster", fault.problem, fault.fix)
    return Cluster(typed.strip().lower())


def _cluster_fault(typed: str) -> InvalidValue | None:
    named = typed.strip().lower()
    if named in CLUSTERS:
        return None
    on_mainnet = named.startswith("main")
    problem = "this version does not trade on mainnet" if on_mainnet else f"no cluster {typed[:64]!r}"
    return InvalidValue(problem, f"one of {_listed()}")


def _wallets_fault(typed: str) -> InvalidValue | None:
    """Only the first one: the question comes again."""
    findings = Findings()
    if typed:
        wallets_of(tuple(typed.split(",")), findings)
    problem = next(iter(findings.problems), None)
    return None if problem is None else InvalidValue(f"{problem.where}: {problem.problem}", problem.fix)


def _wallets(typed: Sequence[str]) -> tuple[NewWallet, ...]:
    findings = Findings()
    wallets = wallets_of(tuple(typed), findings)
    if error := findings.error():
        raise error
    if not wallets:
        _bad("--wallet", "names no wallet", SHAPE)
    return wallets


def _setting(variable: Variable[object], option: str, given: str | None, question: str, asking: bool) -> str:
    """As given, else as answered, else the default."""
    check = partial(fault_of, variable)
    if given is None:
        return _ask(question, variable.default, check) if asking else variable.default
    if (fault := check(given)) is not None:
        _bad(option, fault.problem, fault.fix)
    return given


def _ask(question: str, default: str, fault_in: Callable[[str], InvalidValue | None]) -> str:
    """Asks until nothing is wrong with the answer. Raises typer.Exit when nobody answers."""
    while True:
        present.ask(f"{question} [{default}]: " if default else f"{question}: ")
        typed = sys.stdin.readline()
        if not typed:
            present.complain("no answer: the input has ended", "add --yes to take the options and the defaults")
            raise typer.Exit(BAD_INPUT)
        answer = typed.strip() or default
        fault = fault_in(answer)
        if fault is None:
            return answer
        present.complain(fault.problem, fault.fix)


def _confirmed(question: str, default: bool) -> bool:
    return _ask(f"{question} yes or no", "yes" if default else "no", _yes_or_no_fault).lower() in YES


def _yes_or_no_fault(typed: str) -> InvalidValue | None:
    known = typed.lower() in (*YES, *NO)
    return None if known else InvalidValue(f"{typed[:64]!r} is neither", "write yes or no")


def _bad(option: str, problem: str, fix: str) -> NoReturn:
    present.complain(f"{option}: {problem}", fix)
    raise typer.Exit(BAD_INPUT)


def _refuse_to_replace(directory: Path, plan: Plan, replace: bool) -> None:
    there = obstacles(directory, plan)
    if there and not replace:
        present.complain(
            f"{', '.join(map(str, there))}: there already, and nothing is replaced",
            "name another folder with --dir; or --replace, which keeps keys and a journal, and replaces .env",
        )
        raise typer.Exit(REFUSED)


def _tell(directory: Path, plan: Plan, done: Founded, sealed: bool, as_json: bool) -> None:
    steps = _next_steps(directory, plan, done, sealed)
    rows = [
        {
            "wallet_id": one.id,
            "file": str(directory / one.file),
            "public_key": done.config.wallets[one.id].key.public_key,
            "new": one.id in done.made,
        }
        for one in plan.wallets
    ]
    if as_json:
        kept = None if done.kept is None else str(done.kept)
        present.emit_json({"folder": str(directory), "kept": kept, "wallets": rows, "next": steps})
        return
    present.warn_of(done.config.warnings)
    if done.kept is not None:
        present.say(f"the old .env is now {done.kept}", "yellow")
    present.table(
        "Wallets",
        ("wallet", "share", "public key", "key"),
        (
            (
                row["wallet_id"],
                f"{done.config.wallets[one.id].wallet.allocation_ppm * 100 / PPM:g}%",
                row["public_key"],
                f"{one.file} ({'new' if row['new'] else 'kept'})",
            )
            for one, row in zip(plan.wallets, rows, strict=True)
        ),
    )
    for name in sorted(name for name in os.environ if name.startswith(OURS) and name != KEYSTORE_PASSPHRASE.name):
        present.warn(f"{name} of this shell wins over .env: `unset {name}` if it is not meant")
    present.say("next:", "bold")
    for step in steps:
        present.say(f"  {step}")


def _next_steps(directory: Path, plan: Plan, done: Founded, sealed: bool) -> list[str]:
    """Commands, each with what it is for."""
    steps = [] if directory == Path.cwd() else [f"cd {directory}"]
    if sealed:
        steps.append(f"export {KEYSTORE_PASSPHRASE.name}=…   # the passphrase; nobody can recover it")
    if plan.cluster is Cluster.LOCALNET:
        steps.append("overmind localnet         # in another terminal: the chain")
    if plan.cluster is not Cluster.PAPER:
        steps.append("overmind venue --rpc-url URL   # in another terminal: a swap server")
        steps.append("send SOL and USDC of that chain to the public keys above")
    return [
        *steps,
        "overmind check            # everything is in order",
        "overmind run              # the desk; Ctrl-C ends it",
        "overmind status --watch   # in another terminal: where it stands",
        f"keep a copy of {Path(plan.wallets[0].file).parent}/ offline: whoever has a key has the money",
    ]
