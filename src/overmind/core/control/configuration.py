"""The configuration as commands: the desk's identity, settings, wallets, and deposits from outside.

See specification §14.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from overmind.core.books.state import State
from overmind.core.control.holds import add_hold, known_wallets
from overmind.core.model.commands import CommandRefused, ConfigureWallet, FoundDesk, RecordDeposit
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import WalletStatus
from overmind.core.model.events import Deposited, DeskFounded, Event, HoldLifted, WalletConfigured
from overmind.core.model.ids import SOL

CAUSE_OF_STATUS: Final = {
    WalletStatus.INACTIVE: "inactive",
    WalletStatus.SUSPENDED: "suspended",
    WalletStatus.EMERGENCY: "emergency",
    WalletStatus.MAINTENANCE: "maintenance",
}


def check_same_money(state: State, desk: Desk) -> None:
    """The books cannot be read in another unit: the quote currency and a token's decimals never change."""
    if state.desk is None:
        return
    if replace(state.desk.quote, declared=None) != replace(desk.quote, declared=None):
        raise CommandRefused(f"this desk's quote currency is {state.desk.quote}, and cannot become {desk.quote}")
    for mint, token in state.desk.tokens.items():
        if mint in desk.tokens and desk.tokens[mint].decimals != token.decimals:
            raise CommandRefused(f"{token.symbol} has {token.decimals} decimals, not {desk.tokens[mint].decimals}")


def found_desk(state: State, found: FoundDesk) -> Iterator[Event]:
    stamp = DeskFounded(found.mode, found.cluster, found.genesis_hash)
    if state.founded is None and state.seq == 0:
        yield stamp
    elif state.founded is None:
        raise CommandRefused("this journal does not begin with an identity: it is not a desk's journal")
    elif state.founded != stamp:
        raise CommandRefused(
            f"this journal belongs to {state.founded.mode} on {state.founded.cluster} "
            f"(genesis {state.founded.genesis_hash}), not to {found.mode} on {found.cluster} "
            f"(genesis {found.genesis_hash}): use another OVERMIND_DATA_DIR for it"
        )


def configure_wallet(state: State, configure: ConfigureWallet, at_ns: int) -> Iterator[Event]:
    wallet = configure.wallet
    book = state.wallets.get(wallet.id)
    if book is not None and book.wallet.public_key != wallet.public_key:
        raise CommandRefused(
            f"wallet {wallet.id} has key {wallet.public_key} in the configuration, "
            f"but {book.wallet.public_key} in the journal: give the new key a new wallet id"
        )
    for other in state.wallets.values():
        if other is not book and other.wallet.public_key == wallet.public_key:
            raise CommandRefused(
                f"wallet {wallet.id} has the key of wallet {other.wallet.id} in the journal: keep that id, "
                "or its money would be counted twice"
            )
    if book is None or book.configured != wallet:
        yield WalletConfigured(wallet)
    scope = Scope(wallet.id)
    others = [other for other in state.wallets.values() if other is not state.wallets.get(wallet.id)]
    if book is None and others and all("emergency" in other.holds for other in others):
        yield from add_hold(state, scope, Hold("emergency", "configured while everything was stopped", at_ns))
    if book is not None and "removed" in book.holds:
        yield HoldLifted(scope, "removed", "configured again")
    wanted = CAUSE_OF_STATUS.get(wallet.status)
    for cause in ("inactive", "suspended", "maintenance"):
        if book is not None and cause in book.holds and cause != wanted:
            yield HoldLifted(scope, cause, f"configured as {wallet.status}")
    if wanted is not None:
        yield from add_hold(state, scope, Hold(wanted, f"configured as {wallet.status}", at_ns))


def take_deposit(state: State, deposit: RecordDeposit) -> Iterator[Event]:
    if deposit.deposit_id in state.deposits:
        return
    money, desk = deposit.money, state.settings
    if deposit.wallet_id not in state.wallets:
        known = known_wallets(state)
        raise CommandRefused(f"deposit {deposit.deposit_id}: no wallet {deposit.wallet_id!r}; known: {known}")
    if money.units <= 0:
        raise CommandRefused(f"deposit {deposit.deposit_id}: {money.units} base units; a deposit is positive")
    if deposit.to_float and money.mint != SOL:
        raise CommandRefused(f"deposit {deposit.deposit_id}: only SOL goes to the float, not {money.mint}")
    if not deposit.to_float and money.mint != desk.quote.mint:
        if money.mint not in desk.tokens:
            raise CommandRefused(f"deposit {deposit.deposit_id}: {money.mint} is not a listed token")
        if money.mint not in state.marks:
            raise CommandRefused(f"deposit {deposit.deposit_id}: {money.mint} has no price yet, so its cost is unknown")
    yield Deposited(deposit.deposit_id, deposit.wallet_id, money, deposit.to_float)
