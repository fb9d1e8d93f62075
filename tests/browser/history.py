"""The journal of the stage: three weeks in outline, then two days in full, with what people did meanwhile.

It is played in virtual time, so that it takes seconds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import structs
from solders.keypair import Keypair

from overmind.cli.opening import JOURNAL
from overmind.clock.clocks import SystemClock
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.config import MultiWalletConfig
from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import (
    AddHold,
    ChangeLimits,
    ChangeMints,
    OperatorCommand,
    ReactivateWallet,
    Rebalance,
    RecordAction,
    RecordDeposit,
    Withdraw,
    given_by,
)
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import DepositId, LimitName, Mint, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.desk.app import App
from overmind.desk.engine import Engine
from overmind.desk.market import Connect, MarketAccess, open_tape, paper
from overmind.desk.running import running
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock
from overmind.prices.candles import shipped_tape_path
from overmind.prices.rows import COLUMNS
from overmind.sandbox.demo import SIZES

BANK: Final = str(Keypair.from_seed(bytes(32)).pubkey())  # where the stage may send money
HOUR_S: Final = 3_600
WALLETS_ASKED: Final = 8  # by each signal
LAST_STEPS: Final = 4  # Their positions are still open, so they have more signals.
SIGNALS_A_LAST_STEP: Final = 60


class Phase(structs.Struct, frozen=True):
    """A part of the history. Marks of every second would be most of it."""

    steps: int
    step_s: int
    signals: int  # a step
    mark_every_s: float

    @property
    def seconds(self) -> int:
        return self.steps * self.step_s


OUTLINE: Final = Phase(steps=11 * 4, step_s=6 * HOUR_S, signals=5, mark_every_s=HOUR_S)
IN_FULL: Final = Phase(steps=120, step_s=20 * 60, signals=4, mark_every_s=150.0)


def write_tape(folder: Path) -> None:
    """The shipped week and the same week backwards, since a tape that begins anew lets its prices jump."""
    folder.mkdir(parents=True)
    for file in shipped_tape_path().glob("*.csv"):
        with (
            file.open(encoding="utf-8", newline="") as source,
            (folder / file.name).open("w", encoding="utf-8") as made,
        ):
            writer = csv.writer(made)
            writer.writerow(COLUMNS)
            writer.writerows(_there_and_back([*csv.reader(source)][1:]))


def _there_and_back(rows: list[list[str]]) -> Iterator[list[str]]:
    yield from rows
    began, then = (datetime.fromisoformat(row[0]) for row in rows[:2])
    for number, (_, opened, high, low, closed, volume) in enumerate(reversed(rows), len(rows)):
        yield [str(began + (then - began) * number), closed, high, low, opened, volume]


def play_history(config: MultiWalletConfig) -> None:
    """Writes the journal up to now."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    began_ns = SystemClock().now_ns() - (2 * OUTLINE.seconds + IN_FULL.seconds + 60) * NS
    journal = SqliteJournal.open(config.data_dir / JOURNAL)
    try:
        run_virtual(_history(config, journal, VirtualClock(began_ns)))
    finally:
        journal.close()


async def _history(config: MultiWalletConfig, journal: SqliteJournal, clock: VirtualClock) -> None:
    draw, numbers = np.random.default_rng(7), count()
    async with running(App(config, journal, clock, _marked_every(config, OUTLINE.mark_every_s))) as app:
        await _play(app, OUTLINE, numbers, draw)
        await _between(app)
        await _play(app, OUTLINE, numbers, draw)
    async with running(App(config, journal, clock, _marked_every(config, IN_FULL.mark_every_s))) as app:
        await _play(app, IN_FULL, numbers, draw)
        await _just_now(app)
        await app.settle()


async def _play(app: App, phase: Phase, numbers: Iterator[int], draw: np.random.Generator) -> None:
    began_ns = app.clock.now_ns()
    for step in range(phase.steps):
        await app.look()
        is_last = phase is IN_FULL and step >= phase.steps - LAST_STEPS
        for _ in range(SIGNALS_A_LAST_STEP if is_last else phase.signals):
            await app.submit(_signal(app, next(numbers), draw))
        await app.clock.sleep((began_ns + (step + 1) * phase.step_s * NS - app.clock.now_ns()) / NS)


def _marked_every(config: MultiWalletConfig, seconds: float) -> Connect:
    connect = paper(config, open_tape(config))

    def connect_seldom(engine: Engine, clock: Clock) -> MarketAccess:
        return structs.replace(connect(engine, clock), mark_every_s=seconds)

    return connect_seldom


async def _between(app: App) -> None:
    """Money comes in and is spread, and people change what the wallets may do."""
    wallets = list(app.engine.state.wallets)
    await _deposit(app, "spring", wallets[20], 40_000)
    await _act(app, "olga", Rebalance("spread the deposit of spring", by_operator=True))
    await app.settle()
    for who, wallet, name, value, reason in (
        ("ada", wallets[0], "max_daily_loss", 800 * MICROS, "two losing weeks, review on the first"),
        ("token:risk-bot", wallets[21], "max_position_size", 6_000 * MICROS, "volatility above 90 % for a week"),
        ("ada", wallets[22], "max_position_size", 7_500 * MICROS, "thin books at night"),
    ):
        await _act(app, who, ChangeLimits(wallet, {LimitName(name): value}, who, reason))
    blocked = next(mint for mint, token in app.engine.state.settings.tokens.items() if token.symbol == "JUP")
    await _act(app, "ada", ChangeMints(MintVerb.BLOCK, blocked, "ada", "unlock of the team's tokens next week"))
    for action, about, reason in (
        ("AddUser", "olga, operate", "covers the nights"),
        ("AddToken", "risk-bot, admin", "lowers limits by volatility"),
    ):
        await app.engine.handle(RecordAction("ada", action, about, reason))


async def _just_now(app: App) -> None:
    """What a person finds when they open the page: holds, a plan that is due, and a withdrawal that waits."""
    wallets = list(app.engine.state.wallets)
    await _act(app, "olga", AddHold(Scope(wallets[3]), OPERATOR, "key rotation until Monday"))
    await _act(app, "olga", AddHold(Scope(strategy=StrategyType.AXIOM_MEME_COIN), OPERATOR, "pools are thin today"))
    why = "a fork took back 12.5 USDC that were spent already"
    await app.engine.handle(AddHold(Scope(wallets[25]), "quarantine", why))
    for wallet in wallets[5:8]:
        lower = {LimitName("allocation"): 5_000}
        await _act(app, "ada", ChangeLimits(wallet, lower, "ada", "winds down, capital goes to the others"))
    quote = app.engine.state.settings.quote.mint
    paid = Withdraw("invoice-118", wallets[10], Money(1_500 * MICROS, quote), BANK, "invoice 118, data feed")
    await _act(app, "ada", paid)
    await _act(app, "ada", ReactivateWallet(wallets[3], "the new key is in place"))
    await _act(app, "olga", AddHold(Scope(wallets[3]), OPERATOR, "key rotation until Monday"))


async def _act(app: App, who: str, command: OperatorCommand) -> None:
    await app.engine.handle(given_by(command, who))


async def _deposit(app: App, name: str, wallet: WalletId, usd: int) -> None:
    money = Money(usd * MICROS, app.engine.state.settings.quote.mint)
    await app.engine.handle(RecordDeposit(DepositId(f"deposit:{name}"), wallet, money))


def _signal(app: App, number: int, draw: np.random.Generator) -> Signal:
    """Entries, sales of a part or of all, and some that are far too large."""
    strategy = list(StrategyType)[draw.integers(0, 8)]
    held = [
        mint
        for book in app.engine.state.wallets.values()
        for mint, position in book.positions.items()
        if position.units_by.get(strategy)
    ]
    signal = Signal(
        id=SignalId(f"history-{number:05}"),
        strategy=strategy,
        action=TradeAction.BUY,
        mint=_marked(app)[draw.integers(0, len(_marked(app)))],
        risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[strategy],
        exclude=_all_but_some(app, draw),
        at_ns=app.clock.now_ns(),
    )
    if held and draw.integers(6) == 0:
        return structs.replace(signal, action=TradeAction.SELL, mint=held[draw.integers(0, len(held))], sell_all=True)
    micros = int(draw.integers(*SIZES[strategy])) * MICROS
    return structs.replace(signal, notional_micros=micros * (30 if draw.integers(12) == 0 else 1))


def _all_but_some(app: App, draw: np.random.Generator) -> tuple[WalletId, ...]:
    """Else the cheapest wallets would take nearly everything."""
    wallets = list(app.engine.state.wallets)
    kept = set(draw.choice(len(wallets), WALLETS_ASKED, replace=False))
    return tuple(wallet for number, wallet in enumerate(wallets) if number not in kept)


def _marked(app: App) -> list[Mint]:
    quote = app.engine.state.settings.quote.mint
    return [mint for mint in app.engine.state.marks if mint != quote]
