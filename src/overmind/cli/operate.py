"""Commands that stop all wallets, reactivate one, and accept the balances or the history on the chain."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import quote

import msgspec
import typer

from overmind.cli import present
from overmind.cli.exit_codes import REFUSED, UNREACHABLE
from overmind.cli.offline import command_on_disk
from overmind.cli.opening import JOURNAL, AsJson, DataDir, WalletName, data_dir_of, journal_to_write, load_config
from overmind.cli.reasons import NO_REASON, Reason, cli_author, refuse_blank
from overmind.cli.remote import ServiceRefused, ServiceSilent, call_service
from overmind.clock.clocks import SystemClock
from overmind.config import ConfigError, MultiWalletConfig
from overmind.core.capital.proceeds import why_nowhere
from overmind.core.model.commands import CommandRefused, EmergencyStop, ReactivateWallet
from overmind.core.model.controls import Scope
from overmind.core.model.ids import Mint, WalletId
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.desk.watches.timers import REASON_CHARS_MAX, STOP_FILE, SWEEP_FIX
from overmind.http.files import find_service
from overmind.journal.errors import JournalLocked
from overmind.ports import ChainSilent, Journal
from overmind.views.targets import TargetHolds, holds_on, what_still_holds

SETTLE_S: Final = 60.0


STOP_ANSWER_S: Final = 5.0  # A service that hangs must not keep the operator waiting.


NO_DESK: Final = "no desk runs here and none ever did: the next start stops before all else"


NO_FOLDER: Final = (
    "the data directory was missing and is made anew. A desk that works in another one is NOT stopped: name its "
    "directory with --data-dir or OVERMIND_DATA_DIR"
)


NO_SALE: Final = "nothing is liquidated: a file can only stop"


NOT_SURE: Final = "it is not known whether the service has heard that it is to liquidate"


LIQUIDATION_FIX: Final = "look at `overmind wallets`, and say it again; twice is once"


def accept(wallet_id: WalletName, reason: Reason, as_json: AsJson = False) -> None:
    """Accept the chain's balances of a wallet as the truth.

    Use it when you can explain why the books differ. The difference is journaled with your reason. It lifts the hold
    of a deficit or of an unknown signature, and the quarantine after a fork. Open orders are settled first.
    """
    refuse_blank(reason)
    path = f"/v1/wallets/{quote(wallet_id, safe='')}/accept"
    answer = call_service(data_dir_of(None), path, {"reason": reason})
    changes = _accept_offline(WalletId(wallet_id), reason) if answer is None else answer["adjusted"]
    if as_json:
        present.emit_json({"wallet_id": wallet_id, "adjusted": changes})
        return
    present.table("Accepted", ("mint", "base units"), changes.items(), right=("base units",))
    present.say(f"{wallet_id}: the books now equal the chain")


def accept_history(wallet_id: WalletName, reason: Reason, as_json: AsJson = False) -> None:
    """Accept what a wallet did since the journal ended.

    After a restored backup, nothing is sent until every wallet's history is known. Look at each transaction that the
    log names first. The books then equal the chain, and what the wallet had not signed yet is ended, because it may
    have been sent already.
    """
    refuse_blank(reason)
    path = f"/v1/wallets/{quote(wallet_id, safe='')}/accept-history"
    answer = call_service(data_dir_of(None), path, {"reason": reason})
    changes = _accept_offline(WalletId(wallet_id), reason, True) if answer is None else answer["adjusted"]
    unknown = answer["unknown"] if answer is not None else None
    if as_json:
        present.emit_json({"wallet_id": wallet_id, "adjusted": changes, "unknown": unknown})
        return
    present.table("Accepted", ("mint", "base units"), changes.items(), right=("base units",))
    left = f"; not known yet: {', '.join(unknown)}" if unknown else ""
    present.say(f"{wallet_id}: its history is accepted and the books now equal the chain{left}")


def book_from_chain(
    order_id: Annotated[str, typer.Argument(help="An order that landed otherwise: see `overmind orders`.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Book an order that landed otherwise, as the chain shows it.

    Its transaction changed other balances than the order's, so the desk cannot say what it was, and keeps its capital.
    Look at the transaction first. The service must run.
    """
    refuse_blank(reason)
    path = f"/v1/orders/{quote(order_id, safe='')}/book-from-chain"
    answer = call_service(data_dir_of(None), path, {"reason": reason})
    if answer is None:
        present.complain("no service runs here: start it with `overmind run`, then say it again")
        raise typer.Exit(UNREACHABLE)
    if as_json:
        present.emit_json(answer)
        return
    present.say(f"{order_id}: booked from the chain as {answer['booked']}")


def _accept_offline(wallet_id: WalletId, reason: str, history: bool = False) -> dict[Mint, int]:
    config = load_config()
    with journal_to_write(config.data_dir) as journal:
        return asyncio.run(_accept(config, journal, wallet_id, reason, history))


async def _accept(
    config: MultiWalletConfig, journal: Journal, wallet_id: WalletId, reason: str, history: bool
) -> dict[Mint, int]:
    clock = SystemClock()
    async with connected(config, clock) as connect, running(App(config, journal, clock, connect)) as app:
        if app.balances is None:
            raise CommandRefused("paper has no chain to compare the books with")
        await app.settle_finally(SETTLE_S)
        try:
            accept = app.balances.accept_history if history else app.balances.accept
            return await accept(wallet_id, reason, cli_author())
        except ChainSilent as silent:
            raise CommandRefused(f"the chain cannot be read: {silent}") from None


def stop(
    reason: Reason = NO_REASON,
    liquidate: Annotated[bool, typer.Option("--liquidate", help="Also sell every position.")] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also sell every position and move the proceeds to the Emergency wallet.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Stop all entries at once; exits continue.

    Every wallet stays stopped, also across restarts, until `overmind reactivate` names it. The command first writes a
    stop file, which a service that does not answer still finds, and says so at once. It makes the data directory if
    there is none.

    The running desk carries out a liquidation, the largest positions first. If none runs, the next start does.
    """
    directory = data_dir_of(data_dir)
    stop_file = directory.absolute() / STOP_FILE
    reason = reason.encode(errors="replace").decode()  # A reason that is not valid text must not prevent a stop.
    known = directory.is_dir()
    _write_stop_file(stop_file, reason)
    stopped = Stopped(f"{stop_file} stands; {NO_DESK if known else NO_FOLDER}")
    if find_service(directory) is not None:
        stopped = _service_stop(directory, stop_file, EmergencyStop(reason, liquidate, sweep))
    elif (directory / JOURNAL).exists():
        stopped = _journal_stop(directory, stop_file, EmergencyStop(reason, liquidate, sweep))
    elif not stop_file.exists():
        fault = f"{stop_file} cannot be written and there is no journal: nothing was stopped"
        raise CommandRefused(f"{fault}. If a desk runs, end its process")
    if as_json:
        present.emit_json({"stopped": True, "reason": reason, **stopped._asdict()})
    else:
        present.say(f"stopped: {stopped.how}", "bold red")
    if stopped.not_liquidated:
        present.complain(stopped.not_liquidated, LIQUIDATION_FIX)
        raise typer.Exit(UNREACHABLE)
    if stopped.not_swept:
        present.complain(f"nothing will be swept: {stopped.not_swept}", SWEEP_FIX)


def _write_stop_file(stop_file: Path, reason: str) -> None:
    """First the file, and word of it at once: it works without the service and the journal, and these may hang."""
    with contextlib.suppress(OSError):  # On a full disk only the journal, which has a reserve, can be written.
        stop_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stop_file.touch()
        stop_file.write_text(reason, encoding="utf-8")
    if stop_file.exists():
        present.announce(f"STOP written: {stop_file}; no entry is sent from now on")


class Stopped(NamedTuple):
    how: str
    not_swept: str = ""  # why nothing is swept; blank: it is, or nobody asked
    not_liquidated: str = ""  # why perhaps nothing is sold; blank: it is, or nobody asked


def _service_stop(directory: Path, stop_file: Path, stop: EmergencyStop) -> Stopped:
    """Asks the service. If it does not answer, the stop file still stops it."""
    said = stop.reason.strip()[:REASON_CHARS_MAX] or NO_REASON
    request = {"reason": said, "liquidate": stop.liquidate, "sweep": stop.sweep}
    try:
        answer = call_service(directory, "/v1/emergency-stop", request, STOP_ANSWER_S)
    except (ServiceSilent, ServiceRefused, ConfigError) as fault:
        if not stop_file.exists():
            raise
        heard = isinstance(fault, ServiceSilent) or (isinstance(fault, ServiceRefused) and fault.code == UNREACHABLE)
        unsold = NOT_SURE if heard else NO_SALE
        how = f"{stop_file} stands, so no entry is sent; the running service has not journaled it yet: {fault}"
        return Stopped(how, not_liquidated=unsold if stop.liquidate or stop.sweep else "")
    stop_file.unlink(missing_ok=True)  # The journal has the stop now.
    not_swept = answer.get("not_swept", "") if answer is not None else ""
    return Stopped("every wallet has the hold `emergency`, recorded by the running service", not_swept)


def _journal_stop(directory: Path, stop_file: Path, stop: EmergencyStop) -> Stopped:
    try:
        state = command_on_disk(directory, stop)
    except JournalLocked:
        if not stop_file.exists():
            raise
        how = f"a running service was told by {stop_file}; it journals the stop within a second"
        return Stopped(how, not_liquidated=NO_SALE if stop.liquidate or stop.sweep else "")
    if not state.wallets:
        return Stopped(f"{stop_file} stands; the journal knows no wallet yet")
    stop_file.unlink(missing_ok=True)  # The journal has the stop now.
    later = "; what is to be sold is sold by the next `overmind run`" if stop.liquidate or stop.sweep else ""
    journal = directory.absolute() / JOURNAL
    how = f"every wallet has the hold `emergency`, recorded in {journal}; no service runs there{later}"
    return Stopped(how, why_nowhere(state) if stop.sweep else "")


def reactivate(wallet_id: WalletName, reason: Reason, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Lift the emergency stop of one wallet.

    Other holds of that wallet stay. The command names them, and those that come back at once.
    """
    refuse_blank(reason)
    directory = data_dir_of(data_dir)
    if (directory / STOP_FILE).exists():
        present.complain(f"{directory / STOP_FILE} still asks for a stop", "remove the file first")
        raise typer.Exit(REFUSED)
    answer = call_service(directory, f"/v1/wallets/{quote(wallet_id, safe='')}/reactivate", {"reason": reason})
    if answer is None:
        state = command_on_disk(directory, ReactivateWallet(WalletId(wallet_id), reason))
        status, found = (
            state.wallets[WalletId(wallet_id)].status,
            holds_on(state, wallet_id, Scope(WalletId(wallet_id))),
        )
    else:
        status, found = answer["status"], msgspec.convert({**answer, "target": wallet_id}, TargetHolds)
    left = what_still_holds(found)
    if as_json:
        present.emit_json({"wallet_id": wallet_id, "status": status, **({"still_held": left} if left else {})})
    else:
        present.say(f"{wallet_id}: {status}")
        for line in left:
            present.say(f"  {line}", "yellow")
