"""Orders, moves and refusals of any time, and the journal itself."""

from __future__ import annotations

from typing import Final

from overmind.core.model.events import Entry
from overmind.core.model.value import Value
from overmind.http.reference.operation import EVENT_STREAM, Operation, Topic
from overmind.views.moves import MoveRow
from overmind.views.orders import OrderRow
from overmind.views.past import RefusedRow


class EventsPage(Value, frozen=True):
    """A page of the journal."""

    events: list[Entry]
    last_seq: int  # the last entry that was looked at: the next page is `after` it


PAST: Final = Topic(
    "The past",
    "While the journal is catalogued anew, which `error` says, a search is answered with 503: ask again. What is open "
    "is told at once with `open=true`.",
    (
        Operation(
            "GET",
            "/v1/orders",
            list[OrderRow],
            "The last orders that closed, in the order of placing, then those that are open. Amounts are whole tokens "
            "as decimal strings. `placed_at` is null with `open=true` alone.",
        ),
        Operation("GET", "/v1/moves", list[MoveRow], "The last moves that closed, then those that are open."),
        Operation(
            "GET",
            "/v1/refusals",
            list[RefusedRow],
            "Oldest first, with the first 20 refusals of each signal. A signal that was refused for every wallet is no "
            "wallet's and no token's alone: `wallet`, `token` and `signal` are not asked for here.",
        ),
        Operation(
            "GET",
            "/v1/events",
            EventsPage,
            "An entry is shown as the journal has it, and what has its default is left out of a signal. `PricesMoved` "
            "tells new prices in columns: `tokens` are numbers, in the order in which this and earlier entries named "
            "them (`named`), `by_pico` the change of each price, the last `doubted` of them not believed. A "
            "`SignalRefused` with `brief` has each broken rule once, or names an earlier entry with `like`. "
            "With `source` only what concerns that source is told, refusals whole: entries of its signals, of their "
            "orders, and of sales that take its units. Then a page may be empty before the end: ask on until "
            "`last_seq` grows no more.",
        ),
        Operation(
            "GET",
            "/v1/stream",
            str,
            "The same entries, from `after` (without it: from now) and then live. An event has the entry's number as "
            "`id`, its type as `event`, the entry as `data`. A reader that comes back with `Last-Event-ID` (browsers "
            "do) misses nothing and gets nothing twice, also after a restart or kill -9 of the service. A comment is "
            "sent every 10 s. A reader that takes nothing for 10 s is dropped. At most 64 streams are open. With "
            "`source` only what concerns that source is sent, and the comment has an `id` from which to go on.",
            media=EVENT_STREAM,
        ),
    ),
)
