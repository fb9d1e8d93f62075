"""Settings in force: limits with who changed what, and the lists of mints."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value
from overmind.views.limits import LimitRow, Mints, WalletLimits, limits, mints


class ChangedLimit(Value, frozen=True):
    """A limit that an operator changed while the desk runs."""

    wallet_id: WalletId
    row: LimitRow


class Settings(Value, frozen=True):
    changed: tuple[ChangedLimit, ...]  # the newest first
    wallets: tuple[WalletLimits, ...]
    mints: Mints


def settings(state: State) -> Settings:
    wallets = tuple(limits(state))
    changed = (ChangedLimit(one.wallet_id, row) for one in wallets for row in one.limits if row.since_ns is not None)
    return Settings(
        changed=tuple(sorted(changed, key=lambda one: (-(one.row.since_ns or 0), one.wallet_id, one.row.name))),
        wallets=wallets,
        mints=mints(state),
    )
