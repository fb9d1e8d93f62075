"""Our own token accounts: whoever else could take or close what is in them, and whatever keeps them from being used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.token_bytes import account_bytes, address, extension, mint_bytes

from overmind.ports import AccountBytes
from overmind.solana.own_accounts import flaw_of
from overmind.solana.tokens import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

US, MALLORY, USDC, OTHER = (address(name) for name in ("us", "mallory", "usdc", "other mint"))
OLD, NEW = str(TOKEN_PROGRAM), str(TOKEN_2022_PROGRAM)
CARRIED = extension(7) + extension(2, bytes(8)) + extension(27) + extension(15, b"\0") + extension(11, b"\1")

# What is seen, the program that it should belong to, and words of what is wrong.
ACCOUNTS: dict[str, tuple[AccountBytes | None, str, str]] = {
    "ours alone": (AccountBytes(OLD, account_bytes(USDC, US)), OLD, ""),
    "not there yet": (None, OLD, ""),
    "lamports at its address": (AccountBytes(str(SYSTEM_PROGRAM), b""), OLD, ""),
    "a delegate": (AccountBytes(OLD, account_bytes(USDC, US, delegate=MALLORY)), OLD, f"{MALLORY} may take 5"),
    "a delegate of nothing": (AccountBytes(OLD, account_bytes(USDC, US, 0, MALLORY)), OLD, f"{MALLORY} may take 0"),
    "a close authority": (AccountBytes(OLD, account_bytes(USDC, US, close=MALLORY)), OLD, f"{MALLORY} may close it"),
    "ourselves to close it": (AccountBytes(OLD, account_bytes(USDC, US, close=US)), OLD, ""),
    "frozen": (AccountBytes(OLD, account_bytes(USDC, US, state=2)), OLD, "it is frozen"),
    "never initialized": (AccountBytes(OLD, account_bytes(USDC, US, state=0)), OLD, "not initialized"),
    "another owner": (AccountBytes(OLD, account_bytes(USDC, MALLORY)), OLD, f"its owner is {MALLORY}"),
    "another mint": (AccountBytes(OLD, account_bytes(OTHER, US)), OLD, f"an account of {OTHER}"),
    "another program": (AccountBytes(NEW, account_bytes(USDC, US)), OLD, f"the program {NEW}"),
    "a system account with content": (AccountBytes(str(SYSTEM_PROGRAM), b"\1"), OLD, "belongs to the program"),
    "too few bytes": (AccountBytes(OLD, account_bytes(USDC, US)[:164]), OLD, "164 bytes"),
    "too many bytes": (AccountBytes(OLD, account_bytes(USDC, US) + b"\0"), OLD, "166 bytes"),
    "a mint in its place": (AccountBytes(NEW, mint_bytes(extension(12, bytes(32)))), NEW, "no account with"),
    "what the program adds": (AccountBytes(NEW, account_bytes(USDC, US, extensions=CARRIED)), NEW, ""),
    "a memo wanted": (
        AccountBytes(NEW, account_bytes(USDC, US, extensions=extension(8, b"\1"))), NEW, "without a memo"
    ),
    "no memo wanted": (AccountBytes(NEW, account_bytes(USDC, US, extensions=extension(8, b"\0"))), NEW, ""),
    "an extension of tomorrow": (
        AccountBytes(NEW, account_bytes(USDC, US, extensions=extension(40))), NEW, "extension 40 is not known"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("account", "program", "words"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_an_account(account: AccountBytes | None, program: str, words: str) -> None:
    found = flaw_of(account, str(US), str(USDC), program)
    assert words in found
    assert bool(found) is bool(words)


def test_all_that_is_wrong_is_told() -> None:
    seen = AccountBytes(OLD, account_bytes(USDC, US, delegate=MALLORY, close=MALLORY, state=2))
    assert flaw_of(seen, str(US), str(USDC), OLD).count(";") == 2


@given(st.binary(max_size=200), st.sampled_from([OLD, NEW]), st.booleans())
def test_any_bytes_are_read_or_refused(tail: bytes, program: str, ours: bool) -> None:
    raw = (account_bytes(USDC, US) if ours else b"") + tail
    usable = not flaw_of(AccountBytes(program, raw), str(US), str(USDC), program)
    assert not usable or raw[:64] == bytes(USDC) + bytes(US)
