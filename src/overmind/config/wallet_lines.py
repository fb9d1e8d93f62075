"""Parses OVERMIND_MANAGED_WALLETS: `wallet_id:path:type:risk:allocation`, separated by commas (specification §5.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeVar

from overmind.config import kinds
from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.variables.wallets import MANAGED_WALLETS
from overmind.core.model import defaults
from overmind.core.model.enums import RiskProfile, WalletType
from overmind.core.model.ids import WalletId
from overmind.core.model.numbers import decimal_of
from overmind.core.model.units import PPM
from overmind.core.model.value import Value

V = TypeVar("V")

WALLETS_MAX: Final = 10_000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY_ARRAY: Final = re.compile(r"\[|(?:[0-9]{1,3}\s*,\s*){8}")
_SHAPE: Final = "write wallet_id:path:type:risk:allocation"
_ALLOCATION: Final = kinds.fraction()


class WalletLine(Value, frozen=True):
    """One wallet's entry. None: that part was wrong and recorded."""

    where: str
    source: str
    id: WalletId | None
    type: WalletType | None
    profile: RiskProfile | None
    allocation_ppm: int | None


def read_lines(text: str, findings: Findings) -> list[WalletLine]:
    if _KEY_ARRAY.search(text):  # Its commas would split it, and messages would repeat the pieces.
        findings.refuse(
            MANAGED_WALLETS.name,
            "holds an array of numbers: a private key has no place here",
            "put the key into a variable and name it as env:NAME, or into a file and name its path",
        )
        return []
    entries = [entry.strip() for entry in text.split(",")]
    if entries[-1] == "":
        entries.pop()
    if not entries:
        findings.refuse(MANAGED_WALLETS.name, "names no wallet", _SHAPE)
    if len(entries) > WALLETS_MAX:
        findings.refuse(MANAGED_WALLETS.name, f"names {len(entries)} wallets", f"manage at most {WALLETS_MAX}")
        return []
    read = [_read(position, entry, findings) for position, entry in enumerate(entries, start=1)]
    lines = [line for line in read if line is not None]
    _check_together(lines, findings)
    return lines


def _read(position: int, entry: str, findings: Findings) -> WalletLine | None:
    where = f"{MANAGED_WALLETS.name}[{position}]"
    parts = [part.strip() for part in entry.split(":")]
    if len(parts) < 5:
        missing = f"{shown(entry)!r} has {len(parts)} parts, not 5" if entry else "the entry is empty"
        findings.refuse(where, missing, _SHAPE)
        return None
    wallet_id, wallet_type, profile, allocation = parts[0], *parts[-3:]
    if _ID.fullmatch(wallet_id):
        where += f" {shown(wallet_id)}"
    source = ":".join(parts[1:-3])  # The path may contain colons.
    if not source:
        findings.refuse(where, "the path is empty", "name a key file, or a variable as env:NAME")
    return WalletLine(
        where=where,
        source=source,
        id=_id(wallet_id, where, findings),
        type=_word(wallet_type, defaults.WALLET_TYPES, "wallet type", where, findings),
        profile=_word(profile, defaults.PROFILES, "risk profile", where, findings),
        allocation_ppm=_allocation(allocation, where, findings),
    )


def _id(text: str, where: str, findings: Findings) -> WalletId | None:
    if _ID.fullmatch(text):
        return WalletId(text)
    problem = f"the wallet id {shown(text)!r} is not 1 to 64 letters, digits, _ and -"
    findings.refuse(
        where, problem if text else "the wallet id is empty", "name the wallet like primary_wallet, without quotes"
    )
    return None


def _word(text: str, known: dict[str, V], what: str, where: str, findings: Findings) -> V | None:
    word = kinds.choice(known).read(text)
    if not isinstance(word, InvalidValue):
        return word
    findings.refuse(where, f"{what} {word.problem}", word.fix)
    return None


def _allocation(text: str, where: str, findings: Findings) -> int | None:
    read = _ALLOCATION.read(text)
    if not isinstance(read, InvalidValue):
        return read
    findings.refuse(where, f"allocation {read.problem}", "write a share of the capital from 0 to 1, as in 0.4")
    return None


def _check_together(lines: Sequence[WalletLine], findings: Findings) -> None:
    for wallet_id, count in Counter(line.id for line in lines if line.id is not None).items():
        if count > 1:
            where = f"{MANAGED_WALLETS.name}: {shown(wallet_id)}"
            findings.refuse(where, f"the wallet id occurs {count} times", "give every wallet its own id")
    total = sum(line.allocation_ppm or 0 for line in lines)
    if total > PPM:
        sum_shown = f"{decimal_of(total, 6).normalize():f}"
        findings.refuse(MANAGED_WALLETS.name, f"the allocations sum to {sum_shown}", "lower them to at most 1 together")
