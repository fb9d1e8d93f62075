"""What a form of filters asks for. A blank field asks for nothing, because a browser sends it all the same."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query
from pydantic import BeforeValidator

from overmind.clock.instants import INSTANT_MAX_NS, day_or_instant_ns
from overmind.core.books.state import State
from overmind.core.model.value import Value
from overmind.http.bounds import whole_within
from overmind.http.responses import HttpRefusal
from overmind.journal.catalogue.past import Search
from overmind.views.past import BadSearch, narrowed

LAST_MAX: Final = 200
LAST_DEFAULT: Final = 50
DATES: Final = "write a day such as 2025-04-06, or an instant such as 2025-04-06T12:00:00+00:00; a day is in UTC"

Last = Annotated[int, BeforeValidator(whole_within(1, LAST_MAX)), Query(ge=1, le=LAST_MAX)]
From = Annotated[str, Query(alias="from")]


class Asked(Value, frozen=True):
    """As it was typed, for the form to show again."""

    wallet: str = ""
    token: str = ""
    from_: str = ""
    to: str = ""
    last: int = LAST_DEFAULT

    def search(self, state: State) -> Search:
        """Raises HttpRefusal when the desk does not know what is asked for."""
        within = Search(
            self.last, from_ns=_instant("from", self.from_, 0), to_ns=_instant("to", self.to, INSTANT_MAX_NS)
        )
        try:
            return narrowed(state, within, self.wallet or None, self.token or None)
        except BadSearch as bad:
            raise HttpRefusal(400, bad.problem, bad.fix) from None


def _instant(name: str, said: str, default_ns: int) -> int:
    if not said.strip():
        return default_ns
    try:
        return day_or_instant_ns(said.strip())
    except ValueError as error:
        raise HttpRefusal(400, f"{name}: {error}", DATES) from None


def tokens_of(state: State) -> list[str]:
    """The symbols that a form offers."""
    return sorted({token.symbol for token in state.settings.tokens.values()})
