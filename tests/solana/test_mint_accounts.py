"""What a mint can do to its holders is read from its bytes, extension by extension, and judged by the policy."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.token_bytes import NOBODY, address, extension, fee_config, mint_bytes, mint_of_2022

from overmind.core.control.mint_rules import findings
from overmind.core.model.ids import Mint
from overmind.core.model.mints import AdmissionPolicy, Authorities, DeclaredMint, Flaw, MintFacts
from overmind.core.model.money import Token
from overmind.ports import AccountBytes
from overmind.solana.mint_accounts import EXTENSIONS, look_at
from overmind.solana.tokens import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

MALLORY, ISSUER = address("mallory"), address("issuer")
M, BY = str(MALLORY), str(ISSUER)
SLOT = 300
TOKEN = Token("NEW", Mint("new"), 6, "token-2022")
HOLDER = bytes(MALLORY)

# What is seen, and the flaws under the policies "checked" and "strict".
MINTS: dict[str, tuple[AccountBytes | None, str, str]] = {
    "plain": (mint_of_2022(), "", ""),
    "with a mint authority": (mint_of_2022(mint=MALLORY), "", "MINT_AUTHORITY"),
    "with a freeze authority": (mint_of_2022(freeze=MALLORY), "FREEZE_AUTHORITY", "FREEZE_AUTHORITY"),
    "that is not there": (None, "NO_MINT", "NO_MINT"),
    "of another program": (AccountBytes(str(SYSTEM_PROGRAM), mint_bytes()), "WRONG_PROGRAM", "WRONG_PROGRAM"),
    "of the older token program": (AccountBytes(str(TOKEN_PROGRAM), mint_bytes()), "WRONG_PROGRAM", "WRONG_PROGRAM"),
    "with other decimals": (
        AccountBytes(str(TOKEN_2022_PROGRAM), mint_bytes(decimals=9)), "WRONG_DECIMALS", "WRONG_DECIMALS"
    ),
    "of an older program with extensions": (
        AccountBytes(str(TOKEN_PROGRAM), mint_bytes(extension(12, HOLDER))), "UNREADABLE", "UNREADABLE"
    ),
    "with a fee": (mint_of_2022(fee_config(30, 30)), "TRANSFER_FEE", "TRANSFER_FEE"),
    "with a fee that ends": (mint_of_2022(fee_config(30, 0)), "TRANSFER_FEE", "TRANSFER_FEE"),
    "with a fee that begins next epoch": (mint_of_2022(fee_config(0, 9_000)), "TRANSFER_FEE", "TRANSFER_FEE"),
    "with no fee and nobody to set one": (mint_of_2022(fee_config(0, 0)), "", ""),
    "with no fee and somebody to set one": (
        mint_of_2022(fee_config(0, 0, HOLDER)), "TRANSFER_FEE_AUTHORITY", "TRANSFER_FEE_AUTHORITY"
    ),
    "that can be closed": (mint_of_2022(extension(3, HOLDER)), "MINT_CLOSE_AUTHORITY", "MINT_CLOSE_AUTHORITY"),
    "that nobody can close any more": (mint_of_2022(extension(3, NOBODY)), "", ""),
    "of hidden amounts": (mint_of_2022(extension(4, NOBODY + b"\1" + NOBODY)), "", "CONFIDENTIAL"),
    "of hidden amounts, with an approver": (
        mint_of_2022(extension(4, HOLDER + b"\1" + NOBODY)), "", "CONFIDENTIAL CONFIDENTIAL"
    ),
    "whose new accounts are frozen": (mint_of_2022(extension(6, b"\2")), "DEFAULT_FROZEN", "DEFAULT_FROZEN"),
    "whose new accounts are not frozen": (mint_of_2022(extension(6, b"\1")), "", ""),
    "that cannot be transferred": (mint_of_2022(extension(9)), "NON_TRANSFERABLE", "NON_TRANSFERABLE"),
    "with interest": (mint_of_2022(extension(10, HOLDER + bytes(20))), "", "SHOWN_AMOUNT"),
    "with interest that nobody sets": (mint_of_2022(extension(10, bytes(52))), "", ""),
    "with a permanent delegate": (
        mint_of_2022(extension(12, HOLDER)), "PERMANENT_DELEGATE", "PERMANENT_DELEGATE"
    ),
    "with a permanent delegate given up": (mint_of_2022(extension(12, NOBODY)), "", ""),
    "with a hook": (mint_of_2022(extension(14, NOBODY + HOLDER)), "TRANSFER_HOOK", "TRANSFER_HOOK"),
    "with somebody who can set a hook": (
        mint_of_2022(extension(14, HOLDER + NOBODY)), "TRANSFER_HOOK", "TRANSFER_HOOK"
    ),
    "with an empty hook": (mint_of_2022(extension(14, bytes(64))), "", ""),
    "with hidden fees": (mint_of_2022(extension(16, bytes(129))), "", "CONFIDENTIAL"),
    "with a pointer to its metadata": (mint_of_2022(extension(18, HOLDER * 2)), "", ""),
    "with metadata": (mint_of_2022(extension(19, b"any text of any length")), "", ""),
    "in a group": (
        mint_of_2022(extension(20, HOLDER * 2), extension(21, bytes(80)), extension(22, HOLDER * 2),
                     extension(23, bytes(72))), "", ""
    ),
    "of hidden supply": (mint_of_2022(extension(24, bytes(196))), "", "CONFIDENTIAL"),
    "with a scale": (mint_of_2022(extension(25, HOLDER + bytes(24))), "", "SHOWN_AMOUNT"),
    "that can be paused": (mint_of_2022(extension(26, HOLDER + b"\0")), "PAUSABLE", "PAUSABLE"),
    "that is paused": (mint_of_2022(extension(26, HOLDER + b"\1")), "PAUSABLE PAUSED", "PAUSABLE PAUSED"),
    "that is paused for ever": (mint_of_2022(extension(26, NOBODY + b"\1")), "PAUSED", "PAUSED"),
    "whose burns need a word": (mint_of_2022(extension(28, HOLDER)), "PERMISSIONED_BURN", "PERMISSIONED_BURN"),
    "with an extension of tomorrow": (mint_of_2022(extension(29, b"?")), "UNKNOWN_EXTENSION", "UNKNOWN_EXTENSION"),
    "with an extension of accounts": (mint_of_2022(extension(7)), "UNKNOWN_EXTENSION", "UNKNOWN_EXTENSION"),
    "with a danger behind the harmless": (
        mint_of_2022(extension(18, HOLDER * 2), extension(19, b"name"), extension(12, HOLDER)),
        "PERMANENT_DELEGATE", "PERMANENT_DELEGATE"
    ),
    "with an extension of the wrong length": (mint_of_2022(extension(12, HOLDER + b"\0")), "UNREADABLE", "UNREADABLE"),
    "with an extension twice": (
        mint_of_2022(extension(12, NOBODY), extension(12, HOLDER)), "UNREADABLE", "UNREADABLE"
    ),
    "with an extension beyond its end": (mint_of_2022(pack("<HH", 19, 9) + b"four"), "UNREADABLE", "UNREADABLE"),
    "with something after its end": (mint_of_2022(bytes(4) + extension(12, HOLDER)), "UNREADABLE", "UNREADABLE"),
    "with room after its end": (mint_of_2022(extension(6, b"\1"), bytes(40)), "", ""),
    "that is a token account": (
        AccountBytes(str(TOKEN_2022_PROGRAM), bytes(165) + b"\2" + extension(7)), "UNREADABLE", "UNREADABLE"
    ),
    "that was never initialized": (AccountBytes(str(TOKEN_2022_PROGRAM), bytes(82)), "UNREADABLE", "UNREADABLE"),
    "of too few bytes": (AccountBytes(str(TOKEN_2022_PROGRAM), mint_bytes()[:81]), "UNREADABLE", "UNREADABLE"),
    "with something in its padding": (
        AccountBytes(str(TOKEN_2022_PROGRAM), mint_bytes() + b"\1" * 83 + b"\1"), "UNREADABLE", "UNREADABLE"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("account", "checked", "strict"), MINTS.values(), ids=MINTS)
def test_a_mint(account: AccountBytes | None, checked: str, strict: str) -> None:
    assert flaws(account, AdmissionPolicy.CHECKED) == checked.split()
    assert flaws(account, AdmissionPolicy.STRICT) == strict.split()


def flaws(account: AccountBytes | None, policy: AdmissionPolicy, token: Token = TOKEN) -> list[str]:
    look = look_at(account, SLOT)
    if look.facts is None:
        assert look.fault is not None
        return [look.fault.flaw]
    return [finding.flaw for finding in findings(policy, token, look.facts)]


def declared(bps: int = 0, **authorities: str) -> Token:
    return replace(TOKEN, declared=DeclaredMint(Authorities(**authorities), bps))


# What the list declares, what is seen, and the flaws under either policy.
DECLARED: dict[str, tuple[Token, AccountBytes, str]] = {
    "both, as declared": (declared(mint=BY, freeze=BY), mint_of_2022(mint=ISSUER, freeze=ISSUER), ""),
    "another freezes": (declared(mint=BY, freeze=BY), mint_of_2022(mint=ISSUER, freeze=MALLORY), "DEVIATION"),
    "another makes units": (declared(mint=BY, freeze=BY), mint_of_2022(mint=MALLORY, freeze=ISSUER), "DEVIATION"),
    "nobody makes units any more": (declared(mint=BY, freeze=BY), mint_of_2022(freeze=ISSUER), "DEVIATION"),
    "a delegate came": (
        declared(mint=BY, freeze=BY),
        mint_of_2022(extension(12, HOLDER), mint=ISSUER, freeze=ISSUER),
        "DEVIATION",
    ),
    "declared to have nobody": (declared(), mint_of_2022(mint=MALLORY), "DEVIATION"),
    "the declared delegate": (declared(permanent_delegate=M), mint_of_2022(extension(12, HOLDER)), ""),
    "the declared fee": (declared(30, transfer_fee=M), mint_of_2022(fee_config(30, 30, HOLDER)), ""),
    "a lower fee": (declared(30, transfer_fee=M), mint_of_2022(fee_config(30, 0, HOLDER)), ""),
    "a fee that rises": (declared(30, transfer_fee=M), mint_of_2022(fee_config(30, 31, HOLDER)), "TRANSFER_FEE"),
    "the declared pauser": (declared(pause=M), mint_of_2022(extension(26, HOLDER + b"\0")), ""),
    "the declared pauser has paused": (declared(pause=M), mint_of_2022(extension(26, HOLDER + b"\1")), "PAUSED"),
    "another hook": (
        declared(transfer_hook_program=M), mint_of_2022(extension(14, NOBODY + bytes(ISSUER))), "DEVIATION"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("token", "account", "expected"), DECLARED.values(), ids=DECLARED)
def test_a_declared_mint(token: Token, account: AccountBytes, expected: str) -> None:
    for policy in (AdmissionPolicy.CHECKED, AdmissionPolicy.STRICT):
        assert flaws(account, policy, token) == expected.split()


def test_every_role_is_judged() -> None:
    """An authority that is read and never looked at would admit its holder."""
    for role in Authorities.__struct_fields__:
        facts = MintFacts("token-2022", 6, SLOT, Authorities(**{role: M}))
        assert [one.flaw for one in findings(AdmissionPolicy.STRICT, TOKEN, facts)], role
        assert [one.flaw for one in findings(AdmissionPolicy.CHECKED, declared(), facts)] == [Flaw.DEVIATION], role


@given(st.binary(max_size=400), st.sampled_from([TOKEN_PROGRAM, TOKEN_2022_PROGRAM]), st.integers(0, 2))
def test_any_bytes_are_read_or_refused(tail: bytes, program: object, base: int) -> None:
    """Nobody's bytes stop the desk, and what is admitted has no extension that this table does not know."""
    start = (b"", mint_bytes(), mint_bytes(b"\0")[:166])[base]
    look = look_at(AccountBytes(str(program), start + tail), SLOT)
    assert (look.facts is None) is not (look.fault is None)
    if look.facts is not None and not list(findings(AdmissionPolicy.CHECKED, TOKEN, look.facts)):
        assert set(look.facts.extensions) <= {name for name, _ in EXTENSIONS.values()}
        assert not look.facts.unknown_extensions
