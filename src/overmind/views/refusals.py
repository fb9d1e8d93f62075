"""A refusal as operators and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NotRequired, TypedDict

import msgspec

from overmind.core.model.codes import Code, Refusal, Unit
from overmind.core.model.ids import WalletId
from overmind.core.model.units import PPM
from overmind.text.amount import Amount
from overmind.views.amounts import dollars, sol_of, tokens_of, usd_of

LIMITS_TOLD: Final = 4  # different limits of one code
WALLETS_TOLD: Final = 8  # of one code and limit
NO_UNIT: Final = (Unit.COUNT, Unit.RATIO)


class RefusalRow(TypedDict):
    """A rule that refuses, with its numbers in the unit of its code."""

    code: str  # operations.md explains each
    limit: Amount | float | int | str | None
    actual: Amount | float | int | str | None
    unit: str  # of both numbers
    wallet_id: WalletId | None  # null: the rule holds for every wallet
    wallet_ids: NotRequired[list[WalletId | None]]  # the first of several wallets with this code and limit
    more: NotRequired[int]  # wallets that are not named


class _Row(msgspec.Struct):
    """What one rule with one limit refused."""

    first: Refusal
    wallets: list[WalletId | None]  # None: the rule holds for every wallet
    more: int = 0  # wallets with further limits of the same code

    def shown(self) -> RefusalRow:
        told, more = self.wallets[:WALLETS_TOLD], self.more + max(0, len(self.wallets) - WALLETS_TOLD)
        row = shown(self.first)
        if len(told) > 1:
            row["wallet_ids"] = told
        if more:
            row["more"] = more
        return row


def grouped(refusals: Iterable[Refusal]) -> list[RefusalRow]:
    """Refusals as an answer tells them: a row for each code and limit, each where its first one stands.

    The numbers of a row are those of its first wallet. `wallet_ids` names its wallets, if they are several, and `more`
    counts those without a name. Of one code a few limits are told; the wallets of the others count as `more` in its
    last row. `explain` tells every wallet with its own numbers.
    """
    rows: dict[tuple[str, int | str | None, bool], _Row] = {}
    newest: dict[str, _Row] = {}  # by code
    limits: dict[str, int] = {}  # told of each code
    for one in refusals:
        code, key = one.code.value, (one.code.value, one.limit, one.wallet_id is None)
        row = rows.get(key)
        if row is not None:
            row.wallets.append(one.wallet_id)
        elif limits.get(code, 0) < LIMITS_TOLD:
            limits[code] = limits.get(code, 0) + 1
            rows[key] = newest[code] = _Row(one, [one.wallet_id])
        else:
            newest[code].more += 1
    return [row.shown() for row in rows.values()]


def shown(refusal: Refusal) -> RefusalRow:
    """A refusal as operators and programs read it: numbers in the unit of its code."""
    unit = refusal.code.unit
    return {
        "code": refusal.code.value,
        "limit": _shown(refusal.limit, unit),
        "actual": _shown(refusal.actual, unit),
        "unit": unit.value,
        "wallet_id": refusal.wallet_id,
    }


def _shown(amount: int | str | None, unit: Unit) -> Amount | float | int | str | None:
    if not isinstance(amount, int):
        return amount
    match unit:
        case Unit.USD:
            return usd_of(amount)
        case Unit.PERCENT:
            return amount / (PPM // 100)
        case Unit.RATIO:
            return amount / PPM
        case Unit.SOL:
            return sol_of(amount)
        case Unit.BASE_UNITS:
            return tokens_of(amount, 0)
        case Unit.COUNT | Unit.MILLISECONDS | Unit.BASIS_POINTS | Unit.TEXT | Unit.FLAG:
            return amount


def in_words(row: Mapping[str, object]) -> str:
    """The broken rule of such a row, with what was asked and what is allowed."""
    code, limit, actual, unit = row["code"], row["limit"], row["actual"], row["unit"]
    status, _, holds = str(actual).partition(": ")
    if code == Code.WALLET_STATUS and holds:
        return f"{code}: {status}, held by {holds} (needs: {limit})"
    if unit == Unit.TEXT:
        return f"{code}: {actual} (needs: {limit})"
    return f"{code} {_with_unit(actual, unit)} (limit {_with_unit(limit, unit)})"


def _with_unit(amount: object, unit: object) -> str:
    """USD is a decimal string where it comes from a service."""
    match amount, unit:
        case int() | float() | str(), Unit.USD:
            return dollars(Amount(str(amount)))
        case int() | float(), Unit.PERCENT:
            return f"{amount:g}%"
        case _, unit if unit in NO_UNIT:
            return f"{amount}"
        case _:
            return f"{amount} {unit}"
