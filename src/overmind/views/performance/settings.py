"""The settings in force as flat text, so that two desks can be compared setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from overmind.core.books.state import State

LISTS = ("tokens", "quote")  # of a desk: which tokens it knows is told by their number


def settings_of(state: State) -> dict[str, str]:
    """`desk.NAME` and `WALLET.NAME`, in the units of the field's name. An unset value is `none`."""
    if state.desk is None:
        return {}
    desk = msgspec.to_builtins(state.desk)
    told = {"desk.tokens": str(len(state.desk.tokens)), "desk.quote": state.desk.quote.symbol}
    told |= dict(_flat("desk", {name: value for name, value in desk.items() if name not in LISTS}))
    for wallet_id, book in state.wallets.items():
        wallet = msgspec.to_builtins(book.wallet)
        told |= dict(_flat(wallet_id, {name: value for name, value in wallet.items() if name != "id"}))
    return told


def differences(settings: list[dict[str, str]]) -> dict[str, list[str]]:
    """The settings that are not the same in all, each with its value in every one; `-`: it has no such setting."""
    names = dict.fromkeys(name for one in settings for name in one)
    rows = {name: [one.get(name, "-") for one in settings] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(f"{prefix}.{name}", part)
    elif isinstance(value, list | tuple):
        yield prefix, ", ".join(map(str, value)) or "none"
    else:
        yield prefix, "none" if value is None or value == {} else str(value)
