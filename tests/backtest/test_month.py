"""A month of real five-minute prices through `backtest`, with stops and rebalancing: the same twice, within the limits.

`month/` holds the candles of SOL, ETH and BTC from 2025-04-04 to 2025-05-03, a crash and a rally among them; time is in
unix seconds. Limits are judged from the journal alone by the simulator's second accountant and its own page of rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from msgspec import structs
from tests.sim import rules
from tests.sim.books import Books
from tests.views.test_accounts import accounts_of

from overmind.backtest.history import Played, play
from overmind.config import MultiWalletConfig
from overmind.core.books.brief_refusals import whole
from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.codes import Code
from overmind.core.model.enums import MoveKind, TradeAction
from overmind.core.model.events import (
    DayRolled,
    Entry,
    MoveClosed,
    MovePlaced,
    OrderPlaced,
    PricesMoved,
    SignalRefused,
)
from overmind.core.model.ids import WalletId, is_own
from overmind.core.model.outcome import Filled
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.core.model.wallet import Exits, Wallet
from overmind.desk.market import tokens_by_symbol
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import load_tape
from overmind.prices.tape import Tape
from overmind.sandbox.demo import demo_env, demo_signals
from overmind.venues.depth.classes import Costs, Level
from overmind.venues.depth.reading import shipped_costs

MONTH: Final = Path(__file__).parent / "month"
CANDLES: Final = 30 * 288
SIGNALS: Final = 1_600
SEED: Final = 4
HOUR_NS: Final = 3_600 * NS
EXITS: Final = (
    None,  # the stop loss of the wallet alone
    Exits(stop_loss_ppm=15_000, trailing_ppm=20_000),
    Exits(take_profit_ppm=12_000, hold_max_ns=6 * HOUR_NS),
)
TIMES: Final = (1, 3, 1, 2)  # factors of the sizes of a demo's signals

# Limits so tight that each of them alone refuses some signal.
ENV: Final = {
    "OVERMIND_PAPER_CAPITAL_USD": "50000",
    "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "7",
    "OVERMIND_ASSET_MAX_PERCENT": "5",
    "OVERMIND_AUTO_REBALANCE_ENABLED": "true",
    "OVERMIND_REBALANCE_BAND_PERCENT": "0.2",
    "OVERMIND_REBALANCE_INNER_PERCENT": "0.1",
    "OVERMIND_REBALANCE_MIN_USD": "5",
}
TIGHT: Final[Mapping[str, Mapping[str, int]]] = {
    "primary_wallet": {"position_max_micros": 1_500 * MICROS, "exposure_max_ppm": 100_000},
    "hft_wallet": {"daily_loss_max_micros": 50 * MICROS},
    "conservative_wallet": {"positions_max": 1},
    "experimental_wallet": {},
}
SHARE_MAX_PPM: Final = 90_000
MET: Final = {  # Not TRADES_TODAY: a count that is reached adds its hold, so it never refuses alone.
    Code.DAILY_LOSS_HEADROOM,
    Code.CONCURRENT_POSITIONS,
    Code.POSITION_SIZE,
    Code.STRATEGY_POSITION_SIZE,
    Code.STRATEGY_SHARE,
    Code.WALLET_EXPOSURE,
    Code.PORTFOLIO_EXPOSURE,
    Code.ASSET_CONCENTRATION,
}


class Month(NamedTuple):
    tape: Tape
    played: Played
    journal: MemoryJournal


def run(folder: Path, costs: Costs | None = None) -> Month:
    config = tight(MultiWalletConfig.from_env({**demo_env(SEED, folder), **ENV}, dotenv=None))
    tape = load_tape(MONTH, tokens_by_symbol(config.desk))
    journal = MemoryJournal()
    signals = [varied(signal, number) for number, signal in enumerate(demo_signals(tape, SEED, SIGNALS))]
    return Month(tape, play(config, journal, tape, signals, SEED, lambda _: None, costs=costs), journal)


def tight(config: MultiWalletConfig) -> MultiWalletConfig:
    wallets = {
        wallet_id: structs.replace(one, wallet=tightened(one.wallet, TIGHT[wallet_id]))
        for wallet_id, one in config.wallets.items()
    }
    return structs.replace(config, wallets=wallets)


def tightened(wallet: Wallet, limits: Mapping[str, int]) -> Wallet:
    shares = {
        strategy: structs.replace(share, share_ppm=min(share.share_ppm, SHARE_MAX_PPM))
        for strategy, share in wallet.strategies.items()
    }
    return structs.replace(wallet, limits=structs.replace(wallet.limits, **limits), strategies=shares)


def varied(signal: Signal, number: int) -> Signal:
    """The signal with a larger size in some cases, and exits in turn, so that each strategy gets every kind of exit."""
    if signal.action is not TradeAction.BUY or signal.notional_micros is None:
        return signal
    notional = signal.notional_micros * TIMES[number % len(TIMES)]
    return structs.replace(signal, notional_micros=notional, exits=EXITS[number // 8 % len(EXITS)])


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return run(tmp_path_factory.mktemp("month"))


def test_exits_go_on_to_the_end_of_the_tape_after_the_last_signal(tmp_path: Path) -> None:
    config = MultiWalletConfig.from_env(demo_env(SEED, tmp_path), dotenv=None)
    tape = load_tape(MONTH, tokens_by_symbol(config.desk))
    first = next(one for one in demo_signals(tape, SEED, SIGNALS) if one.notional_micros is not None)
    signal = structs.replace(first, exits=Exits(hold_max_ns=24 * HOUR_NS))
    journal = MemoryJournal()
    played = play(config, journal, tape, [signal], SEED, lambda _: None)
    assert (played.orders, played.filled, played.positions) == (2, 2, [])
    assert [*journal.read()][-1].at_ns >= tape.end_ns - tape.step_ns


def test_the_same_month_is_the_same_journal(month: Month, tmp_path: Path) -> None:
    again = run(tmp_path)
    assert again.played.state_hash == month.played.state_hash
    assert again.journal.head() == month.journal.head()


def test_every_entry_respects_every_limit(month: Month) -> None:
    assert judge(month.journal.read()) > 200


def judge(entries: Iterable[Entry]) -> int:
    """Checks each entry against the books before it. Returns the number of entries."""
    books, judged = Books(), 0
    for entry in entries:
        event = entry.event
        if isinstance(event, OrderPlaced) and event.order.is_entry:
            check_entry(books, event, entry.at_ns)
            judged += 1
        books.fold(entry)
    return judged


def check_entry(books: Books, placed: OrderPlaced, at_ns: int) -> None:
    order = placed.order
    book = books.wallets[order.wallet_id]
    entry = rules.checked_entry(books, placed.signal, at_ns, at_ns, order.expires_at_ns)
    broken = rules.broken_by_signal(books, entry) | rules.broken_by_wallet(books, book, entry)
    assert not broken, f"{order.id} in {order.wallet_id} breaks {sorted(broken)}: {order}"
    for name, expected in rules.expected_entry(books, book, entry).items():
        assert getattr(order, name) == expected, f"{order.id}: {name} is {getattr(order, name)}, not {expected}"


def test_every_limit_was_met_alone(month: Month) -> None:
    """A limit that is never reached, or is always covered by another one, proves nothing."""
    found, briefs = set[Code](), dict[int, BriefRefusals | None]()
    for entry in month.journal.read():
        if isinstance(refused := entry.event, SignalRefused):
            briefs[entry.seq] = refused.brief
            like = entry.seq if refused.brief is None else refused.brief.like or entry.seq
            found |= alone(whole(refused, briefs[like]), len(TIGHT))
    assert found >= MET, MET - found


def alone(refused: SignalRefused, wallets: int) -> set[Code]:
    """The codes that refused the signal, or a wallet, without any other code."""
    general = {one.code for one in refused.refusals if one.wallet_id is None}
    of_wallet: dict[WalletId, set[Code]] = {}
    for one in refused.refusals:
        if one.wallet_id is not None:
            of_wallet.setdefault(one.wallet_id, set()).add(one.code)
    if general:
        return general if len(general) == 1 and len(of_wallet) < wallets else set()
    return {code for codes in of_wallet.values() if len(codes) == 1 for code in codes}


def test_stops_and_exits_of_every_kind_fired(month: Month) -> None:
    placed = [entry.event for entry in month.journal.read() if isinstance(entry.event, OrderPlaced)]
    causes = Counter(one.signal.id.split(":")[0] for one in placed if is_own(one.signal.id))
    assert set(causes) == {"stop", "trail", "profit", "time"}


def test_capital_went_back_to_the_allocations(month: Month) -> None:
    """Repeatedly, and every move has an outcome."""
    events = [entry.event for entry in month.journal.read()]
    moves = {event.move.id: event.move for event in events if isinstance(event, MovePlaced)}
    closed = {event.move_id: event.outcome for event in events if isinstance(event, MoveClosed)}
    assert moves.keys() == closed.keys()
    filled = [moves[move_id].kind for move_id, outcome in closed.items() if isinstance(outcome, Filled)]
    assert filled.count(MoveKind.REBALANCE) > 10


def test_the_month_is_whole(month: Month) -> None:
    assert month.tape.gaps == ()
    assert {len(one.closed_at_ns) for one in month.tape.series.values()} == {CANDLES}
    kinds = Counter(type(entry.event) for entry in month.journal.read())
    assert kinds[PricesMoved] > CANDLES - 10  # It ends when the last signal is settled.
    assert kinds[DayRolled] in (30, 31)
    assert month.played.books_equal_chain
    assert month.played.signals == SIGNALS


# Orders, filled, failed, expired, rejected, and the equity at the end. A change of them is a change of what a backtest
# says, and belongs into the changelog. The plain market's are those of before there were classes of tokens.
RECORDED: Final[Mapping[str, tuple[int, int, int, int, int, float]]] = {
    "plain": (712, 666, 37, 4, 5, 50_246.117286),
    "calm": (681, 660, 20, 1, 0, 50_307.192357),
    "normal": (674, 638, 21, 14, 1, 50_429.81226),
    "stress": (856, 669, 55, 99, 33, 49_926.469366),
}


def test_the_plain_market_gives_the_numbers_of_before(month: Month) -> None:
    assert told(month) == RECORDED["plain"]


@pytest.mark.soak
@pytest.mark.parametrize("level", Level)
def test_each_level_gives_its_recorded_numbers_within_every_limit(tmp_path: Path, level: Level) -> None:
    month = run(tmp_path, shipped_costs(level))
    assert told(month) == RECORDED[level]
    assert month.played.books_equal_chain
    assert judge(month.journal.read()) > 200
    assert accounts_of(list(month.journal.read()))[1].differences == []


def told(month: Month) -> tuple[int, int, int, int, int, float]:
    of = month.played
    return of.orders, of.filled, of.failed, of.expired, of.rejected, of.portfolio.total_value_usd


def test_its_accounts_add_up(month: Month) -> None:
    kept, accounts = accounts_of(list(month.journal.read()))
    assert accounts.differences == []
    assert len(kept.gains) > 200
