"""What a query asks of the past: a wallet, a token, a signal, a time, and how many."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query
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

Last = Annotated[int, BeforeValidator(whole_within(0, LAST_MAX)), Query(ge=0, le=LAST_MAX)]


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


async def _asked(
    last: Last = LAST_DEFAULT,
    wallet: str | None = None,
    token: str | None = None,
    signal: str | None = None,
    from_: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
) -> Asked:
    search = Search(
        last,
        signal_id=None if signal is None else SignalId(signal),
        from_ns=_instant("from", from_, 0),
        to_ns=_instant("to", to, INSTANT_MAX_NS),
    )
    return Asked(search, wallet, token)


def _instant(name: str, said: str | None, default_ns: int) -> int:
    if said is None:
        return default_ns
    try:
        return day_or_instant_ns(said)
    except ValueError as error:
        raise HttpRefusal(400, f"{name}: {error}", DATES) from None


AskedFor = Annotated[Asked, Depends(_asked)]
