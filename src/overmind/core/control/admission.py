"""Journals what was seen of mints and of our token accounts, and what follows from it.

See specification §15.
"""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.state import State
from overmind.core.control.holds import known_wallets
from overmind.core.control.mint_rules import findings
from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import AccountsFlagged, CloseOrdered, Event, MintAdmitted, MintRefused
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.mints import Admission, AdmissionPolicy, Finding, MintLook
from overmind.core.model.money import Token


def record_admission(state: State, mint: Mint, look: MintLook) -> Iterator[Event]:
    """A look that finds what is known already yields nothing, so the journal grows with changes only."""
    desk, token = state.settings, known_token(state, mint)
    if desk.admission is AdmissionPolicy.OFF or token is None:
        return
    admission = Admission(look.facts, _against(desk.admission, token, look))
    if _same_finding(state.admissions.get(mint), admission):
        return
    if not admission.findings:
        assert look.facts is not None, look  # A look without facts has a finding.
        yield MintAdmitted(mint, look.facts)
        return
    yield MintRefused(mint, look.facts, admission.findings)
    if desk.admission_exit:
        yield from _close_all(state, mint, f"its mint is not admitted: {admission.reason}")


def _against(policy: AdmissionPolicy, token: Token, look: MintLook) -> tuple[Finding, ...]:
    if look.facts is None:
        assert look.fault is not None, look
        return (look.fault,)
    return tuple(findings(policy, token, look.facts))


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
