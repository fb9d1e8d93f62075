"""Reads what a transaction did for its fee payer from the balances that it changed.

The same code checks a simulation before we sign and books the transaction after it landed. Native and wrapped SOL are
one asset: a wrapped account that is opened and closed inside the transaction leaves only lamports. Lamports that
strangers had put into it come to the wallet when it closes: a credit on the chain, not a part of the swap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from solders.pubkey import Pubkey

from overmind.core.model.ids import SOL, Mint
from overmind.core.model.order import Order, Work
from overmind.core.model.outcome import Cause, Failed, Filled
from overmind.ports import Effects
from overmind.solana import tokens

DETAIL_CHARS_MAX: Final = 200
WALLETS_MAX: Final = 65_536  # in the cache of addresses
# Errors that another wallet would not have, by the chain's names. All others concern the market or the venue.
_OF_WALLET: Final = frozenset({"AccountNotFound", "InsufficientFundsForFee", "InsufficientFundsForRent"})


class Unsettled(Exception):
    """The changed balances do not match the order; says why."""


def settle(effects: Effects, order: Order, tip_lamports: int = 0) -> Filled | Failed:
    """`tip_lamports`: what the transaction itself tips; it is no part of a swap's price. Raises Unsettled."""
    if effects.error is not None:
        return Failed(effects.fee_lamports, cause_of(effects.error), effects.error[:DETAIL_CHARS_MAX], effects.slot)
    wrapped, rent = _wrapped_lamports(effects), _rent_lamports(effects)
    changed = _token_changes(effects)
    sol = effects.post_lamports[0] - effects.pre_lamports[0] + effects.fee_lamports + rent + wrapped + tip_lamports
    # In a swap without SOL, other SOL that left is a fee. In a swap of SOL it is part of the price.
    beside = max(0, -sol) if SOL not in (order.spend.mint, order.receive) else 0
    changed[SOL] = sol + beside
    others = {mint: units for mint, units in changed.items() if units and mint not in (order.spend.mint, order.receive)}
    if others:
        raise Unsettled(f"it also changed {others}")
    spent, received = -changed.get(order.spend.mint, 0), changed.get(order.receive, 0)
    if spent <= 0 or received <= 0:
        raise Unsettled(f"spent {spent}, received {received}")
    return Filled(spent, received, effects.fee_lamports + beside, rent, effects.slot, tip_lamports)


def misplaced(effects: Effects, accounts: Mapping[str, Mint]) -> str | None:
    """Where balances stand in other accounts than ours. `accounts`: those that the order concerns, and their mints.

    A balance counts for us by its owner. So that owner, mint and place cannot be told apart, each must fit the others.
    """
    owner = effects.accounts[0]
    for token in effects.tokens:
        place = effects.accounts[token.index]
        mint = accounts.get(place)
        if mint is not None and (token.owner, token.mint) != (owner, mint):
            return f"{place} is shown as {token.owner}'s account of {token.mint}"
        if mint is None and token.owner == owner and token.pre_units != token.post_units:
            return f"it changes {place}, which is no account of ours that the order concerns"
    return None


def outside_order(order: Order, fill: Filled) -> str | None:
    """Where a fill exceeds what its order allows; None: nowhere."""
    if fill.spent_units > order.spend.units:
        return f"it spends {fill.spent_units}, at most {order.spend.units}"
    if fill.received_units < order.received_min:
        return f"it receives {fill.received_units}, at least {order.received_min}"
    return None


def outside_costs(work: Work, fill: Filled) -> str | None:
    """Where a fill exceeds the reserved fee and rent. After a fork, unforeseen rent may be due."""
    if (paid := fill.fee_lamports + fill.tip_lamports) > work.fee_max_lamports:
        with_tip = " with its tip" if fill.tip_lamports else ""
        return f"its fee is {paid} lamports{with_tip}, at most {work.fee_max_lamports}"
    if isinstance(work, Order) and fill.tip_lamports > work.tip_max_lamports:
        return f"its tip is {fill.tip_lamports} lamports, at most {work.tip_max_lamports}"
    if fill.rent_lamports > work.rent_max_lamports:
        return f"its rent is {fill.rent_lamports} lamports, at most {work.rent_max_lamports}"
    return None


def cause_of(error: str) -> Cause:
    """The cause of a revert, from the chain's error as JSON."""
    try:
        parsed = json.loads(error)
    except (ValueError, RecursionError):
        return Cause.REVERTED
    name = next(iter(parsed), "") if isinstance(parsed, dict) else parsed
    return Cause.WALLET_FUNDS if isinstance(name, str) and name in _OF_WALLET else Cause.REVERTED


def _token_changes(effects: Effects) -> dict[Mint, int]:
    """Changes of the payer's tokens. Wrapped SOL counts by its lamports."""
    owner, changed = effects.accounts[0], dict[Mint, int]()
    for token in effects.tokens:
        if token.owner == owner and token.mint != SOL:
            changed[token.mint] = changed.get(token.mint, 0) + token.post_units - token.pre_units
    return changed


def _wrapped_lamports(effects: Effects) -> int:
    """The change of the payer's wrapped SOL, with rent. Never positive, because the swap unwraps it.

    Anybody may create that account, or send to its address, before our transaction lands.
    """
    wrapped = wrapped_account(effects.accounts[0])
    gained = sum(_gained(effects, index) for index in _ours(effects, SOL) | _at(effects, wrapped))
    if gained > 0:
        raise Unsettled("it leaves wrapped SOL behind")
    return gained


def _rent_lamports(effects: Effects) -> int:
    """Lamports that the payer's token accounts gained: rent, which returns when they are closed."""
    rent = sum(_gained(effects, index) for index in _ours(effects, None) - _ours(effects, SOL))
    if rent < 0:
        raise Unsettled("it closes token accounts that were there before")
    return rent


def _ours(effects: Effects, mint: Mint | None) -> frozenset[int]:
    """The payer's token accounts, of one mint or of any."""
    owner = effects.accounts[0]
    return frozenset(one.index for one in effects.tokens if one.owner == owner and mint in (None, one.mint))


def _at(effects: Effects, address: str) -> frozenset[int]:
    return frozenset(index for index, account in enumerate(effects.accounts) if account == address)


def _gained(effects: Effects, index: int) -> int:
    return effects.post_lamports[index] - effects.pre_lamports[index]


@lru_cache(maxsize=WALLETS_MAX)
def wrapped_account(owner: str) -> str:
    return str(tokens.ata(Pubkey.from_string(owner), tokens.NATIVE_MINT, tokens.TOKEN_PROGRAM))
