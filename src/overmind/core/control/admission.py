"""Journals what was seen of mints and of our token accounts, and what follows from it.

See specification §15.
"""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.state import State
from overmind.core.control.holds import known_wallets
from overmind.core.control.mint_rules import findings
from overmind.core.control.unlisted import forget_unneeded, is_traded, try_mint, verdict
from overmind.core.model.commands import CommandRefused, RecordAdmission
from overmind.core.model.events import AccountsFlagged, CloseOrdered, Event, MintAdmitted, MintRefused
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.mints import Admission, AdmissionPolicy, Finding, MintLook, Trial
from overmind.core.model.money import Token


def record_admission(state: State, record: RecordAdmission, at_ns: int) -> Iterator[Event]:
    """A look that finds what is known already yields nothing, so the journal grows with changes only. Each trial of a
    mint that no list has is journaled.
    """
    desk, mint, look = state.settings, record.mint, record.look
    if desk.admission is AdmissionPolicy.OFF:
        return
    token, before = known_token(state, mint), state.admissions.get(mint)
    unlisted = is_traded(state, mint) or mint not in (SOL, desk.quote.mint, *desk.tokens)
    if record.wanted and unlisted and desk.unlisted.mints_max:
        yield from try_mint(state, mint, look, token)
    elif token is not None:
        yield from _look_again(state, token, look)
    after = state.admissions.get(mint)
    if desk.admission_exit and after is not None and after is not before and after.of_mint:
        yield from _close_all(state, mint, f"its mint is not admitted: {after.reason}")
    if is_traded(state, mint) and not record.wanted:
        yield from forget_unneeded(state, mint, at_ns)


def _look_again(state: State, token: Token, look: MintLook) -> Iterator[Event]:
    """What is known of the market of a mint that no list has still counts."""
    before = state.admissions.get(token.mint)
    trial = before.trial if before is not None else None
    admission = Admission(look.facts, _against(state, token, look, trial), trial)
    if _same_finding(before, admission):
        return
    if not admission.findings:
        assert look.facts is not None, look  # A look without facts has a finding.
        yield MintAdmitted(token.mint, look.facts, trial=trial)
    else:
        yield MintRefused(token.mint, look.facts, admission.findings, trial)


def _against(state: State, token: Token, look: MintLook, trial: Trial | None) -> tuple[Finding, ...]:
    if is_traded(state, token.mint):
        return tuple(verdict(state.settings.unlisted, token, look.facts, look.fault, trial))
    if look.facts is None:
        assert look.fault is not None, look
        return (look.fault,)
    return tuple(findings(state.settings.admission, token, look.facts))


def known_token(state: State, mint: Mint) -> Token | None:
    """A listed token, the quote currency, or a delisted token that is held."""
    desk = state.settings
    if mint == desk.quote.mint:
        return desk.quote
    held = (book.positions[mint].token for book in state.wallets.values() if mint in book.positions)
    return desk.tokens.get(mint) or next(held, None)


def _close_all(state: State, mint: Mint, reason: str) -> Iterator[Event]:
    for wallet_id, book in state.wallets.items():
        if mint in book.positions and mint not in book.closing:
            yield CloseOrdered(wallet_id, mint, reason)


def record_accounts(state: State, wallet_id: WalletId, seen: dict[Mint, str]) -> Iterator[Event]:
    """`seen`: what is wrong with each account that was looked at; blank: nothing."""
    if wallet_id not in state.wallets:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {known_wallets(state)}")
    known = state.account_flaws.get(wallet_id, {})
    flaws = {mint: flaw for mint, flaw in sorted({**known, **seen}.items()) if flaw}
    if flaws != known:
        yield AccountsFlagged(wallet_id, flaws)


def _same_finding(known: Admission | None, found: Admission) -> bool:
    """Whether a look found what is known already. Only the slot of the answer may differ."""
    return known is not None and _timeless(known) == _timeless(found)


def _timeless(admission: Admission) -> tuple[object, ...]:
    facts = admission.facts
    if facts is None:
        return None, admission.findings
    seen = (facts.program, facts.decimals, facts.authorities, facts.extensions, facts.unknown_extensions)
    return *seen, facts.fee_bps, facts.default_frozen, facts.paused, admission.findings
