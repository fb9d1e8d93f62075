"""The state that the journal leads to. Only `apply` changes it; equal journals give equal states, bit for bit."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import msgspec

from overmind.core.books.book import OpenMove, OpenOrder, Provisional, ProvisionalMove, RouteHealth, WalletBook
from overmind.core.books.ledger import Ledger
from overmind.core.books.price_band import Reference
from overmind.core.books.realised import Realised
from overmind.core.books.valuation import Valuation
from overmind.core.books.volatility import Volatility
from overmind.core.learning.learned import Learned
from overmind.core.learning.standing import Standing
from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.controls import Change, Hold, MintLists, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import LearnerMode, StrategyType
from overmind.core.model.events import DeskFounded
from overmind.core.model.ids import SOL, DepositId, LimitName, Mint, OrderId, SignalId, WalletId
from overmind.core.model.mints import Admission, TurnedAway
from overmind.core.model.money import Mark, Money, UnlistedToken
from overmind.core.model.outcome import Outcome
from overmind.core.model.route import RouteName
from overmind.core.model.units import PPM, value_micros, value_micros_up
from overmind.core.model.value import Value

SOL_DECIMALS: Final = 9
# Raise it with any change of State, and say in `migration` what becomes of a snapshot of the version before.
STATE_VERSION: Final = 9
SIGNATURES_KEPT: Final = 2_048  # More than can be made while a blockhash is valid.


# What an entry changed: a wallet, a token, and a strategy (None: any of them).
Touched = tuple[WalletId, Mint, StrategyType | None]


class TimedHold(Value, frozen=True):
    """A hold with an end time."""

    scope: Scope
    cause: str
    until_ns: int


class WithdrawalRecord(Value, frozen=True):
    """A withdrawal's request and its outcome, to recognise a repeated request."""

    wallet_id: WalletId
    money: Money
    to_address: str
    outcome: Outcome | None = None  # final; None: it is open or provisional


class Baseline(Value, frozen=True):
    """Equity and deposits at the moment from which a loss counts."""

    equity_micros: int = 0
    deposited_micros: int = 0

    def capital_micros(self, deposited_micros: int) -> int:
        """The capital without any gain or loss since then."""
        return self.equity_micros + deposited_micros - self.deposited_micros


def reached(equity_micros: int, capital_micros: int, limit_ppm: int) -> bool:
    """Whether the loss has reached this share of the capital. Exact, in integers."""
    loss = capital_micros - equity_micros
    return loss > 0 and loss * PPM >= capital_micros * limit_ppm


class State(msgspec.Struct):
    version: int = 0  # as encoded; a state without one is of an unknown version
    seq: int = 0
    at_ns: int = 0
    day: int = 0
    founded: DeskFounded | None = None
    desk: Desk | None = None
    wallets: dict[WalletId, WalletBook] = msgspec.field(default_factory=dict)
    changes: dict[WalletId, dict[LimitName, Change]] = msgspec.field(default_factory=dict)  # operator's changes
    mints: MintLists = MintLists()
    admissions: dict[Mint, Admission] = msgspec.field(default_factory=dict)  # the newest verdicts
    unlisted: dict[Mint, UnlistedToken] = msgspec.field(default_factory=dict)  # tokens that no list has
    turned_away: dict[Mint, TurnedAway] = msgspec.field(default_factory=dict)  # the newest other mints of no list
    # why accounts of a wallet are not used, by mint
    account_flaws: dict[WalletId, dict[Mint, str]] = msgspec.field(default_factory=dict)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    marks: dict[Mint, Mark] = msgspec.field(default_factory=dict)
    before_pico: dict[Mint, int] = msgspec.field(default_factory=dict)  # the mark before the newest one
    mark_numbers: dict[Mint, int] = msgspec.field(default_factory=dict)  # the tokens' numbers in columns of marks
    # The newest marks that are not believed; empty in a desk without a rule against them.
    doubted: dict[Mint, Mark] = msgspec.field(default_factory=dict)
    references: dict[Mint, Reference] = msgspec.field(default_factory=dict)  # what new marks are measured against
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)  # on the whole portfolio
    paused: dict[StrategyType, dict[str, Hold]] = msgspec.field(default_factory=dict)
    history_accepted: set[WalletId] = msgspec.field(default_factory=set)  # while the hold `restored` stands
    deposits: set[DepositId] = msgspec.field(default_factory=set)
    open_orders: dict[OrderId, OpenOrder] = msgspec.field(default_factory=dict)
    provisional: dict[OrderId, Provisional] = msgspec.field(default_factory=dict)  # booked; a fork may undo them
    # of the newest tickets, oldest first: the entry that recorded it, and what it is for
    signatures: dict[str, tuple[int, OrderId]] = msgspec.field(default_factory=dict)
    open_moves: dict[OrderId, OpenMove] = msgspec.field(default_factory=dict)
    provisional_moves: dict[OrderId, ProvisionalMove] = msgspec.field(default_factory=dict)
    moves_placed: int = 0  # since the beginning; part of their ids
    rebalanced_ns: int = 0  # when the last rebalance was placed
    withdrawals: dict[str, WithdrawalRecord] = msgspec.field(default_factory=dict)  # by request id
    withdrawn_today_micros: int = 0  # requested since 00:00 UTC, without failed ones
    equity_micros: int = 0
    assets: dict[Mint, int] = msgspec.field(default_factory=dict)  # positions and held buys by mint
    exposure_micros: int = 0  # the sum of `assets`
    strategies: dict[str, int] = msgspec.field(default_factory=dict)  # positions and held buys by strategy
    users: dict[Mint, int] = msgspec.field(default_factory=dict)  # how many wallets hold it or have an open buy of it
    deposited_micros: int = 0  # net, at the marks of the time
    day_base: Baseline = Baseline()  # at 00:00 UTC
    stop_base: Baseline = Baseline()  # at 00:00 UTC, or when a wallet was last reactivated
    stop_confirmed_micros: int = 0  # equity of that base at prices that two marks confirmed
    peak_gain_micros: int = 0  # the highest equity above the deposits
    timed: list[TimedHold] = msgspec.field(default_factory=list)  # all holds with an end time
    signals: int = 0
    refused: int = 0
    # the newest entries that refused signals in full, oldest first: later refusals may be like them
    refusal_patterns: list[tuple[int, BriefRefusals]] = msgspec.field(default_factory=list)
    recorded: int = 0
    trades_today: int = 0  # of all wallets
    entries_open: int = 0  # of all wallets
    tips_today_lamports: int = 0  # of all wallets: paid since 00:00 UTC, or reserved by an open order
    # what sources hold by their own account, in their own units: by source, token, and name of the position
    senders: dict[str, dict[Mint, dict[str, Decimal]]] = msgspec.field(default_factory=dict)
    route_health: dict[RouteName, RouteHealth] = msgspec.field(default_factory=dict)
    volatility: dict[Mint, Volatility] = msgspec.field(default_factory=dict)
    learned: Learned = msgspec.field(default_factory=Learned)  # from outcomes that no fork can undo
    standing: Standing = msgspec.field(default_factory=Standing)  # of the learner
    # Caches, not part of the state's identity: rebuilt at start, never journaled, never hashed.
    # the entry that decided each signal: of those that nobody has forgotten yet, because the journal knows them
    decided: OrderedDict[SignalId, int] = msgspec.field(default_factory=OrderedDict)
    touched: list[Touched] = msgspec.field(default_factory=list)  # for the selection index
    realised: list[Realised] = msgspec.field(default_factory=list)  # by the newest entry
    valuation: Valuation = msgspec.field(default_factory=Valuation)
    repriced: bool = False  # marks changed, and with them the capacity of all wallets
    revalued: bool = True  # settings, holds or wallets changed: the index must be rebuilt

    @property
    def settings(self) -> Desk:
        """The desk's settings. Every command but the first two comes after they were journaled."""
        assert self.desk is not None, "the desk is not configured"
        return self.desk

    @property
    def learner_mode(self) -> LearnerMode:
        """As it was changed last, or as configured."""
        mode = self.standing.mode
        if mode is None:  # Every decision and every outcome asks, so this is written out.
            assert self.desk is not None, "the desk is not configured"
            mode = self.desk.routing.learner
        return mode

    @property
    def baseline(self) -> Baseline:
        """The base of a loss that counts from now."""
        return Baseline(self.equity_micros, self.deposited_micros)

    @property
    def stop_is_reached(self) -> bool:
        """Whether the portfolio's loss has reached the emergency stop at the newest marks."""
        capital = self.stop_base.capital_micros(self.deposited_micros)
        return reached(self.equity_micros, capital, self.settings.emergency_stop_ppm)

    def work_of(self, signature: str) -> OrderId | None:
        """The order or move that a transaction was signed for."""
        recorded = self.signatures.get(signature)
        return None if recorded is None else recorded[1]

    def open_work(self, work_id: OrderId) -> OpenOrder | OpenMove | None:
        """The open order or move of that id."""
        return self.open_orders.get(work_id) or self.open_moves.get(work_id)

    def provisional_work(self, work_id: OrderId) -> Provisional | ProvisionalMove | None:
        """The order or move of that id with a provisional outcome."""
        return self.provisional.get(work_id) or self.provisional_moves.get(work_id)

    def price_pico(self, mint: Mint) -> int:
        """The newest mark; 0: there is none."""
        mark = self.marks.get(mint)
        return mark.price_pico if mark is not None else 0

    def witness_pico(self, mint: Mint) -> int | None:
        """What the second source said with the newest mark."""
        mark = self.marks.get(mint)
        return mark.witness.price_pico if mark is not None and mark.witness is not None else None

    def sol_value_micros_up(self, lamports: int) -> int:
        """The cost of SOL paid for fees, at the newest mark; 0 before the first one."""
        mark = self.marks.get(SOL)
        return value_micros_up(lamports, mark.price_pico, SOL_DECIMALS) if mark else 0

    def sol_value_micros_down(self, lamports: int) -> int:
        """The value of SOL that came in, rounded against the desk."""
        mark = self.marks.get(SOL)
        return value_micros(lamports, mark.price_pico, SOL_DECIMALS) if mark else 0


CACHES: Final = frozenset({"decided", "touched", "realised", "valuation", "repriced", "revalued"})
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(State)
SMALL_MAX: Final = 256  # items of a dict that are encoded in one part


def encode_state(state: State) -> bytes:
    """Canonical: equal states give equal bytes."""
    fields = {name: getattr(state, name) for name in State.__struct_fields__ if name not in CACHES}
    return _ENCODER.encode({**fields, "version": STATE_VERSION})


def encoded_in_parts(state: State) -> Iterator[bytes]:
    """What `encode_state` gives, in parts that take a millisecond or so: for a caller that others wait for."""
    fields = {name: getattr(state, name) for name in State.__struct_fields__ if name not in CACHES}
    return _object({**fields, "version": STATE_VERSION}.items())


def _object(items: Iterable[tuple[str, object]]) -> Iterator[bytes]:
    """An object, its fields in the order of their names."""
    separator = b"{"
    for name, value in sorted(items):
        yield separator + _ENCODER.encode(name) + b":"
        yield from _parts(value)
        separator = b","
    yield b"}" if separator == b"," else b"{}"


def _parts(value: object) -> Iterator[bytes]:
    if isinstance(value, dict) and (len(value) > SMALL_MAX or isinstance(next(iter(value.values()), None), WalletBook)):
        yield from _object(value.items())
    elif isinstance(value, WalletBook):
        separator = b"{"
        for name in WalletBook.__struct_fields__:
            yield separator + _ENCODER.encode(name) + b":"
            yield from _parts(getattr(value, name))
            separator = b","
        yield b"}"
    else:
        yield _ENCODER.encode(value)


def decode_state(raw: bytes) -> State:
    """Raises msgspec.DecodeError when it is not an encoded state of this version."""
    state = _DECODER.decode(raw)
    if state.version != STATE_VERSION:
        raise msgspec.ValidationError(f"a state of version {state.version}, not {STATE_VERSION}")
    # The canonical encoding sorts wallets by id; the state needs them in order of registration, which is their slot.
    # Tokens are sorted by mint, on which no decision depends; those with a number are listed by it.
    state.signatures = dict(sorted(state.signatures.items(), key=lambda item: item[1]))
    state.wallets = dict(sorted(state.wallets.items(), key=lambda item: item[1].slot))
    state.mark_numbers = dict(sorted(state.mark_numbers.items(), key=lambda item: item[1]))
    return state


def state_hash(state: State) -> str:
    return hashlib.sha256(encode_state(state)).hexdigest()


def remember_signature(state: State, signature: str, work_id: OrderId) -> None:
    signatures = state.signatures
    signatures[signature] = (state.seq, work_id)
    if len(signatures) > SIGNATURES_KEPT:
        del signatures[next(iter(signatures))]


def forget_decisions(state: State, durable_seq: int, kept_max: int) -> None:
    """Forgets the oldest ids that the journal knows, down to this number. Never one that is not durable yet."""
    decided = state.decided
    while len(decided) > kept_max and next(iter(decided.values())) <= durable_seq:
        decided.popitem(last=False)


def forget_changes(state: State) -> None:
    """In a replay, after each entry: drops what only a running desk needs, so that a replay takes no memory."""
    state.touched.clear()
    state.decided.clear()
