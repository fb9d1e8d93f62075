"""Refusals as the journal keeps them: in columns, or as those of an earlier entry."""

from __future__ import annotations

from typing import Final

from overmind.core.model.codes import Code
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value

IN_NUMBERS: Final = 0  # instead of a limit or an actual value: it is a number


class RefusedRule(Value, frozen=True, array_like=True):
    """A rule that one or many wallets broke, with what it says in words."""

    code: Code
    limit: str | int | None
    actual: str | int | None


class BriefRefusals(Value, frozen=True, omit_defaults=True):
    """All refusals of a signal, in order. `core.books.brief_refusals` writes and reads them."""

    codes: tuple[Code, ...]  # each once; the first is the signal's
    like: int = 0  # the entry that has the rules, places and wallets; 0: this one
    # Rule by rule a column of its limits and one of its actual values, of one number if all are equal. With `like`,
    # none: they are those of that entry.
    numbers: tuple[tuple[int, ...], ...] = ()
    rules: tuple[RefusedRule, ...] = ()
    places: tuple[int, ...] = ()  # the rule of each refusal
    wallets: tuple[WalletId, ...] = ()
    by: tuple[int, ...] = ()  # the wallet of each refusal, counted from 1; 0: it is no wallet's
