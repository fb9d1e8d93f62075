"""Limits and mint lists for operators: the value in the files, the value in force, and who changed it and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import asdict

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import FIELDS, UNITS, kind_of, shown, values_of
from overmind.core.control.unlisted import lost_of
from overmind.core.model.codes import Limits, Unit
from overmind.core.model.commands import CommandRefused
from overmind.core.model.controls import Change, Remark
from overmind.core.model.ids import LimitName, Mint, WalletId
from overmind.core.model.mints import Admission
from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Wallet
from overmind.keys.secret_key import is_address
from overmind.text.amount import Amount
from overmind.views.amounts import symbol_of, usd_of

LimitAmount = Amount | float | int | bool


class LimitRow(Value, frozen=True):
    name: str
    unit: str  # usd, percent, count, ratio (0 to 1) or flag
    by_files: LimitAmount | None  # None: the files no longer give this strategy to the wallet
    in_force: LimitAmount | None
    wanted: LimitAmount | None = None  # by an operator; `in_force` is lower where a ceiling or newer files demand it
    who: str = ""
    reason: str = ""
    since_ns: int | None = None


class WalletLimits(Value, frozen=True):
    wallet_id: WalletId
    differs: bool  # a value in force differs from the files
    limits: tuple[LimitRow, ...]


class MintRow(Value, frozen=True):
    mint: Mint
    symbol: str
    who: str
    reason: str
    since_ns: int


class LookRow(Value, frozen=True):
    """The verdict on a mint, with what was seen when it last changed."""

    mint: Mint
    symbol: str
    admitted: bool
    why: str  # it is not admitted; blank: it is
    authorities: dict[str, str]  # who holds which
    extensions: tuple[str, ...]
    slot: int
    unlisted: bool = False  # no list has it
    liquidity_usd: Amount | None = None  # of one that no list has: what its pools held when it was last tried
    round_trip_bps: int | None = None  # and what its simulated buy and sale lost


class Mints(Value, frozen=True, omit_defaults=True):
    blocked: tuple[MintRow, ...]
    allowed: tuple[MintRow, ...] | None  # None: every listed token that is not blocked
    looked_at: tuple[LookRow, ...] = ()  # on a chain, unless OVERMIND_ADMISSION is off
    turned_away: tuple[LookRow, ...] = ()  # the newest mints that no list has and that were not admitted


def limits(state: State) -> list[WalletLimits]:
    return [*limit_rows(state)]


def limit_rows(state: State) -> Iterator[WalletLimits]:
    """The state may change between two rows."""
    return (wallet_limits(state, wallet_id) for wallet_id in [*state.wallets])


def wallet_limits(state: State, wallet_id: WalletId) -> WalletLimits:
    """Raises CommandRefused if there is no such wallet."""
    book = state.wallets.get(wallet_id)
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(state.wallets)}")
    by_files, in_force, changes = values_of(book.configured), values_of(book.wallet), state.changes.get(wallet_id, {})
    rows = tuple(_row(name, by_files, in_force, changes.get(name)) for name in {**by_files, **changes})
    return WalletLimits(wallet_id, by_files != in_force, rows)


def _row(
    name: LimitName, by_files: Mapping[LimitName, int], in_force: Mapping[LimitName, int], change: Change | None
) -> LimitRow:
    kind = kind_of(name)
    assert kind is not None, name
    row = LimitRow(name, UNITS[kind].value, _amount(kind, by_files.get(name)), _amount(kind, in_force.get(name)))
    if change is None:
        return row
    wanted = _amount(kind, change.value)
    return LimitRow(row.name, row.unit, row.by_files, row.in_force, wanted, change.who, change.reason, change.since_ns)


def _amount(kind: str, value: int | None) -> LimitAmount | None:
    if value is None:
        return None
    match UNITS[kind]:
        case Unit.USD:
            return usd_of(value)
        case Unit.PERCENT:
            return value * 100 / PPM
        case Unit.RATIO:
            return value / PPM
        case Unit.FLAG:
            return bool(value)
        case _:  # counted in whole numbers
            return value


def limit_amounts(limits: Limits) -> dict[str, LimitAmount | None]:
    """By the names of a wallet's JSON."""
    values = asdict(limits)
    return {name: _amount(name, values[field]) for name, field in FIELDS.items()}


def differences(by_files: Wallet, in_force: Wallet, changes: Mapping[LimitName, Change]) -> Iterator[str]:
    """Each limit in force that differs from the files, and who changed it."""
    now = values_of(in_force)
    for name, value in values_of(by_files).items():
        kind, change = kind_of(name), changes.get(name)
        if kind is not None and now[name] != value:
            why = f" ({change.who}: {change.reason})" if change is not None else ""
            yield f"{name} {shown(kind, now[name])}, files: {shown(kind, value)}{why}"


def mints(state: State) -> Mints:
    lists, looks = state.mints, tuple(_look_row(state, mint, one) for mint, one in sorted(state.admissions.items()))
    blocked = tuple(_mint_row(state, mint, remark) for mint, remark in lists.blocked.items())
    newest = sorted(state.turned_away.items(), key=lambda item: (-item[1].at_ns, item[0]))
    turned_away = tuple(_look_row(state, mint, one.admission) for mint, one in newest)
    if lists.allowed is None:
        return Mints(blocked, None, looks, turned_away)
    allowed = tuple(_mint_row(state, mint, remark) for mint, remark in lists.allowed.items())
    return Mints(blocked, allowed, looks, turned_away)


def _look_row(state: State, mint: Mint, admission: Admission) -> LookRow:
    facts, trial, desk = admission.facts, admission.trial, state.settings
    holders = {} if facts is None else asdict(facts.authorities)
    return LookRow(
        mint,
        symbol_of(state.settings, mint),
        admitted=not admission.findings,
        why=admission.reason,
        authorities={role: holder for role, holder in holders.items() if holder},
        extensions=() if facts is None else facts.extensions,
        slot=0 if facts is None else facts.slot,
        unlisted=mint in state.unlisted or (mint != desk.quote.mint and mint not in desk.tokens),
        liquidity_usd=None if trial is None else usd_of(trial.liquidity_micros),
        round_trip_bps=None if trial is None or not trial.spent_units else lost_of(trial),
    )


def _mint_row(state: State, mint: Mint, remark: Remark) -> MintRow:
    token = state.settings.tokens.get(mint)
    return MintRow(mint, token.symbol if token is not None else "", remark.who, remark.reason, remark.since_ns)


def mint_named(state: State, token: str) -> Mint:
    """A listed token by its symbol in any case, or any mint. Raises CommandRefused."""
    for mint, listed in state.settings.tokens.items():
        if token == mint or token.upper() == listed.symbol.upper():
            return mint
    if is_address(token):
        return Mint(token)
    known = ", ".join(listed.symbol for listed in state.settings.tokens.values())
    raise CommandRefused(f"{token[:64]!r} is neither a mint nor the symbol of a listed token; listed: {known}")
