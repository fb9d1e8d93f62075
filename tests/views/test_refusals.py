"""How an answer tells refusals: grouped by code and limit, and never longer than a few rows for each code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from overmind.core.model.codes import Code, Refusal
from overmind.core.model.ids import WalletId
from overmind.text.printable import json_bytes
from overmind.views.refusals import grouped


def refusals(text: str) -> list[Refusal]:
    """`CODE wallet limit actual; …`; the wallet `-` stands for all."""
    found = []
    for part in text.split("; "):
        code, wallet, limit, actual = part.split()
        found.append(Refusal(Code(code), int(limit), int(actual), None if wallet == "-" else WalletId(wallet)))
    return found


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """`CODE wallets limit actual` of each row, `+n` where more wallets are counted."""
    lines = []
    for row in rows:
        wallets = "+".join(row.get("wallet_ids", [row["wallet_id"] or "-"]))
        more = f" +{row['more']}" if "more" in row else ""
        lines.append(f"{row['code']} {wallets} {row['limit']} {row['actual']}{more}")
    return "; ".join(lines)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("RATE_LIMIT w1 3 4", "RATE_LIMIT w1 3 4"),
        ("RATE_LIMIT - 3 4; RATE_LIMIT w1 3 4", "RATE_LIMIT - 3 4; RATE_LIMIT w1 3 4"),
        (
            "RATE_LIMIT w1 3 4; TRADES_TODAY w1 9 9; RATE_LIMIT w2 3 7; TRADES_TODAY w2 9 9",
            "RATE_LIMIT w1+w2 3 4; TRADES_TODAY w1+w2 9 9",
        ),
        ("RATE_LIMIT w1 3 4; RATE_LIMIT w2 5 6", "RATE_LIMIT w1 3 4; RATE_LIMIT w2 5 6"),
        (
            "; ".join(f"RATE_LIMIT w{n} {n} 9" for n in range(1, 7)),
            "RATE_LIMIT w1 1 9; RATE_LIMIT w2 2 9; RATE_LIMIT w3 3 9; RATE_LIMIT w4 4 9 +2",
        ),
        (
            "; ".join(f"RATE_LIMIT w{n} 3 9" for n in range(1, 11)),
            "RATE_LIMIT w1+w2+w3+w4+w5+w6+w7+w8 3 9 +2",
        ),
    ],
)
def test_refusals_are_grouped(given: str, expected: str) -> None:
    assert told(grouped(refusals(given))) == expected


def test_every_code_and_every_wallet_is_told_or_counted() -> None:
    codes = (Code.RATE_LIMIT, Code.POSITION_SIZE, Code.WALLET_EXPOSURE)
    given = [Refusal(code, n, n + 1, WalletId(f"wallet{n}")) for n in range(64) for code in codes]
    rows: list[Any] = grouped(given)
    assert {row["code"] for row in rows} == set(codes)
    assert rows[0]["wallet_id"] == "wallet0"
    assert sum(len(row.get("wallet_ids", ["one"])) + row.get("more", 0) for row in rows) == len(given)
    assert len(json_bytes(rows)) < 4_096
