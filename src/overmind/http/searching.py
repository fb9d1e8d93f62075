"""What a query asks of the past: a wallet, a token, a signal, a time, and how many."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query
from msgspec import structs
from pydantic import BeforeValidator

from overmind.clock.instants import INSTANT_MAX_NS, day_or_instant_ns
from overmind.core.books.state import State
from overmind.core.model.ids import SignalId
from overmind.core.model.value import Value
from overmind.http.bounds import whole_within
from overmind.http.responses import HttpRefusal
from overmind.journal.catalogue.past import Search
from overmind.views.past import BadSearch, narrowed

LAST_MAX: Final = 1_000
LAST_DEFAULT: Final = 20
DATES: Final = "write a day such as 2025-04-06, or an instant such as 2025-04-06T12:00:00+00:00; a day is in UTC"

DATE: Final = "A day (UTC) or an instant, such as 2025-04-06 or 2025-04-06T12:00:00+00:00."

Last = Annotated[
    int,
    BeforeValidator(whole_within(0, LAST_MAX)),
    Query(ge=0, le=LAST_MAX, description="How many at most, the newest."),
]
OfWallet = Annotated[str | None, Query(description="Only those of this wallet.")]
OfToken = Annotated[str | None, Query(description="Only those of this token: its symbol or mint.")]
OfSignal = Annotated[str | None, Query(description="Only those of this signal.")]
From = Annotated[str | None, Query(alias="from", description=f"Only those from then on. {DATE}")]
To = Annotated[str | None, Query(description=f"Only those before then. {DATE}")]


class Asked(Value, frozen=True):
    search: Search
    wallet: str | None
    token: str | None

    @property
    def for_all(self) -> bool:
        """Whether it leaves nothing out."""
        return (self.wallet, self.token, self.search) == (None, None, Search(self.search.last))

    def among(self, state: State) -> Search:
        """The search in a desk. Raises HttpRefusal when the desk does not know what is asked for."""
        try:
            return narrowed(state, self.search, self.wallet, self.token)
        except BadSearch as bad:
            raise HttpRefusal(400, bad.problem, bad.fix) from None


async def _span(last: Last = LAST_DEFAULT, from_: From = None, to: To = None) -> Search:
    return Search(last, from_ns=_instant("from", from_, 0), to_ns=_instant("to", to, INSTANT_MAX_NS))


InSpan = Annotated[Search, Depends(_span)]


async def _moved(search: InSpan, wallet: OfWallet = None, token: OfToken = None) -> Asked:
    return Asked(search, wallet, token)


MovesAskedFor = Annotated[Asked, Depends(_moved)]


async def _ordered(moved: MovesAskedFor, signal: OfSignal = None) -> Asked:
    signal_id = None if signal is None else SignalId(signal)
    return structs.replace(moved, search=structs.replace(moved.search, signal_id=signal_id))


OrdersAskedFor = Annotated[Asked, Depends(_ordered)]


def _instant(name: str, said: str | None, default_ns: int) -> int:
    if said is None:
        return default_ns
    try:
        return day_or_instant_ns(said)
    except ValueError as error:
        raise HttpRefusal(400, f"{name}: {error}", DATES) from None
