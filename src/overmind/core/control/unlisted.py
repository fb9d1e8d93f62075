"""Mints that no list has: what admits them, what turns them away, and when a known one is forgotten.

See specification §15.14.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.unlisted import is_needed
from overmind.core.control.mint_rules import findings
from overmind.core.model.events import Event, MintAdmitted, MintForgotten, MintRefused
from overmind.core.model.ids import Mint
from overmind.core.model.mints import (
    Admission,
    AdmissionPolicy,
    Finding,
    Flaw,
    MintFacts,
    MintLook,
    Trial,
    UnlistedRules,
)
from overmind.core.model.money import Token
from overmind.core.model.units import BPS, MICROS, NS

KEPT_NS: Final = 600 * NS  # how long a token that nobody holds stays known after it was tried
DECIMALS_MAX: Final = 18
ENDS: Final = 6  # letters of a mint that its symbol shows on either side
GAP: Final = "…"  # between them; no listed symbol has it
POLICY: Final = AdmissionPolicy.STRICT  # No list says what such a mint may be able to do.


def is_traded(state: State, mint: Mint) -> bool:
    known = state.unlisted.get(mint)
    return known is not None and known.traded


def try_mint(state: State, mint: Mint, look: MintLook, held: Token | None) -> Iterator[Event]:
    """A look at a mint that a signal wants to buy and that no list has. `held`: the token, if somebody holds it."""
    known = is_traded(state, mint)
    token = held or _new_token(state, mint, look)
    found = tuple(verdict(state.settings.unlisted, token, look.facts, look.fault, look.trial))
    if found and known and found[0].flaw is Flaw.NOT_LOOKED_AT:
        return  # It changes no verdict. The look before the order is signed decides.
    oldest = None
    if not found and not known and _places_left(state) <= 0:
        oldest = _oldest_unneeded(state)
        if oldest is None:
            most = state.settings.unlisted.mints_max
            found = (Finding(Flaw.TOO_MANY_MINTS, f"{most} mints of no list are held or on order, the most at once"),)
    if found:
        before = state.admissions.get(mint) if known else None
        if not known and mint in state.turned_away:
            before = state.turned_away[mint].admission
        if before is None or before.findings != found:
            yield MintRefused(mint, look.facts, found, look.trial, turned_away=not known)
        return
    assert look.facts is not None, look  # A look without facts has a finding.
    assert token is not None, look
    if known and state.admissions.get(mint) == Admission(look.facts, trial=look.trial):
        return  # It is the same look.
    if oldest is not None:
        yield MintForgotten(oldest, f"{mint} takes its place")
    yield MintAdmitted(mint, look.facts, token, look.trial)


def verdict(
    rules: UnlistedRules, token: Token | None, facts: MintFacts | None, fault: Finding | None, trial: Trial | None
) -> Iterator[Finding]:
    """What speaks against buying a token that no list has: the mint first, then its market."""
    if facts is None or token is None:
        assert fault is not None, (facts, token)
        yield fault
        return
    if facts.decimals > DECIMALS_MAX:
        yield Finding(Flaw.WRONG_DECIMALS, f"{facts.decimals} decimals, and at most {DECIMALS_MAX} are counted")
    of_mint = tuple(findings(POLICY, token, facts))
    yield from of_mint
    if trial is not None:
        yield from _market(rules, trial)
    elif not of_mint:
        yield fault or Finding(Flaw.NOT_LOOKED_AT, "its market was not looked at")


def _market(rules: UnlistedRules, trial: Trial) -> Iterator[Finding]:
    if trial.liquidity_micros < rules.liquidity_min_micros:
        least, actual = rules.liquidity_min_micros // MICROS, trial.liquidity_micros // MICROS
        yield Finding(Flaw.LOW_LIQUIDITY, f"its pools hold ${actual:,}, and at least ${least:,} are wanted")
        return  # Nothing was tried.
    if trial.impact_bps > rules.impact_max_bps:
        detail = f"${rules.trial_micros // MICROS:,} move the price by {trial.impact_bps} bps"
        yield Finding(Flaw.PRICE_IMPACT, f"{detail}, at most {rules.impact_max_bps}")
    if trial.fault:
        yield Finding(Flaw.NOT_SALEABLE, trial.fault)
    elif trial.spent_units <= 0:
        yield Finding(Flaw.NOT_SALEABLE, "no buy and sale of it was simulated")
    elif (lost_bps := lost_of(trial)) > rules.round_trip_max_bps:
        detail = f"a buy and a sale right after it lose {lost_bps} bps"
        yield Finding(Flaw.ROUND_TRIP_LOSS, f"{detail}, at most {rules.round_trip_max_bps}")


def lost_of(trial: Trial) -> int:
    """What the simulated buy and sale lose, in bps, rounded up."""
    return -((trial.back_units - trial.spent_units) * BPS // trial.spent_units)


def forget_unneeded(state: State, mint: Mint, at_ns: int) -> Iterator[MintForgotten]:
    """A token that nobody holds makes room for others."""
    known = state.unlisted[mint]
    if at_ns - known.at_ns > KEPT_NS and not is_needed(state, mint):
        yield MintForgotten(mint, "nobody holds it, and no signal asks for it")


def _places_left(state: State) -> int:
    return state.settings.unlisted.mints_max - sum(one.traded for one in state.unlisted.values())


def _oldest_unneeded(state: State) -> Mint | None:
    free = [mint for mint, one in state.unlisted.items() if one.traded and not is_needed(state, mint)]
    return min(free, key=lambda mint: (state.unlisted[mint].at_ns, mint), default=None)


def _new_token(state: State, mint: Mint, look: MintLook) -> Token | None:
    facts = look.facts
    return None if facts is None else Token(symbol_for(state, mint), mint, facts.decimals, facts.program)


def symbol_for(state: State, mint: Mint) -> str:
    """The ends of the mint. A token of another mint may have that symbol; then the whole mint is the symbol."""
    short = f"{mint[:ENDS]}{GAP}{mint[-ENDS:]}"
    others = (*state.settings.tokens.values(), state.settings.quote)
    taken = any(one.symbol.casefold() == short.casefold() and one.mint != mint for one in others)
    return mint if taken or len(mint) <= len(short) else short
