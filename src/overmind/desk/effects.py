"""What a transaction did to our wallets, in words."""

from __future__ import annotations

from collections.abc import Mapping

from overmind.core.model.ids import WalletId
from overmind.ports import Effects


def effects_text(effects: Effects, public_keys: Mapping[WalletId, str]) -> str:
    """The differences of our wallets' balances in base units, with the fee."""
    names = {public_key: wallet_id for wallet_id, public_key in public_keys.items()}
    lamports = zip(effects.accounts, effects.pre_lamports, effects.post_lamports, strict=True)
    found = [(names[who], after - before, "lamports") for who, before, after in lamports if who in names]
    found += [
        (names[one.owner], one.post_units - one.pre_units, one.mint) for one in effects.tokens if one.owner in names
    ]
    changes = [f"{wallet_id} {units:+} {what}" for wallet_id, units, what in found if units]
    outcome = "landed" if effects.error is None else f"failed with {effects.error}"
    return f"{outcome} in slot {effects.slot}: {', '.join(changes) or 'no balance of ours changed'}"
