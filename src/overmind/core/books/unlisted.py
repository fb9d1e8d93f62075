"""Tokens that no list has: an admission makes one known, and it is forgotten when nobody needs it.

While it is known, it stands among the tokens of the settings, so books, prices and exits treat it like a listed one.
What the state keeps of such mints is bounded: `Desk.unlisted` bounds the known tokens, `TURNED_AWAY_MAX` the others.
A token that is not traded any more leaves what wallets still pay rent for: its empty accounts.

See specification §15.14.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.mints import Admission, TurnedAway
from overmind.core.model.money import Token, UnlistedToken

TURNED_AWAY_MAX: Final = 64


def with_unlisted(state: State, desk: Desk) -> Desk:
    """The settings with the known tokens that no list has."""
    traded = {mint: one.token for mint, one in state.unlisted.items() if one.traded}
    return replace(desk, tokens={**traded, **desk.tokens}) if traded else desk


def without_unlisted(state: State, desk: Desk) -> Desk:
    """The settings as an operator gives them."""
    if not state.unlisted:
        return desk
    known = state.unlisted
    listed = {m: token for m, token in desk.tokens.items() if m not in known or known[m].token != token}
    return replace(desk, tokens=listed)


def is_needed(state: State, mint: Mint) -> bool:
    """Whether somebody holds the token, or may hold it after what is under way or could be undone."""
    for book in state.wallets.values():
        if mint in book.positions or mint in book.in_suspense:
            return True
    if any(known.order.mint == mint for known in state.open_orders.values()):
        return True
    return any(booked.order.mint == mint for booked in state.provisional.values())


def admit(state: State, token: Token) -> None:
    """From now on the token is known."""
    mint = token.mint
    state.turned_away.pop(mint, None)
    state.unlisted[mint] = UnlistedToken(token, state.at_ns)
    state.desk = with_unlisted(state, state.settings)


def turn_away(state: State, mint: Mint, admission: Admission) -> None:
    """Remembers why, for the refusal that follows. The oldest is forgotten for a new one."""
    known = state.turned_away
    known[mint] = TurnedAway(state.at_ns, admission)
    if len(known) > TURNED_AWAY_MAX:
        del known[min(known, key=lambda one: (known[one].at_ns, one))]


def forget(state: State, mint: Mint) -> None:
    """The token is neither priced nor bought any more. Nobody holds it."""
    state.desk = without_unlisted(state, state.settings)
    state.unlisted[mint] = replace(state.unlisted[mint], traded=False)
    state.desk = with_unlisted(state, state.settings)
    state.admissions.pop(mint, None)
    for one in [one for one, known in state.unlisted.items() if not known.traded and not _is_left(state, one)]:
        del state.unlisted[one]
    _drop_prices(state)


def list_anew(state: State) -> None:
    """Settings have come: a token that they list is no unlisted one any more."""
    for mint in [mint for mint in state.unlisted if mint in state.settings.tokens]:
        del state.unlisted[mint]
    state.desk = with_unlisted(state, state.settings)


def _is_left(state: State, mint: Mint) -> bool:
    """Whether a wallet has an account of it, or the move that closes one is not final."""
    if any(mint in book.token_accounts for book in state.wallets.values()):
        return True
    moves = [known.move for known in state.open_moves.values()]
    moves += [booked.move for booked in state.provisional_moves.values()]
    return any(move.money.mint == mint for move in moves)


def _drop_prices(state: State) -> None:
    """Of every token that is not known. A price may have come after its token was forgotten."""
    known = {SOL, state.settings.quote.mint, *state.settings.tokens}
    known |= {mint for book in state.wallets.values() for mint in book.positions}
    for prices in (state.marks, state.before_pico, state.doubted, state.references, state.volatility):
        for mint in [mint for mint in prices if mint not in known]:
            del prices[mint]
    state.mark_numbers = {mint: at for at, mint in enumerate(one for one in state.mark_numbers if one in known)}
