"""Reads what a transaction itself tips: its transfer of SOL from the fee payer to somebody else than the payer.

The firewall lets no such transfer pass but that to a tip account. So the signed bytes alone tell the tip, also after a
restart and after the relay has changed its accounts.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from overmind.core.model.order import Order
from overmind.solana import tokens
from overmind.solana.settlement import wrapped_account
from overmind.solana.transactions import BadTransaction, parse

SYSTEM: Final = str(tokens.SYSTEM_PROGRAM)
TRANSFER: Final = Struct("<IQ")
TRANSFER_CODE: Final = 2


def tip_of(order: Order, signed: bytes) -> int:
    """In lamports, if the transaction succeeds. 0 for an order that may not tip, and for bytes that cannot be read."""
    if not order.tip_max_lamports:
        return 0
    try:
        transaction = parse(signed)
    except BadTransaction:
        return 0
    owner, found = transaction.keys[0], 0
    ours = (owner, wrapped_account(owner))
    for one in transaction.instructions:
        if one.program == SYSTEM and len(one.data) == TRANSFER.size and len(one.accounts) == 2:
            code, lamports = TRANSFER.unpack(one.data)
            if code == TRANSFER_CODE and one.accounts[0] == owner and one.accounts[1] not in ours:
                found += lamports
    return found
