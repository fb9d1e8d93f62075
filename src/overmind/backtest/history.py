"""Backtest: plays signals on tape time with the same engine, and checks the books in its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from overmind.backtest.inside import InsideExit, InsideSummary, summary
from overmind.backtest.intake import Intake, Send, sending
from overmind.backtest.market import PastMarket
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.books.state import State, state_hash
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import (
    Deposited,
    Entry,
    MoveClosed,
    MovePlaced,
    OrderClosed,
    OrderPlaced,
    TicketRecorded,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.order import Move, Order, Work
from overmind.core.model.outcome import Expired, Failed, Filled, Rejected
from overmind.core.model.signal import Signal
from overmind.desk.app import App
from overmind.desk.running import running
from overmind.journal.buffered import BufferedJournal
from overmind.ports import Journal
from overmind.prices.tape import Tape
from overmind.venues.depth.classes import Costs
from overmind.venues.paper import PaperModel, PaperPayload
from overmind.views import reports
from overmind.views.positions import PositionRow, positions
from overmind.views.stats import ExecutionStats, execution_stats

SETTLE_S: Final = 3_600.0  # tape time; every paper ticket is decided within minutes


class Played(msgspec.Struct, frozen=True):
    """The report of a run."""

    signals: int
    orders: int
    filled: int
    failed: int
    expired: int
    rejected: int
    refused: int
    recorded: int
    books_equal_chain: bool
    state_hash: str
    portfolio: reports.PortfolioSummary
    stats: ExecutionStats
    wallets: list[reports.WalletMetrics]
    positions: list[PositionRow]
    refusal_codes: dict[str, int]
    inside: InsideSummary  # exits that candles decided by their high and low
    exits_inside: list[InsideExit]


def play(
    config: MultiWalletConfig,
    journal: Journal,
    tape: Tape,
    signals: Sequence[Signal],
    seed: int,
    on_signal: Callable[[int], None],
    model: PaperModel | None = None,
    detail: Tape | None = None,
    costs: Costs | None = None,
) -> Played:
    """Submits each signal at its own time, runs to the end of the tape, settles, and reports. Same inputs, same hash.

    The journal is written at the end, since history can be played again: no run has to wait for the disk. Signals need
    a time and must be in order of time. `on_signal` gets the number of signals answered so far. `detail`: finer candles
    of the same time. `costs`: what trading costs, by classes of tokens; None: what `model` says, without depth and
    memory.
    """
    return play_sent(config, journal, tape, sending(signals, on_signal), seed, model, detail, costs)


def play_sent(
    config: MultiWalletConfig,
    journal: Journal,
    tape: Tape,
    send: Send,
    seed: int,
    model: PaperModel | None = None,
    detail: Tape | None = None,
    costs: Costs | None = None,
    on_bars: bool = False,
) -> Played:
    """Like `play`, for signals that follow from what the desk holds when they are sent.

    `on_bars`: they are made as candles close, by a bot that the run asks then.
    """
    return run_virtual(_play(config, journal, tape, send, seed, model, detail, costs, on_bars))


async def _play(
    config: MultiWalletConfig,
    journal: Journal,
    tape: Tape,
    send: Send,
    seed: int,
    model: PaperModel | None,
    detail: Tape | None,
    costs: Costs | None,
    on_bars: bool,
) -> Played:
    clock, buffered = VirtualClock(tape.start_ns), BufferedJournal(journal)
    market = PastMarket(config, tape, seed, model, detail, costs, on_bars)
    app = App(config, buffered, clock, market.connect)
    intake = Intake(app, clock)
    async with running(app, SETTLE_S):
        await send(intake)
        await intake.until(tape.end_ns)  # Positions may still reach their exits.
    await buffered.write()
    equal = balances(intake.state) == venue_balances(journal)
    return report_of(intake.state, equal, intake.refusal_codes, market.exits_inside)


def report_of(
    state: State, books_equal_chain: bool, codes: Mapping[str, int], exits_inside: Sequence[InsideExit] = ()
) -> Played:
    """`codes`: the number of refused signals by their first refusal."""
    stats = execution_stats(state)
    return Played(
        signals=stats.signals,
        orders=stats.total_executions + stats.open_executions,
        filled=stats.successful_executions,
        failed=stats.failed_executions,
        expired=stats.expired_executions,
        rejected=stats.rejected_executions,
        refused=stats.signals_refused,
        recorded=stats.signals_recorded,
        books_equal_chain=books_equal_chain,
        state_hash=state_hash(state),
        portfolio=reports.portfolio_summary(state),
        stats=stats,
        wallets=[reports.wallet_metrics(state, book) for book in state.wallets.values()],
        positions=positions(state),
        refusal_codes=dict(sorted(codes.items(), key=lambda item: -item[1])),
        inside=summary(exits_inside),
        exits_inside=list(exits_inside),
    )


OwnedUnits = dict[tuple[WalletId, Mint], int]


def balances(state: State) -> OwnedUnits:
    """What each wallet owns by our books, including held units. SOL float and SOL position count together."""
    owned: OwnedUnits = {}
    for wallet_id, book in state.wallets.items():
        for account in book.accounts.names:
            for mint, units in state.ledger.accounts.get(account, {}).items():
                owned[wallet_id, mint] = owned.get((wallet_id, mint), 0) + units
    return {key: units for key, units in owned.items() if units}


def venue_balances(journal: Journal) -> OwnedUnits:
    """The same balances from the venue's side: deposits, and the outcome that the paper venue put into each sent
    ticket.

    The outcome of an order is read from its ticket alone, never from what we booked. So a fill that was booked twice,
    lost or changed shows as a difference.
    """
    owned: OwnedUnits = {}
    orders: dict[OrderId, Work] = {}
    sent: dict[OrderId, PaperPayload] = {}
    decode = msgspec.json.Decoder(PaperPayload).decode
    for entry in journal.read():
        _follow(entry, orders, sent, owned, decode)
    return {key: units for key, units in owned.items() if units}


def _follow(
    entry: Entry,
    orders: dict[OrderId, Work],
    sent: dict[OrderId, PaperPayload],
    owned: OwnedUnits,
    decode: Callable[[bytes], PaperPayload],
) -> None:
    match entry.event:
        case Deposited(wallet_id=wallet_id, money=money):
            _add(owned, wallet_id, money.mint, money.units)
        case OrderPlaced(order=order):
            orders[order.id] = order
        case MovePlaced(move=move):
            orders[move.id] = move
        case TicketRecorded(order_id=order_id, ticket=ticket):
            sent[order_id] = decode(ticket.payload)
        case OrderClosed(order_id=work_id, outcome=outcome) | MoveClosed(move_id=work_id, outcome=outcome):
            # A rejected order was stopped before it was sent.
            if work_id in sent and not isinstance(outcome, Rejected):
                _settle(orders[work_id], sent[work_id], owned)
        case _:
            pass  # Decisions and observations: the venue moved nothing. The ticket says all that a later end could.


def _settle(work: Work, payload: PaperPayload, owned: OwnedUnits) -> None:
    match payload.outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent) as fill if isinstance(work, Move):
            _add(owned, work.wallet_id, SOL, -fee - rent)
            if work.kind is MoveKind.RECLAIM:
                _add(owned, work.wallet_id, SOL, fill.received_units)
                return
            _add(owned, work.wallet_id, work.money.mint, -fill.spent_units)
            if work.to_wallet is not None:
                _add(owned, work.to_wallet, work.money.mint, fill.received_units)
        case Filled(spent_units=spent, received_units=received, fee_lamports=fee, rent_lamports=rent, tip_lamports=tip):
            assert isinstance(work, Order), work
            _add(owned, work.wallet_id, work.spend.mint, -spent)
            _add(owned, work.wallet_id, work.receive, received)
            _add(owned, work.wallet_id, SOL, -fee - rent - tip)
        case Failed(fee_lamports=fee, tip_lamports=tip):
            _add(owned, work.wallet_id, SOL, -fee - tip)
        case Expired() | Rejected():
            pass  # It never landed.


def _add(owned: OwnedUnits, wallet_id: WalletId, mint: Mint, units: int) -> None:
    owned[wallet_id, mint] = owned.get((wallet_id, mint), 0) + units
