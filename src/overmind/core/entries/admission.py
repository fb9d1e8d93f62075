"""Whether the newest looks at the mints allow an entry."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.entries.request import MEME_STRATEGIES
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.mints import OFF

NOT_LISTED = "no list has it"


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


def barred(state: State, mint: Mint, strategy: StrategyType) -> str:
    """Why this strategy may not buy a token that no list has, whatever its mint is like; blank: it may, or a list has
    the token.
    """
    if mint in state.settings.tokens and mint not in state.unlisted:
        return ""
    if state.settings.admission is OFF:
        return f"{mint}: {NOT_LISTED}, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)"
    if not state.settings.unlisted.mints_max:
        return f"{mint}: {NOT_LISTED}, and OVERMIND_UNLISTED_MINTS_MAX is 0"
    if strategy not in MEME_STRATEGIES:
        return f"{mint}: {NOT_LISTED}, and {strategy} buys listed tokens alone"
    return ""


def unlisted_refusal(state: State, mint: Mint, strategy: StrategyType) -> str:
    """Why a mint that is no known token is refused."""
    if why := barred(state, mint, strategy):
        return why
    turned_away = state.turned_away.get(mint)
    if turned_away is None:
        return f"{mint}: {NOT_LISTED}, and it was not looked at"
    return f"{mint}: {NOT_LISTED}, and it is not admitted: {turned_away.admission.reason}"
