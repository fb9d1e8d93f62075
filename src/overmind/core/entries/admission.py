"""Whether the newest looks at the mints allow an entry."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.model.ids import Mint
from overmind.core.model.mints import OFF


def not_admitted(state: State, mint: Mint) -> str:
    """Why an entry into this token is refused; blank: it may be made. What pays for it is looked at like what is
    bought.
    """
    if state.settings.admission is OFF:
        return ""
    for one in (mint, state.settings.quote.mint):
        found = state.admissions.get(one)
        if found is None:
            return f"{one}: its mint was not looked at yet"
        if found.findings:
            return f"{one}: {found.reason}"
    return ""
