"""What a body says once its sender's words are read: the fields of a signal, and what it says of its own position."""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.core.model.signal import Sender
from overmind.signals.decode import EXIT_FIELDS, FIELDS, RISK_FIELDS, SPLIT_FIELDS

BUY: Final = "Buy"
SELL: Final = "Sell"
MADE_HERE: Final = frozenset({"signal_id", "action", "symbol", "mint", "timestamp", "scope"})
PASSED_ON: Final = FIELDS - MADE_HERE  # the fields of a signal that a body may set
OF_ENTRY: Final = frozenset(
    {"notional_usd", "quantity", *RISK_FIELDS, *EXIT_FIELDS, *SPLIT_FIELDS}
)  # which no exit has
AMOUNTS: Final = frozenset({"notional_usd", "quantity", "risk_budget_usd", "risk_budget_percent"})


class Alert(NamedTuple):
    fields: dict[str, object]  # of a signal, but for its id
    sender: Sender
    notes: tuple[str, ...] = ()
